/**
 * What tests leave behind (processes, temporary directories) and how it is cleared away.
 * preload.ts calls `clearLeftovers` after each file; a test that ends its things itself is still the better test.
 */

import { readdirSync, readFileSync } from "node:fs";

const cleanups = new Set<() => void | Promise<void>>();

/** Registers something to be cleared after the file; the result takes it off the list. */
export function clearLater(cleanup: () => void | Promise<void>): () => void {
  cleanups.add(cleanup);
  return () => {
    cleanups.delete(cleanup);
  };
}

/** Clears everything registered, last first. One failure does not stop the rest. */
export async function clearLeftovers(): Promise<void> {
  const failures: unknown[] = [];
  for (const cleanup of [...cleanups].reverse()) {
    cleanups.delete(cleanup);
    try {
      await cleanup();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw new AggregateError(failures, "leftovers could not be cleared");
}

/**
 * Kills every process of a session (in the sense of setsid) by its id: the leader and what it started.
 * Only for leaders that this test run has started. Off Linux only the leader's group is reached.
 */
export function killSession(leaderPid: number): void {
  for (const pid of sessionMembers(leaderPid)) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It was quicker: gone already.
    }
  }
}

/** Ids of the living processes of the session that `leaderPid` leads. */
export function sessionMembers(leaderPid: number): number[] {
  if (process.platform !== "linux") return [leaderPid];
  const members: number[] = [];
  for (const entry of readdirSync("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      // "pid (name) state ppid pgrp session …"; the name may hold spaces and brackets.
      const stat = readFileSync(`/proc/${entry}/stat`, "latin1");
      const [state, , , session] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      if (Number(session) === leaderPid && state !== "Z") members.push(Number(entry));
    } catch {
      // It ended while we looked.
    }
  }
  return members;
}
