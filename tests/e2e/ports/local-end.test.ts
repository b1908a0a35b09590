/** The local end of a tunnel: which address and port, what happens when these cannot be had, and Unix sockets. */
import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { connect as connectSocket, createServer } from "node:net";
import { join } from "node:path";

import { temporaryDirectory } from "../../support/environment.ts";
import { clearLater } from "../../support/leftovers.ts";
import { type Outcome, run } from "../../support/processes.ts";
import { needsThat } from "../../support/programs.ts";
import { executableOf, startWithPipes } from "../sessions.ts";
import { type SessionRequest, useStandIn } from "../stand-in.ts";
import { directly, forEachStart, type Start, withArgument } from "../starts.ts";
import { connectTo, startEcho } from "./peers.ts";
import { forward, openTunnel } from "./tunnels.ts";

const standIn = useStandIn();
const echo = startEcho();

/** Occupies a port. */
async function occupy(host: string, port = 0): Promise<number> {
  const server = createServer();
  clearLater(() => void server.close());
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host, port }, resolve);
  });
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

const hasIpv6 = await occupy("::1").then(
  () => true,
  () => false,
);
const ipv6 = needsThat(hasIpv6 ? undefined : "an IPv6 loopback address");
/** Linux has all of 127.0.0.0/8; others need to be told. */
const manyLoopbacks = needsThat(process.platform === "linux" ? undefined : "the loopback address 127.0.0.2");

/** Whether somebody takes connections there. */
function isOpen(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connectSocket({ host, port });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

/** Runs a session that cannot come up: it ends by itself, at once, here and at the other side. */
async function runToFailure(
  start: Start,
  request: SessionRequest,
  env: Readonly<Record<string, string>> = {},
): Promise<{ readonly outcome: Outcome; readonly sessionId: string; readonly reason: string }> {
  const { command, env: variables } = await start.prepare(standIn, request, env);
  const outcome = await run(command, { env: variables });
  const sessionId = /SessionId: (\S+)/.exec(outcome.stdout)?.[1] ?? "";
  await standIn.sessionEnded(sessionId, 1_000);
  const head = `\nStarting session with SessionId: ${sessionId}\n`;
  expect(outcome.stdout.slice(0, head.length)).toBe(head);
  if (!start.viaAws) expect(outcome.stderr).toBe("");
  return { outcome, sessionId, reason: outcome.stdout.slice(head.length) };
}

describe("a port that is taken", () => {
  forEachStart("taken", (start) => {
    test("is AWS's error line, and the session is ended at once", async () => {
      const port = await occupy("127.0.0.1");
      const startedAt = performance.now();
      const { outcome, reason } = await runToFailure(start, forward(echo.port, port));
      if (!start.viaAws) expect(performance.now() - startedAt).toBeLessThan(1_500);
      expect(reason).toBe(
        `Cannot perform start session: listen tcp 127.0.0.1:${port}: bind: address already in use\n`,
      );
      expect(outcome.exitCode).toBe(start.exitCode(1));
    });
  });

  ipv6.test("on ::1 alone is an error too: localhost would reach a stranger", async () => {
    const port = await occupy("::1");
    const { reason, outcome } = await runToFailure(directly, forward(echo.port, port));
    expect(reason).toBe(
      `Cannot perform start session: listen tcp [::1]:${port}: bind: address already in use\n`,
    );
    expect(outcome.exitCode).toBe(1);
    expect(await isOpen("127.0.0.1", port)).toBe(false);
  });

  test("is exit code 0 when the token stands in an argument", async () => {
    const port = await occupy("127.0.0.1");
    const { outcome } = await runToFailure(withArgument, forward(echo.port, port));
    expect(outcome.exitCode).toBe(0);
  });
});

describe("where a tunnel listens", () => {
  test("on the given port, on 127.0.0.1 and on ::1", async () => {
    const port = await occupy("127.0.0.1");
    // Free again a moment later, and nobody else is given it meanwhile.
    const other = await openTunnel(standIn, directly, forward(echo.port));
    const free = other.port;
    await other.stop();
    expect(free).not.toBe(port);
    const tunnel = await openTunnel(standIn, directly, forward(echo.port, free));
    expect(tunnel.port).toBe(free);
    for (const host of hasIpv6 ? ["127.0.0.1", "::1"] : ["127.0.0.1"]) {
      const peer = await connectTo({ host, port: free });
      peer.send(host);
      await peer.received(host.length);
      expect(peer.text).toBe(host);
      peer.reset();
    }
    await tunnel.stop();
    expect(await isOpen("127.0.0.1", free)).toBe(false);
  });

  test("on a free port each, several tunnels beside each other", async () => {
    const tunnels = await Promise.all(
      [1, 2, 3].map(() => openTunnel(standIn, directly, forward(echo.port, 0))),
    );
    expect(new Set(tunnels.map(({ port }) => port)).size).toBe(3);
    await Promise.all(tunnels.map((tunnel) => tunnel.stop("SIGTERM", 143)));
  });

  manyLoopbacks.test("on SSM_PLUGIN_LOCAL_HOST alone when that is set", async () => {
    const env = { SSM_PLUGIN_LOCAL_HOST: "127.0.0.2" };
    const tunnel = await openTunnel(standIn, directly, forward(echo.port), { env });
    expect(await isOpen("127.0.0.2", tunnel.port)).toBe(true);
    expect(await isOpen("127.0.0.1", tunnel.port)).toBe(false);
    await tunnel.stop();
  });

  test.each([
    ["127.0.0.1", false],
    ["0.0.0.0", true],
    ["*", true],
  ])(
    "on SSM_PLUGIN_LOCAL_HOST %s; what is open to the network is warned of on standard error: %p",
    async (host, warned) => {
      const tunnel = await startWithPipes(standIn, directly, forward(echo.port), {
        env: { SSM_PLUGIN_LOCAL_HOST: host },
      });
      const port = Number(/\d+/.exec(await tunnel.stdout.waitFor(/Port \d+ opened for [^]*Waiting/))?.[0]);
      expect(await isOpen("127.0.0.1", port)).toBe(true);
      expect(await isOpen("::1", port)).toBe(host === "*" && hasIpv6);
      tunnel.kill("SIGINT");
      const { stdout, stderr } = await tunnel.finish();
      const address = host === "*" ? "0.0.0.0" : host;
      expect(stderr.includes(`Warning: the tunnel listens on ${address}:`)).toBe(warned);
      expect(stdout).not.toContain("Warning");
    },
  );

  test.each([
    ["no-such-host.invalid", "listen tcp: lookup no-such-host.invalid: no such host"],
    ["not a host", "listen tcp: lookup not a host: no such host"],
    ["203.0.113.9", /^listen tcp 203\.0\.113\.9:\d+: bind: cannot assign requested address$/],
  ])("on SSM_PLUGIN_LOCAL_HOST %p, which cannot be, is an error", async (host, expected) => {
    const { reason, outcome } = await runToFailure(directly, forward(echo.port), {
      SSM_PLUGIN_LOCAL_HOST: host,
    });
    const [, message = ""] = /^Cannot perform start session: (.*)\n$/.exec(reason) ?? [];
    expect(message).toMatch(expected);
    expect(outcome.exitCode).toBe(1);
  });
});

describe("Unix sockets", () => {
  const toSocket = (path: string): SessionRequest => ({
    document: "AWS-StartPortForwardingSessionToSocket",
    parameters: { portNumber: String(echo.port), localUnixSocket: path },
  });

  test("a dead listener's file is replaced, a living one's is not", async () => {
    const path = join(temporaryDirectory("stale"), "db.sock");
    const first = await startWithPipes(standIn, directly, toSocket(path));
    await first.stdout.waitFor("Waiting for connections...");
    const { reason, outcome } = await runToFailure(directly, toSocket(path));
    expect(reason).toBe(`Cannot perform start session: listen unix ${path}: bind: address already in use\n`);
    expect(outcome.exitCode).toBe(1);
    first.kill("SIGKILL");
    await first.finish();
    await standIn.simulator.call("terminate", first.sessionId);
    const second = await startWithPipes(standIn, directly, toSocket(path));
    await second.stdout.waitFor("Waiting for connections...");
    const peer = await connectTo({ path });
    peer.send("hello");
    await peer.received(5);
    process.kill(await executableOf(second.pid), "SIGTERM");
    expect((await second.finish()).exitCode).toBe(143);
    expect(await Bun.file(path).exists()).toBe(false);
  });

  test("a file that is no socket is left alone", async () => {
    const path = join(temporaryDirectory("file"), "precious");
    writeFileSync(path, "precious");
    const { reason } = await runToFailure(directly, toSocket(path));
    expect(reason).toContain(
      `listen unix ${path}: bind: address already in use by something that is not a socket`,
    );
    expect(await Bun.file(path).text()).toBe("precious");
  });

  test("a path that is too long is said to be that", async () => {
    const path = join("/tmp", "x".repeat(120));
    const { reason, outcome } = await runToFailure(directly, toSocket(path));
    expect(reason).toContain(`listen unix ${path}: the path has 125 bytes, the system allows 10`);
    expect(outcome.exitCode).toBe(1);
  });

  test("a directory that does not exist is an error", async () => {
    const { reason } = await runToFailure(directly, toSocket("/no-such-directory/db.sock"));
    expect(reason).toBe(
      "Cannot perform start session: listen unix /no-such-directory/db.sock: bind: no such file or directory\n",
    );
  });
});
