/** Port sessions over standard input and output. */
import { describe, expect, test } from "bun:test";

import { decodeFlag, PayloadType } from "../../../src/protocol/index.ts";
import { OLD_AGENT, Rig, type RigOptions } from "../rig.ts";

async function startStdio(options: RigOptions = {}, agentVersion = "3.3.0.0"): Promise<Rig> {
  return await new Rig(options).startKind("Port", { portNumber: "22" }, agentVersion);
}

describe("standard input and output as a connection", () => {
  test("are bytes, and nothing else is written to standard output", async () => {
    const rig = await startStdio();
    expect(rig.seen).toEqual(["started Port owning output"]);
    expect(rig.streams.uses).toEqual(["bytes"]);
    expect([rig.session.isTunnel, rig.net.targets.length]).toEqual([false, 0]);
    rig.streams.pair.send("SSH-2.0-client\r\n");
    rig.streams.pair.send("\n");
    rig.agent.output("SSH-2.0-server\r\n");
    rig.agent.send(PayloadType.stdErr, "not the server's");
    rig.agent.send(PayloadType.flag, "????");
    rig.agent.send(PayloadType.exitCode, "EXIT_CODE: 1");
    await rig.settle();
    expect(rig.agent.typed).toBe("SSH-2.0-client\r\n\n");
    expect(rig.streams.pair.text).toBe("SSH-2.0-server\r\n");
    expect(rig.streams.errorText).toBe("");
    expect(rig.agent.payloads(PayloadType.size)).toEqual([]);
    expect(rig.session.signal("SIGINT")).toBe(false);
  });

  test("are flow-controlled: nothing is lost, nothing grows", async () => {
    const rig = await startStdio({ settings: { payloadBytes: 4096 } });
    rig.transport.bufferedBytes = 2 * 1024 * 1024;
    const sent: Buffer[] = [];
    for (let block = 0; block < 100; block++) {
      const bytes = Buffer.alloc(5_000, block);
      sent.push(bytes);
      rig.streams.pair.send(bytes);
    }
    expect(rig.streams.pair.paused).toBe(true);
    rig.transport.bufferedBytes = 0;
    await rig.pass(2_000);
    expect(rig.streams.pair.paused as boolean).toBe(false);
    expect(rig.streams.pair.pauses).toBeGreaterThan(1);
    const payloads = rig.agent.payloads(PayloadType.output);
    expect(Buffer.concat(payloads).equals(Buffer.concat(sent))).toBe(true);
    expect(payloads[0]).toHaveLength(4096);
  });

  test("are kept from the idle time-out by sizes, never by bytes, where that is wanted", async () => {
    const rig = await startStdio({ settings: { keepAlive: true } });
    await rig.pass(10 * 60_000);
    expect(rig.agent.payloads(PayloadType.size)).toHaveLength(24);
    expect(rig.agent.typed).toBe("");
    rig.session.terminate();
    await rig.pass(10_000);
    expect(rig.clock.pending).toBe(0);
  });

  test("survive a cut", async () => {
    const rig = await startStdio();
    rig.streams.pair.send("a");
    await rig.settle();
    rig.transport.end();
    await rig.settle();
    rig.streams.pair.send("b");
    rig.transport.opened();
    rig.agent.output("c");
    await rig.pass(100);
    expect([rig.agent.typed, rig.streams.pair.text]).toEqual(["ab", "c"]);
  });
});

describe("the end of standard input", () => {
  test("lingers for the answer, then ends the session politely", async () => {
    const rig = await startStdio();
    rig.streams.pair.send("request");
    rig.streams.pair.end();
    for (let part = 0; part < 3; part++) {
      await rig.pass(1_900);
      rig.agent.output(`part ${part} `);
    }
    await rig.pass(1_900);
    expect(rig.agent.payloads(PayloadType.flag)).toEqual([]);
    await rig.pass(150);
    expect(rig.agent.payloads(PayloadType.flag).map(decodeFlag)).toEqual([2]);
    rig.agent.output("bye");
    rig.agent.closeChannel();
    await rig.settle();
    expect(rig.end).toEqual({ kind: "terminated", exitCode: undefined });
    expect(rig.streams.pair.text).toBe("part 0 part 1 part 2 bye");
    expect([rig.api.terminations, rig.clock.pending]).toEqual([0, 0]);
  });

  test("uses the API for agents that know no flags", async () => {
    const rig = await startStdio({}, OLD_AGENT);
    rig.streams.pair.end();
    await rig.pass(2_100);
    expect([rig.end?.kind, rig.api.terminations]).toEqual(["terminated", 1]);
  });

  test("waits for what is not acknowledged, and for a reader that is slow", async () => {
    const rig = await startStdio();
    rig.agent.acknowledges = false;
    rig.streams.pair.stalled = true;
    rig.streams.pair.send("request");
    rig.streams.pair.end();
    await rig.pass(30_000);
    expect(rig.end).toBeUndefined();
    rig.agent.output("answer");
    rig.agent.acknowledges = true;
    await rig.pass(30_000);
    expect(rig.end).toBeUndefined();
    rig.streams.pair.stalled = false;
    rig.streams.pair.take();
    await rig.pass(5_000);
    expect(rig.end?.kind).toBe("terminated");
    expect(rig.streams.pair.text).toBe("answer");
  });

  test("waits while the agent cannot be heard", async () => {
    const rig = await startStdio();
    rig.streams.pair.send("request");
    await rig.settle();
    rig.streams.pair.end();
    rig.transport.end();
    await rig.pass(20_000);
    rig.transport.opened();
    await rig.pass(1_900);
    expect(rig.end).toBeUndefined();
    rig.agent.output("answer");
    await rig.pass(1_900);
    expect(rig.end).toBeUndefined();
    expect(rig.streams.pair.text).toBe("answer");
    await rig.pass(2_000);
    expect(rig.end?.kind).toBe("terminated");
  });
});

describe("the end of the session", () => {
  test("by the destination: everything is written first, nothing is read any more", async () => {
    const rig = await startStdio();
    rig.streams.pair.stalled = true;
    rig.agent.output("last words");
    rig.agent.closeChannel();
    await rig.pass(60_000);
    expect(rig.end).toBeUndefined();
    rig.streams.pair.events?.data(Buffer.from("late"));
    rig.streams.pair.take();
    await rig.settle();
    expect([rig.end?.kind, rig.clock.pending]).toEqual(["closed", 0]);
    expect(rig.streams.pair.paused).toBe(true);
  });

  test("with a linger under way leaves no timer", async () => {
    const rig = await startStdio();
    rig.streams.pair.end();
    await rig.settle();
    rig.agent.closeChannel("over");
    await rig.settle();
    expect([rig.end?.kind, rig.clock.pending, rig.api.terminations]).toEqual(["closed", 0, 0]);
  });

  test("asked for here: nothing that was not sent yet is sent", async () => {
    const rig = await startStdio();
    rig.transport.bufferedBytes = 2 * 1024 * 1024;
    rig.streams.pair.send("waiting");
    rig.session.terminate();
    rig.streams.pair.events?.data(Buffer.from("late"));
    rig.transport.bufferedBytes = 0;
    await rig.pass(500);
    expect(rig.agent.typed).toBe("");
    expect(rig.agent.payloads(PayloadType.flag)).toHaveLength(1);
  });

  test("when nobody reads standard output any more", async () => {
    const rig = await startStdio();
    rig.streams.pair.closeByPeer(new Error("EPIPE"));
    await rig.settle();
    expect(rig.agent.payloads(PayloadType.flag).map(decodeFlag)).toEqual([2]);
    rig.agent.closeChannel();
    await rig.settle();
    expect([rig.end?.kind, rig.clock.pending]).toEqual(["terminated", 0]);
  });
});
