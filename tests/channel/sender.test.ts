import { describe, expect, test } from "bun:test";

import { FrameFactory } from "../../src/channel/frames.ts";
import {
  type ChannelLimits,
  type ChannelPolicies,
  DEFAULT_LIMITS,
  DEFAULT_POLICIES,
} from "../../src/channel/limits.ts";
import { Sender } from "../../src/channel/sender.ts";
import { decodeMessage } from "../../src/protocol/index.ts";
import { nextId } from "./frames.ts";

/** A connected sender whose frames are remembered as sequence numbers. */
class Bench {
  readonly sent: number[] = [];
  readonly frames: Uint8Array[] = [];
  readonly sender: Sender;
  now = 1000;

  constructor(limits: Partial<ChannelLimits> = {}, policies: Partial<ChannelPolicies> = {}) {
    this.sender = new Sender(
      new FrameFactory(0, nextId),
      (frame) => {
        this.frames.push(frame);
        this.sent.push(decodeMessage(frame).sequenceNumber);
      },
      { ...DEFAULT_LIMITS, ...limits },
      { ...DEFAULT_POLICIES, ...policies },
    );
    this.connect();
  }

  connect(): void {
    this.sender.connect();
    this.sender.startOver(this.now);
  }

  write(messages = 1, bytes = 1024): void {
    for (let count = 0; count < messages; count++) this.sender.send(1, new Uint8Array(bytes), this.now);
  }

  /** Lets time pass, ticking when asked to; returns what was sent meanwhile. */
  pass(ms: number): number[] {
    const before = this.sent.length;
    const end = this.now + ms;
    for (let at = this.sender.nextWakeAt; at !== undefined && at <= end; at = this.sender.nextWakeAt) {
      this.now = Math.max(this.now, at);
      this.sender.tick(this.now);
    }
    this.now = end;
    return this.sent.slice(before);
  }

  acknowledge(...sequenceNumbers: number[]): number[] {
    const before = this.sent.length;
    for (const sequenceNumber of sequenceNumbers) this.sender.acknowledge(sequenceNumber, this.now);
    return this.sent.slice(before);
  }

  /** One message with a round trip of that length, so that there is a sample. */
  sample(rttMs: number): void {
    this.write();
    this.now += rttMs;
    this.acknowledge(this.sent.at(-1) ?? -1);
  }
}

const upTo = (end: number, from = 0): number[] =>
  Array.from({ length: end - from }, (_, index) => from + index);

describe("sending", () => {
  test("numbers from 0, and sends the same frame again after 200, 400, 800, 1000 ms", () => {
    const bench = new Bench();
    bench.write();
    const at: number[] = [];
    for (let ms = 0; ms < 5000; ms++) if (bench.pass(1).length > 0) at.push(ms + 1);
    expect(at).toEqual([200, 600, 1400, 2400, 3400, 4400]);
    expect(new Set(bench.sent)).toEqual(new Set([0]));
    for (const frame of bench.frames) expect(frame).toEqual(bench.frames[0] as Uint8Array);
    expect(bench.sender.stats).toMatchObject({ sentMessages: 1, resentMessages: 6, timeouts: 6 });
    bench.acknowledge(0);
    expect(bench.sender.nextWakeAt).toBeUndefined();
    expect(bench.pass(60_000)).toEqual([]);
  });

  test("takes no round-trip sample from a message that was sent twice", () => {
    const bench = new Bench();
    bench.write();
    bench.pass(250);
    bench.acknowledge(0);
    expect(bench.sender.stats.rttMs).toBeUndefined();
    bench.sample(30);
    expect(bench.sender.stats.rttMs).toBe(30);
  });

  test("acks that nobody waits for change nothing", () => {
    const bench = new Bench();
    bench.write();
    expect(bench.acknowledge(1, 2 ** 53 - 1, 77)).toEqual([]);
    expect(bench.sender.stats.unackedMessages).toBe(1);
    bench.acknowledge(0, 0, 0);
    expect(bench.sender.stats.unackedMessages).toBe(0);
  });

  test("a single loss is repaired at the timeout, alone, while others go on", () => {
    const bench = new Bench();
    bench.sample(20);
    bench.write(5);
    bench.now += 20;
    bench.acknowledge(2, 3, 4, 5);
    const window = bench.sender.stats.windowBytes;
    expect(bench.pass(79)).toEqual([]);
    expect(bench.pass(1)).toEqual([1]);
    // Not a collapse: the path works.
    expect(bench.sender.stats.windowBytes).toBe(window * 0.75);
    // Nor a back-off: it is asked for again as soon.
    expect(bench.pass(100)).toEqual([1]);
    bench.acknowledge(1);
    expect(bench.sender.stats.unackedMessages).toBe(0);
  });

  test("losses beside acks of resent messages are no silence either", () => {
    const bench = new Bench();
    bench.write(20);
    bench.sender.disconnect();
    bench.connect();
    bench.now += 250;
    // Acks of resent messages give no sample, but show that the path works.
    bench.acknowledge(...upTo(19));
    const before = bench.sender.stats.windowBytes;
    expect(bench.pass(1)).toEqual([19]);
    expect(bench.sender.stats.windowBytes).toBe(before * 0.75);
  });

  test("a dead peer gets a burst of the smallest window once, then one message a second", () => {
    const bench = new Bench();
    bench.write(64);
    expect(bench.pass(200)).toEqual(upTo(8));
    const later = bench.pass(60_000);
    expect(later.length).toBeLessThan(64);
    expect(bench.sender.stats.unackedMessages).toBe(64);
    // Whatever it was, the oldest is the one that is missed.
    expect(new Set(later)).toEqual(new Set([0]));
    // Nothing new either: that would come after what is missing anyway.
    expect(bench.sender.room).toBe(0);
  });

  test("when a dead peer comes back, the rest follows its acks, doubling, lowest first", () => {
    const bench = new Bench();
    bench.write(64);
    bench.pass(10_000);
    const sizes: number[] = [];
    let burst = bench.acknowledge(0);
    const order: number[] = [];
    while (burst.length > 0) {
      sizes.push(burst.length);
      order.push(...burst);
      bench.now += 20;
      burst = bench.acknowledge(...burst);
    }
    expect(order).toEqual(upTo(64, 1));
    expect(sizes[0]).toBeLessThanOrEqual(9);
    expect(Math.max(...sizes)).toBeGreaterThan(8);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(33);
    expect(bench.sender.stats.unackedMessages).toBe(0);
  });

  test("a timeout that came too early is taken back: what is only late is not sent again", () => {
    const bench = new Bench();
    bench.sample(20);
    bench.write(60);
    const window = bench.sender.stats.windowBytes;
    expect(bench.pass(100)).toEqual(upTo(9, 1));
    // All arrive after all; the first acks belong to what was just sent again, and come too soon for that.
    bench.now += 1;
    expect(bench.acknowledge(...upTo(61, 1))).toEqual([]);
    expect(bench.sender.stats.windowBytes).toBeGreaterThanOrEqual(window);
    expect(bench.sender.stats.resentMessages).toBe(8);
    // And the estimate has learned from those that were never sent again.
    expect(bench.sender.stats.rttMs).toBeGreaterThan(80);
  });

  test("an early timeout without any idea of the path is taken back by the first fair ack", () => {
    const bench = new Bench();
    bench.write(20);
    expect(bench.pass(200)).toEqual(upTo(8));
    bench.now += 100;
    expect(bench.acknowledge(15)).toEqual([]);
    expect(bench.sender.stats.windowBytes).toBeGreaterThanOrEqual(64 * 1024);
  });
});

describe("room", () => {
  test("is what the window leaves, in no crumbs", () => {
    const bench = new Bench({ initialWindowBytes: 4096, minWindowBytes: 4096 });
    expect(bench.sender.room).toBe(4096);
    bench.write(1, 3072);
    expect(bench.sender.room).toBe(1024);
    bench.write(1, 1);
    expect(bench.sender.room).toBe(0);
    bench.now += 10;
    bench.acknowledge(1);
    expect(bench.sender.room).toBeGreaterThanOrEqual(1024);
  });

  test("ends at the cap, however large the window", () => {
    const bench = new Bench({ initialWindowBytes: 8192, maxUnackedBytes: 5000 });
    bench.write(4);
    expect(bench.sender.room).toBe(0);
    const many = new Bench({ maxUnackedMessages: 3 });
    many.write(3, 1);
    expect(many.sender.room).toBe(0);
  });

  test("is none without connection, and none while something waits to be sent again", () => {
    const bench = new Bench();
    bench.write(64);
    bench.sender.disconnect();
    expect([bench.sender.room, bench.sender.open, bench.sender.nextWakeAt]).toEqual([0, false, undefined]);
    bench.connect();
    expect(bench.sender.room).toBe(0);
    bench.now += 5;
    bench.acknowledge(...upTo(32));
    expect(bench.sender.room).toBeGreaterThan(0);
    bench.pass(300);
    expect(bench.sender.room).toBe(0);
  });

  test("the hard limits refuse what ignores it", () => {
    const bench = new Bench({ hardUnackedBytes: 3000, hardUnackedMessages: 4 });
    bench.write(2);
    expect(bench.sender.refusal(952)).toBeUndefined();
    expect(bench.sender.refusal(953)).toMatchObject({ code: "CHANNEL_LIMIT", limit: "hardUnackedBytes" });
    bench.write(2, 1);
    expect(bench.sender.refusal(1)).toMatchObject({ limit: "hardUnackedMessages" });
  });
});

describe("a reconnect", () => {
  test("sends everything again in order, no more than the first window at once", () => {
    const bench = new Bench({ initialWindowBytes: 10 * 1024 });
    bench.write(30);
    bench.acknowledge(3);
    bench.sender.disconnect();
    expect(bench.pass(60_000)).toEqual([]);
    const before = bench.sent.length;
    bench.connect();
    expect(bench.sent.slice(before)).toEqual(upTo(11).filter((number) => number !== 3));
    expect(bench.sender.stats.resentMessages).toBe(10);
  });

  test("forgets the back-off and takes no samples across the cut", () => {
    const bench = new Bench();
    bench.sample(20);
    bench.write(2);
    bench.pass(5000);
    expect(bench.sender.rtoMs).toBe(1000);
    bench.sender.disconnect();
    bench.now += 30_000;
    bench.connect();
    expect(bench.sender.rtoMs).toBe(100);
    bench.now += 20;
    bench.acknowledge(1, 2);
    expect(bench.sender.stats.rttMs).toBe(20);
  });
});

describe("a pause", () => {
  test("stops new data and slows resending to one message at a time, until the other side is back", () => {
    const bench = new Bench();
    bench.sample(20);
    bench.write(10);
    bench.sender.pause(bench.now);
    expect([bench.sender.paused, bench.sender.open, bench.sender.room]).toEqual([true, false, 0]);
    expect(bench.pass(9000)).toEqual(Array.from({ length: 9 }, () => 1));
    const before = bench.sent.length;
    bench.sender.resume(bench.now);
    expect(bench.sent.slice(before)).toEqual(upTo(11, 1));
    expect([bench.sender.paused, bench.sender.open]).toEqual([false, true]);
  });

  test("ends with the ack of something sent after it began, not with one for before", () => {
    const bench = new Bench();
    bench.write(3);
    bench.sender.pause(bench.now);
    bench.acknowledge(2);
    expect(bench.sender.paused).toBe(true);
    expect(bench.pass(1000)).toEqual([0]);
    bench.acknowledge(0);
    expect(bench.sender.paused).toBe(false);
    // What the pause held up goes at once.
    expect(bench.sent.at(-1)).toBe(1);
  });

  test("ends with a new connection", () => {
    const bench = new Bench();
    bench.sender.pause(bench.now);
    bench.sender.disconnect();
    expect(bench.sender.paused).toBe(true);
    bench.connect();
    expect(bench.sender.paused).toBe(false);
  });

  test("of which nobody tells the end is probed with one message after 10 s", () => {
    const bench = new Bench();
    bench.sender.pause(bench.now);
    bench.pass(9_999);
    expect(bench.sender.room).toBe(0);
    bench.pass(1);
    expect(bench.sender.room).toBe(1024);
    bench.write();
    expect([bench.sender.open, bench.sender.room]).toEqual([false, 0]);
    bench.now += 20;
    bench.acknowledge(0);
    expect([bench.sender.paused, bench.sender.room > 1024]).toEqual([false, true]);
  });

  test("said twice counts from the first; an end without beginning is nothing", () => {
    const bench = new Bench();
    bench.write();
    bench.sender.resume(bench.now);
    expect(bench.sender.stats.resentMessages).toBe(0);
    bench.sender.pause(bench.now);
    bench.now += 5000;
    bench.sender.pause(bench.now);
    bench.acknowledge(0);
    bench.pass(5000);
    expect(bench.sender.room).toBe(1024);
  });

  test("after pause repeats everything once in a timeout, not each time", () => {
    const bench = new Bench();
    bench.sample(20);
    bench.write(40);
    bench.now += 200;
    const before = bench.sent.length;
    for (let count = 0; count < 1000; count++) {
      bench.sender.pause(bench.now);
      bench.sender.resume(bench.now);
      bench.now += 0.01;
    }
    expect(bench.sent.slice(before)).toEqual(upTo(41, 1));
    // Nothing is forgotten over it: the timeouts go on.
    expect(bench.pass(1000)).toContain(1);
    bench.acknowledge(...upTo(41, 1));
    expect(bench.sender.stats.unackedMessages).toBe(0);
  });

  test("is reported once each way", () => {
    const bench = new Bench();
    expect(bench.sender.pauseChanged()).toBe(false);
    bench.sender.pause(bench.now);
    expect([bench.sender.pauseChanged(), bench.sender.pauseChanged()]).toEqual([true, false]);
    bench.sender.resume(bench.now);
    expect([bench.sender.pauseChanged(), bench.sender.pauseChanged()]).toEqual([true, false]);
  });

  test("while disconnected changes nothing until the connection is back", () => {
    const bench = new Bench();
    bench.write();
    bench.sender.pause(bench.now);
    bench.sender.disconnect();
    bench.sender.resume(bench.now);
    expect(bench.sent).toEqual([0]);
  });
});

describe("switched off", () => {
  test("resending: nothing goes twice, not even after a reconnect", () => {
    const bench = new Bench({}, { resend: false });
    bench.write();
    expect(bench.sender.nextWakeAt).toBeUndefined();
    bench.sender.tick(bench.now + 10_000);
    bench.sender.disconnect();
    bench.connect();
    expect(bench.sent).toEqual([0]);
  });

  test("pausing: it is not heard", () => {
    const bench = new Bench({}, { honourPause: false });
    bench.sender.pause(bench.now);
    expect(bench.sender.open).toBe(true);
  });
});
