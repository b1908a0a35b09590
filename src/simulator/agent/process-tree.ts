/**
 * Ends the processes of a session (in the sense of setsid) that this agent has started: the leader and whatever
 * it left behind. Knows processes only by the session id of a leader that is ours.
 */
import { readdirSync, readFileSync } from "node:fs";

/** Pause between two looks at what is still alive, in milliseconds. */
const LOOK_INTERVAL_MS = 5;

/** How long to look; a process that cannot be killed (stuck in the kernel) is given up then. */
const GIVE_UP_MS = 2000;

/**
 * Kills the leader's whole session and waits until it is gone.
 * A process that has made a session of its own is out of reach. Where there is no /proc only the leader's
 * process group is reached.
 */
export async function endProcessTree(leaderPid: number): Promise<void> {
  const giveUpAt = performance.now() + GIVE_UP_MS;
  while (killAll(leaderPid) && performance.now() < giveUpAt) await Bun.sleep(LOOK_INTERVAL_MS);
}

/** Kills what is there now; false when nothing was. */
function killAll(leaderPid: number): boolean {
  if (process.platform !== "linux") return kill(-leaderPid);
  const members = membersOf(leaderPid);
  for (const pid of members) kill(pid);
  return members.length > 0;
}

function kill(pid: number): boolean {
  try {
    process.kill(pid, "SIGKILL");
    return true;
  } catch {
    return false; // It was quicker.
  }
}

function membersOf(leaderPid: number): number[] {
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
