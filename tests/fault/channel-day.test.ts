/**
 * A day in the life of a session, on simulated time: keys and output every few seconds, a bulk transfer now and
 * then, and the service's hourly close, each cut swallowing what is under way.
 */
import { describe, expect, test } from "bun:test";

import { DataChannel } from "../../src/channel/index.ts";
import { nextId } from "../channel/frames.ts";
import { NaiveAgent } from "../channel/naive-agent.ts";
import { recordingEvents } from "../channel/recording-events.ts";
import { Timeline } from "../channel/timeline.ts";
import { SeededRandom } from "../support/seeded-random.ts";

const HOUR_MS = 3_600_000;
const HOURS = 24;
const ONE_WAY_MS = 15;
const SEED = 24;

describe("24 hours with an hourly cut", () => {
  test("lose nothing and leave nothing behind", () => {
    const random = new SeededRandom(SEED);
    const timeline = new Timeline();
    let connection = 0;
    let up = false;
    const written: string[] = [];
    const output: string[] = [];
    let backlog: Uint8Array[] = [];
    let wakeAtMs = Number.POSITIVE_INFINITY;
    const carry = (action: () => void): void => {
      if (!up) return;
      const sentOn = connection;
      timeline.at(timeline.nowMs + ONE_WAY_MS, () => {
        if (sentOn === connection) action();
      });
    };
    const { events, recorded } = recordingEvents({
      send: (frame) => carry(() => agent.receive(frame, timeline.nowMs)),
      writable: () => flush(),
    });
    const channel = new DataChannel({ clientVersion: "1.3.0", epochMs: 0, createId: nextId, events });
    const agent = new NaiveAgent((frame) => carry(() => call(() => channel.receive(frame, timeline.nowMs))));
    const call = (action: () => void): void => {
      action();
      const at = channel.nextWakeAt ?? Number.POSITIVE_INFINITY;
      if (at >= wakeAtMs) return;
      wakeAtMs = at;
      timeline.at(at, () => {
        if (timeline.nowMs < wakeAtMs) return;
        wakeAtMs = Number.POSITIVE_INFINITY;
        call(() => channel.tick(timeline.nowMs));
      });
    };
    const flush = (): void => {
      while (backlog.length > 0 && channel.sendRoom > 0) {
        const payload = backlog.shift() as Uint8Array;
        channel.write(1, payload, timeline.nowMs);
      }
    };
    const write = (payload: Uint8Array): void => {
      written.push(digest(payload));
      backlog.push(payload);
      call(flush);
    };
    const agentWrite = (payload: Uint8Array): void => {
      output.push(digest(payload));
      agent.write(1, payload, timeline.nowMs);
    };
    const connect = (): void => {
      up = true;
      call(() => channel.connected(timeline.nowMs));
    };

    timeline.at(0, connect);
    timeline.at(1, () => agentWrite(Buffer.from("$ ")));
    for (let hour = 1; hour <= HOURS; hour++) {
      timeline.at(hour * HOUR_MS, () => {
        up = false;
        connection++;
        call(() => channel.disconnected(timeline.nowMs));
        timeline.at(timeline.nowMs + 700, connect);
      });
      // Something is under way when the cut comes, and something is written while nobody is there.
      for (const beforeMs of [1, 5, 20, 40]) {
        timeline.at(hour * HOUR_MS - beforeMs, () => {
          write(random.bytes(random.between(1, 1024)));
          agentWrite(random.bytes(random.between(1, 1024)));
        });
      }
      timeline.at(hour * HOUR_MS + 300, () => write(random.bytes(10)));
      timeline.at(hour * HOUR_MS - HOUR_MS / 2, () => {
        for (let count = 0; count < 100; count++) write(random.bytes(1024));
      });
    }
    for (let at = 5000; at < HOURS * HOUR_MS; at += random.between(1000, 60_000)) {
      timeline.at(at, () => write(random.bytes(random.between(1, 20))));
      timeline.at(at + 10, () => agentWrite(random.bytes(random.between(1, 200))));
    }
    const tickAgent = (): void => {
      agent.tick(timeline.nowMs);
      if (timeline.nowMs < HOURS * HOUR_MS + 60_000) timeline.at(timeline.nowMs + 100, tickAgent);
    };
    timeline.at(0, tickAgent);
    timeline.runUntil(HOURS * HOUR_MS + 60_000);

    expect(agent.taken.map(({ payload }) => digest(payload))).toEqual(written);
    expect(recorded.delivered.map(({ payload }) => digest(payload))).toEqual(output);
    expect(channel.stats).toMatchObject({
      unackedMessages: 0,
      unackedBytes: 0,
      heldMessages: 0,
      reorderMessages: 0,
      reorderBytes: 0,
    });
    expect(agent.unackedMessages).toBe(0);
    // The cuts cost what was under way, not more.
    expect(channel.stats.resentMessages).toBeGreaterThanOrEqual(HOURS);
    expect(channel.stats.resentMessages).toBeLessThan(HOURS * 20);
    expect(channel.nextWakeAt).toBeUndefined();
  }, 30_000);
});

function digest(payload: Uint8Array): string {
  return `${payload.length} ${Bun.hash(payload)}`;
}
