/** `forward … -- COMMAND`: what COMMAND is told, its streams, signals and exit code, and what a lost tunnel does to it. */
import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";

import { temporaryDirectory } from "../../support/environment.ts";
import { sessionMembers } from "../../support/leftovers.ts";
import type { Outcome, RunningProcess } from "../../support/processes.ts";
import { needs } from "../../support/programs.ts";
import { waitFor } from "../../support/wait-for.ts";
import { startEcho, startServer } from "../ports/peers.ts";
import { noSessionsLeft, people, startPeople, usePeopleStandIn, WEB } from "./people.ts";
import { client, startRedis } from "./programs.ts";

const standIn = usePeopleStandIn({ agent: { deniedHosts: ["denied.example"] } });
const echo = startEcho();
const directory = temporaryDirectory("forward-command");

/** Asks the echo through a tunnel in bash, which needs no other program. */
const ASK = 'ask() { exec 3<>"/dev/tcp/$TUNNEL_HOST/$TUNNEL_PORT"; echo "$1" >&3; head -1 <&3; exec 3>&-; }';

/** The words before `--` for one tunnel to the echo. */
const TUNNEL = ["forward", WEB, "-L", `0:${echo.port}`];

/** Runs a COMMAND; nothing may be left behind at the service. */
async function forward(args: readonly string[], options?: Parameters<typeof people>[2]): Promise<Outcome> {
  const outcome = await people(standIn, args, options);
  await noSessionsLeft(standIn);
  return outcome;
}

/** Starts a bash script with a tunnel and waits until it has printed "ready". */
async function startScript(script: string, options: readonly string[] = []): Promise<RunningProcess> {
  const child = startPeople(standIn, [...TUNNEL, ...options, "--", "bash", "-c", `${ASK}\n${script}`]);
  await child.stdout.waitFor("ready\n");
  return child;
}

/** How it ended, with nothing left behind here or at the service. */
async function ended(child: RunningProcess): Promise<Outcome> {
  const outcome = await child.finish(8_000);
  await noSessionsLeft(standIn);
  await waitFor(() => sessionMembers(child.pid).length === 0, { what: "the end of all that it started" });
  return outcome;
}

async function newestSession(): Promise<string> {
  return (await standIn.simulator.call("openSessions")).at(-1)?.sessionId ?? "";
}

/** How many sessions there have ever been. */
async function sessionCount(): Promise<number> {
  return (await standIn.simulator.call("sessions")).length;
}

describe("what COMMAND gets", () => {
  test("addresses in arguments and environment, our streams and nothing of ours in them", async () => {
    const path = join(directory, "echo.sock");
    const { stdout, stderr, exitCode } = await forward(
      [
        ...TUNNEL,
        ...["-L", `[::1]:0:${echo.port}`, "-L", `${path}:${echo.port}`, "--", "sh", "-c"],
        'cat; echo "$0 $1 $TUNNEL_PORT_3 $TUNNEL_ADDRESS_3"; echo "$TUNNEL_ADDRESS $TUNNEL_ADDRESS_1 $TUNNEL_HOST_2" >&2',
        "{host}:{port}",
        "{address_2}{foo}${port}{address_3}",
      ],
      { input: "input\n" },
    );
    const [, first = "", second = ""] = /^input\n(127\.0\.0\.1:\d+) (\[::1\]:\d+)/.exec(stdout) ?? [];
    expect(stdout).toBe(`input\n${first} ${second}{foo}\${port}${path}  ${path}\n`);
    expect(stderr).toBe(`${first} ${first} ::1\n`);
    expect(exitCode).toBe(0);
    expect(existsSync(path)).toBe(false);
  });

  test("tunnels that are up", async () => {
    const outcome = await forward([...TUNNEL, "--", "bash", "-c", `${ASK}\nask hello; exit 5`]);
    expect(outcome).toMatchObject({ stdout: "hello\n", stderr: "", exitCode: 5 });
  });

  needs("redis-server", "redis-cli").test("redis-cli", async () => {
    const { port } = await startRedis();
    const redis = (...words: readonly string[]): Promise<Outcome> =>
      forward([
        "forward",
        WEB,
        "-L",
        `0:${port}`,
        "--",
        "redis-cli",
        "-h",
        "{host}",
        "-p",
        "{port}",
        ...words,
      ]);
    expect(await redis("set", "key", "{value}")).toMatchObject({ stdout: "OK\n", exitCode: 0 });
    expect((await client(["redis-cli", "-p", String(port), "get", "key"])).stdout).toBe("{value}\n");
  });

  test("with --json: events on standard error, standard output is its own", async () => {
    const { stdout, stderr } = await forward([...TUNNEL, "--json", "--", "echo", "{port}"]);
    const events = stderr
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { event: string; port?: number });
    expect(events.find(({ event }) => event === "ready")?.port).toBe(Number(stdout));
    expect(events.at(-1)).toMatchObject({ event: "ended", exitCode: 0 });
  });
});

describe("exit codes", () => {
  test.each([
    ["exit 0", 0],
    ["exit 254", 254],
    ["kill -KILL $$", 137],
    ["kill -TERM $$", 143],
  ])("%s: %d", async (line, exitCode) => {
    expect(await forward([...TUNNEL, "--", "sh", "-c", line])).toMatchObject({
      stdout: "",
      stderr: "",
      exitCode,
    });
  });

  test.each([
    [127, ["no-such-command"], 'COMMAND "no-such-command" is not found: it is not on PATH'],
    [127, ["./no-such-file"], 'COMMAND "./no-such-file" is not found: there is no such file'],
    [126, ["/etc/passwd"], 'COMMAND "/etc/passwd" cannot be executed: you may not execute /etc/passwd'],
    [126, ["/etc"], 'COMMAND "/etc" cannot be executed: it is a directory'],
    [2, [], "forward: COMMAND is missing behind --, for example: forward TARGET -L 0:5432 -- psql -p {port}"],
    [2, ["echo", "{port_2}"], 'forward: {port_2} in "{port_2}" names no tunnel: there is only one'],
  ])("%d without a session: %j", async (exitCode, words, message) => {
    const before = await sessionCount();
    const outcome = await forward([...TUNNEL, "--", ...words]);
    expect(outcome).toMatchObject({ stdout: "", stderr: `session-manager-plugin: ${message}\n`, exitCode });
    expect(await sessionCount()).toBe(before);
  });

  test("{port} of a Unix socket, --keep without COMMAND, --drain without a time: 2", async () => {
    const unix = ["forward", WEB, "-L", `${join(directory, "u.sock")}:80`];
    for (const [args, message] of [
      [[...unix, "--", "echo", "{port}"], "a Unix socket has no port. Its path is {address}"],
      [[...TUNNEL, "--keep"], "--keep is about a COMMAND"],
      [[...TUNNEL, "--drain", "soon"], "--drain must be a duration such as 10s or 5m"],
    ] as const) {
      const outcome = await forward(args);
      expect(outcome.exitCode).toBe(2);
      expect(outcome.stderr).toContain(message);
    }
  });

  test("a tunnel that cannot be opened: COMMAND is never started", async () => {
    const marker = join(directory, "started");
    const outcome = await forward(["forward", "offline", "-L", "0:80", "--", "touch", marker]);
    expect(outcome.exitCode).toBe(255);
    expect(outcome.stderr).toContain("TargetNotConnected");
    expect(existsSync(marker)).toBe(false);
  });
});

describe("signals", () => {
  test.each(["SIGTERM", "SIGHUP", "SIGINT"] as const)(
    "%s is passed on; the tunnel stays for what COMMAND does then",
    async (signal) => {
      const name = signal.slice(3);
      const child = await startScript(
        `trap 'ask "bye ${name}"; exit 7' ${name}; echo ready; while :; do sleep 0.02; done`,
      );
      child.kill(signal);
      expect(await ended(child)).toMatchObject({ stdout: `ready\nbye ${name}\n`, stderr: "", exitCode: 7 });
    },
  );

  test("each one: COMMAND decides when it has had enough", async () => {
    // Told outside of the trap: bash loses a signal that comes while the trap for the last one runs.
    const child = await startScript(
      "n=0; trap 'n=$((n+1))' TERM; echo ready; for i in 1 2 3; do until [ $n = $i ]; do sleep 0.02; done; echo term $i; done; exit 3",
    );
    for (const count of [1, 2, 3]) {
      child.kill("SIGTERM");
      await child.stdout.waitFor(`term ${count}\n`);
    }
    expect(await ended(child)).toMatchObject({ exitCode: 3 });
  });

  test("a COMMAND that a signal ends: 143", async () => {
    const child = await startScript("echo ready; exec sleep 60");
    child.kill("SIGTERM");
    expect(await ended(child)).toMatchObject({ stderr: "", exitCode: 143 });
  });
});

describe("a tunnel lost for good", () => {
  test("ends COMMAND: 255 and the reason", async () => {
    const child = await startScript(
      "trap 'echo told; exit 0' TERM; echo ready; while :; do sleep 0.02; done",
      ["--once"],
    );
    await standIn.simulator.call("terminate", await newestSession(), "Enough");
    expect(await ended(child)).toMatchObject({
      stdout: "ready\ntold\n",
      stderr: `session-manager-plugin: 0:${echo.port}: the tunnel is lost (Enough), COMMAND was ended\n`,
      exitCode: 255,
    });
  });

  test("with --keep: COMMAND goes on, and its code counts", async () => {
    const child = await startScript("echo ready; read -r line; exit 9", ["--once", "--keep"]);
    await standIn.simulator.call("terminate", await newestSession(), "Enough");
    await child.stderr.waitFor("the tunnel is lost (Enough), COMMAND goes on\n");
    await child.write("go\n");
    expect(await ended(child)).toMatchObject({ exitCode: 9 });
  });

  test("a session that is started again is no loss; that is said", async () => {
    const child = await startScript("echo ready; read -r line; ask again");
    await standIn.simulator.call("terminate", await newestSession(), "Killed");
    await child.stderr.waitFor("session ended (Killed), starting another now\n");
    await child.write("go\n");
    expect(await ended(child)).toMatchObject({ stdout: "ready\nagain\n", exitCode: 0 });
  });

  test("a destination that refuses is said as well", async () => {
    const args = [
      "forward",
      WEB,
      "-L",
      "0:denied.example:80",
      "--",
      "bash",
      "-c",
      `${ASK}\nask x 2>/dev/null; exit 4`,
    ];
    const outcome = await forward(args);
    expect(outcome.stderr).toContain("the target could not reach the destination");
    expect(outcome.exitCode).toBe(4);
  });
});

test("what COMMAND has sent before it ended arrives", async () => {
  const server = startServer();
  const bytes = 3_000_000;
  const outcome = await forward(
    [
      ...["forward", WEB, "-L", `0:${server.port}`, "--", "bash", "-c"],
      `head -c ${bytes} /dev/zero >"/dev/tcp/$TUNNEL_HOST/$TUNNEL_PORT"`,
    ],
    { env: { SSM_PLUGIN_LINGER: "200ms" } },
  );
  expect(outcome).toMatchObject({ stderr: "", exitCode: 0 });
  const peer = await server.peer(0);
  await peer.whenEnded();
  expect(peer.receivedBytes).toBe(bytes);
});
