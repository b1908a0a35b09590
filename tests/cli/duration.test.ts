/** How times are told to people. */
import { expect, test } from "bun:test";

import { ago } from "../../src/cli/duration.ts";

const NOW = Date.parse("2026-11-22T20:00:00.000Z");

test.each([
  ["2026-11-22T20:00:00.000Z", "0 s ago"],
  ["2026-11-22T19:59:18.500Z", "41 s ago"],
  ["2026-11-22T19:56:30.000Z", "3 min ago"],
  ["2026-11-22T15:00:00.000Z", "5 h ago"],
  ["2026-11-19T20:00:00.000Z", "3 days ago"],
  // The clock of this machine is behind.
  ["2026-11-22T20:05:00.000Z", "0 s ago"],
  ["", ""],
])("%p is %p", (time, told) => {
  expect(ago(time, NOW)).toBe(told);
});
