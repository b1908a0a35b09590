/** Port sessions with agents that take one connection at a time. */
import { describe, expect, test } from "bun:test";

import { decodeFlag, FlagValue, PayloadType } from "../../../src/protocol/index.ts";
import { FakeLocal } from "../fakes.ts";
import { BASIC_AGENT, FORWARDING, Rig, type RigOptions } from "../rig.ts";

async function startBasic(options: RigOptions = {}): Promise<Rig> {
  return await new Rig(options).startKind("Port", FORWARDING, BASIC_AGENT);
}

/** What the agent received: output as text, flags as `<1>`. */
function received(rig: Rig): string {
  return rig.agent.inputs
    .filter(({ payloadType }) => payloadType === PayloadType.output || payloadType === PayloadType.flag)
    .map(({ payloadType, payload }) =>
      payloadType === PayloadType.flag ? `<${decodeFlag(payload)}>` : Buffer.from(payload).toString("latin1"),
    )
    .join("");
}

const DISCONNECT = `<${FlagValue.disconnectToPort}>`;

describe("the first connection", () => {
  test("gets the server's greeting, which came before it", async () => {
    const rig = await startBasic();
    rig.agent.output("220 mail");
    rig.agent.output(".test\r\n");
    rig.agent.send(PayloadType.stdErr, "not the server's");
    await rig.settle();
    const local = rig.connect();
    await rig.settle();
    expect(local.text).toBe("220 mail.test\r\n");
    expect(rig.seen.slice(-2)).toEqual(["listening 40000 basic", "accepted basic 1"]);
    local.send("EHLO\r\n");
    rig.agent.output("250\r\n");
    await rig.settle();
    expect(rig.agent.typed).toBe("EHLO\r\n");
    expect(local.text).toBe("220 mail.test\r\n250\r\n");
  });

  test("bounds its greeting by the shared budget", async () => {
    const rig = await startBasic({ settings: { inboundBudgetBytes: 5_000 } });
    for (let block = 0; block < 20; block++) rig.agent.output(Buffer.alloc(1_000));
    await rig.settle();
    expect(rig.transport.paused).toBe(true);
    const local = rig.connect();
    await rig.pass(10);
    expect(rig.transport.paused as boolean).toBe(false);
    expect(local.bytes).toBe(20_000);
  });

  test("has payloads of the chosen size, and is paused while nothing can be sent", async () => {
    const rig = await startBasic({ settings: { payloadBytes: 1_500 } });
    const local = rig.connect();
    rig.transport.bufferedBytes = 2 * 1024 * 1024;
    const sent: Buffer[] = [];
    for (let block = 0; block < 60; block++) {
      const bytes = Buffer.alloc(7_000, block);
      sent.push(bytes);
      local.send(bytes);
    }
    expect(local.paused).toBe(true);
    rig.transport.bufferedBytes = 0;
    await rig.pass(1_000);
    expect(local.paused as boolean).toBe(false);
    expect(local.pauses).toBeGreaterThan(1);
    const payloads = rig.agent.payloads(PayloadType.output);
    expect(Buffer.concat(payloads).equals(Buffer.concat(sent))).toBe(true);
    expect(Math.max(...payloads.map(({ length }) => length))).toBe(1_500);
  });
});

describe("one connection at a time", () => {
  test("a second one is refused at once, with a log line; the first lives on", async () => {
    const rig = await startBasic();
    const first = rig.connect();
    expect(rig.net.connect()).toBeUndefined();
    expect(rig.logged).toContain("connection refused");
    first.send("on");
    await rig.settle();
    expect(received(rig)).toBe("on");
  });

  test("when it closes the agent is told, and the next one is served; no greeting for it", async () => {
    const rig = await startBasic();
    const first = rig.connect();
    first.send("one");
    first.closeByPeer();
    await rig.settle();
    expect(received(rig)).toBe(`one${DISCONNECT}`);
    rig.agent.output("said to nobody");
    await rig.settle();
    const second = rig.connect();
    second.send("two");
    rig.agent.output("answer");
    await rig.settle();
    expect(received(rig)).toBe(`one${DISCONNECT}two`);
    expect(second.text).toBe("answer");
    expect(rig.seen.slice(-2)).toEqual(["accepted basic 1", "accepted basic 2"]);
  });

  test("what comes before the agent has confirmed the disconnect belongs to the one before", async () => {
    const rig = await startBasic();
    const first = rig.connect();
    first.send("one");
    await rig.settle();
    rig.agent.acknowledges = false;
    first.closeByPeer();
    await rig.settle();
    const second = rig.connect();
    second.send("two");
    rig.agent.output("stale");
    rig.agent.pausePublication();
    rig.agent.startPublication();
    await rig.settle();
    expect(second.text).toBe("");
    // Nor is the second one's data sent: the agent would write it to the first one's connection.
    expect(received(rig)).toBe(`one${DISCONNECT}`);
    rig.agent.acknowledges = true;
    rig.agent.acknowledge(rig.agent.inputs.length - 1);
    rig.agent.output("fresh");
    await rig.settle();
    expect(second.text).toBe("fresh");
    expect(received(rig)).toBe(`one${DISCONNECT}two`);
  });

  test("a disconnect that could not even be sent is not confirmed", async () => {
    const rig = await startBasic();
    const first = rig.connect();
    first.send("one");
    await rig.settle();
    rig.agent.pausePublication();
    first.closeByPeer();
    rig.agent.output("stale");
    await rig.settle();
    const second = rig.connect();
    rig.agent.output("stale");
    await rig.settle();
    expect(second.text).toBe("");
    rig.agent.startPublication();
    await rig.settle();
    rig.agent.output("fresh");
    await rig.settle();
    expect(second.text).toBe("fresh");
    expect(received(rig)).toBe(`one${DISCONNECT}`);
  });

  test("what it had still queued when it closed in order goes before the disconnect; after a reset it does not", async () => {
    for (const [error, expected] of [
      [undefined, `first second${DISCONNECT}third`],
      [new Error("ECONNRESET"), `first ${DISCONNECT}third`],
    ] as const) {
      const rig = await startBasic();
      const local = rig.connect();
      local.send("first ");
      rig.transport.bufferedBytes = 2 * 1024 * 1024;
      local.send("second");
      local.closeByPeer(error);
      // Until then nobody else is served.
      if (error === undefined) expect(rig.net.connect()).toBeUndefined();
      rig.transport.bufferedBytes = 0;
      await rig.pass(50);
      rig.connect().send("third");
      await rig.pass(50);
      expect(received(rig)).toBe(expected);
    }
  });

  test("a reset of a paused one does not leave the next one paused", async () => {
    const rig = await startBasic();
    const first = rig.connect();
    rig.transport.bufferedBytes = 2 * 1024 * 1024;
    first.send(Buffer.alloc(100_000));
    expect(first.paused).toBe(true);
    first.closeByPeer(new Error("ECONNRESET"));
    rig.transport.bufferedBytes = 0;
    await rig.pass(50);
    const second = rig.connect();
    rig.transport.bufferedBytes = 2 * 1024 * 1024;
    second.send(Buffer.alloc(200_000));
    expect(second.paused).toBe(true);
    rig.transport.bufferedBytes = 0;
    await rig.pass(1_000);
    expect(second.paused as boolean).toBe(false);
    expect(rig.agent.typed).toHaveLength(200_000);
  });

  test("the budget that a closed one had used is given back", async () => {
    const rig = await startBasic({ settings: { inboundBudgetBytes: 1_000 } });
    const local = rig.connect();
    local.stalled = true;
    rig.agent.output(Buffer.alloc(2_000));
    await rig.settle();
    expect(rig.transport.paused).toBe(true);
    local.closeByPeer(new Error("ECONNRESET"));
    await rig.settle();
    expect(rig.transport.paused as boolean).toBe(false);
    // No more than it had used.
    const next = rig.connect();
    next.stalled = true;
    rig.agent.output(Buffer.alloc(900));
    await rig.settle();
    expect(rig.transport.paused as boolean).toBe(false);
    rig.agent.output(Buffer.alloc(200));
    await rig.settle();
    expect(rig.transport.paused as boolean).toBe(true);
  });

  test("the budget that a closed one had given back itself is not given back again", async () => {
    const rig = await startBasic({ settings: { inboundBudgetBytes: 1_000 } });
    const local = rig.connect();
    for (let block = 0; block < 5; block++) {
      rig.agent.output(Buffer.alloc(900));
      await rig.settle();
    }
    local.closeByPeer();
    await rig.settle();
    const next = rig.connect();
    next.stalled = true;
    rig.agent.output(Buffer.alloc(1_100));
    await rig.settle();
    expect(rig.transport.paused).toBe(true);
  });
});

describe("a half-close", () => {
  test("is held back until the answer has been silent, then the connection is over", async () => {
    const rig = await startBasic();
    const local = rig.connect();
    local.send("request");
    local.end();
    await rig.pass(1_900);
    rig.agent.output("answer");
    await rig.pass(1_900);
    expect(local.isClosed).toBe(false);
    expect(received(rig)).toBe("request");
    await rig.pass(200);
    expect([local.isClosed, local.isReset, local.text]).toEqual([true, false, "answer"]);
    expect(received(rig)).toBe(`request${DISCONNECT}`);
  });

  test("does not make the next connection wait", async () => {
    const rig = await startBasic();
    for (let round = 0; round < 5; round++) {
      const local = rig.connect();
      local.send(`${round}`);
      local.end();
      await rig.pass(20);
    }
    expect(received(rig)).toBe([0, 1, 2, 3].map((round) => `${round}${DISCONNECT}`).join("") + "4");
    await rig.pass(5_000);
    expect(received(rig)).toEndWith(`4${DISCONNECT}`);
  });

  test("of one that still has something to send is not cut short by the next connection", async () => {
    const rig = await startBasic();
    const first = rig.connect();
    rig.transport.bufferedBytes = 2 * 1024 * 1024;
    first.send("request");
    first.end();
    expect(rig.net.connect()).toBeUndefined();
    expect(first.isClosed).toBe(false);
    rig.transport.bufferedBytes = 0;
    await rig.pass(100);
    expect(received(rig)).toBe("request");
  });

  test("of one that was retired: what it still says is nobody's", async () => {
    const rig = await startBasic();
    const first = rig.connect();
    first.stalled = true;
    rig.agent.output("unread");
    await rig.settle();
    first.end();
    const second = rig.connect();
    await rig.settle();
    expect(first.isClosed).toBe(false);
    first.events?.data(Buffer.from("late"));
    first.take();
    await rig.settle();
    expect(first.isClosed as boolean).toBe(true);
    second.send("second");
    await rig.settle();
    expect(received(rig)).toBe(`${DISCONNECT}second`);
  });
});

describe("the end of the session", () => {
  test("waits for the connection's reader for a while, then resets it", async () => {
    const rig = await startBasic();
    const local = rig.connect();
    local.stalled = true;
    local.end();
    rig.agent.output("unread");
    rig.agent.closeChannel();
    await rig.pass(9_999);
    expect(rig.end).toBeUndefined();
    await rig.pass(1);
    expect(rig.end?.kind).toBe("closed");
    expect([local.isReset, rig.clock.pending, rig.net.connect()]).toEqual([true, 0, undefined]);
  });

  test("comes at once when there is nothing to wait for", async () => {
    const idle = await startBasic();
    idle.agent.closeChannel();
    const read = await startBasic();
    const local = read.connect();
    read.agent.output("read");
    await read.settle();
    read.agent.closeChannel();
    for (const rig of [idle, read]) {
      await rig.settle();
      expect([rig.end?.kind, rig.clock.pending]).toEqual(["closed", 0]);
    }
    expect([local.isReset, local.text]).toEqual([false, "read"]);
  });

  test("with a linger under way, or one that its connection did not wait for, leaves no timer", async () => {
    for (const close of [false, true]) {
      const rig = await startBasic();
      const local = rig.connect();
      local.end();
      await rig.settle();
      if (close) local.closeByPeer(new Error("ECONNRESET"));
      else rig.connect().end();
      await rig.settle();
      rig.agent.closeChannel();
      await rig.settle();
      expect([rig.end?.kind, rig.clock.pending]).toEqual(["closed", 0]);
    }
  });

  test("by being lost resets the connection at once", async () => {
    const rig = await startBasic();
    const local = rig.net.connect(new FakeLocal());
    rig.api.onResume = () => Promise.resolve(undefined);
    rig.transport.end();
    await rig.settle();
    expect([local?.isReset, rig.end?.kind, rig.clock.pending]).toEqual([true, "lost", 0]);
  });

  test("is asked for by the flag, and signals are left to the caller", async () => {
    const rig = await startBasic();
    expect(rig.session.signal("SIGINT")).toBe(false);
    rig.session.terminate();
    rig.agent.closeChannel();
    await rig.settle();
    expect(received(rig)).toBe(`<${FlagValue.terminateSession}>`);
    expect([rig.end?.kind, rig.api.terminations, rig.net.stopped > 0]).toEqual(["terminated", 0, true]);
  });
});

test("a cut is survived by connection and greeting", async () => {
  const rig = await startBasic();
  rig.agent.output("hello ");
  await rig.settle();
  await rig.reconnect();
  rig.agent.startPublication();
  const local = rig.connect();
  rig.transport.end();
  await rig.settle();
  local.send("up");
  rig.transport.opened();
  rig.agent.output("down");
  await rig.pass(100);
  expect(local.text).toBe("hello down");
  expect(received(rig)).toBe("up");
});
