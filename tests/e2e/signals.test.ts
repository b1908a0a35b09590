/** Signals as the AWS CLI, shells and nohup let them reach the program. */
import { describe, expect, test } from "bun:test";
import { join } from "node:path";

import { temporaryDirectory } from "../support/environment.ts";
import { killSession } from "../support/leftovers.ts";
import { type RunningProcess, start as startProcess } from "../support/processes.ts";
import { needs } from "../support/programs.ts";
import { startPty } from "../support/pty.ts";
import { waitFor } from "../support/wait-for.ts";
import {
  executableOf,
  isAlive,
  type PipedSession,
  processEnded,
  sessionIdIn,
  startOnTerminal,
  startShell,
  startWithPipes,
} from "./sessions.ts";
import { type SessionRequest, useStandIn } from "./stand-in.ts";
import { type CommandLine, directly, forEachStart, withArgument } from "./starts.ts";

const standIn = useStandIn();

/** Tells each byte that it receives; started with pipes. */
const TELL_BYTES: SessionRequest = {
  document: "AWS-StartInteractiveCommand",
  parameters: { command: "stty raw -echo; printf listening; exec od -An -v -tx1 -w1" },
};

const nonInteractive = (command: string): SessionRequest => ({
  document: "AWS-StartNonInteractiveCommand",
  parameters: { command, separateOutputStream: "true" },
});

/** Starts a command line by way of a shell script that has it as `"$@"`; standard input stays open. */
function startBy(script: string, { command, env }: CommandLine): RunningProcess {
  return startProcess(["sh", "-c", script, "sh", ...command], { env });
}

async function startTelling(script: string): Promise<PipedSession> {
  const child = startBy(script, await directly.prepare(standIn, TELL_BYTES));
  await child.stdout.waitFor("listening");
  return { ...child, sessionId: await sessionIdIn(child.stdout) };
}

describe.concurrent("signals", () => {
  forEachStart("signals", (start) => {
    test("SIGINT and SIGQUIT go to the other side as bytes when there is no terminal", async () => {
      const session = await startWithPipes(standIn, start, TELL_BYTES);
      await session.stdout.waitFor("listening");
      const pid = await executableOf(session.pid);
      for (const [signal, told] of [
        ["SIGINT", " 03\n"],
        ["SIGQUIT", " 1c\n"],
        ["SIGINT", " 03\n"],
      ] as const) {
        const from = session.stdout.length;
        process.kill(pid, signal);
        await session.stdout.waitFor(told, { from });
      }
      process.kill(pid, "SIGTERM");
      expect((await session.finish()).exitCode).toBe(start.exitCode(143));
      await standIn.sessionEnded(session.sessionId);
    });

    test("Ctrl-C at a terminal interrupts a non-interactive command", async () => {
      const session = await startOnTerminal(
        standIn,
        start,
        nonInteractive(`sh -c 'trap "echo got INT; exit 0" INT; echo up; while :; do sleep 0.05; done'`),
      );
      await session.waitForOutput("up\r\n");
      expect(session.lineSettings()).toEqual(session.settingsBefore);
      await session.writeAndWait("\x03", "got INT\r\n");
      expect(await session.finish()).toBe(0);
    });

    test("Ctrl-C at a terminal ends a tunnel with 0", async () => {
      const session = await startOnTerminal(standIn, start, {
        document: "AWS-StartPortForwardingSession",
        parameters: { portNumber: "22", localPortNumber: "0" },
      });
      await session.waitForOutput("Waiting for connections...\r\n");
      expect(session.lineSettings()).toEqual(session.settingsBefore);
      await session.writeAndWait("\x03", "Terminate signal received, exiting.\r\n");
      expect(await session.finish()).toBe(0);
      await standIn.sessionEnded(session.sessionId);
    });

    test("SIGINT interrupts a non-interactive command", async () => {
      const session = await startWithPipes(
        standIn,
        start,
        nonInteractive(`sh -c 'trap "echo got INT; exit 0" INT; echo up; while :; do sleep 0.05; done'`),
      );
      await session.stdout.waitFor("up\n");
      process.kill(await executableOf(session.pid), "SIGINT");
      await session.stdout.waitFor("got INT\n");
      expect((await session.finish()).exitCode).toBe(0);
    });

    test.each([
      ["SIGTERM", 143],
      ["SIGHUP", 129],
    ] as const)("%s ends a shell and its session within 3 s", async (signal, code) => {
      const session = await startShell(standIn, start);
      const pid = await executableOf(session.pid);
      const signalledAt = performance.now();
      process.kill(pid, signal);
      await processEnded(pid);
      expect(performance.now() - signalledAt).toBeLessThan(3_000);
      expect(await session.finish()).toBe(start.exitCode(code));
      expect(session.output.text()).toContain(
        `\r\n\r\nExiting session with sessionId: ${session.sessionId}.\r\n\r\n`,
      );
      await standIn.sessionEnded(session.sessionId);
    });
  });

  test("SIGINT, SIGQUIT and SIGTSTP that were ignored at the start: the first two are ours all the same", async () => {
    const session = await startTelling(`trap '' INT QUIT TSTP; exec "$@"`);
    for (const [signal, told] of [
      ["SIGINT", " 03\n"],
      ["SIGQUIT", " 1c\n"],
    ] as const) {
      const from = session.stdout.length;
      session.kill(signal);
      await session.stdout.waitFor(told, { from });
    }
    session.kill("SIGTSTP");
    // A process that it had stopped would not answer any more.
    const from = session.stdout.length;
    session.kill("SIGINT");
    await session.stdout.waitFor(" 03\n", { from });
    session.kill("SIGTERM");
    expect((await session.finish()).exitCode).toBe(143);
  });

  test.each([
    ["SIGTERM", 143],
    ["SIGHUP", 129],
    ["SIGINT", 130],
  ] as const)("%s ends a session that has not come up yet", async (signal, code) => {
    const { command, env } = await directly.prepare(standIn, TELL_BYTES);
    const { SessionId } = JSON.parse(env["AWS_SSM_START_SESSION_RESPONSE"] ?? "") as { SessionId: string };
    await standIn.simulator.call("setFaults", { upgrade: { answer: "hang" } }, SessionId);
    const child = startProcess(command, { env });
    await sessionIdIn(child.stdout);
    child.kill(signal);
    expect((await child.finish(3_000)).exitCode).toBe(code);
    await standIn.sessionEnded(SessionId);
  });

  test("a SIGHUP that was ignored at the start stays ignored", async () => {
    const session = await startTelling(`trap '' HUP; exec "$@"`);
    session.kill("SIGHUP");
    session.kill("SIGINT");
    await session.stdout.waitFor(" 03\n");
    session.kill("SIGTERM");
    expect((await session.finish()).exitCode).toBe(143);
    await standIn.sessionEnded(session.sessionId);
  });

  needs("nohup").test("under nohup the end of the terminal is survived", async () => {
    const file = join(temporaryDirectory("nohup"), "out");
    const { command, env } = await directly.prepare(standIn, TELL_BYTES);
    const pty = startPty(["sh", "-c", 'nohup "$@" >"$OUT" 2>&1 </dev/null & wait', "sh", ...command], {
      env: { ...env, OUT: file },
    });
    const pid = await executableOf(pty.pid);
    const out = async (text: string): Promise<void> => {
      await waitFor(async () => (await Bun.file(file).text()).includes(text), { what: text });
    };
    await out("listening 04\n");
    pty.close();
    await pty.finish();
    process.kill(pid, "SIGINT");
    await out(" 03\n");
    process.kill(pid, "SIGTERM");
    await processEnded(pid);
  });

  test("SIGTERM ends the process within 3 s though nobody reads its output", async () => {
    const prepared = await directly.prepare(standIn, {
      document: "AWS-StartInteractiveCommand",
      parameters: { command: "yes" },
    });
    const child = startBy('"$@" | sleep 60', prepared);
    const { SessionId } = JSON.parse(prepared.env["AWS_SSM_START_SESSION_RESPONSE"] ?? "") as {
      SessionId: string;
    };
    const pid = await executableOf(child.pid);
    // More than a pipe holds.
    await waitFor(async () => (await standIn.session(SessionId)).bytesToClient > 500_000, { what: "output" });
    process.kill(pid, "SIGTERM");
    await processEnded(pid, 3_000);
    await standIn.sessionEnded(SessionId);
    killSession(child.pid);
    await child.finish();
  });
});

describe("a second signal", () => {
  test.each([directly, withArgument])("ends the process at once, started $name", async (start) => {
    await standIn.simulator.call("setFaults", { api: { TerminateSession: { hang: true } } });
    const session = await startShell(standIn, start);
    const startedAt = performance.now();
    session.kill("SIGTERM");
    await Bun.sleep(300);
    expect(isAlive(session.pid)).toBe(true);
    session.kill("SIGTERM");
    expect(await session.finish(1_000)).toBe(start.exitCode(143));
    expect(performance.now() - startedAt).toBeLessThan(1_500);
    expect(session.lineSettings()).toMatchObject({ canonical: true, echo: true });
    await standIn.simulator.call("clearFaults");
    await standIn.simulator.call("terminate", session.sessionId);
  });

  test("is not needed when the service does not answer: 3 s and it ends", async () => {
    await standIn.simulator.call("setFaults", { api: { TerminateSession: { hang: true } } });
    const session = await startShell(standIn, directly);
    const startedAt = performance.now();
    session.kill("SIGTERM");
    expect(await session.finish(3_000)).toBe(143);
    expect(performance.now() - startedAt).toBeGreaterThan(1_000);
    await standIn.simulator.call("clearFaults");
    await standIn.simulator.call("terminate", session.sessionId);
  });
});
