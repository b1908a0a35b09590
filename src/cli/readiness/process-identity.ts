/** Whether the process that a ready file names still runs. */
import { readFileSync, readlinkSync } from "node:fs";

import { codeOf } from "../messages.ts";
import type { ReadyOwner } from "./ready-document.ts";

/** The namespace of this process's id; undefined where there is none, or it cannot be seen. */
export function pidNamespace(): string | undefined {
  try {
    return readlinkSync("/proc/self/ns/pid");
  } catch {
    return undefined;
  }
}

/** Whether it runs. One of another container cannot be seen from here and is taken to run. */
export function isRunning(owner: ReadyOwner): boolean {
  if (owner.pidNamespace !== undefined && owner.pidNamespace !== pidNamespace()) return true;
  try {
    process.kill(owner.pid, 0);
  } catch (error) {
    // Another user's cannot be signalled, but is there.
    return codeOf(error) === "EPERM";
  }
  return !isZombie(owner.pid);
}

/** Ended, and not yet taken by its parent. */
function isZombie(pid: number): boolean {
  try {
    // "pid (name) state …"; the name may hold spaces and brackets.
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return stat.charAt(stat.lastIndexOf(")") + 2) === "Z";
  } catch {
    return false;
  }
}
