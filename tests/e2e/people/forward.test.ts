/** `forward` as a process: readiness, ends of sessions at the other side, signals, sockets, and its face on a terminal. */
import { describe, expect, test } from "bun:test";
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";

import { temporaryDirectory } from "../../support/environment.ts";
import { SeededRandom } from "../../support/seeded-random.ts";
import { waitFor } from "../../support/wait-for.ts";
import { connectTo, type Place, sha256, startEcho, startServer } from "../ports/peers.ts";
import {
  type Forward,
  noSessionsLeft,
  peopleOnTerminal,
  startForward,
  startPeople,
  usePeopleStandIn,
  WEB,
} from "./people.ts";

const standIn = usePeopleStandIn({ agent: { deniedHosts: ["denied.example"] } });
const echo = startEcho();
const data = new SeededRandom(11).bytes(300_000);
const directory = temporaryDirectory("forward");

/** Sends data through a tunnel and back. */
async function roundTrip(place: Place, timeoutMs = 15_000): Promise<void> {
  const peer = await connectTo(place);
  peer.send(data);
  await peer.received(data.length, timeoutMs);
  expect(peer.sha256()).toBe(sha256(data));
  peer.reset();
}

/** The session that was started last for the tunnels of a process, other than those before. */
async function newSession(tunnels: Forward, before: readonly string[]): Promise<string> {
  return await waitFor(
    async () =>
      (await standIn.simulator.call("openSessions")).find(
        ({ sessionId, connected }) => connected && !before.includes(sessionId),
      )?.sessionId,
    { what: `another session than ${before.join(", ")} (${tunnels.pid})`, timeoutMs: 8_000 },
  );
}

describe("tunnels", () => {
  test("several in one process, one session each; both loopback addresses; a Unix socket", async () => {
    const path = join(directory, "echo.sock");
    const specs = [
      `0:${echo.port}`,
      `0:127.0.0.1:${echo.port}`,
      `127.0.0.1:0:${echo.port}`,
      `${path}:${echo.port}`,
    ];
    const tunnels = await startForward(
      standIn,
      specs.flatMap((spec) => ["-L", spec]),
    );
    expect(new Set(tunnels.ports.slice(0, 3)).size).toBe(3);
    expect(tunnels.sessionIds).toHaveLength(4);
    expect(statSync(path).isSocket()).toBe(true);
    await Promise.all([
      ...tunnels.ports.slice(0, 3).map((port) => roundTrip({ port })),
      roundTrip({ port: tunnels.ports[0] ?? 0, host: "::1" }),
      roundTrip({ path }),
    ]);
    const outcome = await tunnels.end();
    expect(outcome.stderr).toBe("");
    expect(existsSync(path)).toBe(false);
  });

  test("a destination that refuses: the connection is reset, that is said, the tunnel goes on", async () => {
    const tunnels = await startForward(standIn, ["-L", "0:denied.example:80"]);
    const peer = await connectTo({ port: tunnels.ports[0] ?? 0 });
    await peer.whenClosed();
    await tunnels.stdout.waitFor('{"event":"destination-failed"');
    await tunnels.end();
  });

  test("killed at the service: another session at once, on the same port", async () => {
    const tunnels = await startForward(standIn, ["-L", `0:${echo.port}`]);
    const place = { port: tunnels.ports[0] ?? 0 };
    await roundTrip(place);
    await standIn.simulator.call("terminate", tunnels.sessionIds[0] ?? "", "Terminated by the owner");
    await tunnels.stdout.waitFor(
      /"event":"session-ended","message":"[^"]*Terminated by the owner\)[^"]*, starting another now"/,
    );
    await newSession(tunnels, tunnels.sessionIds);
    await roundTrip(place);
    await tunnels.end();
  });

  test("idle for too long: another session at the next connection, which waits for it", async () => {
    const tunnels = await startForward(standIn, ["-L", `0:${echo.port}`]);
    const sessionId = tunnels.sessionIds[0] ?? "";
    await standIn.simulator.call("terminate", sessionId, `Session: ${sessionId} timed out.`);
    await tunnels.stdout.waitFor('"event":"session-idle"');
    await noSessionsLeft(standIn);
    await roundTrip({ port: tunnels.ports[0] ?? 0 });
    await tunnels.end();
  });

  test("cut: the open connection survives and all bytes arrive", async () => {
    const tunnels = await startForward(standIn, ["-L", `0:${echo.port}`]);
    const peer = await connectTo({ port: tunnels.ports[0] ?? 0 });
    peer.send(data);
    await peer.received(1);
    await standIn.simulator.call("cut", tunnels.sessionIds[0] ?? "");
    peer.send(data);
    await peer.received(2 * data.length, 20_000);
    expect(peer.sha256()).toBe(sha256(Buffer.concat([data, data])));
    await tunnels.stdout.waitFor('"event":"connection-restored"');
    await tunnels.end();
  });

  test("--once: the end of a session is the end, with its reason", async () => {
    const tunnels = await startForward(standIn, ["-L", `0:${echo.port}`, "-L", `0:${echo.port}`, "--once"]);
    await standIn.simulator.call("terminate", tunnels.sessionIds[1] ?? "", "Enough");
    const outcome = await tunnels.finish(5_000);
    expect(outcome.exitCode).toBe(255);
    expect(outcome.stderr).toContain('"message":"Enough"');
    await noSessionsLeft(standIn);
  });

  test("--sessions 3: connections are spread over three sessions", async () => {
    const tunnels = await startForward(standIn, ["-L", `0:${echo.port}`, "--sessions", "3"]);
    const place = { port: tunnels.ports[0] ?? 0 };
    await waitFor(async () => (await standIn.simulator.call("openSessions")).length === 3, {
      what: "three sessions",
    });
    const peers = await Promise.all([connectTo(place), connectTo(place), connectTo(place)]);
    for (const peer of peers) peer.send(data);
    await Promise.all(peers.map((peer) => peer.received(data.length, 15_000)));
    const sent = (await standIn.simulator.call("openSessions")).map(({ bytesToAgent }) => bytesToAgent);
    expect(sent.filter((bytes) => bytes > data.length)).toHaveLength(3);
    await tunnels.end();
  });

  test.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
    ["SIGHUP", 129],
  ] as const)("%s with a busy connection: %d, within 3 s, nothing left", async (signal, exitCode) => {
    const tunnels = await startForward(standIn, ["-L", `0:${echo.port}`]);
    const peer = await connectTo({ port: tunnels.ports[0] ?? 0 });
    peer.send(data);
    await peer.received(1);
    await tunnels.end(signal, exitCode);
    await peer.whenClosed();
  });

  test("SIGTERM while a session is being started again", async () => {
    const tunnels = await startForward(standIn, ["-L", `0:${echo.port}`]);
    await standIn.simulator.call("setFaults", { api: { StartSession: { times: 0 } } });
    await standIn.simulator.call("terminate", tunnels.sessionIds[0] ?? "", "Killed");
    await tunnels.stdout.waitFor(/no session \(ssm:StartSession failed[^"]*starting another in \d+ s"/);
    await tunnels.end();
    await standIn.simulator.call("clearFaults");
  });
});

describe("what is said", () => {
  test("without a terminal: one line a tunnel on standard error, nothing on standard output", async () => {
    const child = startPeople(standIn, ["forward", WEB, "-L", `0:${echo.port}`, "-L", "0:db.internal:5432"]);
    await child.stderr.waitFor(/(Listening on .*\n){2}/);
    child.kill("SIGTERM");
    const { stdout, stderr } = await child.finish(5_000);
    expect(stdout).toBe("");
    expect(stderr).toMatch(
      /^Listening on 127\.0\.0\.1:\d+( and \[::1\]:\d+)? for port \d+\nListening on .* for db\.internal:5432\n$/,
    );
  });

  test("--quiet: nothing at all", async () => {
    const child = startPeople(standIn, [
      "forward",
      WEB,
      "-L",
      `${join(directory, "q.sock")}:${echo.port}`,
      "--quiet",
    ]);
    await waitFor(() => existsSync(join(directory, "q.sock")), { what: "the socket" });
    await waitFor(
      async () => (await standIn.simulator.call("openSessions")).some(({ connected }) => connected),
      {
        what: "the session",
      },
    );
    await roundTrip({ path: join(directory, "q.sock") });
    child.kill("SIGTERM");
    expect(await child.finish(5_000)).toMatchObject({ stdout: "", stderr: "", exitCode: 143 });
    await noSessionsLeft(standIn);
  });

  test("on a terminal: a line a tunnel that counts, with messages above it", async () => {
    const server = startServer({ data: (peer) => peer.send(new Uint8Array(50_000)) });
    const path = join(directory, "live.sock");
    const pty = peopleOnTerminal(standIn, ["forward", WEB, "-L", `${path}:${server.port}`], { cols: 160 });
    await pty.waitForOutput(/live\.sock {2}→ port \d+ {2}\S*● up\S* {2}0 open {2}↑ 0 B {2}↓ 0 B {2}0 B\/s/);
    const peer = await connectTo({ path });
    peer.send(new Uint8Array(1_500));
    await peer.received(50_000);
    await pty.waitForOutput(/● up\S* {2}1 open {2}↑ 1\.5 kB {2}↓ \d+\.\d kB .*rtt [\d.]+ ms/);
    const session = (await standIn.simulator.call("openSessions"))[0];
    await standIn.simulator.call("cut", session?.sessionId ?? "");
    await pty.waitForOutput(/connection lost .*reconnecting…\x1b\[J\r\n\r[^\n]*live\.sock/);
    await pty.waitForOutput(/connection restored after .*\r\n[^\n]*1 reconnect\x1b\[J/);
    pty.write("\x03");
    expect(await pty.finish(5_000)).toBe(130);
    await noSessionsLeft(standIn);
  });
});
