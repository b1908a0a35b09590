/** Blocks are used again, only so many are kept, and the collector is run for many others. */

import { expect, test } from "bun:test";

import { BlockPool, blocks } from "../../src/net/block-pool.ts";
import { WriteQueue } from "../../src/net/write-queue.ts";

test("a block that was given back is the next one taken", () => {
  const pool = new BlockPool(() => {});
  const [one, other] = [pool.take(), pool.take()];
  expect(one).not.toBe(other);
  pool.giveBack(one);
  expect(pool.take()).toBe(one);
  expect(pool.keptBlocks).toBe(0);
});

test("8 MiB are kept, and each further 4 MiB are a run of the collector", () => {
  let runs = 0;
  const pool = new BlockPool(() => void runs++);
  const all = Array.from({ length: 256 * 3 }, () => pool.take());
  for (const block of all.slice(0, 383)) pool.giveBack(block);
  expect([pool.keptBlocks, runs]).toEqual([256, 0]);
  for (const block of all.slice(383)) pool.giveBack(block);
  expect([pool.keptBlocks, runs]).toEqual([256, 4]);
});

test("a queue gives its blocks back when they are written and when it is cleared", () => {
  const fill = (queue: WriteQueue): void => {
    for (let index = 0; index < 100; index++) queue.push(new Uint8Array(1024).fill(index));
  };
  const before = blocks.keptBlocks;
  const queue = new WriteQueue();
  fill(queue);
  queue.clear();
  const kept = blocks.keptBlocks;
  expect(kept).toBe(Math.max(before, 4));
  fill(queue);
  expect(blocks.keptBlocks).toBe(kept - 4);
  for (let piece = queue.peek(); piece !== undefined; piece = queue.peek()) {
    queue.consume(piece.end - piece.start);
  }
  expect(blocks.keptBlocks).toBe(kept);
});

test("a queue that is filled again does not change what another one still holds", () => {
  const [one, other] = [new WriteQueue(), new WriteQueue()];
  for (const value of [1, 2]) one.push(new Uint8Array(100).fill(value));
  one.consume(200);
  for (const value of [3, 4]) other.push(new Uint8Array(100).fill(value));
  for (const value of [5, 6]) one.push(new Uint8Array(100).fill(value));
  const piece = other.peek();
  expect(piece?.bytes.subarray(piece.start, piece.end)).toEqual(
    new Uint8Array([...new Array<number>(100).fill(3), ...new Array<number>(100).fill(4)]),
  );
});
