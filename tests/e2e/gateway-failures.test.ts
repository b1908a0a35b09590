/**
 * Gateways that cannot be reached, refuse, close at once or never answer: the reason in words, what to check, within
 * the deadline, and nothing secret in it.
 */
import { afterAll, describe, expect, test } from "bun:test";
import { createServer, type Server, type Socket } from "node:net";

import type { FaultsPatch } from "../../src/simulator/index.ts";
import { executablePath } from "../support/environment.ts";
import { type Outcome, run } from "../support/processes.ts";
import { type SessionRequest, useStandIn } from "./stand-in.ts";
import { directly, forEachAwsCli, withArgument } from "./starts.ts";

const standIn = useStandIn();

const COMMAND: SessionRequest = {
  document: "AWS-StartNonInteractiveCommand",
  parameters: { command: "echo must not be seen" },
};

/** Limits for what never answers. */
const TIMEOUTS = { SSM_PLUGIN_CONNECT_TIMEOUT: "1s", SSM_PLUGIN_HANDSHAKE_TIMEOUT: "1s" };

/** The one line behind the first; no stack trace, and nothing of the URL behind its host. */
function expectReason({ stdout, stderr }: Outcome, says: RegExp): void {
  expect(stderr).toBe("");
  const [, id, line] = /^\nStarting session with SessionId: (\S+)\n([^]*)$/.exec(stdout) ?? [];
  expect(id).toBeDefined();
  expect(line).toMatch(/^Cannot perform start session: [^\n]+\n$/);
  expect(line).toMatch(says);
  expect(line).not.toMatch(/role=|cell-number|TokenValue|data-channel|bunfs|\.ts:\d/);
}

const refusals: readonly (readonly [string, FaultsPatch, RegExp])[] = [
  [
    "answers 403",
    { upgrade: { answer: "refuse", status: 403 } },
    /403.*ssmmessages:OpenDataChannel.*expired/,
  ],
  ["answers 404", { upgrade: { answer: "refuse", status: 404 } }, /404.*region.*session has not ended/],
  ["answers 500", { upgrade: { answer: "refuse", status: 500 } }, /500.*try again later/],
  ["answers 200", { upgrade: { answer: "refuse", status: 200 } }, /200/],
  ["never answers the upgrade", { upgrade: { answer: "hang" } }, /did not answer within 1 s.*check/],
  ["lets no answer of the handshake through", { toAgent: { loss: 1 } }, /handshake within 1 s/],
  ...[1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 4000, 4999].map(
    (code) =>
      [
        `closes at once with ${code}`,
        { opening: { answer: "close", code, reason: "the \x1b[31mreason" } },
        RegExp(`code ${code}.*the .\\[31mreason`),
      ] as const,
  ),
];

describe.concurrent("a gateway that", () => {
  test.each(refusals)("%s", async (_name, faults, says) => {
    const { command, env } = await directly.prepare(standIn, COMMAND, TIMEOUTS);
    const { SessionId } = JSON.parse(env["AWS_SSM_START_SESSION_RESPONSE"] ?? "");
    await standIn.simulator.call("setFaults", faults, SessionId);
    const startedAt = performance.now();
    const outcome = await run(command, { env });
    expectReason(outcome, says);
    expect(outcome.exitCode).toBe(1);
    expect(performance.now() - startedAt).toBeLessThan(8_000);
    await standIn.sessionEnded(SessionId);
  });
});

const servers: Server[] = [];
afterAll(() => servers.forEach((server) => void server.close()));

/** A server of its own kind; the port it listens on. */
async function serve(connected: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => sockets.delete(socket));
    connected(socket);
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

const query = "role=publish_subscribe&cell-number=secret";

/** Starts the program with a stream URL of the test's own; the API knows nothing of the session. */
async function runAt(streamUrl: string): Promise<Outcome & { readonly tookMs: number }> {
  const variable = "AWS_SSM_START_SESSION_RESPONSE";
  const text = JSON.stringify({ SessionId: "s-1", TokenValue: "secret", StreamUrl: streamUrl });
  const request = JSON.stringify({ Target: standIn.target });
  const startedAt = performance.now();
  const outcome = await run(
    [executablePath, variable, "us-east-1", "StartSession", "", request, standIn.simulator.url],
    {
      env: { ...standIn.environment, ...TIMEOUTS, [variable]: text, SSM_PLUGIN_ALLOW_ANY_ENDPOINT: "true" },
    },
  );
  return { ...outcome, tookMs: performance.now() - startedAt };
}

const ANSWERS: readonly (readonly [string, (socket: Socket) => void, RegExp])[] = [
  ["never says a word", () => undefined, /did not answer within 1 s/],
  ["hangs up at once", (socket) => socket.destroy(), /127\.0\.0\.1:\d+/],
  ["resets the connection", (socket) => socket.resetAndDestroy(), /127\.0\.0\.1:\d+/],
  ["hangs up after the request", (socket) => socket.once("data", () => socket.end()), /127\.0\.0\.1:\d+/],
  ["speaks something else", (socket) => socket.end("220 mail.example ESMTP\r\n"), /127\.0\.0\.1:\d+/],
  ["stops in the middle of its answer", (socket) => socket.write("HTTP/1.1 101 Switching"), /within 1 s/],
  [
    "redirects",
    (socket) =>
      socket.once("data", () =>
        socket.end(
          "HTTP/1.1 302 Found\r\nLocation: https://example.com/?secret\r\nContent-Length: 0\r\n\r\n",
        ),
      ),
    /302.*redirects are not followed/,
  ],
  [
    "answers with endless headers",
    (socket) => {
      socket.write("HTTP/1.1 101 Switching Protocols\r\n");
      const write = (): void => void (socket.destroyed || socket.write(`X-A: ${"a".repeat(8_000)}\r\n`));
      const timer = setInterval(write, 5);
      socket.on("close", () => clearInterval(timer));
    },
    /127\.0\.0\.1:\d+/,
  ],
];

describe.concurrent("a server that", () => {
  test.each(ANSWERS)("%s", async (_name, answer, says) => {
    const port = await serve(answer);
    const outcome = await runAt(`ws://127.0.0.1:${port}/v1/data-channel/s-1?${query}`);
    expectReason(outcome, says);
    expect(outcome.stdout).not.toContain("secret");
    expect(outcome.exitCode).toBe(1);
    expect(outcome.tookMs).toBeLessThan(6_000);
  });

  test("is not there", async () => {
    const port = await serve(() => undefined);
    await new Promise((resolve) => servers.at(-1)?.close(resolve));
    const outcome = await runAt(`ws://127.0.0.1:${port}/v1/data-channel/s-1?${query}`);
    expectReason(outcome, /refused.*check the network/);
    expect(outcome.exitCode).toBe(1);
  });

  test("has a name that does not resolve", async () => {
    // No resolver is asked for a name with a label that is too long.
    const outcome = await runAt(`wss://${"x".repeat(64)}.invalid/v1/data-channel/s-1?${query}`);
    expectReason(outcome, /cannot resolve.*check the network, DNS and the region/);
    expect(outcome.exitCode).toBe(1);
  });

  test("speaks no TLS where it should", async () => {
    const port = await serve((socket) =>
      socket.once("data", () => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n")),
    );
    const outcome = await runAt(`wss://127.0.0.1:${port}/v1/data-channel/s-1?${query}`);
    expectReason(outcome, /127\.0\.0\.1:\d+/);
    expect(outcome.exitCode).toBe(1);
  });
});

describe("a refusal", () => {
  // For all sessions, because only the AWS CLI knows the id: nothing else may run meanwhile.
  forEachAwsCli("of the gateway", (start) => {
    test("is told in one line, and no token is seen anywhere", async () => {
      await standIn.simulator.call("setFaults", { upgrade: { answer: "refuse", status: 403 } });
      const { command, env } = await start.prepare(standIn, COMMAND);
      const outcome = await run(command, { env });
      await standIn.simulator.call("clearFaults");
      expectReason({ ...outcome, stderr: "" }, /ssmmessages:OpenDataChannel/);
      expect(outcome.exitCode).toBe(start.exitCode(1));
      expect(outcome.stderr).not.toMatch(/TokenValue|cell-number|Traceback/);
      if (start.exposed) expect(outcome.stderr).toBe("");
    });
  });

  test("ends with 0 when the token stood in an argument", async () => {
    const { command, env } = await withArgument.prepare(standIn, COMMAND);
    const { SessionId } = JSON.parse(command[1] ?? "");
    await standIn.simulator.call("setFaults", { upgrade: { answer: "refuse", status: 403 } }, SessionId);
    const outcome = await run(command, { env });
    expectReason(outcome, /403/);
    expect(outcome.exitCode).toBe(0);
    await standIn.sessionEnded(SessionId);
  });
});
