/** What both modes say of targets that do not answer and of sessions that end too early. Pure. */

/** A session that was closed before its command's exit code had come. */
export const ENDED_EARLY = "the session ended before the command did; output is incomplete";

/** Nothing of what was sent has been acknowledged. */
export function targetSilentLine(forMs: number): string {
  return (
    `The target has acknowledged nothing for ${Math.round(forMs / 1000)} s: ` +
    "it may be frozen, restarting or gone, or what it sends to does not read."
  );
}

/** It has begun to acknowledge again. */
export function targetAnswersLine(afterMs: number): string {
  return `The target answers again, after ${Math.round(afterMs / 1000)} s.`;
}
