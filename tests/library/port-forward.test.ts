/** Tunnels as objects of a program: listeners with real addresses, connections without sockets, their ends. */
import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";

import { type Connection, type ForwardOptions, forwardPort } from "session-manager-plugin";
import { startSimulator } from "session-manager-plugin/simulator";

import { connectTo, sha256, startEcho, startServer } from "../e2e/ports/peers.ts";
import { temporaryDirectory } from "../support/environment.ts";
import { SeededRandom } from "../support/seeded-random.ts";
import { waitFor } from "../support/wait-for.ts";
import { failureOf, readUntil, TARGET, textOf, useSimulator } from "./simulated.ts";

const simulated = useSimulator({ agent: { deniedHosts: ["denied.example"] } });
const echo = startEcho();
const data = new SeededRandom(9).bytes(400_000);

/** A tunnel to a port of this machine. */
function forward(options: Omit<ForwardOptions, "target">) {
  // A connection that is closed waits for the end of the answer; nobody here needs two seconds for it.
  return forwardPort({ ...simulated.access, target: TARGET, settings: { lingerMs: 50 }, ...options });
}

/** Sends data and reads so much back. */
async function roundTrip(connection: Connection): Promise<string> {
  const writer = connection.writable.getWriter();
  const written = writer.write(data);
  const hasher = new Bun.CryptoHasher("sha256");
  let bytes = 0;
  const reader = connection.readable.getReader();
  while (bytes < data.length) {
    const { value, done } = await reader.read();
    if (done) break;
    hasher.update(value);
    bytes += value.length;
  }
  await written;
  reader.releaseLock();
  writer.releaseLock();
  return hasher.digest("hex");
}

test("an old agent takes one connection at a time, a second one is refused at once", async () => {
  const old = await startSimulator({ agent: { pacing: false, agentVersion: "3.0.100.0" } });
  try {
    const { region, url: endpoint, credentials } = old;
    const target = old.targets[0]?.id ?? "";
    await using tunnel = await forwardPort({
      region,
      endpoint,
      credentials,
      target,
      port: echo.port,
      listen: false,
    });
    const first = tunnel.connect();
    expect(() => tunnel.connect()).toThrow("with an old agent one at a time");
    expect(await roundTrip(first)).toBe(sha256(data));
    first.reset();
    await first.closed;
  } finally {
    await old.stop();
  }
});

describe("listens", () => {
  test("on a free port of both loopback addresses, for whoever connects there", async () => {
    await using tunnel = await forward({ port: echo.port });
    expect(tunnel.addresses).toContain(`127.0.0.1:${tunnel.port}`);
    expect(tunnel.session).toMatchObject({ kind: "Port", status: "connected", agentVersion: "3.3.0.0" });
    const peer = await connectTo({ port: tunnel.port ?? 0 });
    peer.send(data);
    await peer.received(data.length);
    expect(peer.sha256()).toBe(sha256(data));
    await tunnel.close();
    await peer.whenClosed();
    expect(tunnel.session.status).toBe("terminated");
  });

  test("on a host, a port or a socket that is named", async () => {
    const path = join(temporaryDirectory("library"), "echo.sock");
    await using onPath = await forward({ port: echo.port, listen: { path } });
    expect(onPath).toMatchObject({ port: undefined, addresses: [path] });
    const peer = await connectTo({ path });
    peer.send("over a socket");
    await peer.received(13);
    await using onHost = await forward({ port: echo.port, listen: { host: "127.0.0.1" } });
    expect(onHost.addresses).toEqual([`127.0.0.1:${onHost.port}`]);
    await onPath.close();
    expect(existsSync(path)).toBe(false);
  });

  test("a port that is taken: why, and no session is left", async () => {
    const failure = await failureOf(forward({ port: echo.port, listen: { port: echo.port } }));
    expect(failure).toMatchObject({ code: "SESSION_LISTEN" });
    expect((failure as Error).message).toContain("address already in use");
    await waitFor(() => simulated.simulator.openSessions().length === 0, { what: "the end of the session" });
  });
});

describe("connections without sockets", () => {
  test("several at once, byte-exact, and nothing listens", async () => {
    await using tunnel = await forward({ port: echo.port, listen: false });
    expect(tunnel).toMatchObject({ port: undefined, addresses: [] });
    const connections = Array.from({ length: 5 }, () => tunnel.connect());
    const hashes = await Promise.all(connections.map(roundTrip));
    expect(hashes).toEqual(hashes.map(() => sha256(data)));
    await Promise.all(connections.map((connection) => connection.close()));
  });

  test("a half-close reaches the destination, whose answer still comes", async () => {
    const server = startServer({ ended: (peer) => (peer.send(`got ${peer.receivedBytes}`), peer.end()) });
    await using tunnel = await forward({ port: server.port, listen: false });
    const connection = tunnel.connect();
    const writer = connection.writable.getWriter();
    await writer.write(data);
    await writer.close();
    // Agents close both ways at a FIN: an answer that is only made then comes too late, as with a socket.
    await textOf(connection.readable);
    await connection.closed;
    expect((await server.peer(0)).receivedBytes).toBe(data.length);
  });

  test("a destination that cannot be reached: it is told, and the connection breaks off", async () => {
    await using tunnel = await forward({ host: "denied.example", port: 80, listen: false });
    const told = new Promise<void>((resolve) => tunnel.session.once("destinationFailed", resolve));
    const connection = tunnel.connect();
    await told;
    expect(await failureOf(textOf(connection.readable))).toMatchObject({ code: "LIBRARY_CONNECTION_RESET" });
    await connection.closed;
    expect(await failureOf(connection.writable.getWriter().write(data))).toMatchObject({
      code: "LIBRARY_CONNECTION_RESET",
    });
    expect(tunnel.session.status).toBe("connected");
  });

  test("reset() and abort() end one, the others live on", async () => {
    const server = startServer({ data: (peer, bytes) => peer.send(bytes) });
    await using tunnel = await forward({ port: server.port, listen: false });
    const [first, second, third] = [tunnel.connect(), tunnel.connect(), tunnel.connect()];
    for (const connection of [first, second, third]) {
      const writer = connection.writable.getWriter();
      await writer.write(new TextEncoder().encode("hello"));
      writer.releaseLock();
      await readUntil(connection.readable, "hello");
    }
    first.reset();
    await second.writable.abort("enough");
    await Promise.all([first.closed, second.closed]);
    expect(await roundTrip(third)).toBe(sha256(data));
    await third.close();
  });

  test("a reader that stands still holds nobody else up and loses nothing", async () => {
    const bytes = new SeededRandom(10).bytes(4_000_000);
    const server = startServer({ data: (peer) => (peer.send(bytes), peer.end()) });
    await using tunnel = await forward({ port: server.port, listen: false });
    const slow = tunnel.connect();
    const start = async (connection: Connection): Promise<void> => {
      const writer = connection.writable.getWriter();
      await writer.write(Uint8Array.of(1));
      writer.releaseLock();
    };
    await start(slow);
    const quick = tunnel.connect();
    await start(quick);
    expect(sha256(await new Response(quick.readable).bytes())).toBe(sha256(bytes));
    expect(sha256(await new Response(slow.readable).bytes())).toBe(sha256(bytes));
    await Promise.all([slow.close(), quick.close()]);
  });

  test("survive a cut of the session's connection", async () => {
    await using tunnel = await forward({ port: echo.port, listen: false });
    const connection = tunnel.connect();
    const trip = roundTrip(connection);
    simulated.simulator.cut(tunnel.session.id ?? "");
    expect(await trip).toBe(sha256(data));
    await connection.close();
  });

  test("the end of the session breaks them off, and no more are taken", async () => {
    const server = startServer();
    const tunnel = await forward({ port: server.port, listen: false });
    const connection = tunnel.connect();
    await server.peer(0);
    await tunnel.close();
    await connection.closed;
    expect(() => tunnel.connect()).toThrow("takes no connection");
  });
});

test.each([
  [{ port: 0 }, "the option port must be a whole number from 1 to 65535, it is 0"],
  [{ port: 80.5 }, "the option port must be"],
  [{ port: "80" }, "the option port must be"],
  [{ port: 80, host: 5 }, "the option host must be a text"],
  [{ port: 80, listen: { port: -1 } }, "the option listen.port must be a whole number from 0"],
])("options %j are refused before anything is started", async (options, message) => {
  const calls = simulated.simulator.calls.length;
  const failure = await failureOf(forward(options as never));
  expect(failure).toMatchObject({ code: "LIBRARY_INVALID_OPTION" });
  expect((failure as Error).message).toStartWith(message);
  expect(simulated.simulator.calls.length).toBe(calls);
});
