/**
 * The log of a run that failed, read by somebody who was not there: for each failure it tells what was tried, on which
 * target, in which session, what went wrong by its stable code, and what AWS calls the request.
 */
import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

import { repositoryRoot, temporaryDirectory } from "../../support/environment.ts";
import { type Outcome, start } from "../../support/processes.ts";
import { waitFor } from "../../support/wait-for.ts";
import { connectTo } from "../ports/peers.ts";
import { PROMPT } from "../stand-in.ts";
import { noSessionsLeft, people, startForward, startPeople, usePeopleStandIn, WEB } from "./people.ts";

const standIn = usePeopleStandIn();
const OFFLINE = "i-0fedcba9876543210";
const DENIED = "i-00000000000000ddd";
const taken = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
taken.unref();
/** Nobody listens there. */
const unused = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
const refusing = unused.port;
unused.stop(true);

/** A line of a log. */
interface Line {
  readonly level: string;
  readonly event: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

function readLog(file: string): readonly Line[] {
  const lines = readFileSync(file, "utf8").trimEnd().split("\n");
  return lines.map((line) => {
    const [, level = "", rest = ""] = /^\S+Z (\w+) +\[\d+\] (.*)$/.exec(line) ?? [];
    const [event = ""] = /^[^=]*?(?=( \w+=|$))/.exec(rest) ?? [];
    const fields = [...rest.matchAll(/ (\w+)=("(?:[^"\\]|\\.)*"|\S+)/g)].map(
      ([, name = "", value = ""]) => [name, JSON.parse(value) as unknown] as const,
    );
    return { level, event, fields: Object.fromEntries(fields) };
  });
}

const newLog = (): string => join(temporaryDirectory("log"), "run.log");
const requestId = expect.stringMatching(/^[0-9a-f-]{36}$/);

/** A run that fails. */
interface Failure {
  readonly what: string;
  /** Runs it with that log file. Resolves with how it ended and its session, where it had one. */
  run(file: string): Promise<Pick<Outcome, "exitCode"> & { readonly session?: string }>;
  readonly exitCode: number;
  readonly command: string;
  /** The line at level WARN or ERROR that tells what went wrong; `session` is added where there was one. */
  readonly tells: Pick<Line, "level" | "event"> & { readonly fields: Readonly<Record<string, unknown>> };
}

/** A command that starts no session, or whose session nobody has to know. */
function simple(
  what: string,
  args: readonly string[],
  exitCode: number,
  fields: Failure["tells"]["fields"],
  env: Readonly<Record<string, string | undefined>> = {},
): Failure {
  const [first = "", ...others] = args;
  return {
    what,
    run: (file) => people(standIn, [first, "--log-file", file, ...others], { env }),
    exitCode,
    command: first,
    tells: { level: "ERROR", event: "failed", fields },
  };
}

/** A session that is up, and what then happens to it. */
function running(
  what: string,
  args: readonly string[],
  spoil: (session: string) => Promise<unknown>,
  exitCode: number,
  tells: Failure["tells"],
  env: Readonly<Record<string, string | undefined>> = {},
): Failure {
  return {
    what,
    command: args[0] ?? "",
    exitCode,
    tells,
    async run(file) {
      const [first = "", ...others] = args;
      const child = startPeople(standIn, [first, "-v", "--log-file", file, ...others], { env });
      const said = await child.stderr.waitFor(/Session (\S+)\n/);
      const session = /Session (\S+)/.exec(said)?.[1] ?? "";
      await child.stdout.waitFor(args[0] === "shell" ? PROMPT : "up\n");
      await spoil(session);
      return { session, ...(await child.finish()) };
    },
  };
}

const TRUE = ["--", "true"];
const SLEEP = ["exec", WEB, "--shell", "echo up; exec sleep 60"];

const FAILURES: readonly Failure[] = [
  simple("a target that is not connected", ["exec", "offline", ...TRUE], 255, {
    code: "AWS_REFUSED",
    awsCode: "TargetNotConnected",
    action: "ssm:StartSession",
    httpStatus: 400,
    target: OFFLINE,
    requestId,
    message: expect.stringContaining("is not connected"),
  }),
  simple("a permission that is missing", ["exec", "denied", ...TRUE], 255, {
    code: "AWS_ACCESS_DENIED",
    awsCode: "AccessDeniedException",
    action: "ssm:StartSession",
    target: DENIED,
    requestId,
  }),
  simple(
    "keys that are wrong",
    ["exec", WEB, ...TRUE],
    255,
    { code: "AWS_REJECTED_CREDENTIALS", action: "ssm:StartSession", target: WEB, requestId },
    { AWS_SECRET_ACCESS_KEY: "wrong" },
  ),
  simple(
    "no keys",
    ["exec", WEB, ...TRUE],
    255,
    { code: "AWS_NO_CREDENTIALS", target: WEB },
    { AWS_ACCESS_KEY_ID: undefined, AWS_SECRET_ACCESS_KEY: undefined, AWS_SESSION_TOKEN: undefined },
  ),
  simple("AWS out of reach", ["targets", "--endpoint-url", "http://127.0.0.1:9"], 255, {
    code: "AWS_UNREACHABLE",
    action: "ssm:DescribeInstanceInformation",
    message: expect.stringContaining("ECONNREFUSED"),
  }),
  simple("no such target", ["shell", "nobody"], 255, { code: "CLI_TARGET", target: "nobody" }),
  simple("a local port that is taken", ["forward", WEB, "-L", `${taken.port}:80`], 255, {
    code: "NET_ADDRESS_IN_USE",
    target: WEB,
    message: expect.stringContaining(`127.0.0.1:${taken.port}`),
  }),
  simple("a word that is not understood", ["exec", WEB, "ls"], 2, {
    code: "CLI_USAGE",
    message: expect.stringContaining('"ls" is one word too many'),
  }),
  simple("time that is up", ["exec", WEB, "--timeout", "1s", "--", "sleep", "60"], 124, {
    target: WEB,
    session: expect.any(String),
    message: expect.stringContaining("the time is up"),
  }),
  simple(
    "a gateway that refuses the connection",
    ["exec", WEB, ...TRUE],
    255,
    {
      code: "SESSION_CONNECT_FAILED",
      target: WEB,
      session: expect.any(String),
      message: expect.stringContaining("127.0.0.1:9"),
    },
    { SSM_PLUGIN_STREAM_ENDPOINT: "ws://127.0.0.1:9" },
  ),
  running(
    "a session that was ended from elsewhere",
    ["shell", WEB],
    (session) =>
      standIn.simulator.call("terminate", session, "Your session was terminated by an administrator."),
    255,
    {
      level: "WARN",
      event: "session ended",
      fields: { end: "closed", target: WEB, reason: "Your session was terminated by an administrator." },
    },
  ),
  running(
    "a session that is gone when it is to be resumed",
    ["shell", WEB],
    async (session) => {
      await standIn.simulator.call("setFaults", { resumeGone: true }, session);
      await standIn.simulator.call("cut", session);
      await standIn.simulator.call("terminate", session);
    },
    255,
    { level: "ERROR", event: "session failed", fields: { code: "SESSION_GONE", target: WEB } },
  ),
  running(
    "a command whose connection was cut",
    SLEEP,
    (session) => standIn.simulator.call("cut", session),
    254,
    {
      level: "ERROR",
      event: "session failed",
      fields: { code: "SESSION_OUTPUT_INCOMPLETE", target: WEB },
    },
  ),
  {
    what: "a destination that the target cannot reach",
    command: "forward",
    exitCode: 143,
    async run(file) {
      const tunnels = await startForward(standIn, ["--log-file", file, "-L", `0:${refusing}`]);
      const peer = await connectTo({ port: tunnels.ports[0] ?? 0 });
      peer.send("hello");
      await tunnels.stdout.waitFor('"event":"destination-failed"');
      await waitFor(() => readFileSync(file, "utf8").includes("stream closed"), {
        what: "the end of the stream",
      });
      return { session: tunnels.sessionIds[0] ?? "", ...(await tunnels.end()) };
    },
    tells: {
      level: "WARN",
      event: "destination failed",
      fields: { host: "localhost", port: refusing, target: WEB },
    },
  },
];

describe("one log tells of", () => {
  test.each(FAILURES.map((failure) => [failure.what, failure] as const))("%s", async (_, failure) => {
    const file = newLog();
    const { exitCode, session } = await failure.run(file);
    const lines = readLog(file);
    expect(exitCode).toBe(failure.exitCode);
    expect(lines[0]).toMatchObject({
      level: "INFO",
      event: "command started",
      fields: { command: failure.command, version: expect.any(String) },
    });
    const { level, event, fields } = failure.tells;
    const telling = lines.find((line) => line.level === level && line.event === event);
    expect(telling?.fields).toMatchObject({ ...fields, ...(session === undefined ? {} : { session }) });
    // A call that nobody waits for any more may be answered after it.
    const ended = lines.findLast(({ event: name }) => name === "command ended");
    expect(ended).toMatchObject({ fields: { exitCode } });
    // Whoever only looks for what is no information finds it, and nothing about what went well.
    expect(lines.some((line) => line.level === "WARN" || line.level === "ERROR")).toBe(true);
    for (const line of lines) expect(line.level).toMatch(/^(INFO|WARN|ERROR)$/);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const { secretAccessKey, sessionToken = "-" } = standIn.simulator.credentials;
    const text = readFileSync(file, "utf8");
    for (const secret of [secretAccessKey, sessionToken]) expect(text.includes(secret)).toBe(false);
  });
});

describe("a log", () => {
  test("of a run that went well holds no trouble", async () => {
    const file = newLog();
    const { exitCode } = await people(standIn, [
      "exec",
      "web-1",
      "--log-file",
      file,
      "--shell",
      "echo x; exit 3",
    ]);
    expect(exitCode).toBe(3);
    const lines = readLog(file);
    expect(lines.filter(({ level }) => level !== "INFO")).toEqual([]);
    const calls = lines.filter(({ event }) => event === "aws call");
    expect(calls.map(({ fields }) => fields["action"])).toContain("ssm:StartSession");
    for (const { fields } of calls) expect(fields).toMatchObject({ outcome: "ok", requestId });
    expect(lines.find(({ event }) => event === "session ended")?.fields).toMatchObject({
      end: "closed",
      exitCode: 3,
    });
    expect(lines.at(-1)).toMatchObject({ event: "command ended", fields: { exitCode: 3 } });
  });

  test("says of a stream how much went through and why it ended", async () => {
    const file = newLog();
    const server = Bun.listen({
      hostname: "127.0.0.1",
      port: 0,
      socket: { open: (socket) => void socket.write("welcome"), data: (socket) => void socket.end() },
    });
    const tunnels = await startForward(standIn, ["--log-file", file, "-L", `0:${server.port}`]);
    const port = tunnels.ports[0] ?? 0;
    const first = await connectTo({ port });
    await first.received(7);
    first.send("bye");
    await waitFor(() => first.ended, { what: "the end of the connection" });
    const second = await connectTo({ port });
    await second.received(7);
    second.reset();
    const closed = (): readonly Line[] => readLog(file).filter(({ event }) => event === "stream closed");
    await waitFor(() => closed().length === 2, { what: "the end of both streams" });
    server.stop(true);
    await tunnels.end();
    const session = tunnels.sessionIds[0];
    const streams = closed().toSorted(
      (one, other) => Number(one.fields["stream"]) - Number(other.fields["stream"]),
    );
    expect(streams.map(({ fields }) => fields)).toMatchObject([
      { session, sentBytes: 3, receivedBytes: 7, why: "the destination closed it" },
      {
        session,
        sentBytes: 0,
        receivedBytes: 7,
        why: expect.stringMatching(/^the local connection broke: /),
      },
    ]);
  });

  test("is there from the first moment, also while nothing is worth a line", async () => {
    const file = newLog();
    const child = startPeople(standIn, ["shell", WEB, "--log-file", file], {
      env: { SSM_PLUGIN_LOG_LEVEL: "error" },
    });
    await child.stdout.waitFor(PROMPT);
    expect(existsSync(file)).toBe(true);
    expect(readFileSync(file, "utf8")).toBe("");
    await child.write("exit\n");
    expect((await child.finish()).exitCode).toBe(0);
  });

  test("of the AWS CLI's mode names the session and the target, too", async () => {
    const file = newLog();
    const response = await standIn.startSession();
    const { SessionId } = JSON.parse(response) as { readonly SessionId: string };
    const { region, url } = standIn.simulator;
    const variable = "AWS_SSM_START_SESSION_RESPONSE";
    const request = JSON.stringify({ Target: WEB });
    const outcome = await people(standIn, [variable, region, "StartSession", "", request, url], {
      env: {
        [variable]: response,
        SSM_PLUGIN_LOG_FILE: file,
        SSM_PLUGIN_STREAM_ENDPOINT: "ws://127.0.0.1:9",
      },
    });
    expect(outcome.exitCode).toBe(1);
    const about = { session: SessionId, target: WEB };
    const lines = readLog(file);
    expect(lines[0]).toMatchObject({ event: "plugin started", fields: about });
    expect(lines.find(({ event }) => event === "session failed")?.fields).toMatchObject({
      code: "SESSION_CONNECT_FAILED",
      ...about,
    });
    expect(lines.at(-1)).toMatchObject({ event: "plugin ended", fields: { exitCode: 1, ...about } });
  });

  test("holds a defect of the program, with its place", async () => {
    const file = newLog();
    const preload = join(temporaryDirectory("defect"), "defect.ts");
    await Bun.write(preload, 'process.on("SIGUSR2", () => { throw new Error("a defect"); });\n');
    const main = join(repositoryRoot, "src/main.ts");
    const child = start([process.execPath, "--preload", preload, main, "shell", WEB, "--log-file", file], {
      env: standIn.environment,
    });
    await child.stdout.waitFor(PROMPT);
    child.kill("SIGUSR2");
    expect((await child.finish()).exitCode).toBe(255);
    expect(readLog(file).find(({ level }) => level === "ERROR")).toMatchObject({
      event: "unexpected error",
      fields: { message: "a defect", place: expect.stringContaining("defect.ts") },
    });
  });
});

describe("-v", () => {
  test.each([[["exec", WEB, "-v", "--", "true"]], [["exec", "--verbose", WEB, "--", "true"]]])(
    "%j says the session's id",
    async (args) => {
      const { stdout, stderr, exitCode } = await people(standIn, args);
      expect({ stdout, exitCode }).toEqual({ stdout: "", exitCode: 0 });
      const [, id = ""] = /^Session (\S+)$/m.exec(stderr) ?? [];
      expect((await standIn.session(id)).status).toBe("Terminated");
    },
  );

  test("as JSON too, and not without it", async () => {
    const { stderr } = await people(standIn, [
      "exec",
      WEB,
      "-v",
      "--json",
      "--log-file",
      newLog(),
      "--",
      "true",
    ]);
    expect(JSON.parse(stderr)).toMatchObject({ event: "session", sessionId: expect.any(String) });
    expect((await people(standIn, ["exec", WEB, "--", "true"])).stderr).toBe("");
  });

  test("before the command, for a shell", async () => {
    const child = startPeople(standIn, ["-v", "shell", WEB]);
    await child.stderr.waitFor(/^Session \S+\n/m);
    await child.stdout.waitFor(PROMPT);
    await child.write("exit\n");
    expect((await child.finish()).exitCode).toBe(0);
  });
});

test("nothing is left behind", () => noSessionsLeft(standIn));
