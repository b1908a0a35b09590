/**
 * When `forward` says that it is ready, in each way, of the built executable: with the destination probed, over HTTP,
 * to systemd, by a file that `wait` waits for; and what it says of ways that cannot be had.
 */
import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { executablePath, temporaryDirectory } from "../../support/environment.ts";
import { clearLater } from "../../support/leftovers.ts";
import { receiveNotifications } from "../../support/notify-socket.ts";
import { type RunningProcess, start } from "../../support/processes.ts";
import { needsThat } from "../../support/programs.ts";
import { waitFor } from "../../support/wait-for.ts";
import { connectTo, startEcho, startServer } from "../ports/peers.ts";
import {
  noSessionsLeft,
  openSessions,
  people,
  startForward,
  startPeople,
  TARGETS,
  usePeopleStandIn,
  WEB,
} from "./people.ts";

/** Its agent knows no streams: one connection at a time, and nothing confirms a half-close. */
const OLD = { id: "i-00000000000000eee", name: "old", agentVersion: "3.0.196.0" };

const standIn = usePeopleStandIn({ targets: [...TARGETS, OLD] });
const echo = startEcho();
const directory = temporaryDirectory("readiness");
const linux = needsThat(process.platform === "linux" ? undefined : "Linux");

/** A probe waits as long as a half-close does. */
const QUICK = { SSM_PLUGIN_LINGER: "100ms" };

interface Document {
  readonly pid: number;
  readonly health?: string;
  readonly tunnels: readonly {
    readonly address: string;
    readonly port: number;
    readonly remotePort: number;
  }[];
}

function read(path: string): Document {
  return JSON.parse(readFileSync(path, "utf8")) as Document;
}

function events(child: Pick<RunningProcess, "stdout">): readonly Readonly<Record<string, unknown>>[] {
  return child.stdout
    .text()
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** Ends a forward and sees that nothing of it is left. */
async function end(
  child: RunningProcess,
  signal: NodeJS.Signals = "SIGTERM",
  exitCode = 143,
): Promise<string> {
  child.kill(signal);
  const outcome = await child.finish(5_000);
  expect(outcome.exitCode).toBe(exitCode);
  await noSessionsLeft(standIn);
  return outcome.stderr;
}

describe("ready file and wait", () => {
  test.each([
    ["SIGTERM", 143],
    ["SIGINT", 130],
    ["SIGHUP", 129],
  ] as const)("there once ready, with addresses that work, gone after %s", async (signal, exitCode) => {
    const path = join(directory, `${signal}.json`);
    const waiting = startPeople(standIn, ["wait", "--ready-file", path, "--json"]);
    const child = startPeople(standIn, [
      "forward",
      WEB,
      "-L",
      `0:${echo.port}`,
      "--ready-file",
      path,
      "--quiet",
    ]);
    const waited = await waiting.finish(15_000);
    expect({ stderr: waited.stderr, exitCode: waited.exitCode }).toEqual({ stderr: "", exitCode: 0 });
    const document = read(path);
    expect(JSON.parse(waited.stdout)).toEqual(document);
    expect(document.pid).toBe(child.pid);
    const peer = await connectTo({ port: document.tunnels[0]?.port ?? 0 });
    peer.send("hello");
    await peer.received(5);
    expect(await end(child, signal, exitCode)).toBe("");
    expect(existsSync(path)).toBe(false);
  });

  test("gone when a tunnel is lost, and with the second signal too", async () => {
    const path = join(directory, "lost.json");
    const options = ["-L", `0:${echo.port}`, "--ready-file", path];
    const lost = await startForward(standIn, [...options, "--once"]);
    await waitFor(() => existsSync(path), { what: "the ready file" });
    await standIn.simulator.call("terminate", lost.sessionIds[0] ?? "", "Enough");
    expect((await lost.finish(5_000)).exitCode).toBe(255);
    expect(existsSync(path)).toBe(false);

    const busy = await startForward(standIn, [...options, "--drain", "inf"]);
    const peer = await connectTo({ port: busy.ports[0] ?? 0 });
    peer.send("x");
    await peer.received(1);
    busy.kill("SIGTERM");
    await busy.stdout.waitFor('"event":"draining"');
    // It takes no connections any more.
    await waitFor(() => !existsSync(path), { what: "the end of the ready file" });
    busy.kill("SIGTERM");
    await busy.finish(5_000);
    await noSessionsLeft(standIn);
  });

  test("wait: a file of a process that was killed does not count", async () => {
    const path = join(directory, "killed.json");
    const child = startPeople(standIn, ["forward", WEB, "-L", `0:${echo.port}`, "--ready-file", path]);
    expect((await people(standIn, ["wait", "--ready-file", path])).exitCode).toBe(0);
    child.kill("SIGKILL");
    await child.finish();
    const { stdout, stderr, exitCode } = await people(standIn, [
      "wait",
      "--ready-file",
      path,
      "--for",
      "200ms",
    ]);
    expect({ stdout, exitCode }).toEqual({ stdout: "", exitCode: 255 });
    expect(stderr).toMatch(
      new RegExp(
        `^session-manager-plugin: ${path} is left from process ${child.pid}, which has ended \\(waited 0\\.2 s\\)\\. `,
      ),
    );
    for (const sessionId of await openSessions(standIn)) await standIn.simulator.call("terminate", sessionId);
  });

  test("wait: ends at once when its forward has died, with the reason", async () => {
    const dying = (name: string, args: readonly string[]) => {
      const path = join(directory, name);
      const child = startPeople(standIn, ["forward", ...args, "--ready-file", path]);
      // An hour: nothing but the news can end it.
      return { path, child, waited: people(standIn, ["wait", "--ready-file", path, "--for", "1h"]) };
    };
    const unknown = dying("unknown.json", ["nobody", "-L", "0:80"]);
    expect(await unknown.waited).toMatchObject({
      stderr: `session-manager-plugin: the forward of ${unknown.path} has ended: no target is called "nobody". See: session-manager-plugin targets\n`,
      exitCode: 255,
    });
    await unknown.child.finish();

    const refused = dying("refused.json", ["denied", "-L", "0:80"]);
    expect((await refused.waited).stderr).toMatch(/ has ended: AWS denied ssm:StartSession/);
    await refused.child.finish();

    // Never ready, as nothing listens there.
    const probing = ["-L", "0:1", "--probe"];
    const ended = dying("ended.json", [WEB, ...probing]);
    await ended.child.stderr.waitFor("trying again");
    ended.child.kill("SIGTERM");
    expect((await ended.waited).stderr).toContain(" has ended: it was ended before it was ready\n");
    await ended.child.finish();

    const killed = dying("killed-early.json", [WEB, ...probing]);
    await killed.child.stderr.waitFor("trying again");
    killed.child.kill("SIGKILL");
    expect((await killed.waited).stderr).toContain(` has ended: process ${killed.child.pid} is gone\n`);
    for (const sessionId of await openSessions(standIn)) await standIn.simulator.call("terminate", sessionId);
  });

  test("wait: what an earlier forward has left keeps nobody from the next one", async () => {
    const path = join(directory, "again.json");
    expect((await people(standIn, ["forward", "nobody", "-L", "0:80", "--ready-file", path])).exitCode).toBe(
      255,
    );
    const waiting = startPeople(standIn, ["wait", "--ready-file", path, "--for", "1h"]);
    const child = startPeople(standIn, ["forward", WEB, "-L", `0:${echo.port}`, "--ready-file", path, "-q"]);
    expect(await waiting.finish()).toMatchObject({ stderr: "", exitCode: 0 });
    await end(child);
    expect(existsSync(`${path}.state`)).toBe(false);
  });

  test("wait: nothing else costs time, and the end of the time is told in one line", async () => {
    const path = join(directory, "never.json");
    for (const [content, why] of [
      [undefined, "is not there"],
      ['{"pid":', "is no ready file"],
    ] as const) {
      if (content !== undefined) writeFileSync(path, content);
      const { stderr, exitCode } = await people(standIn, ["wait", "--ready-file", path, "--for", "300ms"]);
      expect(exitCode).toBe(255);
      expect(stderr).toMatch(
        new RegExp(`^session-manager-plugin: ${path} ${why} \\(waited 0\\.3 s\\)\\. [^\\n]+\\n$`),
      );
    }
    // Also for a directory that does not exist yet.
    const later = join(directory, "later", "ready.json");
    const outcome = await people(standIn, ["wait", "--ready-file", later, "--for", "0"]);
    expect(outcome.stderr).toContain("is not there (waited 0 s)");
  });
});

test("while one destination is waited for, the other's address is told", async () => {
  const args = ["forward", WEB, "-L", "0:1", "-L", `0:${echo.port}`, "--probe"];
  const child = startPeople(standIn, args, { env: QUICK });
  await child.stderr.waitFor(new RegExp(`can be used meanwhile, for port ${echo.port}\n`));
  const port = /^127\.0\.0\.1:(\d+) and/m.exec(child.stderr.text())?.[1];
  const peer = await connectTo({ port: Number(port) });
  peer.send("hello");
  await peer.received(5);
  peer.reset();
  expect(await end(child)).not.toContain("for port 1\n");

  const quick = startPeople(standIn, [...args, "--json"], { env: QUICK });
  await quick.stdout.waitFor(/"event":"usable".*\n/);
  expect(events(quick).find(({ event }) => event === "usable")).toMatchObject({
    host: "127.0.0.1",
    remotePort: echo.port,
  });
  await end(quick);
});

describe("--ready-fd", () => {
  test("one line of JSON, then the descriptor is closed while the tunnels are up", async () => {
    // The shell's reader of the pipe sees the end only when nobody holds the other side any more.
    const script = `exec 4>&1; { "$0" "$@" 3>&1 >&4 4>&- & echo "$!" >&2; } | { cat; echo closed; }`;
    const child = start(
      [
        "sh",
        "-c",
        script,
        executablePath,
        "forward",
        WEB,
        "-L",
        `0:${echo.port}`,
        "--quiet",
        "--ready-fd",
        "3",
      ],
      { env: standIn.environment },
    );
    await child.stdout.waitFor(/^\{.*\}\nclosed\n$/);
    const document = JSON.parse(child.stdout.text().split("\n")[0] ?? "") as Document;
    expect(document.tunnels[0]?.remotePort).toBe(echo.port);
    const peer = await connectTo({ port: document.tunnels[0]?.port ?? 0 });
    peer.send("hello");
    await peer.received(5);
    expect(child.stderr.text()).toBe(`${document.pid}\n`);
    process.kill(document.pid, "SIGTERM");
    await noSessionsLeft(standIn);
    expect((await child.finish()).stderr).toBe(`${document.pid}\n`);
  });

  test("nobody reads it: a warning, the tunnels stay", async () => {
    // In a FIFO whose reader has gone, a write breaks.
    const script = `mkfifo "$F"; sh -c 'read -r line < "$F"' & exec 3>"$F"; echo >&3; wait; exec "$0" "$@"`;
    const child = start(
      ["sh", "-c", script, executablePath, "forward", WEB, "-L", `0:${echo.port}`, "--ready-fd", "3"],
      { env: { ...standIn.environment, F: join(directory, "fifo") } },
    );
    await child.stderr.waitFor(/--ready-fd 3: EPIPE[^\n]*\n(.*\n)*Listening on /);
    await end(child);
  });
});

describe("--probe", () => {
  test("with a limit, a destination that does not answer in time is a failure; COMMAND never runs", async () => {
    const words = [
      "forward",
      WEB,
      "-L",
      `0:${freePort()}`,
      "--probe",
      "--ready-timeout",
      "300ms",
      "--",
      "echo",
      "ran",
    ];
    const { stdout, stderr, exitCode } = await people(standIn, words, { env: QUICK });
    expect({ stdout, exitCode }).toEqual({ stdout: "", exitCode: 255 });
    expect(stderr).toMatch(/session-manager-plugin: not ready after 0\.3 s \(--ready-timeout\): 0:\d+: /);
    await noSessionsLeft(standIn);
  });

  test("not ready while the destination refuses; ready soon after it listens", async () => {
    const port = freePort();
    const health = `127.0.0.1:${freePort()}`;
    const path = join(directory, "probe.json");
    const child = startPeople(
      standIn,
      ["forward", WEB, "-L", `0:${port}`, "--probe", "--ready-file", path, "--health", health, "--json"],
      { env: QUICK },
    );
    await child.stdout.waitFor('"event":"destination-unanswered"');
    const failures = async (): Promise<number> => {
      const text = await (await fetch(`http://${health}/metrics`)).text();
      return Number(/_destination_failures_total\{[^}]*\} (\d+)\n/.exec(text)?.[1]);
    };
    await waitFor(async () => (await failures()) >= 2, { what: "a second attempt" });
    for (const name of ["startup", "readiness"]) {
      const response = await fetch(`http://${health}/${name}`);
      expect(response.status).toBe(503);
      expect(await response.text()).toStartWith(`0:${port}: the destination refuses connections`);
    }
    expect(child.stdout.text()).not.toContain('"ready"');
    expect(existsSync(path)).toBe(false);
    listenAt(port);
    await child.stdout.waitFor('"event":"ready"');
    expect(read(path).tunnels[0]?.remotePort).toBe(port);
    // Attempts are told of once for each reason, and count as nobody's connections.
    const names = events(child).map(({ event }) => event);
    expect(names).toEqual(["health", "connecting", "connected", "destination-unanswered", "ready"]);
    expect(read(path).health).toBe(health);
    const metrics = await (await fetch(`http://${health}/metrics`)).text();
    expect(metrics).toMatch(/ssm_plugin_tunnel_connections_total\{[^}]*\} 0\n/);
    await end(child);
  });

  test("a destination that closes connections at once is not ready; one that greets is at once", async () => {
    const rude = startServer({ opened: (peer) => peer.end() });
    const polite = startServer({ opened: (peer) => peer.send("220 ready\r\n") });
    const waiting = startPeople(standIn, ["forward", WEB, "-L", `0:${rude.port}`, "--probe", "--json"]);
    await waiting.stdout.waitFor('"reason":"the destination closes connections at once"');
    const greeted = await startForward(standIn, ["-L", `0:${polite.port}`, "--probe"]);
    expect(waiting.stdout.text()).not.toContain('"ready"');
    waiting.kill("SIGTERM");
    expect((await waiting.finish(5_000)).exitCode).toBe(143);
    await greeted.end();
  });

  test("through an agent that takes one connection at a time; the next one works", async () => {
    const child = startPeople(standIn, ["forward", OLD.id, "-L", `0:${echo.port}`, "--probe", "--json"], {
      env: QUICK,
    });
    await child.stdout.waitFor(/"event":"ready".*\n/);
    const peer = await connectTo({ port: Number(events(child).at(-1)?.["port"]) });
    peer.send("hello");
    await peer.received(5);
    await end(child);
  });

  test("a silent destination: ready, and its connection is closed again", async () => {
    const silent = startServer({});
    const tunnels = await startForward(standIn, ["-L", `0:${silent.port}`, "--probe"]);
    await waitFor(() => silent.peers.length === 1 && silent.peers.every(({ closed }) => closed), {
      what: "the end of the probe's connection",
    });
    await tunnels.end();
  }, 15_000);
});

describe("--health", () => {
  test("startup, readiness and liveness follow the tunnel; metrics count its bytes", async () => {
    const path = join(directory, "health.json");
    const tunnels = await startForward(standIn, [
      "-L",
      `0:${echo.port}`,
      "--health",
      "0",
      "--ready-file",
      path,
    ]);
    const { health } = read(path);
    const get = async (name: string): Promise<string> =>
      await (await fetch(`http://${health}/${name}`)).text();
    expect([await get("startup"), await get("readiness"), await get("liveness")]).toEqual([
      "ok\n",
      "ok\n",
      "ok\n",
    ]);
    const peer = await connectTo({ port: tunnels.ports[0] ?? 0 });
    peer.send("hello");
    await peer.received(5);
    const metrics = await get("metrics");
    expect(metrics).toMatch(/_sent_bytes_total\{[^}]*\} 5\n/);
    expect(metrics).toMatch(/_received_bytes_total\{[^}]*\} 5\n/);
    expect(metrics).toMatch(/_connections\{[^}]*\} 1\n/);
    expect(metrics).toMatch(/_rtt_seconds\{[^}]*\} 0\.\d+\n/);
    // The connection is cut, and cannot come back for now.
    await standIn.simulator.call("setFaults", { api: { ResumeSession: { times: 0 } } });
    await standIn.simulator.call("cut", tunnels.sessionIds[0] ?? "");
    await waitFor(async () => (await get("readiness")).endsWith("connection lost, reconnecting\n"), {
      what: "/readiness to tell of the loss",
    });
    expect([await get("startup"), await get("liveness")]).toEqual(["ok\n", "ok\n"]);
    await standIn.simulator.call("clearFaults");
    await waitFor(async () => (await get("readiness")) === "ok\n", {
      what: "/readiness to be well",
      timeoutMs: 15_000,
    });
    expect(await get("metrics")).toMatch(/_reconnects_total\{[^}]*\} 1\n/);
    expect(events(tunnels).map(({ event }) => event)).toEqual([
      "health",
      "connecting",
      "connected",
      "ready",
      "connection-lost",
      "connection-restored",
    ]);
    await tunnels.end();
    expect(events(tunnels).at(-1)).toEqual({ event: "ended", exitCode: 143 });
    expect(fetch(`http://${health}/liveness`)).rejects.toThrow();
  }, 30_000);
});

describe("systemd", () => {
  linux.test("status, ready, watchdog, stopping", async () => {
    const address = join(directory, "notify");
    const receiver = receiveNotifications(address);
    const told = (what: string): Promise<unknown> =>
      waitFor(() => receiver.messages().includes(what), { what });
    const child = startPeople(standIn, ["forward", WEB, "-L", `/${directory}/n:${echo.port}`, "--quiet"], {
      env: { NOTIFY_SOCKET: address, WATCHDOG_USEC: "200000" },
    });
    await told("READY=1\nSTATUS=ready, 1 tunnel");
    await told("WATCHDOG=1");
    await standIn.simulator.call("cut", (await openSessions(standIn))[0] ?? "");
    await told(`STATUS=/${directory}/n:${echo.port}: connection lost, reconnecting`);
    await told("STATUS=ready, 1 tunnel");
    expect(await end(child)).toBe("");
    const told_ = receiver.messages().filter((text) => text !== "WATCHDOG=1");
    expect(told_[0]).toEndWith("no session yet");
    expect(told_.at(-1)).toBe("STOPPING=1\nSTATUS=ending");
  });

  linux.test("an abstract socket that nobody listens to: a warning, the tunnels stay", async () => {
    const child = startPeople(standIn, ["forward", WEB, "-L", `0:${echo.port}`], {
      env: { NOTIFY_SOCKET: `@ssm-plugin-nobody-${process.pid}` },
    });
    await child.stderr.waitFor("systemd does not take what it is told through NOTIFY_SOCKET\n");
    await child.stderr.waitFor("Listening on");
    await end(child);
  });
});

test("--json: errors are on standard error, the last event has their code", async () => {
  const tunnels = await startForward(standIn, ["-L", `0:${echo.port}`, "--once"]);
  await standIn.simulator.call("terminate", tunnels.sessionIds[0] ?? "", "Enough");
  const { stderr } = await tunnels.finish(5_000);
  expect(JSON.parse(stderr)).toEqual({ event: "error", message: "Enough", code: "FAILED" });
  expect(events(tunnels).at(-1)).toEqual({
    event: "ended",
    exitCode: 255,
    message: "Enough",
    code: "FAILED",
  });
});

describe("what cannot be had: one line, no session, nothing left", () => {
  const FORWARD = ["forward", WEB, "-L", "0:80"];
  test.each<[string, readonly string[], number, RegExp]>([
    [
      "a directory that does not exist",
      [...FORWARD, "--ready-file", "/no/such/f"],
      255,
      /\/no\/such\/f cannot be written: its directory does not exist/,
    ],
    ["a ready file that is a directory", [...FORWARD, "--ready-file", directory], 255, /it is a directory/],
    ["a ready file that is a device", [...FORWARD, "--ready-file", "/dev/null"], 255, /it is no plain file/],
    [
      "a health port that is taken",
      [...FORWARD, "--health", String(echo.port)],
      255,
      /--health 127\.0\.0\.1:\d+: bind: address already in use\. Take another port, or 0/,
    ],
    [
      "a health address of another machine",
      [...FORWARD, "--health", "192.0.2.1:9090"],
      255,
      /this machine has no such address/,
    ],
    [
      "no health port",
      [...FORWARD, "--health", "x"],
      2,
      /--health must be PORT or BIND:PORT, up to 65535, it is "x"/,
    ],
    [
      "no descriptor",
      [...FORWARD, "--ready-fd", "x"],
      2,
      /--ready-fd must be the number of a descriptor from 3 on, it is "x"/,
    ],
    [
      "a standard stream",
      [...FORWARD, "--ready-fd", "1"],
      2,
      /from 3 on, it is "1"; for standard output there is --json/,
    ],
    [
      "a descriptor that is closed",
      [...FORWARD, "--ready-fd", "77"],
      2,
      /--ready-fd 77 is not open for writing; the caller has to pass it, for example 77>FILE/,
    ],
    [
      "a descriptor of the runtime's",
      [...FORWARD, "--ready-fd", "3"],
      2,
      /--ready-fd 3 is not open for writing/,
    ],
    [
      "one port twice",
      ["forward", WEB, "-L", `${echo.port}:80`, "--health", "0"],
      255,
      /address already in use/,
    ],
    ["wait without a file", ["wait"], 2, /wait: --ready-file is missing/],
    [
      "wait for no time",
      ["wait", "--ready-file", "f", "--for", "30"],
      2,
      /--for must be a duration such as 30s/,
    ],
    ["wait for two files", ["wait", "--ready-file", "f", "g"], 2, /"g" is one word too many/],
  ])("%s", async (_, args, exitCode, says) => {
    const before = (await standIn.simulator.call("sessions")).length;
    const files = readdirSync(directory);
    const outcome = await people(standIn, args);
    expect({ stdout: outcome.stdout, exitCode: outcome.exitCode }).toEqual({ stdout: "", exitCode });
    expect(outcome.stderr).toMatch(/^session-manager-plugin: [^\n]+\n$/);
    expect(outcome.stderr).toMatch(says);
    expect((await standIn.simulator.call("sessions")).length).toBe(before);
    expect(readdirSync(directory)).toEqual(files);
  });

  test("a directory that vanishes before it is ready: the failure is told, the sessions are ended", async () => {
    const gone = join(temporaryDirectory("gone"), "d");
    mkdirSync(gone);
    const port = freePort();
    const child = startPeople(
      standIn,
      ["forward", WEB, "-L", `0:${port}`, "--probe", "--ready-file", join(gone, "f")],
      {
        env: QUICK,
      },
    );
    await child.stderr.waitFor("trying again");
    rmSync(gone, { recursive: true });
    listenAt(port);
    const { exitCode, stderr } = await child.finish(15_000);
    expect(exitCode).toBe(255);
    expect(stderr).toContain("cannot be written: its directory does not exist");
    await noSessionsLeft(standIn);
  }, 20_000);
});

/** A port where nobody listens. */
function freePort(): number {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  listener.stop(true);
  return listener.port;
}

/** Takes connections at a port from now on. */
function listenAt(port: number): void {
  const listener = Bun.listen({ hostname: "127.0.0.1", port, socket: { data() {} } });
  clearLater(() => listener.stop(true));
}
