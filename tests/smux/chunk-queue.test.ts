/** The byte queue against a plain list of bytes, and the merging of small pieces. */
import { describe, expect, test } from "bun:test";

import { ChunkQueue } from "../../src/smux/chunk-queue.ts";
import { forSeeds } from "./support.ts";

function taken(queue: ChunkQueue, size: number): Uint8Array {
  const target = new Uint8Array(size + 2);
  queue.moveTo(target, 1, size);
  expect([target[0], target[size + 1]]).toEqual([0, 0]);
  return target.slice(1, size + 1);
}

describe("chunk queue", () => {
  test("gives back the same bytes in any portions", () => {
    forSeeds(150, (random) => {
      const queue = new ChunkQueue();
      let model: number[] = [];
      const sizes = [1, 3, 40, 511, 512, 513, 2047, 2048, 3000];
      for (let step = 0; step < 60; step++) {
        if (random.below(2) === 0) {
          const piece = random.bytes(sizes[random.below(sizes.length)] ?? 1);
          model.push(...piece);
          const before = queue.entries;
          const adds = queue.wouldAddEntry(piece.length);
          queue.push(piece);
          expect(queue.entries - before).toBe(adds ? 1 : 0);
        } else {
          const size = random.below(Math.min(model.length, 2500) + 1);
          expect(taken(queue, size)).toEqual(Uint8Array.from(model.slice(0, size)));
          model = model.slice(size);
        }
        expect(queue.bytes).toBe(model.length);
        expect(queue.entries === 0).toBe(model.length === 0);
      }
    });
  });

  test("merges small pieces, so that entries stay in proportion to bytes", () => {
    const queue = new ChunkQueue();
    for (let i = 0; i < 100_000; i++) queue.push(Uint8Array.of(i & 0xff));
    expect(queue.bytes).toBe(100_000);
    expect(queue.entries).toBeLessThan(100);
    expect(taken(queue, 100_000)).toEqual(Uint8Array.from({ length: 100_000 }, (_, i) => i & 0xff));
  });

  test("never writes into an array it was given", () => {
    const queue = new ChunkQueue();
    const whole = new Uint8Array(16);
    queue.push(whole.subarray(0, 4));
    queue.push(Uint8Array.of(9, 9, 9));
    expect(whole).toEqual(new Uint8Array(16));
    expect(taken(queue, 7)).toEqual(Uint8Array.of(0, 0, 0, 0, 9, 9, 9));
  });

  test("clear leaves nothing behind", () => {
    const queue = new ChunkQueue();
    queue.push(new Uint8Array(600));
    queue.push(new Uint8Array(6));
    queue.clear();
    expect([queue.bytes, queue.entries]).toEqual([0, 0]);
    queue.push(Uint8Array.of(5));
    expect(taken(queue, 1)).toEqual(Uint8Array.of(5));
  });
});
