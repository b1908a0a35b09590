/** Bytes on their way from standard input to the channel. */
import { expect, test } from "bun:test";

import { InputQueue } from "../../src/session/input-queue.ts";
import { forSeeds } from "../support/seeded-random.ts";

test("bytes come out as they went in, in pieces of the size asked for", () => {
  forSeeds(50, (random) => {
    const queue = new InputQueue();
    let expected = Buffer.alloc(0);
    for (let step = 0; step < 100; step++) {
      if (random.chance(0.5)) {
        const bytes = random.bytes(random.int(50));
        queue.push(bytes);
        expected = Buffer.concat([expected, bytes]);
      } else if (random.chance(0.05)) {
        queue.clear();
        expected = Buffer.alloc(0);
      } else {
        const size = random.between(1, 60);
        const taken = queue.take(size);
        const wanted = expected.subarray(0, size);
        expect(Buffer.from(taken ?? []).equals(wanted)).toBe(true);
        if (wanted.length === 0) expect(taken).toBeUndefined();
        expected = expected.subarray(wanted.length);
      }
      expect(queue.bytes).toBe(expected.length);
    }
  });
});

test("a queue is full at 64 KiB and low at a quarter of that", () => {
  const queue = new InputQueue();
  queue.push(new Uint8Array(64 * 1024 - 1));
  expect([queue.isFull, queue.isLow]).toEqual([false, false]);
  queue.push(new Uint8Array(1));
  expect(queue.isFull).toBe(true);
  queue.take(48 * 1024 - 1);
  expect([queue.isFull, queue.isLow]).toEqual([false, false]);
  queue.take(1);
  expect(queue.isLow).toBe(true);
  expect(queue.take(0)).toBeUndefined();
});
