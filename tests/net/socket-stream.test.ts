/** One connection as a stream, against peers on node:net: nothing lost, backpressure, half close, every kind of end. */

import { describe, expect, test } from "bun:test";
import { join } from "node:path";

import { CLOSE_LINGER_MS, ConnectionResetError } from "../../src/net/index.ts";
import { SocketStream, type StreamSocket } from "../../src/net/socket-stream.ts";
import { temporaryDirectory } from "../support/environment.ts";
import { SeededRandom } from "../support/seeded-random.ts";
import { waitFor, within } from "../support/wait-for.ts";
import { connectPair, connectPeer, listenFor, readAll, Recorder } from "./support.ts";

const MIB = 1024 * 1024;
const BULK_BYTES = 20 * MIB;

/** Random bytes, the same each time; one MiB repeated with a counter, because random ones are slow to make. */
function bulk(length: number): Buffer {
  const pattern = new SeededRandom(7).bytes(MIB);
  const bytes = Buffer.allocUnsafe(length);
  for (let at = 0; at < length; at += MIB) {
    bytes.set(pattern.subarray(0, Math.min(MIB, length - at)), at);
    if (length - at >= 4) bytes.writeUInt32BE(at, at);
  }
  return bytes;
}

describe("bytes", () => {
  test("20 MB to a slow reader arrive whole, the FIN behind the last one", async () => {
    const { stream, events, peer } = await connectPair();
    const sent = bulk(BULK_BYTES);
    const received = readAll(peer, { pauseEveryBytes: 2 * MIB });
    const random = new SeededRandom(1);
    for (let at = 0; at < sent.length;) {
      const end = Math.min(sent.length, at + random.pick([1, 1024, 1024, 5000, 65_536, MIB]));
      stream.write(sent.subarray(at, end));
      at = end;
    }
    expect(stream.queuedBytes).toBe(BULK_BYTES);
    stream.endWriting();
    expect((await within(received, { what: "the end", timeoutMs: 15_000 })).equals(sent)).toBe(true);
    expect(stream.queuedBytes).toBe(0);
    expect(events.writtenBytes).toBe(BULK_BYTES);
    peer.end();
    await events.whenClosed();
    expect(events.log).toEqual(["written", "ended", "closed"]);
    expect(events.closedError).toBeUndefined();
  });

  test("20 MB from a peer arrive whole while reading is stopped and continued; arrays may be kept", async () => {
    const { stream, events, peer } = await connectPair();
    const sent = bulk(BULK_BYTES);
    const data = events.data.bind(events);
    let pauses = 0;
    events.data = (bytes) => {
      data(bytes);
      if (events.chunks.length % 8 !== 0) return;
      pauses++;
      stream.pause();
      setTimeout(() => stream.resume(), 1);
    };
    peer.end(sent);
    await events.until("ended");
    expect(Buffer.concat(events.chunks).equals(sent)).toBe(true);
    expect(pauses).toBeGreaterThan(3);
    stream.endWriting();
    await events.whenClosed();
    expect(events.log).toEqual(["data", "ended", "closed"]);
  });

  test("both directions at once", async () => {
    const { stream, events, peer } = await connectPair();
    const up = bulk(8 * MIB);
    const down = bulk(9 * MIB);
    const received = readAll(peer, { pauseEveryBytes: MIB });
    peer.end(up);
    stream.write(Buffer.from(down));
    stream.endWriting();
    expect((await within(received, { what: "the end", timeoutMs: 15_000 })).equals(down)).toBe(true);
    await events.whenClosed();
    expect(Buffer.concat(events.chunks).equals(up)).toBe(true);
    expect(events.closedError).toBeUndefined();
  });

  test("a stopped reader is felt by the peer, and only until it reads again", async () => {
    const { stream, events, peer } = await connectPair();
    stream.pause();
    const sent = bulk(BULK_BYTES);
    peer.end(sent);
    // The kernel takes what fits between the two; then it is the peer that waits.
    let taken = -1;
    await waitFor(
      () => {
        const before = taken;
        taken = BULK_BYTES - peer.writableLength;
        return taken === before;
      },
      { what: "a standstill", intervalMs: 100 },
    );
    expect(events.receivedBytes).toBe(0);
    expect(peer.bytesWritten - peer.writableLength).toBeLessThan(BULK_BYTES);
    stream.resume();
    await events.until("ended");
    expect(events.receivedBytes).toBe(BULK_BYTES);
    stream.reset();
  });

  test("a stopped reader can write", async () => {
    const { stream, events, peer } = await connectPair();
    stream.pause();
    stream.write(bulk(BULK_BYTES));
    stream.endWriting();
    const received = await within(readAll(peer), { what: "the end", timeoutMs: 15_000 });
    expect(received.length).toBe(BULK_BYTES);
    expect(events.writtenBytes).toBe(BULK_BYTES);
    stream.reset();
  });
});

describe("half close", () => {
  test("the peer's first: an answer can still be sent", async () => {
    const { stream, events, peer } = await connectPair();
    peer.end("question");
    await events.until("ended");
    expect(events.text).toBe("question");
    const answer = bulk(5 * MIB);
    stream.write(Buffer.from(answer));
    stream.endWriting();
    expect((await readAll(peer)).equals(answer)).toBe(true);
    await events.whenClosed();
    expect(events.log).toEqual(["data", "ended", "written", "closed"]);
    expect(events.closedError).toBeUndefined();
  });

  test("our first: reading goes on to the peer's", async () => {
    const { stream, events, peer } = await connectPair();
    stream.write(Buffer.from("question"));
    stream.endWriting();
    expect((await readAll(peer)).toString()).toBe("question");
    stream.write(Buffer.from("too late"));
    const answer = bulk(5 * MIB);
    peer.end(answer);
    await events.whenClosed();
    expect(Buffer.concat(events.chunks).equals(answer)).toBe(true);
    expect(events.log).toEqual(["written", "data", "ended", "closed"]);
    expect(events.writtenBytes).toBe(8);
  });

  test("without any data", async () => {
    const { stream, events, peer } = await connectPair();
    const received = readAll(peer);
    stream.endWriting();
    stream.endWriting();
    expect((await received).length).toBe(0);
    peer.end();
    await events.whenClosed();
    expect(events.log).toEqual(["ended", "closed"]);
  });
});

describe("close", () => {
  test("everything queued arrives although the peer's own bytes were never read", async () => {
    const { stream, events, peer } = await connectPair();
    stream.pause();
    const sent = bulk(12 * MIB);
    peer.write(bulk(3 * MIB));
    stream.write(Buffer.from(sent));
    stream.close();
    const received = await within(readAll(peer, { pauseEveryBytes: MIB }), {
      what: "end",
      timeoutMs: 15_000,
    });
    expect(received.equals(sent)).toBe(true);
    const start = performance.now();
    peer.end();
    await events.whenClosed();
    expect(performance.now() - start).toBeLessThan(CLOSE_LINGER_MS / 2);
    expect(events.log).toEqual(["written", "closed"]);
    expect(events.closedError).toBeUndefined();
  });

  test("a peer that never ends its half is waited for only briefly", async () => {
    const { stream, events, peer } = await connectPair();
    const received = readAll(peer);
    const start = performance.now();
    stream.close();
    await received;
    await events.whenClosed();
    expect(performance.now() - start).toBeGreaterThan(CLOSE_LINGER_MS * 0.8);
    expect(performance.now() - start).toBeLessThan(CLOSE_LINGER_MS * 4);
    expect(events.log).toEqual(["closed"]);
  });

  test("a peer that has ended its half is not waited for", async () => {
    const { stream, events, peer } = await connectPair();
    peer.end();
    await events.until("ended");
    const start = performance.now();
    stream.close();
    await events.whenClosed();
    expect(performance.now() - start).toBeLessThan(CLOSE_LINGER_MS / 2);
  });
});

describe("reset", () => {
  test("the peer sees a reset, the queue is discarded, the owner hears it later and without an error", async () => {
    const { stream, events, peer } = await connectPair();
    const seen = readAll(peer).catch((error: NodeJS.ErrnoException) => error.code);
    stream.write(bulk(BULK_BYTES));
    await events.until("written");
    stream.reset();
    expect(stream.queuedBytes).toBe(0);
    expect(events.closedCount).toBe(0);
    await events.whenClosed();
    expect(events.closedError).toBeUndefined();
    expect(await within(seen, { what: "the reset at the peer" })).toBe("ECONNRESET");
    expect(events.writtenBytes).toBeLessThan(BULK_BYTES);
  });

  test("it works in every state of the other half and from within events", async () => {
    for (const state of ["peer ended", "we ended", "paused", "in data"] as const) {
      const { stream, events, peer } = await connectPair();
      const data = events.data.bind(events);
      events.data = (bytes) => {
        data(bytes);
        if (state === "in data") stream.reset();
      };
      if (state === "peer ended") {
        peer.end();
        await events.until("ended");
      }
      if (state === "paused") stream.pause();
      if (state === "we ended") {
        stream.endWriting();
        await readAll(peer);
      }
      if (state === "in data") peer.write("x");
      else stream.reset();
      await events.whenClosed();
      expect([state, events.closedCount, events.closedError]).toEqual([state, 1, undefined]);
    }
  });

  test("the peer's reset is an error that counts what was not written, and no end of stream", async () => {
    const { stream, events, peer } = await connectPair();
    stream.write(bulk(BULK_BYTES));
    await events.until("written");
    peer.resetAndDestroy();
    await events.whenClosed();
    expect(events.log).toEqual(["written", "closed"]);
    expect(events.closedError).toBeInstanceOf(ConnectionResetError);
    expect((events.closedError as ConnectionResetError).unwrittenBytes).toBe(
      BULK_BYTES - events.writtenBytes,
    );
  });

  test("the peer's reset is noticed while reading is stopped; what it sent before still comes", async () => {
    const { stream, events, peer } = await connectPair();
    stream.pause();
    peer.write("last words", () => peer.resetAndDestroy());
    await events.whenClosed();
    expect(events.text).toBe("last words");
    expect(events.closedError).toBeInstanceOf(ConnectionResetError);
  });

  test("a peer that closed both halves, and is written to", async () => {
    const { stream, events, peer } = await connectPair();
    peer.end("bye");
    peer.resume();
    await events.until("ended");
    peer.destroy();
    const feed = setInterval(() => stream.write(Buffer.from("are you there?")), 5);
    await events.whenClosed();
    clearInterval(feed);
    expect(events.log.filter((event) => event !== "written")).toEqual(["data", "ended", "closed"]);
    expect(events.closedError).toBeInstanceOf(ConnectionResetError);
  });
});

test("after the end every call is ignored", async () => {
  const { stream, events } = await connectPair();
  stream.reset();
  await events.whenClosed();
  stream.write(Buffer.from("x"));
  stream.endWriting();
  stream.pause();
  stream.resume();
  stream.close();
  stream.reset();
  await Bun.sleep(5);
  expect(stream.queuedBytes).toBe(0);
  expect(events.log).toEqual(["closed"]);
});

test("a Unix socket: half close, bulk and reset", async () => {
  const path = join(temporaryDirectory("net"), "s");
  const { stream, events, peer } = await connectPair({ kind: "unix", path });
  const sent = bulk(5 * MIB);
  peer.end(Buffer.from(sent));
  await events.until("ended");
  stream.write(sent);
  stream.endWriting();
  expect((await readAll(peer)).equals(sent)).toBe(true);
  await events.whenClosed();
  expect(Buffer.concat(events.chunks).equals(sent)).toBe(true);
  const other = await connectPair({ kind: "unix", path });
  const ending = readAll(other.peer).catch(() => "reset");
  other.stream.reset();
  await other.events.whenClosed();
  await within(ending, { what: "the end at the peer" });
});

test("250 connections at once, each with bytes of its own, half of them closed by us", async () => {
  const listener = await listenFor({ kind: "tcp", port: 0 }, (stream) => {
    const events = new Recorder();
    events.data = (bytes) => stream.write(bytes.slice());
    events.ended = () => stream.endWriting();
    return events;
  });
  const random = new SeededRandom(3);
  await Promise.all(
    Array.from({ length: 250 }, async () => {
      const sent = random.bytes(random.between(0, 60_000));
      const peer = await connectPeer(listener.port);
      const received = readAll(peer);
      peer.end(sent);
      expect((await received).equals(sent)).toBe(true);
    }),
  );
});

describe("against a socket that is a literal", () => {
  /** What Bun's socket does when its kernel takes so many bytes a call. */
  function fakeSocket(room: () => number): { socket: StreamSocket; calls: string[]; bytes: number[] } {
    const calls: string[] = [];
    const bytes: number[] = [];
    const socket = {
      write(data: Uint8Array, offset: number, length: number): number {
        const taken = Math.min(room(), length);
        calls.push(`write ${length}: ${taken}`);
        for (let index = 0; index < taken; index++) bytes.push(data[offset + index] ?? -1);
        return taken;
      },
      shutdown: () => void calls.push("shutdown"),
      terminate: () => void calls.push("terminate"),
      end: () => void calls.push("end"),
      pause() {},
      resume() {},
    };
    return { socket: socket as unknown as StreamSocket, calls, bytes };
  }

  const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

  test("what is written in one turn goes out in one call, and is reported after it", async () => {
    const { socket, calls } = fakeSocket(() => Infinity);
    const stream = new SocketStream(socket);
    const events = new Recorder();
    stream.attach(events);
    for (let index = 0; index < 20; index++) stream.write(new Uint8Array(1024));
    stream.endWriting();
    expect([calls.length, events.writtenBytes]).toEqual([0, 0]);
    await turn();
    expect(calls).toEqual(["write 20480: 20480", "shutdown"]);
    expect(events.writtenBytes).toBe(20_480);
  });

  test("0 and partial results wait for room; FIN waits for the last byte", async () => {
    const room = [3, 0, 1, 2];
    const { socket, calls, bytes } = fakeSocket(() => room.shift() ?? 0);
    const stream = new SocketStream(socket);
    const events = new Recorder();
    stream.attach(events);
    stream.write(Uint8Array.of(1, 2, 3, 4, 5, 6));
    stream.endWriting();
    await turn();
    expect([events.writtenBytes, stream.queuedBytes]).toEqual([3, 3]);
    for (let drains = 0; drains < 3; drains++) stream.onDrain();
    expect(calls).toEqual(["write 6: 3", "write 3: 0", "write 3: 1", "write 2: 2", "shutdown"]);
    expect(bytes).toEqual([1, 2, 3, 4, 5, 6]);
    expect(events.writtenBytes).toBe(6);
  });

  test("no call while the kernel is full, and none after a write failed", async () => {
    const { socket, calls } = fakeSocket(() => -1);
    const stream = new SocketStream(socket);
    const events = new Recorder();
    stream.attach(events);
    stream.write(new Uint8Array(5));
    await turn();
    stream.write(new Uint8Array(5));
    await turn();
    expect(calls).toEqual(["write 5: -1"]);
    stream.onClose(undefined);
    await turn();
    expect(events.closedError).toBeInstanceOf(ConnectionResetError);
    expect(events.closedError?.message).toContain("10 bytes unwritten");
  });

  test("an owner may reset or write from within `written`", async () => {
    const { socket, calls } = fakeSocket(() => Infinity);
    const stream = new SocketStream(socket);
    const events = new Recorder();
    let rounds = 0;
    events.written = () => {
      if (++rounds < 3) stream.write(new Uint8Array(1));
      else stream.reset();
    };
    stream.attach(events);
    stream.write(new Uint8Array(1));
    for (let index = 0; index < 4; index++) await turn();
    expect(calls).toEqual(["write 1: 1", "write 1: 1", "write 1: 1", "terminate"]);
  });
});
