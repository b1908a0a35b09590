/** The life of streams: opening, both FINs, aborting, poisoning, and each limit reached once. */
import { describe, expect, test } from "bun:test";

import { BadVersionError, Mux, SmuxError } from "../../src/smux/index.ts";
import { bytes, client, forSeeds, hex, join, pullAll, Recorder, server, thrownBy, words } from "./support.ts";

const SYN_3 = hex("0100000003000000");
const FIN_3 = hex("0101000003000000");
const PSH_3 = hex("01020300 03000000 616263");

describe("opening", () => {
  test("the client's ids are 3, 5, 7; the server's 2, 4", () => {
    const { mux } = client();
    expect([mux.open(), mux.open(), mux.open()]).toEqual([3, 5, 7]);
    const { mux: other } = server();
    expect([other.open(), other.open()]).toEqual([2, 4]);
  });

  test("SYN and first data are one message, like the recorded client's", () => {
    const { mux } = client();
    mux.write(mux.open(), bytes("hello from a"));
    expect(mux.pull(1024)).toEqual(hex("0100000003000000 01020c0003000000 68656c6c6f2066726f6d2061"));
    expect(mux.pull(1024)).toBeUndefined();
  });

  test("data never overtakes its SYN, however small the messages", () => {
    for (let maxBytes = 9; maxBytes < 60; maxBytes++) {
      const { mux } = client();
      for (let i = 0; i < 5; i++) mux.write(mux.open(), bytes("abc"));
      const open = new Set<string>();
      for (const word of words(join(pullAll(mux, maxBytes)))) {
        const [command, id = ""] = word.split(" ");
        if (command === "SYN") open.add(id);
        else expect(open.has(id)).toBe(true);
      }
      expect(open.size).toBe(5);
    }
  });

  test("ids end at 2^32-1 and do not start again", () => {
    const { mux } = client({ firstStreamId: 0xffff_fffd });
    expect([mux.open(), mux.open()]).toEqual([0xffff_fffd, 0xffff_ffff]);
    expect(words(mux.pull(100))).toEqual(["SYN 4294967293", "SYN 4294967295"]);
    const refused = { code: "SMUX_STREAM_IDS_EXHAUSTED", fatal: false };
    expect(thrownBy(() => mux.open())).toMatchObject(refused);
    expect(thrownBy(() => mux.open())).toMatchObject(refused);
    mux.write(0xffff_ffff, bytes("still fine"));
  });

  test("the stream limit refuses, and ends with the next stream that closes", () => {
    const { mux, events } = client({ limits: { maxStreams: 2 } });
    mux.open();
    mux.open();
    expect(thrownBy(() => mux.open())).toMatchObject({ code: "SMUX_STREAM_LIMIT", fatal: false });
    mux.pull(100);
    mux.finish(3);
    mux.pull(100);
    expect(thrownBy(() => mux.open())).toMatchObject({ code: "SMUX_STREAM_LIMIT" });
    mux.receive(FIN_3, 0);
    expect(events.take()).toEqual(["finished 3", "closed 3"]);
    expect(mux.open()).toBe(7);
  });
});

describe("streams of the peer", () => {
  test("a server accepts them and ignores a second SYN", () => {
    const { mux, events } = server();
    mux.receive(join([SYN_3, PSH_3, SYN_3, PSH_3]), 0);
    expect(events.take()).toEqual(["opened 3", 'data 3 "abcabc"']);
    expect(mux.hasOutput).toBe(false);
  });

  test("a server does not open an id that its peer has taken", () => {
    const { mux } = server();
    mux.receive(hex("0100000002000000"), 0);
    expect(mux.open()).toBe(4);
  });

  test("a client answers them with FIN and skips what they carry", () => {
    const { mux, events } = client();
    mux.receive(join([SYN_3, PSH_3]), 0);
    expect(words(mux.pull(1024))).toEqual(["FIN 3"]);
    mux.receive(FIN_3, 0);
    expect(events.take()).toEqual([]);
    expect([mux.refusedStreams, mux.skippedBytes, mux.streamCount]).toEqual([1, 3, 0]);
    expect(mux.hasOutput).toBe(false);
  });

  test("a million SYNs: the limit is open, some are answered, the rest costs nothing", () => {
    const { mux, events } = server({ limits: { maxStreams: 10, maxPendingRefusals: 100 } });
    const flood = new Uint8Array(8 * 1000);
    const view = new DataView(flood.buffer);
    for (let round = 0; round < 1000; round++) {
      for (let i = 0; i < 1000; i++) {
        view.setUint32(i * 8, 1, true);
        view.setUint32(i * 8 + 4, round * 1000 + i + 1, true);
      }
      mux.receive(flood, 0);
    }
    expect(mux.streamCount).toBe(10);
    expect(mux.refusedStreams).toBe(999_990);
    expect(events.take().length).toBe(10);
    const fins = words(join(pullAll(mux)));
    expect(fins.length).toBe(100);
    expect(fins.slice(0, 2)).toEqual(["FIN 11", "FIN 12"]);
    mux.receive(hex("0101000001000000"), 0);
    mux.finish(1);
    pullAll(mux);
    mux.receive(hex("01000000ff000000"), 0);
    expect(events.take()).toEqual(["finished 1", "closed 1", "opened 255"]);
  });
});

describe("ending", () => {
  test("FIN comes after the data, in the same message if it fits", () => {
    const { mux } = client();
    mux.write(mux.open(), new Uint8Array(10));
    mux.finish(3);
    expect(words(mux.pull(1024))).toEqual(["SYN 3", "PSH 3 10", "FIN 3"]);
    mux.write(mux.open(), new Uint8Array(10));
    mux.finish(5);
    expect(words(mux.pull(33))).toEqual(["SYN 5", "PSH 5 10"]);
    expect(words(mux.pull(33))).toEqual(["FIN 5"]);
  });

  test("half-closed by us: data still arrives, then both ends are through", () => {
    const { mux, events } = client();
    mux.open();
    mux.finish(3);
    mux.finish(3);
    expect(words(mux.pull(100))).toEqual(["SYN 3", "FIN 3"]);
    mux.receive(PSH_3, 0);
    expect(events.take()).toEqual(['data 3 "abc"']);
    mux.receive(FIN_3, 0);
    expect(events.take()).toEqual(["finished 3", "closed 3"]);
    expect(mux.streamCount).toBe(0);
  });

  test("half-closed by the peer: writing goes on, closed comes when our FIN is pulled", () => {
    const { mux, events } = client();
    mux.open();
    mux.pull(100);
    mux.receive(FIN_3, 0);
    expect(events.take()).toEqual(["finished 3"]);
    mux.write(3, bytes("late"));
    mux.finish(3);
    expect(events.take()).toEqual([]);
    expect(words(mux.pull(100))).toEqual(["PSH 3 4", "FIN 3"]);
    expect(events.take()).toEqual(["closed 3"]);
  });

  test("the peer's second FIN, data after its FIN and frames of closed streams are skipped", () => {
    const { mux, events } = client();
    mux.open();
    mux.pull(100);
    mux.receive(join([FIN_3, FIN_3, PSH_3]), 0);
    expect(events.take()).toEqual(["finished 3"]);
    mux.finish(3);
    mux.pull(100);
    expect(events.take()).toEqual(["closed 3"]);
    mux.receive(join([FIN_3, PSH_3, hex("0101000063000000")]), 0);
    expect(events.take()).toEqual([]);
    expect(mux.skippedBytes).toBe(6);
    expect(mux.hasOutput).toBe(false);
  });

  test("finished and unknown streams cannot be written to", () => {
    const { mux } = client();
    mux.open();
    mux.finish(3);
    const refused = { code: "SMUX_STREAM_NOT_WRITABLE", fatal: false };
    expect(thrownBy(() => mux.write(3, bytes("x")))).toMatchObject(refused);
    expect(thrownBy(() => mux.write(99, bytes("x")))).toMatchObject(refused);
    mux.finish(99);
    mux.abort(99);
    expect(words(mux.pull(100))).toEqual(["SYN 3", "FIN 3"]);
  });
});

describe("aborting", () => {
  test("drops what is queued, sends FIN at once, reports nothing but closed", () => {
    const { mux, events } = client();
    mux.open();
    mux.pull(100);
    mux.write(3, new Uint8Array(100_000));
    mux.write(mux.open(), new Uint8Array(1000));
    mux.pull(1024);
    mux.abort(3);
    mux.abort(3);
    expect([mux.streamQueuedBytes(3), mux.queuedBytes]).toEqual([0, mux.streamQueuedBytes(5)]);
    mux.receive(PSH_3, 0);
    expect(words(mux.pull(1024))[0]).toBe("FIN 3");
    mux.receive(join([PSH_3, FIN_3]), 0);
    expect(events.take()).toEqual(["closed 3"]);
    expect([mux.streamCount, mux.skippedBytes]).toEqual([1, 6]);
  });

  test("before the SYN has gone, the peer never hears of the stream", () => {
    const { mux, events } = client();
    mux.write(mux.open(), bytes("abc"));
    mux.abort(3);
    expect(events.take()).toEqual(["closed 3"]);
    expect([mux.hasOutput, mux.queuedBytes, mux.streamCount]).toEqual([false, 0, 0]);
  });

  test("after our FIN it closes at once", () => {
    const { mux, events } = client();
    mux.open();
    mux.finish(3);
    mux.pull(100);
    mux.abort(3);
    expect(events.take()).toEqual(["closed 3"]);
    expect([mux.hasOutput, mux.streamCount]).toEqual([false, 0]);
  });

  test("between finish and the end of the queue, the rest of the queue is dropped", () => {
    const { mux, events } = client();
    mux.write(mux.open(), new Uint8Array(5000));
    mux.finish(3);
    expect(words(mux.pull(100))).toEqual(["SYN 3", "PSH 3 84"]);
    mux.abort(3);
    expect(words(mux.pull(100))).toEqual(["FIN 3"]);
    expect(events.take()).toEqual(["closed 3"]);
  });

  test("opening and aborting without end, nothing pulled, keeps nothing", () => {
    const { mux } = client({ limits: { maxStreams: 2, maxQueueBytes: 10, maxQueueEntries: 2 } });
    for (let i = 0; i < 10_000; i++) {
      const id = mux.open();
      mux.write(id, bytes("0123456789"));
      mux.abort(id);
    }
    expect([mux.streamCount, mux.queuedBytes, mux.hasOutput]).toEqual([0, 0, false]);
  });
});

describe("queue limits", () => {
  const limits = {
    maxStreamQueueBytes: 3000,
    maxStreamQueueEntries: 4,
    maxQueueBytes: 4000,
    maxQueueEntries: 5,
  };
  test.each([
    ["bytes of a stream", [[3, 3000]], 3, 1, "3001 bytes"],
    ["entries of a stream", [[3, 600], [3, 600], [3, 600], [3, 600]], 3, 512, "5 entries"], // prettier-ignore
    ["bytes of all", [[3, 2000], [5, 2000]], 7, 1, "4001 bytes"], // prettier-ignore
    ["entries of all", [[3, 600], [3, 600], [3, 600], [5, 600], [5, 600]], 7, 5, "6 entries"], // prettier-ignore
  ])("%s", (_, writes, streamId, size, part) => {
    const { mux } = client({ limits });
    for (let i = 0; i < 3; i++) mux.open();
    for (const [id = 0, length = 0] of writes) mux.write(id, new Uint8Array(length));
    const before = [mux.queuedBytes, mux.streamQueuedBytes(streamId)];
    const error = thrownBy(() => mux.write(streamId, new Uint8Array(size)));
    expect(error).toMatchObject({ code: "SMUX_QUEUE_LIMIT", fatal: false });
    expect((error as Error).message).toContain(part);
    expect([mux.queuedBytes, mux.streamQueuedBytes(streamId)]).toEqual(before);
    // Nothing was lost by the refusal, and room comes back.
    pullAll(mux);
    expect(mux.write(streamId, new Uint8Array(size))).toBe(size);
  });

  test("tiny writes do not run into the limit of entries", () => {
    const { mux } = client({ limits: { maxStreamQueueEntries: 100 } });
    mux.open();
    for (let i = 0; i < 100_000; i++) mux.write(3, Uint8Array.of(1));
    expect(mux.streamQueuedBytes(3)).toBe(100_000);
  });
});

describe("drained", () => {
  test("comes once each time the queue falls to the mark", () => {
    const { mux, events } = client({ limits: { drainBytes: 2000 } });
    mux.open();
    for (let round = 0; round < 2; round++) {
      expect(mux.write(3, new Uint8Array(4000))).toBe(4000);
      while (mux.streamQueuedBytes(3) > 3000) mux.pull(1024);
      expect(events.take()).toEqual([]);
      pullAll(mux);
      expect(events.take()).toEqual(["drained 3"]);
    }
    mux.write(3, new Uint8Array(2000));
    pullAll(mux);
    expect(events.take()).toEqual([]);
  });

  test("is not said of a stream that takes no more", () => {
    const { mux, events } = client({ limits: { drainBytes: 2000 } });
    mux.write(mux.open(), new Uint8Array(4000));
    mux.finish(3);
    pullAll(mux);
    expect(events.take()).toEqual([]);
  });
});

describe("messages", () => {
  test("belong to the caller", () => {
    const { mux } = client();
    mux.write(mux.open(), bytes("abc"));
    const first = mux.pull(100);
    const copy = first?.slice();
    mux.write(3, bytes("xyz"));
    const second = mux.pull(100);
    expect(first).toEqual(copy);
    expect(second?.buffer.byteLength).toBe(11);
  });

  test("hold frames no longer than the limit, and small writes together", () => {
    const { mux } = client({ limits: { maxFrameBytes: 100 } });
    mux.write(mux.open(), new Uint8Array(250));
    expect(words(mux.pull(1024))).toEqual(["SYN 3", "PSH 3 100", "PSH 3 100", "PSH 3 50"]);
    for (let i = 0; i < 10; i++) mux.write(3, bytes("abc"));
    mux.write(3, new Uint8Array(600));
    expect(words(join(pullAll(mux, 100))).slice(0, 2)).toEqual(["PSH 3 92", "PSH 3 92"]);
  });

  test("may be as large as a frame and no larger", () => {
    const { mux } = client({ limits: { maxFrameBytes: 65_535 } });
    mux.write(mux.open(), new Uint8Array(200_000));
    mux.pull(8 + 8 + 1);
    expect(words(mux.pull(1_000_000))).toEqual(["PSH 3 65535"]);
  });

  test("must have room for a byte", () => {
    const { mux } = client();
    for (const size of [8, 0, -1, 9.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(thrownBy(() => mux.pull(size))).toMatchObject({ code: "SMUX_INVALID_ARGUMENT" });
    }
  });
});

describe("options", () => {
  test.each([
    [{ limits: { maxStreams: 0 } }],
    [{ limits: { maxFrameBytes: 65_536 } }],
    [{ limits: { maxFrameBytes: 0 } }],
    [{ limits: { maxQueueBytes: Number.NaN } }],
    [{ limits: { drainBytes: -1 } }],
    [{ firstStreamId: 4 }],
    [{ firstStreamId: 2 ** 32 + 1 }],
    [{ firstStreamId: 1 }],
    [{ keepAlive: { intervalMs: 0, startedAt: 0 } }],
    [{ keepAlive: { intervalMs: 1, timeoutMs: Number.NaN, startedAt: 0 } }],
  ])("%j is refused", (options) => {
    expect(thrownBy(() => client(options))).toMatchObject({ code: "SMUX_INVALID_ARGUMENT", fatal: false });
  });
});

describe("poisoning", () => {
  test("after a fatal error every call repeats it, and nothing is left to do", () => {
    const { mux, events } = client({ keepAlive: { intervalMs: 10, startedAt: 0 } });
    mux.write(mux.open(), bytes("abc"));
    const first = thrownBy(() => mux.receive(join([PSH_3, hex("0201000003000000")]), 0));
    expect(first).toBeInstanceOf(BadVersionError);
    expect(events.take()).toEqual(['data 3 "abc"']);
    const calls = [
      () => mux.receive(FIN_3, 0),
      () => mux.open(),
      () => mux.write(3, bytes("x")),
      () => mux.finish(3),
      () => mux.abort(3),
      () => mux.pull(1024),
      () => mux.tick(1000),
      () => mux.suspendKeepAlive(),
      () => mux.resumeKeepAlive(0),
    ];
    for (const call of calls) expect(thrownBy(call)).toBe(first);
    expect([mux.hasOutput, mux.nextWakeAt]).toEqual([false, undefined]);
    expect(events.take()).toEqual([]);
  });

  test("an event that throws is fatal too: the rest of its bytes is lost", () => {
    const failure = new Error("owner's");
    for (const event of ["data", "finished", "closed"] as const) {
      const events = new Recorder();
      events[event] = () => {
        throw failure;
      };
      const mux = new Mux({ role: "client", events });
      mux.open();
      mux.finish(3);
      mux.pull(100);
      expect(thrownBy(() => mux.receive(join([PSH_3, FIN_3]), 0))).toBe(failure);
      expect(thrownBy(() => mux.pull(100))).toBe(failure);
    }
  });

  test("receive inside an event is refused; everything else is allowed there", () => {
    const events = new Recorder();
    const mux = new Mux({ role: "client", events });
    let inner: unknown;
    let echoed: string[] = [];
    events.data = (id, part) => {
      inner = thrownBy(() => mux.receive(FIN_3, 0));
      mux.write(id, part);
      mux.finish(id);
      mux.open();
      echoed = words(mux.pull(100));
    };
    events.finished = (id) => mux.abort(id);
    mux.open();
    mux.pull(100);
    mux.receive(join([PSH_3, FIN_3]), 0);
    expect(inner).toMatchObject({ code: "SMUX_REENTRANT_RECEIVE" });
    expect(echoed).toEqual(["SYN 5", "PSH 3 3", "FIN 3"]);
    expect(events.take()).toEqual(["closed 3"]);
    mux.receive(hex("0101000005000000"), 0);
    expect(events.take()).toEqual([]);
    expect(words(mux.pull(100))).toEqual(["FIN 5"]);
  });
});

test("random bytes throw nothing but the room's own errors, and pulls stay valid", () => {
  forSeeds(300, (random) => {
    const { mux } = random.below(2) === 0 ? client() : server({ limits: { maxStreams: 3 } });
    try {
      for (let i = 0; i < 30; i++) {
        const part = random.bytes(8 + random.below(8));
        part.set([1, random.below(random.below(4) === 0 ? 6 : 4), 0, 0, random.below(8), 0, 0, 0]);
        if (part[1] === 2) part[2] = random.below(20);
        mux.receive(part.subarray(0, random.below(2) === 0 ? 8 : part.length), i);
        words(mux.pull(100));
      }
    } catch (error) {
      expect(error).toBeInstanceOf(SmuxError);
      expect(thrownBy(() => mux.open())).toBe(error);
    }
  });
});
