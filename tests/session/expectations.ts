/** What most tests of a whole session want to know at its end. */
import { expect } from "bun:test";

import type { Rig } from "./rig.ts";

/** The end as `kind code: message`. */
export function endOf(rig: Rig): string | undefined {
  const { end } = rig;
  if (end === undefined) return undefined;
  return end.kind === "failed" || end.kind === "lost"
    ? `${end.kind} ${end.error.code}: ${end.error.message}`
    : end.kind;
}

/** The session is over and has left nothing behind. */
export function expectNothingLeft(rig: Rig): void {
  expect(rig.end).toBeDefined();
  expect(rig.clock.pending).toBe(0);
  for (const sessionId of rig.api.sessionIds) expect(sessionId).toBe("session");
  for (const transport of rig.transports) expect(transport.isOver).toBe(true);
}
