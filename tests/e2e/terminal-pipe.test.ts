/**
 * The keyboard is a terminal, standard output something else: another program of a pipeline writes to that terminal,
 * reads from it, or sets it. Its settings are read from outside all along.
 */
import { expect, test } from "bun:test";
import { join } from "node:path";

import { temporaryDirectory } from "../support/environment.ts";
import { needs } from "../support/programs.ts";
import type { LineSettings, PtyProcess } from "../support/pty.ts";
import { waitFor } from "../support/wait-for.ts";
import {
  executableOf,
  processEnded,
  sessionIdIn,
  startWithSettings,
  type TerminalSession,
} from "./sessions.ts";
import { PROMPT, type SessionRequest, useStandIn } from "./stand-in.ts";
import { directly, forEachStart, type Start } from "./starts.ts";

const standIn = useStandIn();

/** Keys are bytes, apart from those of Ctrl-C and Ctrl-\; what is written is the terminal's business. */
const SHARED: LineSettings = {
  echo: false,
  canonical: false,
  signals: true,
  crToNl: false,
  flowControl: false,
  outputProcessing: true,
};

const RAW: LineSettings = { ...SHARED, signals: false, outputProcessing: false };

/** An interactive command whose own terminal is raw: it sees each byte, and no key interrupts it. */
function rawCommand(command: string): SessionRequest {
  return {
    document: "AWS-StartInteractiveCommand",
    parameters: { command: `stty raw -echo; echo listening; ${command}` },
  };
}

const SILENT = rawCommand("exec sleep 60");

/** A program behind the pipe that no key ends. */
const DEAF = "(trap '' INT QUIT; exec cat)";

/**
 * Starts `"$@" …` on a terminal, as a shell with job control does: the pipeline is one foreground job.
 * @param script what the shell runs, with the session as `"$@"`
 */
async function startScript(
  start: Start,
  script: string,
  request: SessionRequest = {},
): Promise<{ readonly pty: PtyProcess; readonly settingsBefore: LineSettings }> {
  const { command, env } = await start.prepare(standIn, request);
  return startWithSettings(["bash", "-c", `set -m; ${script}`, "bash", ...command], { env });
}

/** The same, where the session's first line is seen. */
async function startVisible(...args: Parameters<typeof startScript>): Promise<TerminalSession> {
  const { pty, settingsBefore } = await startScript(...args);
  return { ...pty, settingsBefore, sessionId: await sessionIdIn(pty.output) };
}

/** The exit codes of the pipeline's programs, told when all have ended. */
const CODES = 'echo "codes ${PIPESTATUS[*]}"';

async function ended(session: TerminalSession, codes: string): Promise<void> {
  await session.waitForOutput(`codes ${codes}\r\n`);
  await session.finish();
  expect(session.lineSettings()).toEqual(session.settingsBefore);
  await standIn.sessionEnded(session.sessionId);
}

async function settingsBecome(pty: PtyProcess, expected: LineSettings): Promise<void> {
  await waitFor(() => pty.lineSettings()?.canonical === false, { what: "keys as bytes", timeoutMs: 25_000 });
  expect(pty.lineSettings()).toEqual(expected);
}

const inBash = needs("bash");

inBash.describe("a terminal on standard input, a pipe on standard output", () => {
  forEachStart("a pipeline", (start) => {
    test.concurrent("its last program's lines begin at the left", async () => {
      const { pty, settingsBefore } = await startScript(
        start,
        `"$@" | tr -d '\\r' | grep --line-buffered -v Starting; ${CODES}`,
      );
      await settingsBecome(pty, SHARED);
      pty.write("stty -echo; PS1=\recho one; echo two; exit\r");
      await pty.waitForOutput("codes 0 0 0");
      await pty.finish();
      expect(pty.output.text()).toContain("one\r\ntwo\r\n");
      expect(pty.output.text()).not.toMatch(/[^\r]\n/);
      expect(pty.lineSettings()).toEqual(settingsBefore);
    });

    test.concurrent("Ctrl-C ends it, also when the other side is silent and does not care", async () => {
      // Ctrl-C ends the script, too: the first program's code is told behind it.
      const session = await startVisible(start, `{ "$@"; echo "codes $?" >&2; } | cat`, SILENT);
      await session.waitForOutput("listening");
      session.write("\x03");
      await ended(session, "0");
    });

    // What prints the word is what a key then reaches.
    test.concurrent("a shell is worked in as ever: Ctrl-C and Ctrl-Z are the other side's", async () => {
      const session = await startVisible(start, `"$@" | ${DEAF}; ${CODES}`);
      await session.waitForOutput(PROMPT);
      await session.writeAndWait("sh -c 'echo r\"\"unning; exec cat'\r", "running");
      await session.writeAndWait("\x03", PROMPT);
      await session.writeAndWait("sh -c 'echo a\"\"gain; exec sleep 60'\r", "again");
      await session.writeAndWait("\x1a", PROMPT);
      await session.writeAndWait("echo st''ill\r", "still");
      session.write("exit\rexit\r");
      await ended(session, "0 0");
    });

    test.concurrent("~. leaves", async () => {
      const session = await startVisible(start, `"$@" | cat; ${CODES}`, SILENT);
      await session.waitForOutput("listening");
      session.write("\r~.");
      await ended(session, "0 0");
    });
  });

  test.each([
    ["the end of the command", (session: TerminalSession) => session.write("\n"), "0 0"],
    [
      "the service's end",
      async ({ sessionId }: TerminalSession) => await standIn.simulator.call("terminate", sessionId, "idle"),
      "0 0",
    ],
    [
      "a connection that is lost for good",
      async ({ sessionId }: TerminalSession) => {
        await standIn.simulator.call("setFaults", { resumeGone: true }, sessionId);
        await standIn.simulator.call("cut", sessionId);
        await standIn.simulator.call("terminate", sessionId);
      },
      "1 0",
    ],
    [
      "SIGTERM",
      async ({ pid }: TerminalSession) => void process.kill(await executableOf(pid), "SIGTERM"),
      "143 0",
    ],
    [
      "SIGHUP",
      async ({ pid }: TerminalSession) => void process.kill(await executableOf(pid), "SIGHUP"),
      "129 0",
    ],
  ])("the settings are back after %s", async (_name, cause, codes) => {
    const session = await startVisible(directly, `"$@" | ${DEAF}; ${CODES}`, rawCommand("read line"));
    await session.waitForOutput("listening");
    expect(session.lineSettings()).toEqual(SHARED);
    await cause(session);
    await ended(session, codes);
  });

  test("every key is a byte, those of Ctrl-C and Ctrl-\\ by way of their signals", async () => {
    const session = await startVisible(
      directly,
      `"$@" | ${DEAF}; ${CODES}`,
      rawCommand("exec od -An -v -tx1 -w1"),
    );
    await session.waitForOutput("listening");
    for (const byte of [0x13, 0x11, 0x16, 0x0f, 0x1a, 0x1c, 0x03, 0x04, 0x15, 0x17, 0x00, 0x0d, 0x0a, 0xff]) {
      const from = session.output.length;
      session.write(Uint8Array.of(byte));
      const told = await session.waitForOutput(/ [0-9a-f]{2}\r\n/, { from });
      expect(told.trim()).toBe(byte.toString(16).padStart(2, "0"));
    }
    session.write("\r~?");
    // Not into the pipe, where it would be data.
    await session.waitForOutput("(Escapes are recognized only immediately after Enter.)\r");
    session.write("~.");
    await ended(session, "0 0");
  });

  test("a window that is closed takes the session with it", async () => {
    const session = await startVisible(directly, `"$@" | ${DEAF}`, SILENT);
    const pid = await executableOf(session.pid);
    session.close();
    await processEnded(pid, 5_000);
    await standIn.sessionEnded(session.sessionId);
  });

  /** A pager: settings of its own on the terminal while it runs, and what it has found there afterwards. */
  const pager = (rest: string) =>
    `bash -c 'saved=$(stty -g </dev/tty); stty -icanon -echo -opost </dev/tty; echo set; ${rest}; stty "$saved" </dev/tty'`;
  const PAGED: LineSettings = { ...SHARED, outputProcessing: false };

  test("a pager that was there first and leaves first: all is as it was", async () => {
    const go = join(temporaryDirectory("pager"), "go");
    const { pty, settingsBefore } = await startScript(
      directly,
      `{ until [ -e ${go} ]; do sleep 0.05; done; exec "$@"; } | ${pager("read blank; read first; read line; echo $line")}; ${CODES}`,
      rawCommand("read line; echo more; exec sleep 60"),
    );
    await pty.waitForOutput("set");
    expect(pty.lineSettings()).toEqual({ ...PAGED, crToNl: true, flowControl: true });
    await Bun.write(go, "");
    // The pager has gone when its last word is there; the session's end follows from that.
    await pty.waitForOutput("listening");
    pty.write("\n");
    await pty.waitForOutput("codes 0 0");
    await pty.finish();
    expect(pty.lineSettings()).toEqual(settingsBefore);
  });

  test("a pager that is still there keeps its settings when the session has ended", async () => {
    const { pty } = await startScript(
      directly,
      `"$@" | { read blank; read first; read line; ${pager("cat; echo over; read key </dev/tty")}; }; ${CODES}`,
      rawCommand("read line"),
    );
    await pty.waitForOutput("set");
    expect(pty.lineSettings()).toEqual(PAGED);
    pty.write("\n");
    await pty.waitForOutput("over");
    expect(pty.lineSettings()).toEqual(PAGED);
    pty.write("\n");
    await pty.waitForOutput("codes 0 0");
    await pty.finish();
  });
});

inBash.describe("standard input is a terminal, and standard output", () => {
  test("the same one by another name: all is raw", async () => {
    for (const redirection of ["</dev/tty", ">/dev/tty", "</dev/tty >/dev/tty"]) {
      const session = await startVisible(directly, `"$@" ${redirection}; ${CODES}`, rawCommand("read line"));
      await session.waitForOutput("listening");
      expect([redirection, session.lineSettings()]).toEqual([redirection, RAW]);
      session.write("\n");
      await ended(session, "0");
    }
  });

  test("a file: the terminal stays everybody's", async () => {
    const file = join(temporaryDirectory("file"), "out");
    const { pty, settingsBefore } = await startScript(
      directly,
      `"$@" >${file}; ${CODES}`,
      rawCommand("read line"),
    );
    await settingsBecome(pty, SHARED);
    pty.write("\n");
    await pty.waitForOutput("codes 0\r\n");
    await pty.finish();
    expect(pty.lineSettings()).toEqual(settingsBefore);
    expect(await Bun.file(file).text()).toContain("listening\n");
  });

  test("another terminal: neither output is touched", async () => {
    const other = startWithSettings(["bash", "-c", "tty; exec sleep 1000"], {});
    const name = (await other.pty.waitForOutput(/\/dev\/\S+/)).trim();
    const { pty, settingsBefore } = await startScript(
      directly,
      `"$@" >${name}; ${CODES}`,
      rawCommand("read line"),
    );
    await other.pty.waitForOutput("listening\r\n");
    expect(pty.lineSettings()).toEqual(SHARED);
    expect(other.pty.lineSettings()).toEqual(other.settingsBefore);
    pty.write("\n");
    await pty.waitForOutput("codes 0\r\n");
    await pty.finish();
    expect(pty.lineSettings()).toEqual(settingsBefore);
    expect(other.pty.lineSettings()).toEqual(other.settingsBefore);
    other.pty.kill();
    await other.pty.finish();
  });
});
