/** The queue behind a session's output: what counts as taken, what an end does to what is still there. */
import { describe, expect, test } from "bun:test";

import { Outlet } from "../../src/library/outlet.ts";
import { failureOf } from "./simulated.ts";

const MEGABYTE = 1024 * 1024;

/** Lets everything that is due run. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Pushes so many bytes; returns how many were taken so far. */
function push(outlet: Outlet, bytes: number): { taken: number } {
  const count = { taken: 0 };
  outlet.push(new Uint8Array(bytes), (taken) => {
    count.taken += taken;
  });
  expect(count.taken).toBe(0);
  return count;
}

describe("what counts as taken", () => {
  test("a megabyte that nobody has read, and no byte more", async () => {
    const outlet = new Outlet();
    const first = push(outlet, MEGABYTE - 10);
    const second = push(outlet, 100);
    await settle();
    expect([first.taken, second.taken, outlet.untakenBytes]).toEqual([MEGABYTE - 10, 10, 90]);
    const reader = outlet.readable.getReader();
    expect((await reader.read()).value?.length).toBe(64 * 1024);
    await settle();
    expect([second.taken, outlet.untakenBytes]).toEqual([100, 0]);
  });

  test("everything, once it is discarded", async () => {
    const outlet = new Outlet();
    const before = push(outlet, 3 * MEGABYTE);
    await outlet.readable.cancel();
    const after = push(outlet, 3 * MEGABYTE);
    await settle();
    expect([before.taken, after.taken, outlet.untakenBytes]).toEqual([3 * MEGABYTE, 3 * MEGABYTE, 0]);
  });

  test("whenTaken waits for the reader", async () => {
    const outlet = new Outlet();
    push(outlet, MEGABYTE + 1);
    outlet.end();
    let taken = false;
    outlet.whenTaken(() => (taken = true));
    await settle();
    expect(taken).toBe(false);
    await outlet.readable.getReader().read();
    await settle();
    expect(taken).toBe(true);
  });
});

describe("the end", () => {
  test("comes behind the last byte", async () => {
    const outlet = new Outlet();
    push(outlet, 5);
    outlet.end();
    push(outlet, 7);
    expect((await new Response(outlet.readable).bytes()).length).toBe(5);
  });

  test("of a stream that nobody reads yet is there for who comes", async () => {
    const outlet = new Outlet();
    outlet.end();
    expect(await outlet.readable.getReader().read()).toEqual({ done: true, value: undefined });
  });

  test("with an error comes behind the last byte too", async () => {
    const outlet = new Outlet();
    push(outlet, 5);
    const error = new Error("broken");
    outlet.end(error);
    const reader = outlet.readable.getReader();
    expect((await reader.read()).value?.length).toBe(5);
    expect(await failureOf(reader.read())).toBe(error);
  });

  test("wakes a reader that waits", async () => {
    const outlet = new Outlet();
    const read = outlet.readable.getReader().read();
    await settle();
    outlet.end();
    expect(await read).toEqual({ done: true, value: undefined });
  });
});

test("a reader that waits gets what comes", async () => {
  const outlet = new Outlet();
  const reader = outlet.readable.getReader();
  for (const bytes of [3, 70_000, 1]) {
    const read = reader.read();
    await settle();
    push(outlet, bytes);
    expect((await read).value?.length).toBe(Math.min(bytes, 64 * 1024));
    if (bytes > 64 * 1024) expect((await reader.read()).value?.length).toBe(bytes - 64 * 1024);
  }
});

describe("discarded", () => {
  const broken = new Error("broken");
  const read = (reader: { read(): Promise<unknown> }): Promise<unknown> => reader.read().catch(String);
  const over = { done: true, value: undefined };

  test.each([
    ["without an error", undefined, over],
    ["with an error", broken, "Error: broken"],
  ])("%s: a reader that waits learns it, and so does a later read", async (_, error, expected) => {
    const outlet = new Outlet();
    const reader = outlet.readable.getReader();
    const waiting = read(reader);
    await settle();
    outlet.discard(error);
    expect(await waiting).toEqual(expected);
    expect(await read(reader)).toEqual(expected);
  });

  test("behind its end: what was not read is gone, and an error tells of that", async () => {
    for (const [error, expected] of [
      [undefined, over],
      [broken, "Error: broken"],
    ] as const) {
      const outlet = new Outlet();
      push(outlet, 5);
      outlet.end();
      outlet.discard(error);
      expect(await read(outlet.readable.getReader())).toEqual(expected);
    }
  });

  test("does not hide an error that has come before", async () => {
    const outlet = new Outlet();
    push(outlet, 5);
    outlet.end(broken);
    outlet.discard();
    expect(await read(outlet.readable.getReader())).toBe("Error: broken");
  });

  test("by its reader, and again by its owner: nothing is left to tell", async () => {
    const outlet = new Outlet();
    await outlet.readable.cancel();
    outlet.discard(broken);
    outlet.end();
    await settle();
    expect(await read(outlet.readable.getReader())).toEqual(over);
  });
});
