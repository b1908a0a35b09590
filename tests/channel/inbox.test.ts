import { describe, expect, test } from "bun:test";

import { Inbox } from "../../src/channel/inbox.ts";
import { forSeeds } from "../support/seeded-random.ts";

function message(sequenceNumber: number, bytes = 10) {
  return { sequenceNumber, payloadType: 1, payload: new Uint8Array(bytes).fill(sequenceNumber & 255) };
}

describe("inbox", () => {
  test("agrees with a sorted list over any arrivals", () => {
    forSeeds(500, (random) => {
      const limits = { maxReorderMessages: random.between(1, 12), maxReorderBytes: random.between(0, 100) };
      const inbox = new Inbox(limits);
      // The model: everything that was accepted; delivered is its gapless beginning.
      const accepted = new Map<number, number>();
      const delivered: number[] = [];
      let expected = 0;
      for (let step = 0; step < 60; step++) {
        const number = Math.max(0, expected + random.between(-3, 15));
        const bytes = random.int(30);
        const aheadBytes = [...accepted].reduce((sum, [key, size]) => sum + (key >= expected ? size : 0), 0);
        const should = accepted.has(number)
          ? "again"
          : number === expected
            ? "next"
            : number - expected > limits.maxReorderMessages || aheadBytes + bytes > limits.maxReorderBytes
              ? "refused"
              : "ahead";
        expect(inbox.accept(message(number, bytes))).toBe(should);
        if (should === "next" || should === "ahead") accepted.set(number, bytes);
        if (should === "next") {
          delivered.push(number);
          for (let next = inbox.takeNext(); next !== undefined; next = inbox.takeNext()) {
            expect(next.payload).toEqual(
              message(next.sequenceNumber, accepted.get(next.sequenceNumber)).payload,
            );
            delivered.push(next.sequenceNumber);
          }
          while (accepted.has(expected)) expected++;
        }
        expect(inbox.expected).toBe(expected);
        expect(inbox.aheadMessages).toBeLessThanOrEqual(limits.maxReorderMessages);
        expect(inbox.aheadBytes).toBeLessThanOrEqual(limits.maxReorderBytes);
      }
      expect(delivered).toEqual(Array.from({ length: expected }, (_, index) => index));
    });
  });

  test("a million messages out of order fill it to its limits and no further", () => {
    const inbox = new Inbox({ maxReorderMessages: 100, maxReorderBytes: 800 });
    const counts = { next: 0, ahead: 0, again: 0, refused: 0 };
    for (let number = 1_000_000; number > 0; number--) counts[inbox.accept(message(number))]++;
    expect(counts).toEqual({ next: 0, ahead: 80, again: 0, refused: 999_920 });
    expect(inbox.aheadBytes).toBe(800);
  });

  test("numbers far away are refused", () => {
    const inbox = new Inbox({ maxReorderMessages: 32_768, maxReorderBytes: 1e6 });
    expect(inbox.accept(message(Number.MAX_SAFE_INTEGER))).toBe("refused");
    expect(inbox.accept(message(32_769))).toBe("refused");
    expect(inbox.accept(message(32_768))).toBe("ahead");
    expect(inbox.aheadMessages).toBe(1);
  });

  test("what waits is a copy without the frame around it", () => {
    const inbox = new Inbox({ maxReorderMessages: 10, maxReorderBytes: 100 });
    const frame = new Uint8Array(1_000_000).fill(7);
    inbox.accept({ sequenceNumber: 1, payloadType: 11, payload: frame.subarray(999_998) });
    frame.fill(9);
    expect(inbox.accept(message(0))).toBe("next");
    const next = inbox.takeNext();
    expect(next).toEqual({ sequenceNumber: 1, payloadType: 11, payload: new Uint8Array([7, 7]) });
    expect(next?.payload.buffer.byteLength).toBe(2);
  });

  test("clear forgets what waits", () => {
    const inbox = new Inbox({ maxReorderMessages: 10, maxReorderBytes: 100 });
    inbox.accept(message(1));
    inbox.clear();
    expect([inbox.aheadMessages, inbox.aheadBytes]).toEqual([0, 0]);
    expect(inbox.accept(message(0))).toBe("next");
    expect(inbox.takeNext()).toBeUndefined();
  });
});
