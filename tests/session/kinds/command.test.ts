/** Non-interactive commands. */
import { describe, expect, test } from "bun:test";

import { PayloadType } from "../../../src/protocol/index.ts";
import { Rig, type RigOptions } from "../rig.ts";

async function startCommand(options: RigOptions = {}): Promise<Rig> {
  return await new Rig(options).startKind("NonInteractiveCommands");
}

describe("a non-interactive command", () => {
  test("gets its size and no input", async () => {
    const rig = await startCommand();
    expect(rig.streams.uses).toEqual(["none"]);
    rig.streams.pair.send("\x03");
    rig.streams.pair.end();
    rig.streams.resize(9, 9);
    await rig.pass(10_000);
    expect(rig.agent.inputs.map(({ payloadType }) => payloadType)).toEqual([
      PayloadType.handshakeResponse,
      PayloadType.size,
    ]);
    expect(rig.end).toBeUndefined();
  });

  test("is told no size where none is known", async () => {
    const rig = new Rig();
    rig.streams.size = undefined;
    await rig.startKind("NonInteractiveCommands");
    expect(rig.agent.payloads(PayloadType.size)).toEqual([]);
  });

  test("gets signals as bytes, each by itself, also those that had to wait", async () => {
    const rig = await startCommand();
    rig.session.signal("SIGINT");
    rig.session.signal("SIGQUIT");
    await rig.settle();
    rig.transport.bufferedBytes = 2 * 1024 * 1024;
    for (let press = 0; press < 40; press++) expect(rig.session.signal("SIGINT")).toBe(true);
    await rig.settle();
    expect(rig.agent.typed).toBe("\x03\x1c");
    rig.transport.bufferedBytes = 0;
    await rig.pass(20);
    expect(rig.agent.payloads(PayloadType.output).map((payload) => payload.length)).toEqual(
      Array(18).fill(1),
    );
    expect(rig.agent.typed).toBe("\x03\x1c" + "\x03".repeat(16));
  });

  test("has everything on standard output as AWS's client prints it", async () => {
    const rig = await startCommand();
    rig.agent.output("out\n");
    rig.agent.send(PayloadType.stdErr, "err\n");
    rig.agent.send(PayloadType.exitCode, "EXIT_CODE: 7");
    rig.agent.send(PayloadType.flag, "flag");
    rig.agent.closeChannel();
    await rig.settle();
    expect(rig.streams.pair.text).toBe("out\nerr\nEXIT_CODE: 7flag");
    expect(rig.streams.errorText).toBe("");
    expect(rig.end).toEqual({ kind: "closed", reason: "", exitCode: 7 });
    expect(rig.clock.pending).toBe(0);
  });

  test("has its outputs kept apart where that is wanted", async () => {
    const rig = await startCommand({ settings: { separateOutput: true } });
    // The code may come first: a command that could not be started.
    rig.agent.send(PayloadType.exitCode, "EXIT_CODE: -1");
    rig.agent.output("out\n");
    rig.agent.send(PayloadType.stdErr, "err\n");
    rig.agent.send(PayloadType.error, "error\n");
    rig.agent.send(PayloadType.flag, "flag");
    rig.agent.closeChannel();
    await rig.settle();
    expect(rig.streams.pair.text).toBe("out\n");
    expect(rig.streams.errorText).toBe("err\nerror\n");
    expect(rig.end).toEqual({ kind: "closed", reason: "", exitCode: -1 });
  });

  test("may send a code that is none", async () => {
    const rig = await startCommand();
    rig.agent.send(PayloadType.exitCode, "EXIT_CODE: seven");
    rig.agent.closeChannel();
    await rig.settle();
    expect(rig.streams.pair.text).toBe("EXIT_CODE: seven");
    expect(rig.logged).toContain("unreadable exit code");
    expect(rig.end).toEqual({ kind: "closed", reason: "", exitCode: undefined });
  });

  test("whose connection is cut has lost output, whatever code it sent: no success, no resume", async () => {
    const rig = await startCommand();
    rig.agent.output("half of it");
    rig.agent.send(PayloadType.exitCode, "EXIT_CODE: 0");
    rig.transport.end();
    await rig.pass(1_000);
    expect(rig.end?.kind).toBe("lost");
    if (rig.end?.kind !== "lost") return;
    expect(rig.end.error.code).toBe("SESSION_OUTPUT_INCOMPLETE");
    expect(rig.end.error.message).toBe("connection lost while the command ran; output is incomplete");
    expect([rig.api.resumes, rig.api.terminations, rig.transports.length]).toEqual([0, 1, 1]);
    expect(rig.streams.pair.text).toBe("half of itEXIT_CODE: 0");
    expect(rig.clock.pending).toBe(0);
  });

  test("survives a cut before it has begun", async () => {
    const rig = await new Rig().start();
    rig.agent.startPublication();
    await rig.reconnect();
    rig.agent.requestHandshake("NonInteractiveCommands");
    await rig.settle();
    rig.agent.completeHandshake();
    await rig.pass(20);
    rig.agent.output("out");
    rig.agent.closeChannel();
    await rig.settle();
    expect(rig.seen).toEqual([
      "lost: the gateway closed the connection (code 1006)",
      "restored",
      "started NonInteractiveCommands",
    ]);
    expect(rig.end?.kind).toBe("closed");
    expect(rig.streams.pair.text).toBe("out");
  });

  test("that may have begun before a cut in the handshake has lost output, as far as anybody can tell", async () => {
    const rig = await new Rig().start();
    rig.agent.requestHandshake("NonInteractiveCommands");
    await rig.settle();
    await rig.reconnect();
    expect(rig.end).toBeUndefined();
    rig.agent.completeHandshake();
    await rig.pass(20);
    expect(rig.end).toMatchObject({ kind: "lost", error: { code: "SESSION_OUTPUT_INCOMPLETE" } });
    expect(rig.api.terminations).toBe(1);
  });

  test("is ended by the API", async () => {
    const rig = await startCommand();
    rig.session.terminate();
    await rig.settle();
    expect(rig.agent.payloads(PayloadType.flag)).toHaveLength(0);
    expect(rig.api.terminations).toBe(1);
    expect(rig.end).toEqual({ kind: "terminated", exitCode: undefined });
  });
});
