/** What a process of this machine has used so far, from /proc; undefined where there is none. */
import { readFileSync } from "node:fs";

/** The kernel's clock ticks in a second, as /proc counts them; fixed at 100 on every Linux of today. */
const TICKS_PER_SECOND = 100;

/** See the file's comment. */
export interface ProcessUsage {
  /** User and system time of all threads. */
  readonly cpuSeconds: number;
  /** Largest resident size ever. */
  readonly peakRssBytes: number;
}

/** Reads it. */
export function processUsage(pid: number): ProcessUsage | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    // Behind the name, which may hold anything: state is the 3rd field of all, utime the 14th, stime the 15th.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const ticks = Number(fields[11]) + Number(fields[12]);
    const peak = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"));
    return { cpuSeconds: ticks / TICKS_PER_SECOND, peakRssBytes: Number(peak?.[1]) * 1024 };
  } catch {
    return undefined;
  }
}
