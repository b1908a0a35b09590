/**
 * A gateway that sends what no gateway sends. The program must not crash, hang or grow; it goes on where that is
 * possible, and ends with a clear line where it is not.
 */
import { describe, expect, test } from "bun:test";

import {
  encodeAcknowledge,
  encodeHandshakeComplete,
  MessageType,
  PayloadType,
} from "../../src/protocol/index.ts";
import { agentFrame } from "../session/fake-agent.ts";
import { SeededRandom } from "../support/seeded-random.ts";
import { type HostileSession, SESSION_ID, startHostile } from "./hostile-gateway.ts";
import { SOAK } from "./tunnel.ts";

/** What the program may take in any case; a resting one with its runtime has some 50 MB. */
const MAX_RSS_BYTES = 160e6;

/** Whatever has been sent: the session still works, and ends as it should. */
async function expectUnharmed({ child, connection, settle, peakRssBytes }: HostileSession): Promise<void> {
  await settle();
  connection.payload(PayloadType.output, "still here\n");
  await child.stdout.waitFor("still here\n");
  expect(peakRssBytes()).toBeLessThan(MAX_RSS_BYTES);
  connection.close();
  const { exitCode, stdout, stderr } = await child.finish();
  expect(stdout).toEndWith(`still here\n\n\nExiting session with sessionId: ${SESSION_ID}.\n\n`);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
}

/** The session ends by itself, with exit code 1 and this line. */
async function expectEnd({ child, peakRssBytes }: HostileSession, line: RegExp): Promise<void> {
  const { exitCode, stdout, stderr } = await child.finish(30_000);
  expect(stdout).toMatch(line);
  expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: "" });
  expect(peakRssBytes()).toBeLessThan(MAX_RSS_BYTES);
}

async function startShell(): Promise<HostileSession> {
  const session = await startHostile();
  session.connection.payload(PayloadType.output, "$ ");
  await session.child.stdout.waitFor("$ ");
  return session;
}

/** A frame in order with some of its bytes replaced. */
function damaged(change: (frame: Buffer) => void, payload = "never shown"): Uint8Array {
  const frame = Buffer.from(
    agentFrame(MessageType.outputStreamData, 1, PayloadType.output, Buffer.from(payload)),
  );
  change(frame);
  return frame;
}

const HEADER_LENGTH = 0;
const SEQUENCE_NUMBER = 48;
const PAYLOAD_LENGTH = 116;

describe.concurrent("frames", () => {
  test("of every length that is too short, and with every impossible number", async () => {
    const session = await startShell();
    const { connection } = session;
    const random = new SeededRandom(1);
    for (let length = 0; length < 120; length++) connection.send(random.bytes(length));
    for (const headerLength of [0, 1, 115, 117, 0x7fffffff, 0x80000000, 0xfffffffc, 0xffffffff]) {
      connection.send(damaged((frame) => frame.writeUInt32BE(headerLength, HEADER_LENGTH)));
    }
    for (const sequenceNumber of [-1n, -(2n ** 63n), 2n ** 53n, 2n ** 63n - 1n]) {
      connection.send(damaged((frame) => frame.writeBigInt64BE(sequenceNumber, SEQUENCE_NUMBER)));
    }
    connection.send(damaged((frame) => frame.writeBigUInt64BE(2n ** 63n, SEQUENCE_NUMBER)));
    connection.send(damaged((frame) => frame.writeBigUInt64BE(2n ** 53n - 1n, SEQUENCE_NUMBER)));
    connection.send(damaged((frame) => frame.fill(0, 4, 36)));
    connection.send(damaged((frame) => frame.fill(0xff, 4, 36)));
    connection.send(damaged((frame) => frame.fill(0, 40, 48)));
    connection.send(damaged((frame) => frame.fill(0x55, 80, 112)));
    connection.send(damaged((frame) => frame.writeUInt32BE(0xffffffff, PAYLOAD_LENGTH), "").subarray(0, 119));
    // Nothing of this is acknowledged, nor has it moved the sequence on.
    await session.settle();
    expect(connection.received.get(MessageType.acknowledge)).toBe(1);
    await expectUnharmed(session);
  });

  test("of text where binary is due, also by the megabyte", async () => {
    const session = await startShell();
    const { connection } = session;
    for (const text of ["", "{", "null", '{"TokenValue":"x"}', "x".repeat(10_000_000)]) connection.send(text);
    for (let index = 0; index < 20_000; index++) connection.send("{}");
    await expectUnharmed(session);
  });

  test("of unknown types, for others, and out of place", async () => {
    const session = await startShell();
    const { connection } = session;
    for (const type of ["", "unknown", "input_stream_data", "agent_session_state", "\u001b[31m"]) {
      connection.control(type, "x");
    }
    for (const payload of ["", "x", "{}", "null", "[]", "[".repeat(100_000), `"${"x".repeat(1e6)}"`]) {
      connection.control(MessageType.acknowledge, payload);
      connection.control(MessageType.agentSessionState, payload);
    }
    for (let payloadType = 2; payloadType < 16; payloadType++) {
      if (payloadType === PayloadType.handshakeRequest) continue;
      connection.payload(payloadType, "no such thing");
    }
    connection.payload(0xffffffff, "no such thing");
    await expectUnharmed(session);
  });

  test("that acknowledge what was never sent", async () => {
    const session = await startShell();
    const { connection } = session;
    const ack = (sequenceNumber: number): Uint8Array =>
      encodeAcknowledge({
        messageType: MessageType.inputStreamData,
        messageId: "00000000-0000-4000-8000-000000000000",
        sequenceNumber,
      });
    await connection.sendMany(50_000, (index) =>
      agentFrame(
        MessageType.acknowledge,
        0,
        PayloadType.none,
        ack(index % 2 === 0 ? index : 2 ** 53 - 1 - index),
      ),
    );
    await expectUnharmed(session);
  });

  test("that stop and start the publication without end", async () => {
    const session = await startShell();
    await session.child.write("x".repeat(60_000));
    // Each start makes the client send again what is unacknowledged.
    await session.connection.sendMany(SOAK ? 20_000 : 1_000, (index) =>
      agentFrame(
        index % 2 === 0 ? MessageType.pausePublication : MessageType.startPublication,
        0,
        PayloadType.none,
        new Uint8Array(0),
      ),
    );
    await expectUnharmed(session);
  });
});

describe.concurrent("floods", () => {
  const count = SOAK ? 1_000_000 : 200_000;

  test(`${count} messages of which the first is missing`, async () => {
    const session = await startShell();
    const { connection } = session;
    const payload = Buffer.from("x");
    await connection.sendMany(count, (index) =>
      agentFrame(MessageType.outputStreamData, 2 + index, PayloadType.output, payload),
    );
    await session.settle();
    expect(session.peakRssBytes()).toBeLessThan(MAX_RSS_BYTES);
    // As many are kept as there is room for; when the missing one comes they follow.
    expect(connection.received.get(MessageType.acknowledge)).toBeGreaterThan(30_000);
    connection.payload(PayloadType.output, "first");
    await session.child.stdout.waitFor(/firstx{30000}/);
    connection.close();
    expect((await session.child.finish()).exitCode).toBe(0);
  }, 300_000);

  test(`${count} messages in random order`, async () => {
    const session = await startShell();
    const random = new SeededRandom(2);
    const payload = Buffer.from("x");
    await session.connection.sendMany(count, () =>
      agentFrame(MessageType.outputStreamData, random.uint32(), PayloadType.output, payload),
    );
    await session.settle();
    expect(session.peakRssBytes()).toBeLessThan(MAX_RSS_BYTES);
    session.child.kill("SIGTERM");
    expect((await session.child.finish()).exitCode).toBe(143);
  }, 300_000);

  test("messages without end for which nobody reads the acknowledgements", async () => {
    const session = await startShell();
    const { connection } = session;
    connection.socket.pause();
    const payload = new Uint8Array(16).fill(0x78);
    await connection.sendMany(count, () =>
      agentFrame(MessageType.outputStreamData, connection.next++, PayloadType.output, payload),
    );
    connection.socket.resume();
    await session.settle();
    await expectUnharmed(session);
  }, 300_000);

  test("acknowledgements that never come while a local program sends without end", async () => {
    const session = await startHostile();
    const port = await session.connection.openPort(session.child);
    let taken = 0;
    const chunk = new Uint8Array(64 * 1024);
    const send = (socket: Bun.Socket): void => {
      for (let wrote = chunk.length; wrote === chunk.length;) {
        wrote = socket.write(chunk);
        taken += Math.max(0, wrote);
      }
    };
    const socket = await Bun.connect({
      hostname: "127.0.0.1",
      port,
      socket: { open: send, drain: send, data: () => undefined },
    });
    await Bun.sleep(SOAK ? 20_000 : 1_500);
    expect(taken).toBeGreaterThan(100_000);
    expect(taken).toBeLessThan(64e6);
    expect(session.peakRssBytes()).toBeLessThan(MAX_RSS_BYTES);
    socket.end();
    session.child.kill("SIGTERM");
    expect((await session.child.finish()).exitCode).toBe(143);
  });
});

describe.concurrent("handshakes", () => {
  test("twice, the second for another kind", async () => {
    const session = await startHostile();
    const { connection } = session;
    await connection.handshake("InteractiveCommands");
    connection.requestHandshake("Port", { portNumber: "80", type: "LocalPortForwarding" });
    connection.payload(PayloadType.handshakeComplete, encodeHandshakeComplete(1, "again"));
    await expectUnharmed(session);
  });

  test.each(["Teleport", "", "__proto__", "constructor", "\u001b[2J"])(
    "for the kind %j",
    async (sessionType) => {
      const session = await startHostile();
      session.connection.requestHandshake(sessionType);
      await expectEnd(session, /\nCannot perform start session: [^\u001b\n]*session type[^\u001b\n]*\n$/);
    },
  );

  test("of megabytes of JSON, nested without end, or none", async () => {
    for (const payload of [
      `{"AgentVersion":"3.3.0.0","RequestedClientActions":${"[".repeat(5_000_000)}`,
      `${'{"AgentVersion":'.repeat(100_000)}`,
      `{"AgentVersion":"${"3".repeat(10_000_000)}"}`,
      `{"AgentVersion":"3","RequestedClientActions":[${'{"ActionType":"SessionType"},'.repeat(100_000)}{}]}`,
      "",
    ]) {
      const session = await startHostile();
      session.connection.payload(PayloadType.handshakeRequest, payload);
      await expectEnd(session, /\n(Cannot perform start session|SessionId: \S+ ): .*\n+$/);
    }
  });

  test("with a message of megabytes for the user: cut, and without escapes", async () => {
    const session = await startHostile();
    const { connection } = session;
    connection.requestHandshake("InteractiveCommands");
    connection.payload(
      PayloadType.handshakeComplete,
      encodeHandshakeComplete(1, `\u001b[2J${"long ".repeat(2_000_000)}`),
    );
    await session.child.stdout.waitFor("… (cut)\n");
    expect(session.child.stdout.text()).not.toContain("\u001b");
    await expectUnharmed(session);
  });

  test("followed by an end with a reason of megabytes", async () => {
    const session = await startShell();
    session.connection.close(`\u001b]0;title\u0007${"long ".repeat(5_000_000)}`);
    const { exitCode, stdout } = await session.child.finish();
    expect(stdout.length).toBeLessThan(10_000);
    expect(stdout).not.toContain("\u001b");
    expect(exitCode).toBe(0);
  });
});

describe.concurrent("streams of a tunnel", () => {
  test.each([
    ["random bytes", (random: SeededRandom) => random.bytes(4096)],
    ["an unknown version", () => Uint8Array.of(2, 0, 0, 0, 3, 0, 0, 0)],
    ["an unknown command", () => Uint8Array.of(1, 9, 0, 0, 3, 0, 0, 0)],
  ] as const)("%s: the end, and local programs are not left waiting", async (_, make) => {
    const session = await startHostile();
    const port = await session.connection.openPort(session.child);
    const ended = Promise.withResolvers<string>();
    await Bun.connect({
      hostname: "127.0.0.1",
      port,
      socket: {
        data: () => undefined,
        end: () => ended.resolve("in order"),
        close: (_socket, error) =>
          ended.resolve((error as NodeJS.ErrnoException | undefined)?.code ?? "closed"),
      },
    });
    await session.child.stdout.waitFor("Connection accepted");
    session.connection.payload(PayloadType.output, make(new SeededRandom(3)));
    await expectEnd(session, /\n\nSessionId: \S+ : the agent sent a stream that cannot be read: .*\n\n$/);
    expect(await ended.promise).toBe("ECONNRESET");
  });

  test("a million that nobody asked for, and data for streams that never were", async () => {
    const session = await startHostile();
    const { connection } = session;
    await connection.openPort(session.child);
    const syns = Buffer.alloc(8 * 1000);
    let streamId = 2;
    for (let message = 0; message < 1000; message++) {
      for (let at = 0; at < syns.length; at += 8) {
        syns.set([1, 0, 0, 0], at);
        syns.writeUInt32LE(streamId, at + 4);
        streamId += 2;
      }
      connection.payload(PayloadType.output, syns);
      await connection.drained(1e6);
    }
    const push = Buffer.alloc(8 + 65_535);
    push.set([1, 2, 0xff, 0xff], 0);
    for (let message = 0; message < 500; message++) {
      push.writeUInt32LE(0x7fffffff - message, 4);
      connection.payload(PayloadType.output, push);
      await connection.drained(1e6);
    }
    await session.settle();
    expect(session.peakRssBytes()).toBeLessThan(MAX_RSS_BYTES);
    connection.close();
    const { exitCode, stdout } = await session.child.finish();
    expect(stdout).toEndWith(`\n\nExiting session with sessionId: ${SESSION_ID}.\n\n`);
    expect(exitCode).toBe(0);
  }, 60_000);
});
