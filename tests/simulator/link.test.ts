/** The bad link as a pure machine on a clock of its own. */
import { describe, expect, test } from "bun:test";

import { type LinkFaults, NO_LINK_FAULTS } from "../../src/simulator/index.ts";
import { createLinkCounters, FaultyLink, LINK_LIMITS } from "../../src/simulator/link.ts";
import { seededRandom } from "../../src/simulator/random.ts";
import { forSeeds } from "../support/seeded-random.ts";

const FRAME_BYTES = 200;

/** A frame whose number stands in header and payload. */
function numbered(number: number): Uint8Array {
  const frame = new Uint8Array(FRAME_BYTES).fill(7);
  new DataView(frame.buffer).setUint32(0, number);
  new DataView(frame.buffer).setUint32(120, number);
  return frame;
}

function numberOf(frame: Uint8Array): number {
  return new DataView(frame.buffer, frame.byteOffset).getUint32(0);
}

interface Run {
  readonly arrived: readonly { readonly number: number; readonly atMs: number; readonly frame: Uint8Array }[];
  readonly counters: ReturnType<typeof createLinkCounters>;
}

/** Sends `count` frames, one every `everyMs`, and takes each when it is due. */
function run(seed: number, change: Partial<LinkFaults>, count: number, everyMs = 1): Run {
  const faults = { ...NO_LINK_FAULTS, ...change };
  const counters = createLinkCounters();
  const link = new FaultyLink(seededRandom(seed), counters);
  const arrived: { number: number; atMs: number; frame: Uint8Array }[] = [];
  const takeUntil = (nowMs: number): void => {
    for (let due = link.nextDueMs; due !== undefined && due <= nowMs; due = link.nextDueMs) {
      expect(link.take(due - 0.001)).toBeUndefined();
      const frame = link.take(due);
      if (frame === undefined) throw new Error("a due frame was not given out");
      arrived.push({ number: numberOf(frame), atMs: due, frame });
    }
  };
  for (let number = 0; number < count; number++) {
    const nowMs = 1_000 + number * everyMs;
    takeUntil(nowMs);
    link.push(numbered(number), faults, nowMs);
  }
  takeUntil(Number.MAX_SAFE_INTEGER);
  expect(link.size).toBe(0);
  expect(link.bytes).toBe(0);
  return { arrived, counters };
}

describe("a link", () => {
  test("without faults delivers at once and in order", () => {
    const { arrived } = run(1, {}, 100);
    expect(arrived.map(({ number }) => number)).toEqual(Array.from({ length: 100 }, (_, index) => index));
    expect(arrived.map(({ atMs }) => atMs)).toEqual(Array.from({ length: 100 }, (_, index) => 1_000 + index));
  });

  test("does the same again with the same seed, and something else with another", () => {
    const faults = { loss: 0.1, duplication: 0.1, reordering: 0.1, jitterMs: 5, payloadCorruption: 0.1 };
    const story = (seed: number): unknown =>
      run(seed, faults, 300).arrived.map(({ number, atMs, frame }) => [
        number,
        atMs,
        Buffer.from(frame).toString("hex"),
      ]);
    expect(story(7)).toEqual(story(7));
    expect(story(7)).not.toEqual(story(8));
  });

  test("loses and doubles as often as it is told, and counts it", () => {
    forSeeds(20, (random) => {
      const { arrived, counters } = run(random.uint32(), { loss: 0.2, duplication: 0.1 }, 2_000);
      expect(counters.lost).toBeGreaterThan(300);
      expect(counters.lost).toBeLessThan(500);
      expect(counters.duplicated).toBeGreaterThan(100);
      expect(counters.duplicated).toBeLessThan(220);
      expect(arrived.length).toBe(2_000 - counters.lost + counters.duplicated);
      expect(new Set(arrived.map(({ number }) => number)).size).toBe(2_000 - counters.lost);
    });
  });

  test("lets later messages overtake, by no more than it was told", () => {
    forSeeds(20, (random) => {
      const { arrived, counters } = run(random.uint32(), { reordering: 0.1, reorderingDelayMs: 10 }, 1_000);
      expect(counters.reordered).toBeGreaterThan(50);
      let swaps = 0;
      for (const [index, { number, atMs }] of arrived.entries()) {
        if (number < (arrived[index - 1]?.number ?? -1)) swaps++;
        expect(atMs - (1_000 + number)).toBeLessThanOrEqual(10);
      }
      expect(swaps).toBeGreaterThan(20);
      expect(arrived.map(({ number }) => number).toSorted((a, b) => a - b)).toEqual(
        Array.from({ length: 1_000 }, (_, index) => index),
      );
    });
  });

  test("delays with jitter but keeps the order", () => {
    forSeeds(20, (random) => {
      const { arrived } = run(random.uint32(), { delayMs: 50, jitterMs: 30 }, 500);
      expect(arrived.map(({ number }) => number)).toEqual(Array.from({ length: 500 }, (_, index) => index));
      const delays = arrived.map(({ number, atMs }) => atMs - 1_000 - number);
      expect(Math.min(...delays)).toBeGreaterThanOrEqual(50);
      expect(Math.max(...delays)).toBeLessThanOrEqual(80);
      expect(Math.max(...delays) - Math.min(...delays)).toBeGreaterThan(10);
    });
  });

  test("passes no more than its bandwidth", () => {
    const bytesPerSecond = 100_000;
    const { arrived } = run(1, { bytesPerSecond, delayMs: 20 }, 1_000, 0);
    const lastMs = arrived.at(-1)?.atMs ?? 0;
    expect(lastMs - 1_000).toBeCloseTo((1_000 * FRAME_BYTES * 1_000) / bytesPerSecond + 20, 3);
    const link = new FaultyLink(seededRandom(1), createLinkCounters());
    const faults = { ...NO_LINK_FAULTS, bytesPerSecond };
    for (let number = 0; number < 10; number++) link.push(numbered(number), faults, 0);
    expect(link.waitingBytes(faults, 0)).toBeCloseTo(10 * FRAME_BYTES, 3);
    expect(link.waitingBytes(faults, 10)).toBeCloseTo(10 * FRAME_BYTES - 1_000, 3);
    expect(link.waitingBytes(faults, 1_000)).toBe(0);
  });

  test("flips one bit where it is told, on a copy", () => {
    const changedBytes = (left: Uint8Array, right: Uint8Array): number[] =>
      [...left.keys()].filter((index) => left[index] !== right[index]);
    for (const [fault, from, to] of [
      ["payloadCorruption", 120, FRAME_BYTES],
      ["headerCorruption", 0, 120],
    ] as const) {
      const faults = { ...NO_LINK_FAULTS, [fault]: 1 };
      const link = new FaultyLink(seededRandom(3), createLinkCounters());
      const places = new Set<number>();
      for (let number = 0; number < 200; number++) {
        // A Buffer's own `slice` would be no copy.
        const original = number % 2 === 0 ? numbered(number) : Buffer.from(numbered(number));
        link.push(original, faults, 0);
        expect(Buffer.from(original)).toEqual(Buffer.from(numbered(number)));
        const changed = changedBytes(original, link.take(0) ?? original);
        expect(changed).toHaveLength(1);
        const place = changed[0] ?? -1;
        expect(place >= from && place < to).toBe(true);
        places.add(place);
      }
      expect(places.size).toBeGreaterThan(30);
    }
    // Without a payload there is none to corrupt.
    const link = new FaultyLink(seededRandom(3), createLinkCounters());
    link.push(new Uint8Array(120), { ...NO_LINK_FAULTS, payloadCorruption: 1 }, 0);
    expect(link.take(0)).toEqual(new Uint8Array(120));
  });

  test("keeps those under way in place when faults change, and the last one last", () => {
    const link = new FaultyLink(seededRandom(1), createLinkCounters());
    const slow = { ...NO_LINK_FAULTS, delayMs: 100, duplication: 1, reorderingDelayMs: 500 };
    link.push(numbered(1), slow, 0);
    link.push(numbered(2), NO_LINK_FAULTS, 1);
    link.pushLast(numbered(3), { ...NO_LINK_FAULTS, loss: 1 }, 2);
    const order: number[] = [];
    for (let frame = link.take(10_000); frame !== undefined; frame = link.take(10_000))
      order.push(numberOf(frame));
    expect(order).toEqual([1, 2, 1, 3]);
  });

  test("throws away what waits in front of its bandwidth, and nothing that has passed it", () => {
    const link = new FaultyLink(seededRandom(1), createLinkCounters());
    // 200 bytes need 2 ms.
    const narrow = { ...NO_LINK_FAULTS, bytesPerSecond: 100_000, delayMs: 50 };
    for (let number = 0; number < 10; number++) link.push(numbered(number), narrow, 0);
    link.dropWaiting(6);
    expect(link.size).toBe(3);
    expect(link.bytes).toBe(3 * FRAME_BYTES);
    expect(link.waitingBytes(narrow, 6)).toBe(0);
    link.pushLast(numbered(99), narrow, 6);
    const arrived: number[] = [];
    for (let frame = link.take(58); frame !== undefined; frame = link.take(58)) arrived.push(numberOf(frame));
    expect(arrived).toEqual([0, 1, 2, 99]);
  });

  test("has limits in bytes and in messages", () => {
    const counters = createLinkCounters();
    const link = new FaultyLink(seededRandom(1), counters);
    const slow = { ...NO_LINK_FAULTS, delayMs: 1_000 };
    const empty = new Uint8Array(0);
    for (let number = 0; number < LINK_LIMITS.entries + 5; number++) link.push(empty, slow, 0);
    expect(link.size).toBe(LINK_LIMITS.entries);
    expect(counters.overflowed).toBe(5);
    link.clear();
    const large = new Uint8Array(LINK_LIMITS.bytes / 4);
    for (let number = 0; number < 6; number++) link.push(large, slow, 0);
    expect(link.size).toBe(4);
    expect(link.bytes).toBe(LINK_LIMITS.bytes);
    expect(counters.overflowed).toBe(7);
  });
});
