import { limits } from "../../protocol/limits.ts";
import type { Report } from "./import.ts";
import type { Progress } from "./lines.ts";
import type { Recorded } from "./record.ts";

/** Where progress and problems are written: standard error, and whether someone looks at it. */
export type Screen = { readonly isTTY: boolean; readonly columns: number; write(text: string): void };

const BAR = 24;
const REDRAW_MS = 100;

/** A bar that is drawn over on a terminal, a line for each context elsewhere. `quiet` leaves only the problems. */
export class Display implements Report {
  readonly #screen: Screen;
  readonly #quiet: boolean;
  readonly #recorded: (recorded: Recorded) => void;
  readonly #timer: NodeJS.Timeout | undefined;
  #file = "";
  #progress: Progress = { recorded: 0, size: undefined };
  #contexts = 0;
  #written = 0;
  #problems = 0;
  #ended = false;

  /** `recorded` hears of each context too; what it prints goes to another stream. */
  constructor(screen: Screen, options: { readonly quiet: boolean; readonly recorded: (recorded: Recorded) => void }) {
    this.#screen = screen;
    this.#quiet = options.quiet;
    this.#recorded = options.recorded;
    if (screen.isTTY && !options.quiet) this.#timer = setInterval(() => this.#draw(), REDRAW_MS).unref();
  }

  reading(file: string, progress: Progress): void {
    this.#file = file;
    this.#progress = progress;
  }

  wrote(): void {
    this.#written++;
  }

  recorded(recorded: Recorded): void {
    this.#contexts++;
    this.#clear();
    this.#recorded(recorded);
    if (this.#timer !== undefined || this.#quiet) return;
    const { context, versions, written } = recorded;
    this.#screen.write(`${context}: ${counted(versions, "version")}, ${written === 0 ? "all there already" : `${written} written`}\n`);
  }

  failed(where: string, problem: string): void {
    this.#problems++;
    this.#clear();
    if (this.#problems <= limits.import_errors_shown) this.#screen.write(`${where}: ${problem}\n`);
    else if (this.#problems === limits.import_errors_shown + 1) this.#screen.write("further problems are counted, not shown\n");
  }

  /** May be called again. */
  end(): void {
    clearInterval(this.#timer);
    this.#clear();
    if (this.#problems > limits.import_errors_shown && !this.#ended) this.#screen.write(`${counted(this.#problems, "problem")} in all\n`);
    this.#ended = true;
  }

  #draw(): void {
    this.#screen.write(`\r${bar(this.#progress, this.#contexts, this.#written, this.#file).slice(0, this.#screen.columns - 1)}\x1b[K`);
  }

  #clear(): void {
    if (this.#timer !== undefined) this.#screen.write("\r\x1b[K");
  }
}

/** `[#####...] 21%  12 contexts  340 versions written  file`; without a bar where the size is not known. */
export function bar({ recorded, size }: Progress, contexts: number, written: number, file: string): string {
  const counts = `${counted(contexts, "context")}  ${counted(written, "version")} written  ${file === "-" ? "standard input" : file}`;
  if (size === undefined) return counts;
  const part = size === 0 ? 1 : Math.min(1, recorded / size);
  const done = Math.round(part * BAR);
  return `[${"#".repeat(done)}${".".repeat(BAR - done)}] ${String(Math.floor(part * 100)).padStart(3)}%  ${counts}`;
}

/** "1 version", "2,318 versions". */
export const counted = (count: number, what: string): string => `${count.toLocaleString("en-US")} ${what}${count === 1 ? "" : "s"}`;
