import type { ContextKeys } from "../../actors/ports.ts";
import type { Entry } from "../../core/record.ts";
import type { ContextId } from "../../protocol/ids.ts";
import { RecordCodec } from "../../stores/codec.ts";

/**
 * The real codec, which opens the same bytes only once: most of a simulation's time would go into decrypting again what another host has decrypted
 * before. The store hands out the same bytes again and again, nobody changes them, and opening them is a function of bytes and keys alone.
 */
export class RememberingCodec extends RecordCodec {
  readonly #opened = new WeakMap<Uint8Array, ContextKeys>();
  readonly #decoded = new WeakMap<ContextKeys, WeakMap<Uint8Array, Entry>>();

  override openKeys(id: ContextId, table: Uint8Array): ContextKeys {
    const known = this.#opened.get(table);
    if (known !== undefined) return known;
    const keys = super.openKeys(id, table);
    this.#opened.set(table, keys);
    return keys;
  }

  override decode(id: ContextId, keys: ContextKeys, bytes: Uint8Array): Entry {
    const under = this.#decoded.get(keys) ?? new WeakMap<Uint8Array, Entry>();
    this.#decoded.set(keys, under);
    const known = under.get(bytes);
    if (known !== undefined) return known;
    // What is checked once is checked thoroughly, so that it need not be checked again.
    const entry = super.decode(id, keys, bytes, true);
    under.set(bytes, entry);
    return entry;
  }

  override decodeAll(id: ContextId, keys: ContextKeys, records: readonly Uint8Array[]): (() => Entry)[] {
    return records.map((bytes) => () => this.decode(id, keys, bytes));
  }
}
