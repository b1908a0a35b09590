/** The queue in front of a socket: order, bounds on entries, and no copy of what is large. */

import { expect, test } from "bun:test";

import { WriteQueue } from "../../src/net/write-queue.ts";
import { forSeeds, SeededRandom } from "../support/seeded-random.ts";

/** Takes bytes off the queue as a socket would that accepts at most so many at once. */
function drain(queue: WriteQueue, mostBytes: number): Uint8Array {
  const piece = queue.peek();
  if (piece === undefined) return new Uint8Array();
  const count = Math.min(mostBytes, piece.end - piece.start);
  const taken = piece.bytes.slice(piece.start, piece.start + count);
  queue.consume(count);
  return taken;
}

test("bytes come out in the order in which they went in, however they are cut", () => {
  const material = new SeededRandom(0).bytes(100_000);
  forSeeds(50, (random) => {
    const queue = new WriteQueue();
    const expected: Uint8Array[] = [];
    const received: Uint8Array[] = [];
    for (let round = 0; round < 200; round++) {
      if (random.chance(0.6)) {
        const at = random.int(50_000);
        const bytes = material.slice(at, at + random.pick([0, 1, 7, 1024, 8191, 8192, 20_000, 40_000]));
        expected.push(bytes.slice());
        queue.push(bytes);
      } else received.push(drain(queue, random.between(1, 50_000)));
    }
    const before = queue.queuedBytes;
    const rest: Uint8Array[] = [];
    while (queue.queuedBytes > 0) rest.push(drain(queue, 65_536));
    expect(Buffer.concat(rest).length).toBe(before);
    expect(queue.peek()).toBeUndefined();
    expect(Buffer.concat([...received, ...rest]).equals(Buffer.concat(expected))).toBe(true);
  });
});

test("a million single bytes cost no million entries", () => {
  const queue = new WriteQueue();
  for (let index = 0; index < 1_000_000; index++) queue.push(new Uint8Array(1));
  expect(queue.queuedBytes).toBe(1_000_000);
  expect(queue.entries).toBeLessThan(40);
});

test("at most two entries for each 8 KiB, whatever the sizes", () => {
  forSeeds(30, (random) => {
    const queue = new WriteQueue();
    let most = -Infinity;
    for (let round = 0; round < 2000; round++) {
      if (random.chance(0.7)) queue.push(new Uint8Array(random.pick([1, 3, 8191, 8192])));
      else drain(queue, random.between(1, 10_000));
      most = Math.max(most, queue.entries - (2 * (queue.queuedBytes + 32_768)) / 8192);
    }
    expect(most).toBeLessThanOrEqual(2);
  });
});

test("large arrays and a lone small one are not copied", () => {
  const queue = new WriteQueue();
  const small = new Uint8Array(100);
  queue.push(small);
  expect(queue.peek()?.bytes).toBe(small);
  queue.consume(100);
  const large = new Uint8Array(8192);
  queue.push(large);
  queue.push(small);
  expect(queue.peek()?.bytes).toBe(large);
});

test("cleared, it is empty and can be used again", () => {
  const queue = new WriteQueue();
  queue.push(new Uint8Array(10));
  queue.push(new Uint8Array(10));
  queue.clear();
  expect([queue.queuedBytes, queue.entries, queue.peek()]).toEqual([0, 0, undefined]);
  queue.push(Uint8Array.of(1));
  expect(drain(queue, 9)).toEqual(Uint8Array.of(1));
});
