/** How a session ends, from either side. */
import { describe, expect, test } from "bun:test";

import { decodeFlag, FlagValue, PayloadType } from "../../src/protocol/index.ts";
import { endOf, expectNothingLeft } from "./expectations.ts";
import { apiError } from "./fakes.ts";
import { FORWARDING, OLD_AGENT, Rig } from "./rig.ts";

describe("ending from this side", () => {
  const ways: [string, string, boolean][] = [
    ["3.3.0.0", "by the flag", true],
    ["2.3.722.1", "by the flag", true],
    [OLD_AGENT, "by the API", false],
    ["3.3", "by the API", false],
  ];
  for (const [agentVersion, name, byFlag] of ways) {
    test(`a tunnel, agent ${agentVersion}: ${name}`, async () => {
      const rig = await new Rig().startKind("Port", FORWARDING, agentVersion);
      rig.session.terminate();
      rig.session.terminate();
      await rig.settle();
      const flags = rig.agent.payloads(PayloadType.flag).map(decodeFlag);
      expect(flags).toEqual(byFlag ? [FlagValue.terminateSession] : []);
      expect(rig.net.stopped).toBeGreaterThan(0);
      rig.agent.closeChannel("ignored");
      await rig.settle();
      expect(rig.api.terminations).toBe(byFlag ? 0 : 1);
      expect(rig.end).toEqual({ kind: "terminated", exitCode: undefined });
      expectNothingLeft(rig);
    });
  }

  test("a flag that shows no effect is followed by the API, and no more than 3 s pass in any case", async () => {
    const rig = await new Rig().startKind("Port", FORWARDING);
    rig.api.onTerminate = () => new Promise(() => {});
    const local = rig.connect();
    local.stalled = true;
    // Something that is never read, so that the flush takes its full time, too.
    rig.agent.output(Uint8Array.of(1, 2, 1, 0, 3, 0, 0, 0, 0x61));
    await rig.pass(10);
    expect(local.text).toBe("a");
    const startedAtMs = rig.clock.now();
    rig.session.terminate();
    await rig.pass(999);
    expect(rig.api.terminations).toBe(0);
    await rig.pass(1);
    expect(rig.api.terminations).toBe(1);
    await rig.pass(10_000);
    expect(rig.end?.kind).toBe("terminated");
    expect(rig.endedAtMs - startedAtMs).toBe(2_500);
    expect(local.isReset).toBe(true);
    expectNothingLeft(rig);
  });

  test("by an API that fails or never answers ends all the same", async () => {
    for (const onTerminate of [
      () => Promise.reject(apiError("AccessDenied", false)),
      () => new Promise<void>(() => {}),
    ]) {
      const rig = await new Rig().startShell();
      rig.api.onTerminate = onTerminate;
      rig.session.terminate();
      await rig.pass(2_000);
      expect(rig.end?.kind).toBe("terminated");
      expectNothingLeft(rig);
    }
  });

  test("uses the API while the connection is away", async () => {
    const rig = await new Rig().startKind("Port", FORWARDING);
    rig.transport.end();
    rig.session.terminate();
    await rig.settle();
    expect(rig.agent.payloads(PayloadType.flag)).toEqual([]);
    expect(rig.api.terminations).toBe(1);
    expectNothingLeft(rig);
  });

  test("before the session has come up: nothing starts any more", async () => {
    const rig = await new Rig().start();
    const answer = Promise.withResolvers<void>();
    rig.api.onTerminate = () => answer.promise;
    rig.session.terminate();
    rig.agent.requestHandshake("Port", FORWARDING);
    await rig.settle();
    rig.agent.completeHandshake();
    await rig.pass(1_000);
    expect(rig.seen).toEqual([]);
    expect(rig.net.targets).toEqual([]);
    answer.resolve();
    await rig.settle();
    expect(rig.end?.kind).toBe("terminated");
    expectNothingLeft(rig);
  });

  test("before the first connection is up", async () => {
    const rig = new Rig();
    void rig.session.run().then((end) => (rig.end = end));
    await rig.settle();
    rig.session.terminate();
    await rig.settle();
    expect(rig.end?.kind).toBe("terminated");
    expectNothingLeft(rig);
  });

  test("before a silent shell was opened: it is not opened any more", async () => {
    const rig = await new Rig().start();
    rig.api.onTerminate = () => new Promise(() => {});
    await rig.pass(3_000);
    rig.session.terminate();
    await rig.pass(1_500);
    expect(rig.streams.uses).toEqual([]);
    await rig.pass(500);
    expectNothingLeft(rig);
  });
});

describe("the end from the other side", () => {
  test("delivers what came before it, also out of order, and carries the reason", async () => {
    const rig = await new Rig().startShell();
    rig.agent.sendAs(3, PayloadType.output, "c");
    rig.agent.sendAs(2, PayloadType.output, "b");
    rig.agent.sendAs(1, PayloadType.output, "a");
    rig.agent.closeChannel("idle time-out");
    rig.agent.sendAs(4, PayloadType.output, "after the end");
    await rig.settle();
    expect(rig.streams.pair.text).toBe("$ abc");
    expect(rig.end).toEqual({ kind: "closed", reason: "idle time-out", exitCode: undefined });
    expect(rig.api.terminations).toBe(0);
    expectNothingLeft(rig);
  });

  test("while messages before it are missing is no success: what is there is shown, and that it is not all", async () => {
    const rig = await new Rig().startKind("NonInteractiveCommands");
    rig.agent.output("a");
    rig.agent.sendAs(5, PayloadType.output, "c");
    rig.agent.closeChannel();
    await rig.settle();
    expect(rig.streams.pair.text).toBe("a");
    expect(endOf(rig)).toBe(
      "lost SESSION_OUTPUT_MISSING: the session was closed before all of its output had arrived",
    );
    expectNothingLeft(rig);
  });

  test("while messages before it are missing resets local connections: their bytes are not all of them", async () => {
    const rig = await new Rig().startKind("Port", FORWARDING);
    const local = rig.connect();
    rig.agent.sendAs(9, PayloadType.output, Uint8Array.of(1, 2, 1, 0, 3, 0, 0, 0, 0x61));
    rig.agent.closeChannel("idle time-out");
    await rig.settle();
    expect(endOf(rig)).toBe(
      "lost SESSION_OUTPUT_MISSING: idle time-out; the session was closed before all of its output had arrived",
    );
    expect(local.isReset).toBe(true);
  });

  test("before the session has come up", async () => {
    const rig = await new Rig().start();
    rig.agent.requestHandshake("Port", FORWARDING);
    rig.agent.closeChannel("Encountered error while initiating handshake.");
    await rig.settle();
    expect(endOf(rig)).toBe("failed SESSION_CLOSED_EARLY: Encountered error while initiating handshake.");
    expectNothingLeft(rig);
  });

  test("after output that came too early to have a reader: no hang", async () => {
    const rig = await new Rig().start();
    rig.agent.requestHandshake("NonInteractiveCommands");
    rig.agent.output("early");
    rig.agent.closeChannel();
    await rig.settle();
    expect(endOf(rig)).toBe("closed");
    expectNothingLeft(rig);
  });

  test("output between handshake and its completion is kept for the reader to come", async () => {
    const rig = await new Rig().start();
    rig.agent.requestHandshake("NonInteractiveCommands");
    rig.agent.output("early ");
    await rig.settle();
    rig.agent.completeHandshake();
    rig.agent.output("late");
    rig.agent.closeChannel();
    await rig.settle();
    expect(rig.streams.pair.text).toBe("early late");
    expectNothingLeft(rig);
  });

  test("during a resume: the session is gone", async () => {
    const rig = await new Rig().startShell();
    rig.api.onResume = () => Promise.resolve(undefined);
    rig.transport.end();
    await rig.settle();
    expect(endOf(rig)).toStartWith("lost SESSION_GONE");
    expect(rig.api.terminations).toBe(0);
    expectNothingLeft(rig);
  });

  test("reconnecting for too long: the session is lost", async () => {
    const rig = await new Rig({ settings: { reconnectForMs: 60_000 } }).startShell();
    rig.api.onResume = () => Promise.reject(apiError("unreachable", true));
    rig.transport.end();
    await rig.pass(60_000);
    expect(endOf(rig)).toStartWith("lost SESSION_CONNECTION_LOST: connection lost: ");
    expectNothingLeft(rig);
  });
});
