/**
 * What a whole run leaves in its log, on standard error and on standard output: the lines that tell what went wrong,
 * and no token, key, query or byte of the session.
 */
import { describe, expect, test } from "bun:test";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { PROMPT, useStandIn } from "../e2e/stand-in.ts";
import { temporaryDirectory } from "../support/environment.ts";
import { run } from "../support/processes.ts";
import { waitFor } from "../support/wait-for.ts";
import { SESSION_ID, startHostile } from "./hostile-gateway.ts";
import { connected, cut, prepareSession, startSession, startTunnel } from "./tunnel.ts";

const standIn = useStandIn();

/** Stands in everything that goes through a session. */
const MARKER = "payload-marker-8f3a1c";

const echo = Bun.listen({
  hostname: "127.0.0.1",
  port: 0,
  socket: { data: (socket, bytes) => void socket.write(bytes) },
});
echo.unref();

const newLog = (): string => join(temporaryDirectory("log"), "plugin.log");

/** Sends the marker through a tunnel and waits for it to come back. */
async function visit(port: number): Promise<void> {
  const back = Promise.withResolvers<void>();
  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port,
    socket: { data: () => back.resolve(), close: () => back.reject(new Error("closed")) },
  });
  socket.write(MARKER);
  await back.promise;
  socket.end();
}

/** A tunnel with traffic, a cut that needs two resumes, and an end. Returns all that it has written. */
async function troubledRun(
  env: Readonly<Record<string, string>>,
): Promise<{ readonly written: string; readonly log: string; readonly secrets: readonly string[] }> {
  const file = env["SSM_PLUGIN_LOG_FILE"] ?? "-";
  const tunnel = await startTunnel(
    standIn,
    { hostname: "127.0.0.1", port: echo.port },
    { env: { SSM_PLUGIN_LOG_LEVEL: "debug", SSM_PLUGIN_PING_INTERVAL: "50ms", ...env } },
  );
  await visit(tunnel.address.port);
  await standIn.simulator.call(
    "setFaults",
    { opening: { answer: "close", code: 1008, reason: "invalid token", times: 1 } },
    tunnel.sessionId,
  );
  await cut(standIn, tunnel.sessionId, { code: 1011, reason: "fault" });
  await connected(standIn, tunnel.sessionId, 2);
  await visit(tunnel.address.port);
  tunnel.kill("SIGINT");
  const { stdout, stderr, exitCode } = await tunnel.finish();
  expect(exitCode).toBe(0);
  const { upgrades } = await standIn.simulator.call("stats");
  const log = file === "-" ? stderr : readFileSync(file, "utf8");
  if (file !== "-") expect(stderr).toBe("");
  const { accessKeyId, secretAccessKey, sessionToken = "" } = standIn.simulator.credentials;
  const cells = upgrades.map(({ url }) => /cell-number=([^&]+)/.exec(url)?.[1] ?? "");
  expect(cells.length).toBeGreaterThan(2);
  return {
    written: stdout + stderr + log,
    log,
    secrets: [accessKeyId, secretAccessKey, sessionToken, ...cells],
  };
}

/** What every such run has to say, one line each. */
const EVENTS: readonly RegExp[] = [
  /aws call .*ssm:ResumeSession/,
  /connected .*gateway=.?127\.0\.0\.1:\d+.*attempt=0/,
  /handshake sessionType="Port"/,
  /session started/,
  /stream opened stream=3/,
  /stream closed stream=3 orderly=true/,
  /ping answered rttMs=\d/,
  /connection closed code=1011/,
  /connection closed code=1008/,
  /resumed attempt=1/,
  /resumed attempt=2/,
  /connection restored afterMs=\d+ resent=\d+/,
  /stream opened stream=5/,
  /session ended end="terminated" resentMessages=\d+ duplicateMessages=\d+ rttMs=\d/,
];

function expectNoSecret(written: string, secrets: readonly string[]): void {
  for (const secret of [...secrets, MARKER]) {
    if (secret === "") continue;
    for (const form of [secret, encodeURIComponent(secret), Buffer.from(secret).toString("base64")]) {
      // Not the usual matcher, which would print the secret.
      expect(written.includes(form)).toBe(false);
    }
  }
}

describe.concurrent("a run with trouble", () => {
  test.each([
    ["text in a file", { SSM_PLUGIN_LOG_FILE: newLog() }],
    ["text on standard error", {}],
    ["text on standard error by name", { SSM_PLUGIN_LOG_FILE: "-" }],
  ] as const)("tells what happened and no secret: %s", async (_, env) => {
    const { written, log, secrets } = await troubledRun(env);
    const lines = log.trimEnd().split("\n");
    for (const line of lines) {
      expect(line).toMatch(
        /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (DEBUG|INFO {1,2}|WARN {1,2}|ERROR) \[\d+\] \S/,
      );
    }
    for (const event of EVENTS) expect(log).toMatch(event);
    expectNoSecret(written, secrets);
  });

  test("tells the same as JSON", async () => {
    const { written, log, secrets } = await troubledRun({
      SSM_PLUGIN_LOG_FILE: newLog(),
      SSM_PLUGIN_LOG_FORMAT: "json",
    });
    const lines = log
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    for (const { time, level, event, pid } of lines) {
      expect(String(time)).toMatch(/^\d{4}-\d\d-\d\dT.*Z$/);
      expect(["debug", "info", "warn", "error"]).toContain(String(level));
      expect([typeof event, typeof pid]).toEqual(["string", "number"]);
    }
    const asText = lines
      .map(({ time: _time, level: _level, pid: _pid, event, ...fields }) =>
        [event, ...Object.entries(fields).map(([name, value]) => `${name}=${JSON.stringify(value)}`)].join(
          " ",
        ),
      )
      .join("\n");
    for (const event of EVENTS) expect(asText).toMatch(event);
    expectNoSecret(written, secrets);
  });

  test("tells neither the first token nor the one of a resume, nor what is typed and shown", async () => {
    for (const format of ["text", "json"]) {
      const file = newLog();
      const session = await startHostile({
        env: { SSM_PLUGIN_LOG_LEVEL: "debug", SSM_PLUGIN_LOG_FILE: file, SSM_PLUGIN_LOG_FORMAT: format },
        resumed: {
          TokenValue: "second-token-0c11",
          // A gateway that is not there: its error is told.
          StreamUrl: `ws://127.0.0.1:1/v1/data-channel/${SESSION_ID}?cell-number=secret-cell-7d2e`,
        },
      });
      session.connection.payload(1, "prompt ");
      await session.child.stdout.waitFor("prompt ");
      await session.child.write(`${MARKER}\n`);
      session.connection.payload(1, `shown-${MARKER}`);
      session.connection.payload(99, `strange-${MARKER}`);
      session.connection.control("strange", `strange-${MARKER}`);
      session.connection.send(Buffer.from(`too short ${MARKER}`));
      session.connection.send(`a text ${MARKER}`);
      await session.child.stdout.waitFor(`strange-${MARKER}`);
      session.connection.socket.terminate();
      await waitFor(() => /resumed[^]*connection closed/.test(readFileSync(file, "utf8")), {
        what: "an attempt to connect with the second token",
      });
      session.child.kill("SIGTERM");
      const { stderr } = await session.child.finish();
      const log = readFileSync(file, "utf8");
      expect(log).toContain("connection closed");
      expect(log).toContain("resumed");
      for (const secret of ["a token", "second-token-0c11", "secret-cell-7d2e", "role=publish", MARKER]) {
        expect(log.includes(secret)).toBe(false);
        expect(stderr.includes(secret)).toBe(false);
      }
    }
  });
});

describe("logs", () => {
  test("are off unless asked for", async () => {
    const directory = temporaryDirectory("nothing");
    const { command, env } = await prepareSession(standIn, {
      document: "AWS-StartNonInteractiveCommand",
      parameters: { command: "echo output" },
    });
    const { exitCode, stderr } = await run(command, { env: { ...env, HOME: directory }, cwd: directory });
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    expect([...new Bun.Glob("**").scanSync({ cwd: directory, dot: true })]).toEqual([]);
  });

  test.each([
    ["off", 0],
    ["error", 0],
    ["info", 3],
    ["DEBUG", 3],
  ] as const)("of level %s", async (level, least) => {
    const session = await startSession(standIn, {}, { env: { SSM_PLUGIN_LOG_LEVEL: level } });
    await session.stdout.waitFor(PROMPT);
    await session.write("exit\n");
    const { stderr } = await session.finish();
    const lines = stderr.split("\n").length - 1;
    if (least === 0) expect(lines).toBe(0);
    else expect(lines).toBeGreaterThanOrEqual(least);
  });

  test.each([
    ["SSM_PLUGIN_LOG_LEVEL", "loud", "off, debug, info, warn or error"],
    ["SSM_PLUGIN_LOG_FORMAT", "xml", "text or json"],
  ])("with a bad %s are refused by name", async (name, value, rule) => {
    const env = { SSM_PLUGIN_LOG_LEVEL: "info", [name]: value };
    const { sessionId, ...prepared } = await prepareSession(standIn, {}, { env });
    expect(await run(prepared.command, { env: prepared.env })).toMatchObject({
      exitCode: 1,
      stdout: `Cannot perform start session: ${name} must be ${rule}, it is "${value}"\n`,
      stderr: "",
    });
    await standIn.simulator.call("terminate", sessionId);
  });

  test("in a file are for its owner, and the file is renamed when it is full", async () => {
    const file = newLog();
    // As large as a file may be, but for some lines.
    writeFileSync(file, "old\n".padStart(10 * 1024 * 1024 - 200, "x"));
    const session = await startSession(standIn, {}, { env: { SSM_PLUGIN_LOG_FILE: file } });
    await session.stdout.waitFor(PROMPT);
    await session.write("exit\n");
    expect((await session.finish()).exitCode).toBe(0);
    expect(statSync(`${file}.1`).size).toBeGreaterThan(10 * 1024 * 1024 - 200);
    expect(statSync(`${file}.1`).size).toBeLessThanOrEqual(10 * 1024 * 1024);
    expect(readFileSync(file, "utf8")).toContain("session ended");
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  test("that cannot be written are reported once; the session goes on", async () => {
    const file = join(temporaryDirectory("log"), "no", "such", "plugin.log");
    const session = await startSession(standIn, {}, { env: { SSM_PLUGIN_LOG_FILE: file } });
    await session.stdout.waitFor(PROMPT);
    await session.write("exit\n");
    const { exitCode, stderr } = await session.finish();
    expect(stderr).toBe(
      `The log file ${file} cannot be written: ENOENT: no such file or directory, open '${file}'\n`,
    );
    expect(exitCode).toBe(0);
  });
});
