/** Whether what is typed at a terminal can reach this process as a signal. */
import { closeSync, openSync, readFileSync } from "node:fs";

/** Whether this process is in the foreground of a terminal, so that Ctrl-C there is a SIGINT to its whole group. */
export function isInForeground(): boolean {
  // A console tells every program that is attached to it.
  if (process.platform === "win32") return true;
  try {
    // "pid (name) state ppid pgrp session tty tpgid …"; the name may hold spaces and brackets.
    const stat = readFileSync("/proc/self/stat", "latin1");
    const [, , group, , , foregroundGroup] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return group === foregroundGroup;
  } catch {
    // Not on Linux, or nothing is mounted there: whoever has a terminal is taken to be in front of it.
    return hasTerminal();
  }
}

function hasTerminal(): boolean {
  try {
    closeSync(openSync("/dev/tty", "r"));
    return true;
  } catch {
    return false;
  }
}
