/**
 * What repeating acknowledgements after a reconnect is worth: the agent resends its oldest message only, so that
 * every ack that a cut has swallowed costs it a tenth of a second or more, one after the other.
 */
import { describe, expect, test } from "bun:test";

import { DataChannel } from "../../src/channel/index.ts";
import { nextId } from "./frames.ts";
import { NaiveAgent } from "./naive-agent.ts";
import { recordingEvents } from "./recording-events.ts";
import { Timeline } from "./timeline.ts";

const ONE_WAY_MS = 20;

/**
 * A cut swallows the acks of so many messages and, after them, two messages; returns how long after the reconnect all
 * is well.
 */
function recover(
  reackOnReconnect: boolean,
  { messages = 50, everyMs = 1 } = {},
): { readonly ms: number; readonly resends: number } {
  const timeline = new Timeline();
  let acksGetThrough = false;
  let dataGetsThrough = true;
  const { events, recorded } = recordingEvents({
    send: (frame) => {
      if (!acksGetThrough) return;
      timeline.at(timeline.nowMs + ONE_WAY_MS, () => agent.receive(frame, timeline.nowMs));
    },
  });
  const channel = new DataChannel({
    clientVersion: "1.3.0",
    epochMs: 1_700_000_000_000,
    createId: nextId,
    events,
    policies: { reackOnReconnect },
  });
  const agent = new NaiveAgent((frame) => {
    if (!dataGetsThrough) return;
    timeline.at(timeline.nowMs + ONE_WAY_MS, () => channel.receive(frame, timeline.nowMs));
  });
  channel.connected(0);
  for (let count = 0; count < messages; count++) {
    timeline.at(count * everyMs, () => agent.write(1, Buffer.from(`${count}`), timeline.nowMs));
  }
  timeline.runUntil(100);
  dataGetsThrough = false;
  agent.write(1, Buffer.from("lost"), timeline.nowMs);
  agent.write(1, Buffer.from("lost too"), timeline.nowMs);
  channel.disconnected(timeline.nowMs);
  timeline.runUntil(400);
  dataGetsThrough = true;
  acksGetThrough = true;
  channel.connected(timeline.nowMs);
  const startMs = timeline.nowMs;
  const tick = (): void => {
    agent.tick(timeline.nowMs);
    timeline.at(timeline.nowMs + 100, tick);
  };
  tick();
  const done = timeline.runUntil(
    60_000,
    () => recorded.delivered.length === messages + 2 && agent.unackedMessages === 0,
  );
  expect(done).toBe(true);
  return { ms: timeline.nowMs - startMs, resends: agent.resends };
}

test("after a cut that swallowed the acks of all that had waited for a connection that was not read, as well", () => {
  const recovered = recover(true, { messages: 6_000, everyMs: 0 });
  expect(recovered.ms).toBeLessThan(1000);
  expect(recovered.resends).toBeLessThanOrEqual(5);
});

describe("after a cut that swallowed 50 acks", () => {
  test("the agent comes to the messages that are really lost at once", () => {
    const repeated = recover(true);
    expect(repeated.ms).toBeLessThan(1000);
    expect(repeated.resends).toBeLessThanOrEqual(5);
  });

  test("without repeating them it works its way through all of them first", () => {
    const unrepeated = recover(false);
    expect(unrepeated.ms).toBeGreaterThan(5000);
    expect(unrepeated.resends).toBeGreaterThan(50);
  });
});
