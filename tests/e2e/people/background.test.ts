/**
 * Forwards in the background, of the built executable: they are found again and ended by their names, as long as they
 * run; what cannot be ready fails in front of everybody.
 */
import { afterEach, describe, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync } from "node:fs";
import { join } from "node:path";

import { isRunning } from "../../../src/cli/readiness/process-identity.ts";
import { executablePath, temporaryDirectory } from "../../support/environment.ts";
import { type Outcome, run } from "../../support/processes.ts";
import { needsThat } from "../../support/programs.ts";
import { startPty } from "../../support/pty.ts";
import { waitFor } from "../../support/wait-for.ts";
import { connectTo, startEcho } from "../ports/peers.ts";
import { noSessionsLeft, openSessions, people, usePeopleStandIn, WEB } from "./people.ts";

const unix = needsThat(process.platform === "win32" ? "a Unix" : undefined);
const standIn = usePeopleStandIn();
const echo = startEcho();
let runtime = temporaryDirectory("runtime");

interface Listed {
  readonly name: string;
  readonly state: string;
  readonly pid: number;
  readonly target: string;
  readonly log: string;
  readonly tunnels: readonly { readonly address: string; readonly state: string }[];
}

function forward(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Outcome> {
  return people(standIn, ["forward", ...args], { env: { XDG_RUNTIME_DIR: runtime, ...env } });
}

async function list(): Promise<readonly Listed[]> {
  return JSON.parse((await forward(["--list", "--json"])).stdout) as Listed[];
}

async function sayHello({ address }: { readonly address: string }): Promise<void> {
  const peer = await connectTo({ port: Number(address.split(":").at(-1)) });
  peer.send("hello");
  await peer.received(5);
  peer.reset();
}

unix.describe("--background", () => {
  afterEach(async () => {
    expect((await forward(["--stop", "--all"])).exitCode).toBe(0);
    await noSessionsLeft(standIn);
    runtime = temporaryDirectory("runtime");
  });

  test("returns when it is ready, is found, works, and ends by its name", async () => {
    const started = await forward([WEB, "-L", `0:${echo.port}`, "--background", "--name", "db"]);
    expect(started).toMatchObject({ stdout: "", exitCode: 0 });
    expect(started.stderr).toMatch(
      /^Listening on 127\.0\.0\.1:\d+ and \[::1\]:\d+ for port \d+\nIn the background as db; forward --stop db ends it\n$/,
    );
    const [found] = await list();
    expect(found).toMatchObject({ name: "db", state: "running", target: WEB });
    await sayHello(found?.tunnels[0] ?? { address: "" });
    const shown = await forward(["--list"]);
    expect(shown.stdout).toMatch(/^NAME +STATE +ADDRESS .*\ndb +up +127\.0\.0\.1:\d+ +localhost:\d+ /);
    // Private: whoever reaches the socket ends the tunnel.
    const directory = join(runtime, "session-manager-plugin");
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    expect(statSync(join(directory, "db.sock")).mode & 0o777).toBe(0o600);
    expect(statSync(join(directory, "db.log")).mode & 0o777).toBe(0o600);

    const stopped = await forward(["--stop", "db"]);
    expect(stopped).toMatchObject({ stderr: "db has ended\n", exitCode: 0 });
    expect(isRunning({ pid: found?.pid ?? 0 })).toBe(false);
    expect(await list()).toEqual([]);
    expect(readdirSync(directory)).toEqual(["db.log"]);
    expect(await forward(["--list"])).toMatchObject({
      stdout: "",
      stderr: "No forward is in the background.\n",
    });
  });

  test("names come from the target, none is given twice", async () => {
    const args = ["web-1", "-L", `0:${echo.port}`, "--background", "-q"];
    for (let count = 0; count < 2; count++)
      expect(await forward(args)).toMatchObject({ stderr: "", exitCode: 0 });
    expect((await list()).map(({ name }) => name)).toEqual(["web-1", "web-1-2"]);
    const taken = await forward([...args, "--name", "web-1"]);
    expect(taken.stderr).toStartWith(
      'session-manager-plugin: a forward called "web-1" is in the background already',
    );
    expect(taken.exitCode).toBe(255);
    // It has cost no session.
    expect(await openSessions(standIn)).toHaveLength(2);
    expect((await forward(["--stop", "--all"])).stderr).toBe("web-1 has ended\nweb-1-2 has ended\n");
  });

  test("what fails before it is ready fails in front of everybody, and leaves nothing", async () => {
    for (const [args, text] of [
      [["nobody", "-L", "0:80"], 'no target is called "nobody"'],
      [["denied", "-L", "0:80"], "AWS denied ssm:StartSession"],
      [[WEB, "-L", "0:1", "--probe", "--ready-timeout", "300ms"], "not ready after 0.3 s"],
    ] as const) {
      const { stderr, exitCode } = await forward([...args, "--background"], { SSM_PLUGIN_LINGER: "100ms" });
      expect(stderr).toContain(text);
      expect(exitCode).toBe(255);
    }
    expect(await list()).toEqual([]);
  });

  test("events, ready file and descriptor are as in the foreground", async () => {
    const file = join(runtime, "ready.json");
    const script = '"$0" "$@" 3>"$OUT"';
    const out = join(runtime, "descriptor");
    const { stdout, exitCode } = await run(
      [
        ...[
          "sh",
          "-c",
          script,
          executablePath,
          "forward",
          WEB,
          "-L",
          `0:${echo.port}`,
          "--background",
          "--json",
        ],
        ...["--ready-file", file, "--ready-fd", "3", "--name", "j"],
      ],
      { env: { ...standIn.environment, XDG_RUNTIME_DIR: runtime, OUT: out } },
    );
    expect(exitCode).toBe(0);
    const events = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as { readonly event: string });
    expect(events.map(({ event }) => event)).toEqual(["connecting", "connected", "ready", "background"]);
    expect(events.at(-1)).toMatchObject({ name: "j", log: join(runtime, "session-manager-plugin", "j.log") });
    const document = JSON.parse(readFileSync(file, "utf8")) as { readonly pid: number };
    expect(document.pid).toBe((await list())[0]?.pid ?? 0);
    expect(JSON.parse(readFileSync(out, "utf8"))).toEqual(document);
    await forward(["--stop", "j"]);
    expect(existsSync(file)).toBe(false);
  });

  test("the end of the terminal does not end it, what it says afterwards is in its log", async () => {
    const env = { ...standIn.environment, XDG_RUNTIME_DIR: runtime };
    const terminal = startPty(["sh"], { env: { ...env, PS1: "$ " } });
    await terminal.output.waitFor("$ ");
    terminal.write(
      `"${executablePath}" forward ${WEB} -L 0:${echo.port} --background --name night; echo co''de $?\n`,
    );
    await terminal.output.waitFor("code 0");
    terminal.write("exit\n");
    await terminal.finish();
    const [found] = await list();
    await sayHello(found?.tunnels[0] ?? { address: "" });
    const [sessionId = ""] = await openSessions(standIn);
    await standIn.simulator.call("cut", sessionId);
    await waitFor(() => readFileSync(found?.log ?? "", "utf8").includes("connection restored after"), {
      what: "the line about the cut",
    });
    await sayHello(found?.tunnels[0] ?? { address: "" });
  });

  test("one that was killed is noticed, and its name is free", async () => {
    const args = [WEB, "-L", `0:${echo.port}`, "--background", "--name", "gone", "-q"];
    await forward(args);
    process.kill((await list())[0]?.pid ?? 0, "SIGKILL");
    await waitFor(async () => (await list())[0]?.state !== "running", { what: "its end" });
    for (const sessionId of await openSessions(standIn)) await standIn.simulator.call("terminate", sessionId);
    expect(await list()).toEqual([]);
    expect(await forward(args)).toMatchObject({ stderr: "", exitCode: 0 });
    expect((await list())[0]).toMatchObject({ name: "gone", state: "running" });
  });

  test("one that is stopped counts as running and does not hold up the list", async () => {
    await forward([WEB, "-L", `0:${echo.port}`, "--background", "--name", "frozen", "-q"]);
    const pid = (await list())[0]?.pid ?? 0;
    process.kill(pid, "SIGSTOP");
    try {
      expect((await list())[0]).toMatchObject({ name: "frozen", state: "silent" });
      expect((await forward(["--list"])).stdout).toContain("answers nothing");
    } finally {
      process.kill(pid, "SIGCONT");
    }
  });

  test("--stop lets open connections finish that --drain was given for", async () => {
    await forward([WEB, "-L", `0:${echo.port}`, "--background", "--name", "busy", "--drain", "inf", "-q"]);
    const [found] = await list();
    const peer = await connectTo({ port: Number(found?.tunnels[0]?.address.split(":").at(-1)) });
    peer.send("hello");
    await peer.received(5);
    const stopping = await forward(["--stop", "busy", "--drain", "300ms"]);
    expect(stopping.stderr).toBe(
      "session-manager-plugin: busy was asked to end and has not ended within 0.3 s\n",
    );
    expect(stopping.exitCode).toBe(255);
    peer.reset();
    await waitFor(async () => (await list()).length === 0, { what: "its end" });
  });
});

unix.describe("where forwards are found", () => {
  test.each([
    ["others may use it", (path: string) => (mkdirSync(path), chmodSync(path, 0o770)), "others may use it"],
    [
      "it is a link",
      (path: string) => symlinkSync(temporaryDirectory("elsewhere"), path),
      "it is no directory",
    ],
  ])("is not trusted when %s", async (_, make, text) => {
    const directory = temporaryDirectory("state");
    make(join(directory, "session-manager-plugin"));
    for (const args of [["--list"], [WEB, "-L", "0:80", "--background"]]) {
      const { stderr, exitCode } = await forward(args, { XDG_RUNTIME_DIR: directory });
      expect(stderr).toContain(text);
      expect(exitCode).toBe(255);
    }
    expect(await openSessions(standIn)).toEqual([]);
  });

  test("is the state directory of a user without a runtime directory", async () => {
    const home = temporaryDirectory("home");
    expect((await forward(["--list"], { XDG_RUNTIME_DIR: "", HOME: home })).exitCode).toBe(0);
    expect(statSync(join(home, ".local/state/session-manager-plugin")).mode & 0o777).toBe(0o700);
  });
});

describe("mistakes", () => {
  test.each([
    [["--stop"], "--stop NAME, or --stop --all"],
    [["--stop", "db", "--all"], "--stop NAME, or --stop --all"],
    [["--all"], "--all goes with --stop"],
    [["--list", "db"], "it takes no name"],
    [["--list", "--stop", "db"], "goes with nothing that opens a tunnel"],
    [["--list", "-L", "0:80"], "goes with nothing that opens a tunnel"],
    [[WEB, "-L", "0:80", "--name", "db"], "--name goes with --background"],
    [[WEB, "-L", "0:80", "--background", "--name", "../db"], "--name must be letters"],
    [[WEB, "-L", "0:80", "--background", "--", "true"], "--background goes without a COMMAND"],
  ])("%j: %s", async (args, text) => {
    const { stderr, exitCode } = await forward(args);
    expect(stderr).toContain(text);
    expect(exitCode).toBe(2);
  });

  test("a name that nobody has", async () => {
    const { stderr, exitCode } = await forward(["--stop", "nobody"]);
    expect(stderr).toStartWith('session-manager-plugin: no forward in the background is called "nobody"');
    expect(exitCode).toBe(255);
  });
});
