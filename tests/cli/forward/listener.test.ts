/** A tunnel's listener outlives its sessions: waiting connections, and sharing them out. */
import { describe, expect, test } from "bun:test";

import { TunnelListener } from "../../../src/cli/forward/listener.ts";
import type { Accept, Listener, LocalStream, LocalStreamEvents } from "../../../src/session/index.ts";
import { FakeLocal, FakeNet } from "../../session/fakes.ts";

/** A session's end of the connections that it was given. */
class FakeAcceptor {
  readonly taken: { readonly stream: LocalStream; received: string; ended: boolean; closed: boolean }[] = [];
  refuses = false;
  pausesAtOnce = false;
  listener: Listener | undefined;
  /** Connections that were open when it stopped. */
  openAtStop: number | undefined;

  readonly accept: Accept = (stream) => {
    if (this.refuses) return undefined;
    const taken = { stream, received: "", ended: false, closed: false };
    this.taken.push(taken);
    if (this.pausesAtOnce) stream.pause();
    const events: LocalStreamEvents = {
      data: (bytes) => void (taken.received += Buffer.from(bytes).toString()),
      ended: () => void (taken.ended = true),
      written: () => {},
      closed: () => void (taken.closed = true),
    };
    return events;
  };

  async join(listener: TunnelListener): Promise<this> {
    this.listener = await listener.listenFor((open) => void (this.openAtStop = open))(
      { kind: "tcp", port: 0 },
      this.accept,
    );
    return this;
  }
}

async function bound(): Promise<{ net: FakeNet; listener: TunnelListener; wanted: () => number }> {
  let wanted = 0;
  const net = new FakeNet();
  const listener = new TunnelListener(() => wanted++);
  await listener.bind(net.listen, { kind: "tcp", port: 8080 });
  return { net, listener, wanted: () => wanted };
}

/** Lets what fakes put off to a microtask happen. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("without a session", () => {
  test("a connection waits unread, and the session that comes gets all of it", async () => {
    const { net, listener, wanted } = await bound();
    const local = net.connect();
    expect({ waiting: listener.waiting, wanted: wanted(), paused: local?.paused }).toEqual({
      waiting: 1,
      wanted: 1,
      paused: true,
    });
    local?.send("hello");
    local?.end();
    const session = await new FakeAcceptor().join(listener);
    expect(session.taken[0]).toMatchObject({ received: "hello", ended: true });
    expect(listener.waiting).toBe(0);
    expect(listener.counts).toMatchObject({ open: 1, total: 1, sentBytes: 5 });
  });

  test("what was read before it could be stopped is not lost", async () => {
    const { net, listener } = await bound();
    const local = net.connect(new FakeLocal());
    local?.events?.data(Buffer.from("early"));
    local?.events?.ended();
    const session = await new FakeAcceptor().join(listener);
    expect(session.taken[0]).toMatchObject({ received: "early", ended: true });
  });

  test("a session that stops reading at once is not overruled", async () => {
    const { net, listener } = await bound();
    const local = net.connect();
    const session = new FakeAcceptor();
    session.pausesAtOnce = true;
    await session.join(listener);
    expect(local?.paused).toBe(true);
    session.taken[0]?.stream.resume();
    expect(local?.paused).toBe(false);
  });

  test("one that goes away is forgotten", async () => {
    const { net, listener } = await bound();
    net.connect()?.closeByPeer(new Error("reset"));
    expect({ waiting: listener.waiting, open: listener.counts.open }).toEqual({ waiting: 0, open: 0 });
    expect((await new FakeAcceptor().join(listener)).taken).toHaveLength(0);
  });

  test("one that the session does not want is reset, and counted out once", async () => {
    const { net, listener } = await bound();
    const local = net.connect();
    const session = new FakeAcceptor();
    session.refuses = true;
    await session.join(listener);
    await settled();
    expect(local?.isReset).toBe(true);
    expect(listener.counts.open).toBe(0);
    expect(net.connect()).toBeUndefined();
    expect(listener.counts).toMatchObject({ open: 0, total: 1 });
  });

  test("257 are one too many", async () => {
    const { net, listener } = await bound();
    const locals = Array.from({ length: 257 }, () => net.connect());
    expect(locals.filter((local) => local === undefined)).toHaveLength(1);
    expect(locals.at(-1)).toBeUndefined();
    expect(listener.waiting).toBe(256);
  });

  test("stopping resets those that wait", async () => {
    const { net, listener } = await bound();
    const local = net.connect();
    listener.stop();
    await settled();
    expect({ reset: local?.isReset, stopped: net.stopped, open: listener.counts.open }).toEqual({
      reset: true,
      stopped: 1,
      open: 0,
    });
  });
});

describe("with sessions", () => {
  test("each connection goes to the one with the fewest", async () => {
    const { net, listener } = await bound();
    const [a, b] = [await new FakeAcceptor().join(listener), await new FakeAcceptor().join(listener)];
    const locals = [net.connect(), net.connect(), net.connect()];
    expect([a.taken.length, b.taken.length]).toEqual([2, 1]);
    locals[0]?.closeByPeer();
    locals[2]?.closeByPeer();
    net.connect();
    net.connect();
    expect([a.taken.length, b.taken.length]).toEqual([4, 1]);
  });

  test("one that has stopped gets no more, but keeps what it has", async () => {
    const { net, listener, wanted } = await bound();
    const first = await new FakeAcceptor().join(listener);
    const local = net.connect();
    first.listener?.stop();
    const later = net.connect();
    expect({ taken: first.taken.length, waiting: listener.waiting, wanted: wanted() }).toEqual({
      taken: 1,
      waiting: 1,
      wanted: 1,
    });
    local?.send("still here");
    expect(first.taken[0]?.received).toBe("still here");
    const second = await new FakeAcceptor().join(listener);
    later?.send("me too");
    expect(second.taken[0]?.received).toBe("me too");
  });

  test("bytes and connections are counted", async () => {
    const { net, listener } = await bound();
    const session = await new FakeAcceptor().join(listener);
    const local = net.connect();
    local?.send("12345");
    session.taken[0]?.stream.write(Buffer.from("123"));
    expect(local?.text).toBe("123");
    expect(listener.counts).toMatchObject({ open: 1, total: 1, sentBytes: 5, receivedBytes: 3 });
    local?.closeByPeer();
    expect(session.taken[0]?.closed).toBe(true);
    expect(listener.counts).toMatchObject({ open: 0, total: 1 });
  });
});

describe("at the end", () => {
  test("no connection is accepted any more; one that waits still gets a session", async () => {
    const { net, listener } = await bound();
    const local = net.connect();
    listener.stopAccepting();
    expect({ stopped: net.stopped, waiting: listener.waiting }).toEqual({ stopped: 1, waiting: 1 });
    local?.send("late");
    const session = await new FakeAcceptor().join(listener);
    expect(session.taken[0]?.received).toBe("late");
  });

  test("unanswered is what waits, and what has spoken last", async () => {
    const { net, listener } = await bound();
    const [waiting, silent] = [net.connect(), net.connect()];
    expect(listener.unanswered).toBe(2);
    const session = await new FakeAcceptor().join(listener);
    expect(listener.unanswered).toBe(0);
    waiting?.send("question");
    expect(listener.unanswered).toBe(1);
    session.taken[0]?.stream.write(Buffer.from("answer"));
    expect(listener.unanswered).toBe(0);
    waiting?.send("another");
    silent?.send("me too");
    expect(listener.unanswered).toBe(2);
    waiting?.closeByPeer();
    expect(listener.unanswered).toBe(1);
  });
});
