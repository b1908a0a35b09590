/** What is said of a target that does not answer, and of sessions that ended because nobody used them. Pure. */

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
