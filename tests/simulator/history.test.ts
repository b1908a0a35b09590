/** Lists that must not grow without end. */
import { expect, test } from "bun:test";

import { forgetEndedSessions, remember } from "../../src/simulator/history.ts";

test("a list forgets its oldest entries", () => {
  const list: number[] = [];
  for (let entry = 0; entry < 10; entry++) remember(list, entry, 3);
  expect(list).toEqual([7, 8, 9]);
});

test("ended sessions make room, the oldest first; open ones and those whose agent still runs stay", () => {
  const session = (ended: boolean, cleared = ended): { ended: boolean; cleared: boolean } => ({
    ended,
    cleared,
  });
  const sessions = new Map([
    ["open", session(false)],
    ["clearing", session(true, false)],
    ["old", session(true)],
    ["newer", session(true)],
  ]);
  forgetEndedSessions(sessions, 5);
  expect(sessions.size).toBe(4);
  forgetEndedSessions(sessions, 4);
  expect([...sessions.keys()]).toEqual(["open", "clearing", "newer"]);
  forgetEndedSessions(sessions, 1);
  expect([...sessions.keys()]).toEqual(["open", "clearing"]);
});
