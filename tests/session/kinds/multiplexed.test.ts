/** Tunnels with many connections: who opens, feeds and ends them. */
import { describe, expect, test } from "bun:test";

import { encodeFlag, FlagValue, PayloadType } from "../../../src/protocol/index.ts";
import { SeededRandom } from "../../support/seeded-random.ts";
import { FakeLocal } from "../fakes.ts";
import { FORWARDING, Rig } from "../rig.ts";
import { startTunnels } from "../smux-peer.ts";

const KIB = 1024;
const MIB = 1024 * KIB;

/** Payloads that are one smux frame with this command and no data. */
function controlFrames(rig: Rig, command: number): number {
  return rig.agent
    .payloads(PayloadType.output)
    .filter((payload) => payload.length === 8 && payload[1] === command).length;
}

describe("listening", () => {
  test("on the port of the document, on any free one, on a chosen host, or on a path", async () => {
    const any = await new Rig().startKind("Port", FORWARDING);
    expect(any.net.targets).toEqual([{ kind: "tcp", port: 0 }]);
    expect(any.seen).toEqual(["started Port", "listening 40000 multiplexed"]);
    const fixed = await new Rig({ settings: { localHost: "0.0.0.0" } }).startKind("Port", {
      ...FORWARDING,
      localPortNumber: "5432",
    });
    expect(fixed.net.targets).toEqual([{ kind: "tcp", port: 5432, host: "0.0.0.0" }]);
    expect(fixed.seen.at(-1)).toBe("listening 5432 multiplexed");
    const path = await new Rig({ settings: { localHost: "0.0.0.0" } }).startKind("Port", {
      ...FORWARDING,
      localConnectionType: "unix",
      localUnixSocket: "/tmp/db.sock",
    });
    expect(path.net.targets).toEqual([{ kind: "unix", path: "/tmp/db.sock" }]);
    expect(path.seen.at(-1)).toBe("listening /tmp/db.sock multiplexed");
  });

  test("that succeeds too late is taken back", async () => {
    const listening = Promise.withResolvers<void>();
    let stopped = 0;
    const rig = await new Rig({
      world: {
        listen: async () => {
          await listening.promise;
          return { port: 1, addresses: [], stop: () => void stopped++ };
        },
      },
    }).startKind("Port", FORWARDING);
    rig.session.terminate();
    listening.resolve();
    await rig.settle();
    expect(stopped).toBe(1);
    expect(rig.seen).toEqual(["started Port"]);
  });

  test("that fails too late says nothing more", async () => {
    const listening = Promise.withResolvers<never>();
    const rig = await new Rig({ world: { listen: () => listening.promise } }).startKind("Port", FORWARDING);
    rig.session.terminate();
    listening.reject(new Error("in use"));
    await rig.pass(3_000);
    expect(rig.end?.kind).toBe("terminated");
  });

  test("stops when the session is being ended: late connections are refused", async () => {
    const { rig } = await startTunnels();
    rig.session.terminate();
    expect(rig.net.stopped).toBe(1);
    expect(rig.net.connect()).toBeUndefined();
  });
});

describe("connections", () => {
  test("are streams 3, 5, 7…, bytes untouched both ways", async () => {
    const { rig, peer } = await startTunnels();
    const random = new SeededRandom(5);
    const [a, b] = [rig.connect(), rig.connect()];
    expect(rig.seen.slice(-2)).toEqual(["accepted multiplexed 1", "accepted multiplexed 2"]);
    const up = random.bytes(10_000);
    const down = random.bytes(10_000);
    a.send(up);
    b.send("\n");
    await rig.pass(50);
    peer.write(5, down);
    peer.write(3, "\n");
    await rig.pass(50);
    expect(peer.events).toEqual(["open 3", "open 5"]);
    expect(peer.received(3).equals(up)).toBe(true);
    expect(peer.received(5).toString()).toBe("\n");
    expect(Buffer.concat(b.chunks).equals(down)).toBe(true);
    expect(a.text).toBe("\n");
  });

  test("two hundred at once, of random sizes, closed in random order from both ends", async () => {
    const { rig, peer } = await startTunnels();
    const random = new SeededRandom(200);
    peer.onData = (streamId, bytes) => peer.write(streamId, new Uint8Array(bytes));
    peer.onFinished = (streamId) => peer.finish(streamId);
    const all = Array.from({ length: 200 }, (_, index) => {
      const bytes = random.bytes(random.between(1, 20_000));
      const local = rig.connect();
      local.send(bytes);
      return { local, bytes, streamId: 3 + 2 * index };
    });
    await rig.pass(5_000);
    for (const { local, bytes } of all) expect(Buffer.concat(local.chunks).equals(bytes)).toBe(true);
    for (const { local, streamId } of random.shuffle(all)) {
      if (random.chance(0.5)) peer.finish(streamId);
      else local.closeByPeer();
    }
    await rig.pass(5_000);
    for (const { local } of all) expect(local.isClosed).toBe(true);
    expect(peer.mux.streamCount).toBe(0);
    rig.session.terminate();
    rig.agent.closeChannel();
    await rig.settle();
    expect(rig.clock.pending).toBe(0);
  });

  test("beyond what can be multiplexed are refused, the others live on", async () => {
    const { rig, peer } = await startTunnels();
    const locals = Array.from({ length: 4096 }, () => rig.connect());
    expect(rig.net.connect()).toBeUndefined();
    expect(rig.logged).toContain("connection refused");
    locals[4095]?.send("here");
    await rig.pass(1_000);
    expect(peer.received(3 + 2 * 4095).toString()).toBe("here");
  });

  test("survive a cut", async () => {
    const { rig, peer } = await startTunnels();
    const local = rig.connect();
    local.send("before ");
    await rig.settle();
    rig.transport.end();
    await rig.settle();
    local.send("during ");
    expect(local.isClosed).toBe(false);
    rig.transport.opened();
    local.send("after");
    peer.write(3, "down");
    await rig.pass(500);
    expect(peer.received(3).toString()).toBe("before during after");
    expect(local.text).toBe("down");
  });
});

describe("a destination that cannot be reached", () => {
  test("resets its connection, the others live on", async () => {
    const { rig, peer } = await startTunnels();
    const [busy, refused, next] = [rig.connect(), rig.connect(), rig.connect()];
    await rig.settle();
    peer.write(3, "busy");
    rig.agent.send(PayloadType.flag, encodeFlag(FlagValue.connectToPortError));
    peer.finish(3);
    peer.finish(5);
    peer.write(7, "next");
    await rig.settle();
    expect(rig.seen.at(-1)).toBe("destination failed");
    expect([busy.isClosed, busy.isReset]).toEqual([true, false]);
    expect([refused.isClosed, refused.isReset]).toEqual([true, true]);
    expect(next.isClosed).toBe(false);
    // The next end is an ordinary one again, also of a connection that received nothing.
    const quiet = rig.connect();
    await rig.settle();
    peer.finish(9);
    await rig.settle();
    expect([quiet.isClosed, quiet.isReset]).toEqual([true, false]);
  });

  test("means nothing to later connections when nobody waits for it any more", async () => {
    const { rig, peer } = await startTunnels();
    const impatient = rig.connect();
    await rig.settle();
    impatient.closeByPeer(new Error("gave up"));
    await rig.settle();
    rig.agent.send(PayloadType.flag, encodeFlag(FlagValue.connectToPortError));
    peer.finish(3);
    await rig.settle();
    const later = rig.connect();
    await rig.settle();
    peer.finish(5);
    await rig.settle();
    expect([later.isClosed, later.isReset]).toEqual([true, false]);
  });

  test("other flags, and flags that are none, mean nothing", async () => {
    const { rig, peer } = await startTunnels();
    const local = rig.connect();
    rig.agent.send(PayloadType.flag, encodeFlag(FlagValue.disconnectToPort));
    rig.agent.send(PayloadType.flag, "?");
    rig.agent.send(PayloadType.stdErr, "not a stream");
    peer.finish(3);
    await rig.settle();
    expect(local.isReset).toBe(false);
    expect(rig.logged).toContain("unreadable flag");
    expect(rig.seen).not.toContain("destination failed");
  });
});

describe("a connection that ends here", () => {
  test("by a reset drops what it still had to say, ends its stream only, and nothing more is written to it", async () => {
    const { rig, peer } = await startTunnels();
    const [a, b] = [rig.connect(), rig.connect()];
    await rig.settle();
    rig.transport.bufferedBytes = 2 * MIB;
    a.send(Buffer.alloc(50 * KIB));
    b.send("b");
    a.closeByPeer(new Error("ECONNRESET"));
    rig.transport.bufferedBytes = 0;
    await rig.pass(100);
    expect(peer.events).toEqual(["open 3", "open 5", "fin 3"]);
    expect(peer.received(3)).toHaveLength(0);
    expect(peer.received(5).toString()).toBe("b");
    peer.write(3, "for nobody");
    await rig.settle();
    expect(a.text).toBe("");
    expect(b.isClosed).toBe(false);
  });

  test("while its answer is queued gives its part of the budget back", async () => {
    const { rig, peer } = await startTunnels({ settings: { inboundBudgetBytes: 10_000 } });
    const [a, b] = [rig.connect(), rig.connect()];
    await rig.settle();
    a.stalled = true;
    peer.write(3, Buffer.alloc(12_000));
    peer.write(5, "b");
    await rig.settle();
    expect(rig.transport.paused).toBe(true);
    a.closeByPeer(new Error("ECONNRESET"));
    await rig.settle();
    expect(rig.transport.paused as boolean).toBe(false);
    expect(b.text).toBe("b");
    // What `b` has given back itself is not given back again.
    b.closeByPeer();
    const next = rig.connect();
    await rig.settle();
    next.stalled = true;
    peer.write(7, Buffer.alloc(10_001));
    await rig.settle();
    expect(rig.transport.paused as boolean).toBe(true);
  });

  test("tells its destination at once", async () => {
    const { rig, peer } = await startTunnels();
    const local = rig.connect();
    await rig.settle();
    local.closeByPeer();
    await rig.settle();
    expect(peer.events).toEqual(["open 3", "fin 3"]);
  });
});

describe("keep-alive", () => {
  for (const [agentVersion, keepAlive, nops] of [
    ["3.3.0.0", false, 0],
    ["3.3.0.0", true, 6],
    ["3.1.1511.0", false, 6],
    ["3.1.1511.1", false, 0],
  ] as const) {
    test(`agent ${agentVersion}, ${keepAlive ? "wanted" : "not wanted"}: ${nops} NOPs a minute`, async () => {
      const { rig } = await startTunnels({ settings: { keepAlive } }, agentVersion);
      await rig.pass(60_050);
      expect(controlFrames(rig, 3)).toBe(nops);
      rig.agent.closeChannel();
      await rig.settle();
      expect(rig.clock.pending).toBe(0);
    });
  }
});

describe("an agent that sends something that is no stream", () => {
  test("ends the session with a clear line, here and at the service; nothing is thrown at anybody", async () => {
    const { rig, peer } = await startTunnels({ settings: { keepAlive: true } });
    rig.api.onTerminate = () => new Promise(() => {});
    const [a, b] = [rig.connect(), rig.connect()];
    // Shortly before the next NOP.
    await rig.pass(9_500);
    a.closesAtOnce = true;
    peer.write(3, "good ");
    rig.agent.output("garbage!");
    rig.agent.output("garbage again");
    a.send("after it");
    b.send("after it");
    b.end();
    b.closeByPeer();
    expect(rig.net.connect()).toBeUndefined();
    await rig.settle();
    expect([a.isReset, a.isClosed, b.isClosed]).toEqual([true, true, true]);
    await rig.pass(20_000);
    expect(rig.end?.kind).toBe("lost");
    if (rig.end?.kind !== "lost") return;
    expect(rig.end.error.code).toBe("SESSION_PEER");
    expect(rig.end.error.message).toStartWith(
      "the agent sent a stream that cannot be read: smux: a frame has version 103",
    );
    expect(rig.api.terminations).toBe(1);
    expect(rig.clock.pending).toBe(0);
  });

  test("but unknown streams, ends that come twice and streams of its own do no harm", async () => {
    const { rig, peer } = await startTunnels();
    const local = rig.connect();
    await rig.settle();
    const frame = (command: number, streamId: number, data = ""): Buffer => {
      const header = Buffer.alloc(8);
      header.set([1, command]);
      header.writeUInt16LE(data.length, 2);
      header.writeUInt32LE(streamId, 4);
      return Buffer.concat([header, Buffer.from(data)]);
    };
    rig.agent.output(frame(2, 999, "who?"));
    rig.agent.output(Buffer.concat([frame(1, 999), frame(1, 999), frame(0, 2), frame(3, 0)]));
    peer.write(3, "fine");
    await rig.settle();
    expect(local.text).toBe("fine");
    rig.agent.output(Buffer.concat([frame(1, 3), frame(1, 3), frame(2, 3, "late")]));
    await rig.settle();
    expect(local.text).toBe("fine");
    expect(local.isClosed).toBe(true);
    expect(rig.end).toBeUndefined();
  });
});

describe("the end of the session", () => {
  test("by the other side: local programs get what came before it, up to ten seconds, then a reset", async () => {
    const { rig, peer } = await startTunnels();
    const [quick, slow] = [rig.connect(), rig.connect()];
    await rig.settle();
    slow.stalled = true;
    peer.write(3, "last words");
    peer.write(5, "unread");
    rig.agent.closeChannel("time-out");
    await rig.settle();
    expect([quick.isClosed, quick.isReset, quick.text]).toEqual([true, false, "last words"]);
    expect([rig.net.stopped > 0, rig.net.connect()]).toEqual([true, undefined]);
    expect(rig.end).toBeUndefined();
    await rig.pass(10_000);
    expect(rig.end).toEqual({ kind: "closed", reason: "time-out", exitCode: undefined });
    await rig.settle();
    expect(slow.isReset).toBe(true);
    expect(rig.clock.pending).toBe(0);
  });

  test("by the other side: does not wait for programs that have read everything", async () => {
    const { rig, peer } = await startTunnels();
    const local = rig.connect();
    await rig.settle();
    local.stalled = true;
    peer.write(3, "last words");
    rig.agent.closeChannel();
    await rig.pass(1_000);
    local.take();
    await rig.settle();
    expect([rig.end?.kind, local.isReset, rig.clock.pending]).toEqual(["closed", false, 0]);
  });

  test("because it is lost: local connections are reset at once", async () => {
    const { rig, peer } = await startTunnels();
    const local = rig.connect();
    await rig.settle();
    local.stalled = true;
    peer.write(3, "unread");
    local.end();
    rig.api.onResume = () => Promise.resolve(undefined);
    rig.transport.end();
    await rig.settle();
    expect([local.isReset, rig.end?.kind, rig.clock.pending]).toEqual([true, "lost", 0]);
  });

  test("with a linger under way leaves no timer", async () => {
    const { rig } = await startTunnels();
    const local = new FakeLocal();
    rig.net.connect(local);
    local.end();
    const gone = rig.connect();
    gone.end();
    gone.closeByPeer(new Error("ECONNRESET"));
    await rig.settle();
    expect(rig.clock.pending).toBeGreaterThan(0);
    rig.agent.closeChannel();
    await rig.settle();
    expect([rig.end?.kind, rig.clock.pending]).toEqual(["closed", 0]);
  });
});
