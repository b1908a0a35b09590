/**
 * A small request on one connection of a tunnel beside a bulk upload on another, through everything that lies between
 * two sockets: pauses, streams, window and a line with a queue without end, all on the manual clock.
 */
import { expect, test } from "bun:test";

import type { Connect } from "../../src/session/index.ts";
import { Mux } from "../../src/smux/index.ts";
import type { ManualClock } from "../support/manual-clock.ts";
import { ChaosAgent } from "./chaos-agent.ts";
import { FakeLocal } from "./fakes.ts";
import { FORWARDING, Rig } from "./rig.ts";

const BYTES_PER_MS = 20_000;
const ROUND_TRIP_MS = 20;
const REQUEST_BYTES = 64;
const REQUESTS = 15;
const PATIENCE_MS = 100;
const PAUSE_MS = 10;

/** A program that sends as long as it is read. */
class Uploader extends FakeLocal {
  override resume(): void {
    super.resume();
    this.feed();
  }

  feed(): void {
    while (!this.paused) this.send(new Uint8Array(64 * 1024));
  }
}

/** A gateway at the end of a line that takes so many bytes in a millisecond and queues the rest. */
function lineTo(agent: ChaosAgent, clock: ManualClock): Connect {
  let freeAtMs = 0;
  return (_target, events) => {
    const later = (atMs: number, act: () => void): void => void clock.after(atMs - clock.now(), act);
    agent.transmit = (frame) => later(clock.now() + ROUND_TRIP_MS / 2, () => events.message(frame));
    later(clock.now(), () => events.opened());
    return {
      bufferedBytes: 0,
      send: (data) => {
        if (typeof data === "string") return agent.clientBack();
        const frame = new Uint8Array(data);
        freeAtMs = Math.max(freeAtMs, clock.now()) + frame.length / BYTES_PER_MS;
        later(freeAtMs + ROUND_TRIP_MS / 2, () => agent.receive(frame));
      },
      pause: () => {},
      resume: () => {},
      ping: () => later(clock.now() + ROUND_TRIP_MS, () => events.pong()),
      close: () => {},
      terminate: () => {},
    };
  };
}

/** How long each of a number of echoes takes, and how many bytes the bulk brought there meanwhile. */
async function measure(bulk: boolean): Promise<{ readonly tookMs: number[]; readonly bulkBytes: number }> {
  let connect: Connect | undefined;
  const rig = new Rig({ world: { connect: (target, events) => (connect as Connect)(target, events) } });
  let bulkBytes = 0;
  const mux: Mux = new Mux({
    role: "server",
    events: {
      opened: () => {},
      // The first connection is the one that sends requests.
      data: (streamId, bytes) => {
        if (streamId === 3) mux.write(streamId, new Uint8Array(bytes));
        else bulkBytes += bytes.length;
      },
      finished: () => {},
      closed: () => {},
    },
  });
  const agent: ChaosAgent = new ChaosAgent(rig.clock, {
    handshake: { sessionType: "Port", properties: FORWARDING },
    input: (payload) => {
      mux.receive(payload, 0);
      for (let out = mux.pull(1024); out !== undefined; out = mux.pull(1024)) agent.output(out);
    },
  });
  connect = lineTo(agent, rig.clock);
  void rig.session.run();
  await rig.pass(1_000);
  const requester = rig.connect();
  if (bulk) (rig.net.connect(new Uploader()) as Uploader).feed();
  const tookMs: number[] = [];
  for (let count = 0; count < REQUESTS; count++) {
    await rig.pass(PAUSE_MS);
    const sentAtMs = rig.clock.now();
    const answered = Promise.withResolvers<number>();
    requester.onWrite = () => answered.resolve(rig.clock.now() - sentAtMs);
    requester.send(new Uint8Array(REQUEST_BYTES));
    await rig.pass(PATIENCE_MS);
    tookMs.push(await Promise.race([answered.promise, Promise.resolve(Number.POSITIVE_INFINITY)]));
  }
  return { tookMs, bulkBytes };
}

test("20 MB/s and 20 ms: a small request beside a bulk upload takes less than 5 times its idle time", async () => {
  const [idle, busy] = [await measure(false), await measure(true)];
  expect(Math.max(...idle.tookMs)).toBeLessThan(ROUND_TRIP_MS + 1);
  expect(Math.max(...busy.tookMs)).toBeLessThan(5 * Math.min(...idle.tookMs));
  // And it was bulk: most of what the line can carry in this time.
  expect(busy.bulkBytes).toBeGreaterThan(0.6 * REQUESTS * (PAUSE_MS + PATIENCE_MS) * BYTES_PER_MS);
});
