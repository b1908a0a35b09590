/**
 * As process 1 of a container: takes the ended processes that nobody else takes, so that they do not pile up. The
 * children that this program has started itself are the runtime's to take; it does that at once, so whoever has been
 * waiting for a whole look longer is a stranger's. Without /proc or the C library nothing is done.
 */
import { readdirSync, readFileSync } from "node:fs";

import { openLibc } from "../terminal/index.ts";

/** Between two looks. An ended process waits for one to two of them; a handler of SIGCHLD could be the runtime's own. */
const LOOK_MS = 1_000;

const WNOHANG = 1;

/** The parts that tests replace. */
export interface ReaperSystem {
  /** Ids of ended children that nobody has taken yet. */
  readonly endedChildren: () => readonly number[];
  /** Takes an ended child. */
  readonly take: (processId: number) => void;
  /** Calls back every LOOK_MS without keeping the process alive; the result cancels. */
  readonly every: (intervalMs: number, callback: () => void) => () => void;
}

/**
 * Begins to take them.
 * @returns how to stop
 */
export function reapOrphans(system: ReaperSystem | undefined = realSystem()): () => void {
  if (system === undefined) return () => {};
  let seen: ReadonlySet<number> = new Set();
  return system.every(LOOK_MS, () => {
    const ended = system.endedChildren();
    for (const processId of ended) if (seen.has(processId)) system.take(processId);
    seen = new Set(ended);
  });
}

function realSystem(): ReaperSystem | undefined {
  const libc = openLibc({ waitpid: { args: ["i32", "ptr", "i32"], returns: "i32" } });
  if (libc === undefined) return undefined;
  return {
    endedChildren,
    take: (processId) => void libc.waitpid(processId, null, WNOHANG),
    every(intervalMs, callback) {
      const timer = setInterval(callback, intervalMs);
      timer.unref();
      return () => clearInterval(timer);
    },
  };
}

function endedChildren(): readonly number[] {
  const ended: number[] = [];
  for (const entry of list("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      // "pid (name) state ppid …"; the name may hold spaces and brackets.
      const stat = readFileSync(`/proc/${entry}/stat`, "latin1");
      const [state, parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ", 2);
      if (state === "Z" && Number(parent) === process.pid) ended.push(Number(entry));
    } catch {
      // Gone meanwhile.
    }
  }
  return ended;
}

function list(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
