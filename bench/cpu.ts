// CPU time of processes, from /proc: what a call costs, however busy the machine is with other things.
import { readFileSync } from "node:fs";

/** Linux counts in hundredths of a second whatever the machine. */
const TICK_MS = 10;

/** CPU time so far of a process and all its threads, ms; 0 where it is gone. */
export function cpuOf(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name, in parentheses, may hold anything; the fields begin behind it.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
  } catch {
    return 0;
  }
}
