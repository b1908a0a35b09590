/** Basic and stdio port sessions of the agent over real TCP connections. */
import { describe, expect, test } from "bun:test";

import { waitFor } from "../../support/wait-for.ts";
import { closedPort, echoServer, Server } from "./destination.ts";
import { NaiveClient, type NaiveOptions } from "./naive-client.ts";

/** A client too old for multiplexing gets a basic session. */
const OLD_CLIENT = { handshake: "1.1.69.0" } as const;

async function basic(port: number, naive: NaiveOptions = {}): Promise<NaiveClient> {
  return await open({ portNumber: String(port), type: "LocalPortForwarding" }, { ...OLD_CLIENT, ...naive });
}

async function stdio(port: number, naive: NaiveOptions = {}): Promise<NaiveClient> {
  return await open({ portNumber: String(port) }, naive);
}

async function open(properties: Record<string, string>, naive: NaiveOptions): Promise<NaiveClient> {
  const client = new NaiveClient({ sessionType: "Port", properties }, naive);
  await waitFor(() => client.payloadTypes().includes(7), { what: "HandshakeComplete" });
  return client;
}

/** Input that is sent again until it is acknowledged, as it is not before the agent has dialled. */
async function sure(client: NaiveClient, data: string | Uint8Array): Promise<void> {
  const sequence = client.nextSequence;
  const frame = client.input(data);
  await waitFor(
    () => {
      if (client.acknowledged.includes(sequence)) return true;
      client.deliver(frame);
      return false;
    },
    { what: "an acknowledgement", context: () => client.describe() },
  );
}

describe.concurrent("both kinds", () => {
  for (const [name, start] of [
    ["basic", basic],
    ["stdio", stdio],
  ] as const) {
    test(`${name}: dials right after the handshake and brings a greeting without being asked`, async () => {
      const server = new Server({ opened: (connection) => connection.write("220 hello\r\n") });
      const client = await start(server.port);
      await client.see("220 hello\r\n");
    });

    test(`${name}: raw bytes both ways, whatever they are`, async () => {
      const server = echoServer();
      const client = await start(server.port);
      const all = Uint8Array.from({ length: 5_000 }, (_, index) => index % 256);
      await sure(client, all);
      client.input(all);
      await waitFor(() => client.receivedBytes >= 2 * all.length, { what: "the echo" });
      expect(client.bytes()).toEqual(Buffer.concat([all, all]));
    });

    test(`${name}: input is refused until the connection is there`, async () => {
      const server = echoServer();
      let frame: Buffer | undefined;
      const client = await start(server.port, {
        acknowledge: ({ payloadType }, naive) => {
          // Right behind HandshakeComplete the dial is still under way.
          if (payloadType === 7) queueMicrotask(() => (frame = naive.send(3, "{}")));
          return true;
        },
      });
      const early = await waitFor(() => frame, { what: "the input" });
      expect(client.acknowledged).toEqual([0]);
      await waitFor(
        () => {
          client.deliver(early);
          return client.acknowledged.includes(1);
        },
        { what: "the acknowledgement" },
      );
      client.input("echo");
      await client.see("echo");
    });

    test(`${name}: a first dial that fails ends the session with the reason`, async () => {
      const port = closedPort();
      const client = await start(port);
      expect(await client.finish()).toBe(
        `Unable to connect to specified port: dial tcp 127.0.0.1:${port}: connect: connection refused`,
      );
    });

    test(`${name}: a destination that does not read blocks the reader; nothing is lost`, async () => {
      const server = new Server({ opened: (connection) => connection.pause() });
      const client = await start(server.port);
      await sure(client, "x");
      const piece = new Uint8Array(32_768);
      let pieces = 0;
      let acknowledged = -1;
      while (client.acknowledged.length > acknowledged && pieces < 1_000) {
        acknowledged = client.acknowledged.length;
        for (let i = 0; i < 20; i++, pieces++) client.input(piece);
        await Bun.sleep(20);
      }
      expect(pieces).toBeLessThan(1_000);
      expect(client.acknowledged.length).toBeLessThan(pieces);
      server.connections[0]?.resume();
      await waitFor(() => server.connections[0]?.receivedBytes === 1 + pieces * piece.length, {
        what: "every byte",
      });
      await client.acked(client.nextSequence - 1);
    });

    test(`${name}: TerminateSession`, async () => {
      const server = echoServer();
      const client = await start(server.port);
      await sure(client, "x");
      client.flag(2);
      expect(await client.finish()).toBe("");
      expect(client.acknowledged).toContain(client.nextSequence - 1);
      await waitFor(() => server.connections[0]?.closed, { what: "the end of the connection" });
    });

    test(`${name}: terminate at any time`, async () => {
      const server = new Server({ opened: (connection) => connection.pause() });
      const early = await start(echoServer().port);
      early.session.terminate();
      expect(await early.finish()).toBe("");
      const client = await start(server.port);
      await sure(client, "x");
      for (let i = 0; i < 400; i++) client.input(new Uint8Array(32_768));
      client.session.terminate();
      expect(await client.finish(1_500)).toBe("");
    });
  }

  test("a port number is needed, and must be one", async () => {
    const none = await open({ type: "LocalPortForwarding" }, {});
    expect(await none.finish()).toBe("Port number is empty in session properties.");
    const bad = await open({ portNumber: "70000" }, {});
    expect(await bad.finish()).toBe(
      "Unable to connect to specified port: dial tcp :70000: address 70000: invalid port",
    );
  });

  test("a host that is denied or not loopback", async () => {
    const denied = await open(
      { portNumber: "22", host: "169.254.169.254" },
      { options: { deniedHosts: ["169.254.169.254"] } },
    );
    expect(await denied.finish()).toContain("the host is denied");
    const far = await open({ portNumber: "22", host: "192.0.2.1" }, {});
    expect(await far.finish()).toContain("the simulator knows no such host");
  });
});

describe.concurrent("basic", () => {
  test("the destination's end is not told; the next data dials again", async () => {
    const server = new Server({
      data: (connection, bytes) => {
        connection.write(`<${bytes}>`);
        connection.end();
      },
    });
    const client = await basic(server.port);
    await sure(client, "one");
    await client.see("<one>");
    await waitFor(() => server.connections[0]?.closed, { what: "the end of the first connection" });
    const messages = client.messages.size;
    const frame = client.input("two");
    // Blocked while it dials.
    expect(client.acknowledged).not.toContain(2);
    await client.see("<one><two>");
    expect(client.acknowledged).toContain(2);
    expect(client.messages.size).toBe(messages + 1);
    client.deliver(frame);
    expect(server.connections.length).toBe(2);
  });

  test("DisconnectToPort closes the connection; the next data dials again", async () => {
    const server = echoServer();
    const client = await basic(server.port);
    await sure(client, "one");
    await client.see("one");
    client.flag(1);
    client.flag(1);
    await waitFor(() => server.connections[0]?.closed, { what: "the end of the first connection" });
    expect(server.connections.length).toBe(1);
    client.input("two");
    client.input("three");
    await client.see("onetwothree");
    expect(server.connections.length).toBe(2);
  });

  test("a second dial that fails ends the session without a reason", async () => {
    const server = new Server({ data: (connection) => connection.end() });
    const client = await basic(server.port);
    await sure(client, "one");
    await waitFor(() => server.connections[0]?.closed, { what: "the end of the first connection" });
    server.stop();
    client.input("two");
    expect(await client.finish()).toBe("");
    expect(client.acknowledged).not.toContain(2);
  });
});

describe.concurrent("stdio", () => {
  test("the destination's end is the session's, behind its last byte", async () => {
    const server = new Server({
      opened: (connection) => {
        connection.write("x".repeat(200_000));
        connection.end();
      },
    });
    const client = await stdio(server.port, { options: { pacing: true } });
    expect(await client.finish()).toBe("");
    expect(client.receivedBytes - client.bytes(5).length - client.bytes(7).length).toBe(200_000);
  });

  test("a reset of the destination ends the session", async () => {
    const server = new Server({ data: (connection) => connection.reset() });
    const client = await stdio(server.port);
    await sure(client, "x");
    expect(await client.finish()).toBe("");
  });

  test("DisconnectToPort ends the session", async () => {
    const server = echoServer();
    const client = await stdio(server.port);
    await sure(client, "x");
    client.flag(1);
    expect(await client.finish()).toBe("");
  });

  test("a slow client slows the destination down", async () => {
    const server = new Server({ opened: (connection) => connection.write(new Uint8Array(40_000_000)) });
    const client = await stdio(server.port, { acknowledge: (frame) => frame.payloadType !== 1 });
    await waitFor(() => client.receivedBytes > 3_000_000, { what: "the window's worth" });
    await Bun.sleep(50);
    expect(client.receivedBytes).toBeLessThan(4 * 1024 * 1024 + 1);
    expect(server.connections[0]?.unwrittenBytes).toBeGreaterThan(20_000_000);
  });
});
