/** Shells and interactive commands. */
import { describe, expect, test } from "bun:test";

import { PayloadType } from "../../../src/protocol/index.ts";
import { Rig, type RigOptions } from "../rig.ts";

/** Size payloads as text. */
function sizes(rig: Rig): string[] {
  return rig.agent.payloads(PayloadType.size).map((payload) => Buffer.from(payload).toString());
}

describe("the window's size", () => {
  test("is told at the start, at each change, and once more after a second without one", async () => {
    const rig = new Rig();
    rig.streams.hasWindow = true;
    rig.streams.size = { cols: 97, rows: 31 };
    await rig.startShell();
    expect(sizes(rig)).toEqual(['{"cols":97,"rows":31}']);
    await rig.pass(600);
    rig.streams.resize(120, 40);
    await rig.pass(999);
    expect(sizes(rig)).toEqual(['{"cols":97,"rows":31}', '{"cols":120,"rows":40}']);
    await rig.pass(1);
    expect(sizes(rig)).toHaveLength(3);
    expect(sizes(rig)[2]).toBe('{"cols":120,"rows":40}');
    rig.streams.resize(80, 24);
    await rig.pass(60_000);
    expect(sizes(rig)).toHaveLength(4);
  });

  test("is told once where there is no window", async () => {
    const rig = await new Rig().startShell();
    await rig.pass(60_000);
    expect(sizes(rig)).toEqual(['{"cols":300,"rows":100}']);
  });

  test("is not told where it is not known, until it is", async () => {
    const rig = new Rig();
    rig.streams.hasWindow = true;
    rig.streams.size = undefined;
    await rig.startShell();
    await rig.pass(5_000);
    expect(sizes(rig)).toEqual([]);
    rig.streams.resize(120, 40);
    await rig.settle();
    expect(sizes(rig)).toEqual(['{"cols":120,"rows":40}']);
  });

  test("is not told any more once the session ends", async () => {
    const rig = new Rig();
    rig.streams.hasWindow = true;
    rig.api.onTerminate = () => new Promise(() => {});
    await rig.startShell();
    rig.session.terminate();
    rig.streams.resize(10, 10);
    await rig.pass(1_500);
    expect(sizes(rig)).toHaveLength(1);
  });

  test("changed while the connection is away is told when it is back", async () => {
    const rig = await new Rig().startShell();
    rig.transport.end();
    await rig.settle();
    rig.streams.resize(1, 2);
    rig.streams.resize(3, 4);
    rig.transport.opened();
    await rig.settle();
    expect(sizes(rig).slice(1)).toEqual(['{"cols":3,"rows":4}']);
  });
});

describe("standard input", () => {
  test("is a keyboard, passed on untouched, in payloads of at most 1024 bytes", async () => {
    const rig = await new Rig().startShell();
    expect(rig.streams.uses).toEqual(["keyboard"]);
    const bytes = Uint8Array.from({ length: 5000 }, (_, at) => at);
    rig.streams.pair.send(bytes);
    rig.streams.pair.send("\n");
    rig.streams.pair.send(new Uint8Array(0));
    await rig.pass(100);
    const payloads = rig.agent.payloads(PayloadType.output);
    expect(payloads.map((payload) => payload.length)).toEqual([1024, 1024, 1024, 1024, 904, 1]);
    expect(Buffer.concat(payloads)).toEqual(Buffer.concat([bytes, Buffer.from("\n")]));
  });

  test("is paused while the window is full, and goes on without losing a byte", async () => {
    const rig = await new Rig().startShell();
    rig.agent.acknowledges = false;
    const sent: Buffer[] = [];
    for (let block = 0; block < 40; block++) {
      const bytes = Buffer.alloc(8 * 1024, block);
      sent.push(bytes);
      rig.streams.pair.send(bytes);
    }
    await rig.pass(50);
    expect(rig.streams.pair.paused).toBe(true);
    // What is unacknowledged is the first window; what is queued here is bounded.
    expect(rig.agent.typed.length).toBeLessThanOrEqual(64 * 1024);
    rig.agent.acknowledges = true;
    for (let sequenceNumber = 0; sequenceNumber < rig.agent.inputs.length; sequenceNumber++) {
      rig.agent.acknowledge(sequenceNumber);
    }
    await rig.pass(2_000);
    expect(rig.streams.pair.paused).toBe(false);
    expect(rig.streams.pair.pauses).toBeGreaterThan(1);
    expect(Buffer.from(rig.agent.typed, "latin1").equals(Buffer.concat(sent))).toBe(true);
  });

  test("waits while the connection's own buffer is full, and goes on by itself when it is not", async () => {
    const rig = await new Rig().startShell();
    rig.transport.bufferedBytes = 2 * 1024 * 1024;
    rig.streams.pair.send("late");
    await rig.pass(500);
    expect(rig.agent.typed).toBe("");
    rig.transport.bufferedBytes = 0;
    await rig.pass(20);
    expect(rig.agent.typed).toBe("late");
    expect(rig.clock.nextInMs).toBeGreaterThan(20);
    // Nor is it looked at any more once the session is over.
    rig.transport.bufferedBytes = 2 * 1024 * 1024;
    rig.streams.pair.send("never");
    rig.agent.closeChannel();
    await rig.settle();
    expect([rig.end?.kind, rig.clock.pending]).toEqual(["closed", 0]);
  });

  test("that is not acknowledged is sent again, also when the connection was cut meanwhile", async () => {
    const rig = await new Rig().startShell();
    await rig.pass(5_000);
    rig.agent.acknowledges = false;
    rig.streams.pair.send("again");
    await rig.pass(1_000);
    const before = rig.agent.arrivals.length;
    expect(before).toBeGreaterThan(2);
    await rig.reconnect();
    await rig.pass(1_000);
    expect(rig.agent.arrivals.length).toBeGreaterThan(before + 2);
    expect(new Set(rig.agent.arrivals.slice(1))).toEqual(new Set([1]));
    expect(rig.agent.typed).toBe("again");
  });

  for (const [input, ending] of [
    ["", "\x04"],
    ["exit\n", "\x04"],
    ["exit\r", "\x04"],
    ["half a line", "\x04\x04"],
  ] as const) {
    test(`that ends after ${JSON.stringify(input)} becomes ${ending.length} × 0x04, and not the session's end`, async () => {
      const rig = await new Rig().startShell();
      rig.streams.pair.send(input);
      rig.streams.pair.end();
      rig.streams.pair.end();
      rig.streams.pair.send("nothing follows an end");
      await rig.pass(60_000);
      expect(rig.agent.typed).toBe(input + ending);
      expect(rig.end).toBeUndefined();
      rig.agent.closeChannel();
      await rig.settle();
      expect(rig.end?.kind).toBe("closed");
    });
  }

  test("is not read any more once the session is being ended", async () => {
    const rig = await new Rig().startShell();
    rig.api.onTerminate = () => new Promise(() => {});
    rig.transport.bufferedBytes = 2 * 1024 * 1024;
    rig.streams.pair.send("waiting");
    rig.session.terminate();
    expect(rig.streams.pair.paused).toBe(true);
    rig.streams.pair.resume();
    rig.streams.pair.send("late");
    rig.streams.pair.end();
    rig.transport.bufferedBytes = 0;
    await rig.pass(500);
    expect(rig.agent.typed).toBe("");
  });
});

describe("a silent other side after the end of standard input", () => {
  const BOUNDED: RigOptions = { settings: { eofWaitMs: 5_000 } };

  /** A shell whose input has ended, with everything sent and acknowledged. */
  async function ended(options: RigOptions = BOUNDED): Promise<Rig> {
    const rig = await new Rig(options).startShell();
    rig.streams.pair.send("sleep 60\n");
    rig.streams.pair.end();
    await rig.settle();
    return rig;
  }

  test("is waited for, then the session is ended, and the reason is told", async () => {
    const rig = await ended();
    await rig.pass(4_900);
    expect(rig.seen).not.toContain("silent for 5000 ms");
    expect(rig.api.terminations).toBe(0);
    await rig.pass(200);
    expect(rig.seen).toContain("silent for 5000 ms");
    expect(rig.api.terminations).toBe(1);
    expect(rig.end).toEqual({ kind: "terminated", exitCode: undefined });
    expect(rig.clock.pending).toBe(0);
  });

  test("is waited for again after each output", async () => {
    const rig = await ended();
    for (let piece = 0; piece < 10; piece++) {
      await rig.pass(4_000);
      rig.agent.output("still here\n");
    }
    await rig.settle();
    expect(rig.end).toBeUndefined();
    expect(rig.streams.pair.text.split("still here")).toHaveLength(11);
    await rig.pass(4_900);
    expect(rig.end).toBeUndefined();
    await rig.pass(200);
    expect(rig.end?.kind).toBe("terminated");
  });

  test("is only waited for once it has everything, and everything it said is read", async () => {
    const rig = await new Rig({ settings: { ...BOUNDED.settings, answerTimeoutMs: 0 } }).startShell();
    rig.agent.acknowledges = false;
    rig.streams.pair.send("late\n");
    rig.streams.pair.end();
    await rig.pass(60_000);
    expect(rig.end).toBeUndefined();
    rig.agent.acknowledges = true;
    for (let number = 0; number < rig.agent.inputs.length; number++) rig.agent.acknowledge(number);
    rig.streams.pair.stalled = true;
    rig.agent.output("read slowly");
    await rig.pass(60_000);
    expect(rig.end).toBeUndefined();
    rig.streams.pair.take();
    await rig.pass(4_900);
    expect(rig.end).toBeUndefined();
    await rig.pass(200);
    expect(rig.end?.kind).toBe("terminated");
  });

  test("is no silence while the connection or the agent is away", async () => {
    const rig = await ended();
    rig.agent.pausePublication();
    await rig.pass(20_000);
    expect(rig.end).toBeUndefined();
    rig.agent.startPublication();
    await rig.pass(4_000);
    rig.transport.end();
    await rig.pass(20_000);
    rig.transport.opened();
    await rig.pass(4_900);
    expect(rig.end).toBeUndefined();
    await rig.pass(200);
    expect(rig.end?.kind).toBe("terminated");
  });

  test("is waited for without end unless a bound is set, and leaves no timer behind", async () => {
    const unbounded = await ended({});
    await unbounded.pass(3_600_000);
    expect(unbounded.end).toBeUndefined();
    const rig = await ended();
    rig.agent.closeChannel();
    await rig.settle();
    expect([rig.end?.kind, rig.clock.pending]).toEqual(["closed", 0]);
  });
});

describe("signals", () => {
  test("are bytes, ahead of what waits", async () => {
    const rig = await new Rig().startShell();
    expect(rig.session.signal("SIGINT")).toBe(true);
    expect(rig.session.signal("SIGQUIT")).toBe(true);
    await rig.settle();
    expect(rig.agent.typed).toBe("\x03\x1c");
    rig.agent.acknowledges = false;
    for (let block = 0; block < 16; block++) rig.streams.pair.send(Buffer.alloc(8 * 1024, 0x78));
    await rig.settle();
    const sent = rig.agent.typed.length;
    expect(sent).toBeLessThan(2 + 16 * 8 * 1024);
    rig.session.signal("SIGINT");
    rig.agent.acknowledges = true;
    for (let sequenceNumber = 0; sequenceNumber < rig.agent.inputs.length; sequenceNumber++) {
      rig.agent.acknowledge(sequenceNumber);
    }
    await rig.pass(1_000);
    expect(rig.agent.typed).toHaveLength(3 + 16 * 8 * 1024);
    expect(rig.agent.typed[sent]).toBe("\x03");
  });

  test("end a session that has not come up, or is being ended", async () => {
    const rig = await new Rig().start();
    expect(rig.session.signal("SIGINT")).toBe(false);
    rig.agent.output("$ ");
    await rig.settle();
    expect(rig.session.signal("SIGINT")).toBe(true);
    rig.session.terminate();
    expect(rig.session.signal("SIGINT")).toBe(false);
  });
});

describe("output", () => {
  test("is written as it comes, everything to standard output", async () => {
    const rig = await new Rig().startShell();
    rig.agent.send(PayloadType.stdErr, "err ");
    rig.agent.send(PayloadType.error, "error ");
    rig.agent.send(PayloadType.exitCode, "EXIT_CODE: 3");
    rig.agent.output(new Uint8Array(0));
    await rig.settle();
    expect(rig.streams.pair.text).toBe("$ err error EXIT_CODE: 3");
    expect(rig.streams.errorText).toBe("");
  });

  test("that nobody reads any more ends the session", async () => {
    const rig = await new Rig({ settings: { inboundBudgetBytes: 5 } }).startShell();
    rig.streams.pair.stalled = true;
    rig.agent.output("unread");
    await rig.settle();
    expect(rig.transport.paused).toBe(true);
    rig.streams.pair.closeByPeer(new Error("EPIPE"));
    // What the service has to say about it is heard.
    expect(rig.transport.paused as boolean).toBe(false);
    rig.agent.output("more");
    await rig.pass(100);
    expect(rig.api.terminations).toBe(1);
    expect(rig.end).toEqual({ kind: "terminated", exitCode: undefined });
    expect(rig.clock.pending).toBe(0);
  });

  test("that is read slowly pauses the connection at the budget, and nothing is lost", async () => {
    let collected = 0;
    const world = { collectGarbage: () => void collected++ };
    const rig = await new Rig({ settings: { inboundBudgetBytes: 10_000 }, world }).startShell();
    rig.streams.pair.stalled = true;
    for (let block = 0; block < 30; block++) rig.agent.output(Buffer.alloc(1000, 0x61 + block));
    await rig.settle();
    expect(rig.transport.paused).toBe(true);
    expect(rig.streams.pair.queuedBytes).toBeLessThanOrEqual(11_000);
    rig.streams.pair.take(4_000);
    expect(rig.transport.paused).toBe(true);
    rig.streams.pair.stalled = false;
    rig.streams.pair.take();
    await rig.pass(100);
    expect(rig.transport.paused).toBe(false);
    expect(rig.streams.pair.bytes).toBe(2 + 30_000);
    // What was kept is thrown away before more of it comes: each time that reading goes on.
    expect(collected).toBeGreaterThan(0);
    expect(rig.streams.pair.queuedBytes).toBe(0);
  });

  test("right before the end is written in full, however long its reader takes", async () => {
    const rig = await new Rig().startShell();
    rig.streams.pair.stalled = true;
    rig.agent.output("last words");
    rig.agent.closeChannel("a reason");
    await rig.pass(3_600_000);
    expect(rig.end).toBeUndefined();
    rig.streams.pair.take(5);
    await rig.settle();
    expect(rig.end).toBeUndefined();
    rig.streams.pair.take();
    await rig.settle();
    expect(rig.end).toEqual({ kind: "closed", reason: "a reason", exitCode: undefined });
    expect(rig.clock.pending).toBe(0);
  });

  test("of a session that we end is waited for half a second", async () => {
    const rig = await new Rig().startShell();
    rig.streams.pair.stalled = true;
    rig.agent.output("unread");
    await rig.settle();
    rig.session.terminate();
    await rig.pass(499);
    expect(rig.end).toBeUndefined();
    await rig.pass(1);
    expect(rig.end?.kind).toBe("terminated");
  });

  test("of a session that we end is not waited for any longer than it takes", async () => {
    for (const finish of [
      (rig: Rig) => rig.streams.pair.take(),
      (rig: Rig) => rig.streams.pair.closeByPeer(new Error("EPIPE")),
    ]) {
      const rig = await new Rig().startShell();
      rig.streams.pair.stalled = true;
      rig.agent.output("unread");
      await rig.settle();
      rig.session.terminate();
      await rig.pass(100);
      expect(rig.end).toBeUndefined();
      finish(rig);
      await rig.settle();
      expect([rig.end?.kind, rig.clock.pending]).toEqual(["terminated", 0]);
    }
  });
});

test("interactive commands are shells", async () => {
  const rig = await new Rig().startKind("InteractiveCommands");
  expect(rig.seen).toEqual(["started InteractiveCommands"]);
  rig.streams.pair.send("y\n");
  await rig.settle();
  expect(rig.agent.typed).toBe("y\n");
  expect(sizes(rig)).toHaveLength(1);
});
