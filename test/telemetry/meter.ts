// A meter that keeps what it was told, in place of an SDK.

import { type Attributes, createNoopMeter, type MetricOptions, metrics } from "@opentelemetry/api";

export type Instrument = {
  readonly name: string;
  readonly kind: "counter" | "histogram";
  readonly unit: string;
  readonly description: string;
};
export type Measured = { readonly name: string; readonly value: number; readonly attributes: Attributes };

export class Meter {
  readonly instruments: Instrument[] = [];
  readonly measured: Measured[] = [];

  /** Whatever is made from now on tells this one. */
  install(): void {
    const make =
      (kind: Instrument["kind"]) =>
      (name: string, options: MetricOptions = {}) => {
        this.instruments.push({ name, kind, unit: options.unit ?? "", description: options.description ?? "" });
        const note = (value: number, attributes: Attributes = {}): void => void this.measured.push({ name, value, attributes });
        return { add: note, record: note };
      };
    const meter = Object.assign(createNoopMeter(), { createCounter: make("counter"), createHistogram: make("histogram") });
    metrics.disable();
    metrics.setGlobalMeterProvider({ getMeter: () => meter });
  }

  take(): Measured[] {
    return this.measured.splice(0);
  }
}
