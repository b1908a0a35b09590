/**
 * The end of standard input while something still runs at the other side: how long that is waited for, and what a
 * terminal that nobody reads does to it.
 */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { temporaryDirectory } from "../support/environment.ts";
import { needs } from "../support/programs.ts";
import { startPty } from "../support/pty.ts";
import { startPeople } from "./people/people.ts";
import { sessionIdIn, startWithPipes } from "./sessions.ts";
import { type SessionRequest, useStandIn } from "./stand-in.ts";
import { directly, forEachStart } from "./starts.ts";

const standIn = useStandIn();

const interactive = (command: string): SessionRequest => ({
  document: "AWS-StartInteractiveCommand",
  parameters: { command },
});

/** What is said when a silent session is ended. */
const CUT_OFF =
  /^session-manager-plugin: standard input has ended, and nothing has come for 0\.3 s: .*may have been cut off.*SSM_PLUGIN_EOF_WAIT.*\n$/;

describe.concurrent("after the end of standard input", () => {
  forEachStart("the wait", (start) => {
    test.each([
      ["a shell that runs a command", {}, "sleep 600\n"],
      ["a command in a terminal", interactive("sleep 600"), ""],
    ])("%s and says nothing more is ended, and that is told", async (_name, request, input) => {
      const options = { env: { SSM_PLUGIN_EOF_WAIT: "300ms" } };
      const session = await startWithPipes(standIn, start, request, options);
      if (input !== "") await session.write(input);
      session.endInput();
      const { stdout, stderr, exitCode } = await session.finish();
      expect(stderr).toMatch(CUT_OFF);
      expect(exitCode).toBe(0);
      expect(stdout).toEndWith(`\n\nExiting session with sessionId: ${session.sessionId}.\n\n`);
      await standIn.sessionEnded(session.sessionId);
    });

    test("all output of a command that is silent for less is delivered", async () => {
      const session = await startWithPipes(standIn, start);
      await session.write("sleep 1; seq 1 20000; sleep 1; echo do''ne\n");
      session.endInput();
      const { stdout, stderr, exitCode } = await session.finish();
      expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 0 });
      expect(stdout).toContain(Array.from({ length: 20_000 }, (_, index) => `${index + 1}\r\n`).join(""));
      expect(stdout).toContain("\ndone\r\n");
    });
  });

  test("is without end where the setting is 0, and never ends a command of the program's own", async () => {
    const waiting = await startWithPipes(standIn, directly, interactive("sleep 600"), {
      env: { SSM_PLUGIN_EOF_WAIT: "0" },
    });
    const own = startPeople(standIn, ["shell", standIn.target], { env: { SSM_PLUGIN_EOF_WAIT: "100ms" } });
    await own.stdout.waitFor("ready> ");
    await own.write("sleep 600\n");
    const bounded = await startWithPipes(standIn, directly, interactive("sleep 600"), {
      env: { SSM_PLUGIN_EOF_WAIT: "1s" },
    });
    for (const session of [waiting, own, bounded]) session.endInput();
    // The one with a bound ends meanwhile; the others are still there.
    expect((await bounded.finish()).exitCode).toBe(0);
    expect([waiting.kill("SIGTERM"), own.kill("SIGTERM")]).toEqual([true, true]);
    expect((await waiting.finish()).exitCode).toBe(143);
    expect((await own.finish()).exitCode).toBe(143);
  });
});

needs("strace").test(
  "a terminal gets little at a time: on a slow line, too, it shows that it is read",
  async () => {
    const log = join(temporaryDirectory("strace"), "log");
    const { command, env } = await directly.prepare(standIn, interactive("seq 1 20000"));
    const strace = ["strace", "-f", "-qq", "-e", "trace=write", "-s", "0", "-o", log];
    const pty = startPty([...strace, ...command], { env });
    expect(await pty.finish()).toBe(0);
    expect(pty.output.text()).toContain("\n20000\r\n");
    const sizes = [...readFileSync(log, "utf8").matchAll(/write\(1, .*, (\d+)/g)].map(([, size]) =>
      Number(size),
    );
    expect(Math.max(...sizes)).toBe(1_024);
  },
);

describe("a terminal that nobody reads", () => {
  /** Its output is stopped as by Ctrl-S; then standard input ends, and the other side prints more than it takes. */
  async function stopped(size: string, errors: string) {
    const { command, env } = await directly.prepare(standIn, interactive("echo up; read line; seq 1 50000"));
    const script = `stty -ixany rows 24 cols ${size}; cat | "$@" 2>${errors}`;
    const pty = startPty(["sh", "-c", script, "sh", ...command], {
      env: { ...env, SSM_PLUGIN_EOF_WAIT: "500ms" },
    });
    const sessionId = await sessionIdIn(pty.output);
    await pty.waitForOutput("up\r");
    pty.write("\x13go\r\x04");
    return { pty, sessionId };
  }

  test("holds nobody up where it has no size, as a program's; a person's loses nothing", async () => {
    const errors = join(temporaryDirectory("errors"), "errors");
    const persons = await stopped("80", "/dev/null");
    const programs = await stopped("0", errors);
    expect(await programs.pty.finish()).toBe(1);
    expect(readFileSync(errors, "utf8")).toBe(
      "session-manager-plugin: standard output cannot be written: nobody has read it for 0.5 s\n",
    );
    await standIn.sessionEnded(programs.sessionId);
    persons.pty.write("\x11");
    await persons.pty.waitForOutput(`Exiting session with sessionId: ${persons.sessionId}.`);
    expect(await persons.pty.finish()).toBe(0);
    expect(persons.pty.output.text()).toContain("\n49999\r\r\n50000\r\r\n");
    await standIn.sessionEnded(persons.sessionId);
  });
});
