/** `demo`: the stand-in and the program in one process, with a command and on a terminal. */
import { describe, expect, test } from "bun:test";

import { executablePath } from "../support/environment.ts";
import { sessionMembers } from "../support/leftovers.ts";
import { run, start } from "../support/processes.ts";
import { startPty } from "../support/pty.ts";
import { waitFor } from "../support/wait-for.ts";
import { startWithSettings } from "./sessions.ts";

const demo = [executablePath, "demo"];

describe.concurrent("demo -c", () => {
  test.each([
    ["echo hello; exit 3", { stdout: "hello\n", stderr: "", exitCode: 3 }],
    ["echo out; echo err >&2", { stdout: "out\n", stderr: "err\n", exitCode: 0 }],
    [
      `printf '%s|' "a b" 'c"d' "e'f" \\$HOME; exit 255`,
      { stdout: `a b|c"d|e'f|$HOME|`, stderr: "", exitCode: 255 },
    ],
    [
      "kill -9 $$",
      { stdout: "", stderr: "session-manager-plugin: a signal ended the command\n", exitCode: 255 },
    ],
    ["cat; echo no input", { stdout: "no input\n", stderr: "", exitCode: 0 }],
  ])("%s", async (command, expected) => {
    expect(await run([...demo, "-c", command], { input: "not for the command" })).toMatchObject(expected);
  });

  test("3 MB of output arrive whole", async () => {
    const { stdout, exitCode } = await run([...demo, "--command", "seq 1 450000"]);
    const numbers = Array.from({ length: 450_000 }, (_, index) => `${index + 1}\n`).join("");
    expect(exitCode).toBe(0);
    expect(stdout === numbers).toBe(true);
  });

  test("the machine's own AWS settings play no part", async () => {
    const env = {
      AWS_PROFILE: "no-such-profile",
      AWS_ENDPOINT_URL: "http://127.0.0.1:1",
      AWS_ENDPOINT_URL_SSM: "http://127.0.0.1:1",
      HTTPS_PROXY: "http://127.0.0.1:1",
      HTTP_PROXY: "http://127.0.0.1:1",
    };
    expect(await run([...demo, "-c", "echo hello"], { env })).toMatchObject({
      stdout: "hello\n",
      stderr: "",
      exitCode: 0,
    });
  });

  test("a signal ends it and what it has started", async () => {
    const child = start([...demo, "-c", "echo up; sleep 60"]);
    await child.stdout.waitFor("up\n");
    child.kill("SIGTERM");
    const { exitCode } = await child.finish(4_000);
    expect(exitCode).not.toBe(0);
    await waitFor(() => sessionMembers(child.pid).length === 0, { what: "the end of everything" });
  });

  test.each([[["--no-such-option"]], [["-c"]], [["word"]]])("usage errors: %j", async (args) => {
    const { stdout, stderr, exitCode } = await run([...demo, ...args]);
    expect({ stdout, exitCode }).toEqual({ stdout: "", exitCode: 2 });
    expect(stderr).toMatch(/^session-manager-plugin: demo: [^\n]+\n$/);
  });

  test("without a terminal and without a command it says what to do", async () => {
    const { stdout, stderr, exitCode } = await run(demo);
    expect({ stdout, exitCode }).toEqual({ stdout: "", exitCode: 2 });
    expect(stderr).toContain("demo -c");
  });
});

describe("demo on a terminal", () => {
  test("opens a shell on this machine and ends with it", async () => {
    const env = { SHELL: "/bin/sh", PS1: "demo> " };
    const { pty, settingsBefore } = startWithSettings(demo, { env, cols: 90, rows: 20 });
    await pty.waitForOutput("demo> ");
    await pty.writeAndWait("echo hel''lo\r", "hello\r\n");
    await pty.writeAndWait("until stty size | grep 90; do sleep 0.01; done\r", "20 90\r\n");
    await pty.writeAndWait(`sh -c 'echo go""ing; exec sleep 60'\r`, "going\r\n");
    await pty.writeAndWait("\x03", "demo> ");
    pty.write("exit\r");
    expect(await pty.finish()).toBe(0);
    expect(pty.lineSettings()).toEqual(settingsBefore);
    expect(sessionMembers(pty.pid)).toEqual([]);
  });

  test("~. leaves it", async () => {
    const pty = startPty(demo, { env: { SHELL: "/bin/sh", PS1: "demo> " } });
    await pty.waitForOutput("demo> ");
    pty.write("~.");
    expect(await pty.finish()).toBe(0);
  });
});
