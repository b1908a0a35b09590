/** Turns: nobody waits behind bulk that is merely queued, and nobody is starved. */
import { describe, expect, test } from "bun:test";

import type { Mux } from "../../src/smux/index.ts";
import { naiveDecode } from "./naive-codec.ts";
import { client, words } from "./support.ts";

const PULL_BYTES = 1024;
const MEGABYTE = 1024 * 1024;

/** A client with `count` streams (3, 5, …) that each have `size` bytes queued and have begun to send. */
function withBulk(count: number, size: number): Mux {
  const { mux } = client();
  for (let i = 0; i < count; i++) mux.write(mux.open(), new Uint8Array(size));
  for (let i = 0; i < count * 3; i++) mux.pull(PULL_BYTES);
  return mux;
}

/** Payload bytes per stream over the next pulls. */
function sentBytes(mux: Mux, pulls: number, maxBytes: (pull: number) => number): Map<number, number> {
  const sent = new Map<number, number>();
  for (let i = 0; i < pulls; i++) {
    const message = mux.pull(maxBytes(i));
    for (const { streamId, payload } of message === undefined ? [] : naiveDecode(message)) {
      sent.set(streamId, (sent.get(streamId) ?? 0) + payload.length);
    }
  }
  return sent;
}

describe("beside bulk", () => {
  test.each([1, 200])("a new stream's request is in the next message (bulk streams: %d)", (count) => {
    const mux = withBulk(count, count === 1 ? 10 * MEGABYTE : 100_000);
    const id = mux.open();
    mux.write(id, new Uint8Array(100));
    expect(words(mux.pull(PULL_BYTES)).slice(0, 2)).toEqual([`SYN ${id}`, `PSH ${id} 100`]);
  });

  test("small writes on an open stream come out within two messages, again and again", () => {
    const mux = withBulk(1, 10 * MEGABYTE);
    const id = mux.open();
    for (let round = 0; round < 50; round++) {
      mux.write(id, new Uint8Array(64));
      const next = [...words(mux.pull(PULL_BYTES)), ...words(mux.pull(PULL_BYTES))];
      expect(next).toContain(`PSH ${id} 64`);
    }
  });

  test("a request on a stream that was idle is in the next message, before fifty bulk streams", () => {
    const mux = withBulk(50, 200_000);
    const id = mux.open();
    mux.write(id, new Uint8Array(64));
    for (let i = 0; i < 60; i++) mux.pull(PULL_BYTES);
    mux.write(id, new Uint8Array(64));
    expect(words(mux.pull(PULL_BYTES))).toContain(`PSH ${id} 64`);
  });

  test("FIN of a stream with nothing queued is in the next message", () => {
    const mux = withBulk(3, MEGABYTE);
    const id = mux.open();
    mux.write(id, new Uint8Array(1));
    mux.pull(PULL_BYTES);
    mux.finish(id);
    expect(words(mux.pull(PULL_BYTES))[0]).toBe(`FIN ${id}`);
  });

  test("FIN of an aborted stream is in the next message", () => {
    const mux = withBulk(3, MEGABYTE);
    mux.abort(5);
    expect(words(mux.pull(PULL_BYTES))[0]).toBe("FIN 5");
  });

  test("the answer to a refused stream is in the next message", () => {
    const mux = withBulk(3, MEGABYTE);
    mux.receive(Uint8Array.of(1, 0, 0, 0, 99, 0, 0, 0), 0);
    expect(words(mux.pull(PULL_BYTES))[0]).toBe("FIN 99");
  });

  test("bulk fills the rest of a message that begins with something small", () => {
    const mux = withBulk(1, MEGABYTE);
    mux.write(mux.open(), new Uint8Array(100));
    expect(words(mux.pull(PULL_BYTES))).toEqual(["SYN 5", "PSH 5 100", "PSH 3 900"]);
  });
});

describe("turns", () => {
  test("bulk streams get equal shares, whatever the message sizes", () => {
    for (const maxBytes of [() => 1024, () => 20, (i: number) => 9 + ((i * 7919) % 3000), () => 32_768]) {
      const { mux } = client();
      for (let i = 0; i < 4; i++) mux.write(mux.open(), new Uint8Array(8 * MEGABYTE));
      const shares = [...sentBytes(mux, 400, maxBytes).values()];
      expect(shares.length).toBe(4);
      expect(Math.min(...shares) / Math.max(...shares)).toBeGreaterThan(0.9);
    }
  });

  test("a turn begun with large messages does not go on for many small ones", () => {
    const mux = withBulk(2, MEGABYTE);
    // A first turn takes part of the message, so that the turn behind it is not over at the message's end.
    mux.write(mux.open(), new Uint8Array(20_000));
    mux.pull(60_000);
    const sent = sentBytes(mux, 2, () => 1024);
    expect([...sent.keys()].sort()).toEqual([3, 5]);
  });

  test("a stream that writes in small portions gets no more than one that writes in large ones", () => {
    const mux = withBulk(1, 10 * MEGABYTE);
    const id = mux.open();
    let small = 0;
    let large = 0;
    for (let i = 0; i < 1000; i++) {
      if (mux.streamQueuedBytes(id) === 0) mux.write(id, new Uint8Array(900));
      for (const [streamId, size] of sentBytes(mux, 1, () => PULL_BYTES)) {
        if (streamId === id) small += size;
        else large += size;
      }
    }
    expect(small / large).toBeGreaterThan(0.5);
    expect(small / large).toBeLessThan(1.1);
  });

  test("an endless row of new streams does not stop a transfer", () => {
    const mux = withBulk(1, 10 * MEGABYTE);
    let bulk = 0;
    for (let i = 0; i < 900; i++) {
      const id = mux.open();
      // With SYN and header exactly one message.
      mux.write(id, new Uint8Array(PULL_BYTES - 16));
      bulk += sentBytes(mux, 1, () => PULL_BYTES).get(3) ?? 0;
    }
    expect(bulk).toBeGreaterThan(90 * 1000);
    expect(bulk).toBeLessThan(300 * 1000);
  });

  test("a message is not filled up with splinters", () => {
    const { mux } = client();
    mux.write(mux.open(), new Uint8Array(100));
    mux.write(mux.open(), new Uint8Array(5000));
    mux.pull(16);
    expect(words(mux.pull(8 + 100 + 8 + 63))).toEqual(["PSH 3 100"]);
    expect(words(mux.pull(8 + 63))).toEqual(["PSH 5 63"]);
  });
});
