/** Multiplexed port sessions of the agent over real TCP connections. */
import { describe, expect, test } from "bun:test";

import { Outbox } from "../../../src/simulator/agent/outbox.ts";
import { MuxPort } from "../../../src/simulator/agent/port-mux.ts";
import { SeededRandom } from "../../support/seeded-random.ts";
import { waitFor, within } from "../../support/wait-for.ts";
import { closedPort, echoServer, Server, strictEchoServer } from "./destination.ts";
import { NaiveClient, type NaiveOptions, QUICK } from "./naive-client.ts";
import { count, parseSmux, smux, type SmuxFrame, streamBytes } from "./smux.ts";

const SYN = 0;
const FIN = 1;
const PSH = 2;
const NOP = 3;

/** A multiplexed session, ready for data. */
async function open(
  port: number,
  naive: NaiveOptions = {},
  properties: Record<string, string> = {},
): Promise<NaiveClient> {
  const client = new NaiveClient(
    {
      sessionType: "Port",
      properties: { portNumber: String(port), type: "LocalPortForwarding", ...properties },
    },
    naive,
  );
  await waitFor(() => client.payloadTypes().includes(7), { what: "HandshakeComplete" });
  return client;
}

function frames(client: NaiveClient): SmuxFrame[] {
  return parseSmux(client.bytes());
}

/** Waits for that stream's bytes. */
async function stream(client: NaiveClient, id: number, expected: string): Promise<void> {
  await waitFor(() => streamBytes(frames(client), id).toString() === expected, {
    what: `"${expected}" on ${id}`,
    context: () => client.describe(),
  });
}

async function fin(client: NaiveClient, id: number): Promise<void> {
  await waitFor(() => count(frames(client), FIN, id) > 0, {
    what: `FIN of ${id}`,
    context: () => client.describe(),
  });
}

describe.concurrent("streams", () => {
  test("each gets a connection of its own; frames may be cut anywhere", async () => {
    const server = echoServer();
    const client = await open(server.port);
    const bytes = Buffer.concat([
      smux(SYN, 3),
      smux(PSH, 3, "three"),
      smux(SYN, 5),
      smux(NOP, 0),
      smux(PSH, 5, "five"),
      smux(PSH, 3, "more"),
    ]);
    for (const byte of bytes) client.input(Buffer.of(byte));
    await stream(client, 3, "threemore");
    await stream(client, 5, "five");
    expect(server.connections.length).toBe(2);
  });

  test("a FIN of the client closes the destination both ways and is answered with one FIN", async () => {
    const server = new Server({ ended: () => undefined });
    const client = await open(server.port);
    const start = performance.now();
    client.input(Buffer.concat([smux(SYN, 3), smux(PSH, 3, "question"), smux(FIN, 3)]));
    await fin(client, 3);
    const connection = server.connections[0];
    // When the connection is given up: a destination that does not close keeps it for another second.
    expect(performance.now() - start).toBeLessThan(700);
    await waitFor(() => connection?.ended, { what: "FIN at the destination" });
    expect(connection?.received.toString()).toBe("question");
    // The answer that was still on its way is cut off.
    connection?.write("answer");
    connection?.end();
    await waitFor(() => connection?.closed, { what: "the end of the connection" });
    expect(streamBytes(frames(client), 3).length).toBe(0);
    client.input(smux(FIN, 3));
    await client.acked(2);
    expect(count(frames(client), FIN, 3)).toBe(1);
  });

  test("a FIN behind which nothing waits is answered at once", async () => {
    const server = new Server({
      data: (connection, bytes) => connection.write(bytes),
      ended: () => undefined,
    });
    const client = await open(server.port);
    client.input(Buffer.concat([smux(SYN, 3), smux(PSH, 3, "x")]));
    await stream(client, 3, "x");
    const start = performance.now();
    client.input(smux(FIN, 3));
    await fin(client, 3);
    expect(performance.now() - start).toBeLessThan(700);
  });

  test("the destination's end is one FIN behind all its bytes, and closes both ways", async () => {
    const server = new Server({
      opened: (connection) => {
        connection.write("bye".repeat(20_000));
        connection.end();
      },
    });
    const client = await open(server.port);
    client.input(smux(SYN, 3));
    await fin(client, 3);
    expect(streamBytes(frames(client), 3).length).toBe(60_000);
    expect(frames(client).at(-1)?.command).toBe(FIN);
    await waitFor(() => server.connections[0]?.closed, { what: "the end of the connection" });
    client.input(Buffer.concat([smux(PSH, 3, "too late"), smux(FIN, 3)]));
    await client.acked(client.nextSequence - 1);
    expect(count(frames(client), FIN, 3)).toBe(1);
    expect(server.connections[0]?.receivedBytes).toBe(0);
  });

  test("a reset of the destination is a FIN", async () => {
    const server = new Server({ data: (connection) => connection.reset() });
    const client = await open(server.port);
    client.input(Buffer.concat([smux(SYN, 3), smux(PSH, 3, "x")]));
    await fin(client, 3);
    expect(client.output).toBeUndefined();
  });

  test("a refused dial: the flag, then FIN; the others live on", async () => {
    const client = await open(closedPort());
    client.input(Buffer.concat([smux(SYN, 3), smux(PSH, 3, "lost")]));
    await fin(client, 3);
    expect(client.bytes(10)).toEqual(Buffer.from([0, 0, 0, 3]));
    const types = client.payloadTypes();
    expect(types.indexOf(10)).toBeLessThan(types.lastIndexOf(1));
    client.input(smux(SYN, 5));
    await fin(client, 5);
    expect(client.bytes(10).length).toBe(8);
  });

  test("dials happen one after another, data meanwhile waits for its connection", async () => {
    const server = echoServer();
    const client = await open(server.port);
    const ids = Array.from({ length: 50 }, (_, index) => 3 + 2 * index);
    client.input(Buffer.concat(ids.flatMap((id) => [smux(SYN, id), smux(PSH, id, `stream ${id}`)])));
    for (const id of ids) await stream(client, id, `stream ${id}`);
    expect(server.connections.map(({ received }) => received.toString())).toEqual(
      ids.map((id) => `stream ${id}`),
    );
  });

  test("many streams with random sizes: every byte, through loss, repetition and disorder", async () => {
    const random = new SeededRandom(20_240_901);
    const server = echoServer();
    const client = await open(server.port, { acknowledge: () => !random.chance(0.05) });
    const sent = new Map<number, Buffer>();
    const wire: Buffer[] = [];
    for (let id = 3; id < 63; id += 2) {
      const data = Buffer.from(random.bytes(random.between(1, 20_000)));
      sent.set(id, data);
      wire.push(smux(SYN, id), smux(PSH, id, data));
    }
    const bytes = Buffer.concat(wire);
    // Shuffled within short stretches, some of them twice.
    const messages: Buffer[] = [];
    for (let at = 0; at < bytes.length; at += 1024) messages.push(bytes.subarray(at, at + 1024));
    const first = client.nextSequence;
    const numbered = messages.map((payload, index) => ({ number: first + index, payload }));
    for (let at = 0; at < numbered.length; at += 8) {
      const stretch = numbered.slice(at, at + 8);
      for (const { number, payload } of random.shuffle([...stretch, ...stretch.slice(0, 3)])) {
        client.send(1, payload, number);
      }
    }
    await waitFor(
      () => {
        const all = frames(client);
        return [...sent].every(([id, data]) => streamBytes(all, id).equals(data));
      },
      { what: "all echoes", timeoutMs: 10_000, intervalMs: 50, context: () => `seed ${random.seed}` },
    );
  });
});

test.skipIf(!process.env["SOAK"])(
  "keep-alive towards old clients: NOPs, and the end after half a minute of silence",
  async () => {
    const silent = await open(echoServer().port, { handshake: "1.2.331.0" });
    await waitFor(() => frames(silent).some(({ command }) => command === NOP), {
      what: "a NOP",
      timeoutMs: 12_000,
    });
    expect(await silent.finish(40_000)).toBe("");
  },
  60_000,
);

describe("limits", () => {
  test("a destination that does not read uses up 4 MiB, then the reader is blocked; nothing is lost", async () => {
    const server = new Server({ opened: (connection) => connection.pause() });
    const client = await open(server.port);
    client.input(smux(SYN, 3));
    await waitFor(() => server.connections.length === 1, { what: "the connection" });
    const piece = new Uint8Array(32_768).fill(7);
    let sent = 0;
    // What the kernel takes comes on top of the agent's own 4 MiB.
    while (sent < 64 * 1024 * 1024) {
      client.input(smux(PSH, 3, piece));
      sent += piece.length;
      if (!client.acknowledged.includes(client.nextSequence - 1)) {
        await Bun.sleep(30);
        if (!client.acknowledged.includes(client.nextSequence - 1)) break;
      }
    }
    expect(sent).toBeGreaterThanOrEqual(4 * 1024 * 1024);
    expect(sent).toBeLessThan(32 * 1024 * 1024);
    // Everything else of the session stands still: a new stream is neither acknowledged nor dialled.
    const before = client.acknowledged.length;
    client.input(smux(SYN, 5));
    await Bun.sleep(50);
    expect(client.acknowledged.length).toBe(before);
    expect(server.connections.length).toBe(1);
    server.connections[0]?.resume();
    await waitFor(() => server.connections[0]?.receivedBytes === sent, { what: "every byte" });
    await waitFor(() => server.connections.length === 2, { what: "the second stream" });
    await client.acked(client.nextSequence - 1);
  });

  test("an echo through a full window and a blocked reader does not lock up", async () => {
    const server = strictEchoServer();
    const client = await open(server.port);
    client.input(smux(SYN, 3));
    const piece = new Uint8Array(32_768).fill(9);
    for (let i = 0; i < 896; i++) client.input(smux(PSH, 3, piece));
    await waitFor(() => client.receivedBytes > 896 * piece.length, {
      what: "28 MiB back",
      timeoutMs: 10_000,
    });
  });

  test("a client that does not acknowledge stops the reading of destinations", async () => {
    const server = new Server({ opened: (connection) => connection.write(new Uint8Array(40_000_000)) });
    const client = await open(server.port, { acknowledge: (frame) => frame.payloadType !== 1 });
    client.input(smux(SYN, 3));
    await waitFor(() => client.receivedBytes > 3_000_000, { what: "the window's worth" });
    await Bun.sleep(50);
    expect(client.receivedBytes).toBeLessThan(4 * 1024 * 1024 + 1);
    expect(server.connections[0]?.unwrittenBytes).toBeGreaterThan(20_000_000);
  });

  test("paced: a message of 1024 bytes a millisecond", async () => {
    const server = new Server({ opened: (connection) => connection.write(new Uint8Array(300_000)) });
    const client = await open(server.port, { options: { pacing: true } });
    const start = performance.now();
    client.input(smux(SYN, 3));
    await waitFor(() => streamBytes(frames(client), 3).length === 300_000, {
      what: "300 kB",
      intervalMs: 50,
    });
    expect(performance.now() - start).toBeGreaterThan(290);
    expect(Math.max(...[...client.messages.values()].map(({ payload }) => payload.length))).toBe(1024);
  });

  test("1024 streams may wait to be dialled, then the reader is blocked", async () => {
    const server = new Server();
    const outbox = new Outbox({ send: () => undefined, now: () => 0, bufferedBytes: () => 0 });
    let unblocked = 0;
    const port = new MuxPort(
      {
        task: { sessionType: "Port" },
        options: QUICK,
        outbox,
        clientVersion: "1.2.835.0",
        unblock: () => void (unblocked += 1),
        end: () => undefined,
        log: () => undefined,
      },
      { host: "", portNumber: String(server.port) },
    );
    const syns = (from: number, to: number): Buffer =>
      Buffer.concat(Array.from({ length: to - from }, (_, index) => smux(SYN, 3 + 2 * (from + index))));
    // One is being dialled, 1024 wait.
    expect(port.input(1, syns(0, 1025))).toBe("taken");
    expect(port.input(1, syns(1025, 1026))).toBe("blocked");
    await waitFor(() => unblocked === 1, { what: "room" });
    port.stop();
    await port.gone;
  });
});

describe.concurrent("destinations", () => {
  test("a denied host is refused like a failed dial", async () => {
    const server = echoServer();
    const client = await open(
      server.port,
      { options: { deniedHosts: ["LocalHost", "::1"] } },
      { host: "localhost" },
    );
    client.input(smux(SYN, 3));
    await fin(client, 3);
    expect(client.bytes(10)).toEqual(Buffer.from([0, 0, 0, 3]));
    expect(server.connections.length).toBe(0);
  });

  test("only loopback is dialled; names are not looked up", async () => {
    for (const host of ["192.0.2.1", "example.com", "0.0.0.0", "127.0.0.1.example.com", "::ffff:192.0.2.1"]) {
      const client = await open(80, {}, { host });
      client.input(smux(SYN, 3));
      await fin(client, 3);
      expect(client.logs.join()).toContain("the simulator knows no such host");
    }
  });

  test("a host of the options is dialled where it really is, one port before all", async () => {
    const [one, all] = [echoServer(), echoServer()];
    const hosts = {
      "db.internal:5432": { host: "127.0.0.1", port: one.port },
      "db.internal": { host: "127.0.0.1", port: all.port },
    };
    for (const [port, server] of [
      [5432, one],
      [80, all],
    ] as const) {
      const client = await open(port, { options: { hosts } }, { host: "DB.internal" });
      client.input(Buffer.concat([smux(SYN, 3), smux(PSH, 3, "hello")]));
      await stream(client, 3, "hello");
      expect(server.connections).toHaveLength(1);
    }
  });

  test("an allowed host is dialled", async () => {
    const server = echoServer();
    for (const host of ["localhost", "127.0.0.1"]) {
      const client = await open(server.port, {}, { host });
      client.input(Buffer.concat([smux(SYN, 3), smux(PSH, 3, host)]));
      await stream(client, 3, host);
    }
  });
});

describe.concurrent("the end", () => {
  test("TerminateSession: acknowledged, connections closed, a normal end without agent_session_state", async () => {
    const server = echoServer();
    const client = await open(server.port);
    client.input(Buffer.concat([smux(SYN, 3), smux(PSH, 3, "x")]));
    await stream(client, 3, "x");
    client.flag(2);
    expect(await client.finish()).toBe("");
    expect(client.acknowledged).toContain(client.nextSequence - 1);
    await waitFor(() => server.connections[0]?.closed, { what: "the end of the connection" });
    expect(client.frames.some((frame) => frame.payload.includes("Terminating"))).toBe(false);
  });

  test("terminate with connections that nobody reads", async () => {
    const server = new Server({ opened: (connection) => connection.pause() });
    const client = await open(server.port);
    client.input(smux(SYN, 3));
    const piece = new Uint8Array(32_768);
    await waitFor(() => server.connections.length === 1, { what: "the connection" });
    for (let i = 0; i < 400; i++) client.input(smux(PSH, 3, piece));
    // Until what the kernel takes is gone.
    const stuck = client.nextSequence - 1;
    await Bun.sleep(100);
    expect(client.acknowledged).not.toContain(stuck);
    client.session.terminate();
    expect(await within(client.finish(), { what: "the end", timeoutMs: 1_500 })).toBe("");
  });

  test("terminate with streams in every state, more than a thousand of them waiting", async () => {
    const server = echoServer();
    const client = await open(server.port);
    client.input(Buffer.concat(Array.from({ length: 1200 }, (_, index) => smux(SYN, 3 + 2 * index))));
    client.session.terminate();
    expect(await client.finish()).toBe("");
  });

  test("bytes that are no smux end the session", async () => {
    const client = await open(echoServer().port);
    client.input(Buffer.concat([Buffer.of(2), smux(SYN, 3).subarray(1)]));
    expect(await client.finish()).toBe("");
    expect(client.acknowledged).toContain(client.nextSequence - 1);
  });

  test("flags that mean nothing here are acknowledged", async () => {
    const client = await open(echoServer().port);
    client.flag(1);
    client.flag(77);
    client.send(10, "xx");
    client.send(300, "xx");
    client.size(80, 24);
    await client.acked(client.nextSequence - 1);
    expect(client.output).toBeUndefined();
  });
});
