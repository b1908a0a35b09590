/**
 * The terminal after every way out: settings as they were, and the modes that the other side had switched on
 * (alternate screen, bracketed paste, mouse, hidden cursor, application keys) switched off.
 */
import { describe, expect, test } from "bun:test";
import { join } from "node:path";

import { repositoryRoot, temporaryDirectory } from "../support/environment.ts";
import {
  executableOf,
  processEnded,
  sessionIdIn,
  startOnTerminal,
  startWithSettings,
  type TerminalSession,
} from "./sessions.ts";
import { type SessionRequest, useStandIn } from "./stand-in.ts";
import { directly, forEachStart, type Start, withArgument } from "./starts.ts";

const standIn = useStandIn();

const MODES_ON = "\\033[?1049h\\033[?1h\\033=\\033[?2004h\\033[?1000h\\033[?1006h\\033[?25l";

/** Everything off that MODES_ON has switched on. */
const MODES_OFF = [
  "\x1b[?1l",
  "\x1b[?1000l",
  "\x1b[?1006l",
  "\x1b[?2004l",
  "\x1b>",
  "\x1b[?1049l",
  "\x1b[?25h",
];

/** A full-screen program that is there until something is typed, and leaves everything switched on. */
const FULL_SCREEN: SessionRequest = {
  document: "AWS-StartInteractiveCommand",
  parameters: { command: `printf '${MODES_ON}drawn'; read line` },
};

async function startFullScreen(start: Start): Promise<TerminalSession> {
  const session = await startOnTerminal(standIn, start, FULL_SCREEN);
  await session.waitForOutput("drawn");
  expect(session.lineSettings()).toMatchObject({ canonical: false, echo: false, outputProcessing: false });
  return session;
}

/** Each mode is switched off after the program has drawn, in good order, and nothing switches it on again. */
function expectAtRest(session: TerminalSession): void {
  expect(session.lineSettings()).toEqual(session.settingsBefore);
  const output = session.output.text();
  const afterwards = output.slice(output.indexOf("drawn"));
  for (const off of MODES_OFF) expect(afterwards).toContain(off);
  expect(afterwards).not.toMatch(/\x1b\[\?(?:1049|2004|1000)h/);
}

const executable = async (session: TerminalSession): Promise<number> => await executableOf(session.pid);

/** Way out, what causes it, and the exit code of the program's own contract. */
const WAYS_OUT: readonly (readonly [
  string,
  (session: TerminalSession) => Promise<unknown> | void,
  number,
])[] = [
  ["the end of the command", (session) => session.write("\r"), 0],
  ["~.", (session) => session.write("\r~."), 0],
  [
    "the service's end",
    async ({ sessionId }) => await standIn.simulator.call("terminate", sessionId, "idle"),
    0,
  ],
  [
    "a connection that is lost for good",
    async ({ sessionId }) => {
      await standIn.simulator.call("setFaults", { resumeGone: true }, sessionId);
      await standIn.simulator.call("cut", sessionId);
      // To the client it is gone; nobody else ends it.
      await standIn.simulator.call("terminate", sessionId);
    },
    1,
  ],
  ["SIGTERM", async (session) => process.kill(await executable(session), "SIGTERM"), 143],
  ["SIGHUP", async (session) => process.kill(await executable(session), "SIGHUP"), 129],
];

describe.concurrent("on a terminal", () => {
  forEachStart("the terminal", (start) => {
    test.each(WAYS_OUT)("is as it was after %s", async (_name, cause, code) => {
      const session = await startFullScreen(start);
      await cause(session);
      expect(await session.finish()).toBe(start.exitCode(code));
      expectAtRest(session);
      await standIn.sessionEnded(session.sessionId);
    });

    test("takes the session with it when its window is closed", async () => {
      const session = await startFullScreen(start);
      const pid = await executable(session);
      session.close();
      // The AWS CLI knows nothing of hangups: the system ends it.
      expect(await session.finish()).toBe(129);
      await processEnded(pid, 3_000);
      await standIn.sessionEnded(session.sessionId);
    });
  });

  test("is as it was after standard output was closed", async () => {
    const { command, env } = await directly.prepare(standIn, {
      document: "AWS-StartInteractiveCommand",
      parameters: { command: "echo one; read line; while echo more; do sleep 0.05; done" },
    });
    // Keyboard and standard error are the terminal, standard output is a pipe whose reader leaves.
    const { pty, settingsBefore } = startWithSettings(
      ["sh", "-c", '{ "$@"; echo "code $?" >&2; } | { head -n 3; exec <&-; }', "sh", ...command],
      {
        env,
      },
    );
    const sessionId = await sessionIdIn(pty.output);
    await pty.waitForOutput("one");
    pty.write("\r");
    await pty.waitForOutput("code 0");
    await pty.finish();
    expect(pty.lineSettings()).toEqual(settingsBefore);
    await standIn.sessionEnded(sessionId);
  });

  // The compiled executable takes no code from outside, so the same program is run from its source with a preload
  // that throws when it is told to.
  test.each([directly, withArgument])(
    "is as it was after an uncaught error, started $name",
    async (start) => {
      const preload = join(temporaryDirectory("preload"), "preload.ts");
      await Bun.write(preload, 'process.on("SIGUSR2", () => { throw new Error("defect\\nsecond line"); });');
      const { command, env } = await start.prepare(standIn, FULL_SCREEN);
      const fromSource = [process.execPath, "--preload", preload, join(repositoryRoot, "src/main.ts")];
      const { pty, settingsBefore } = startWithSettings([...fromSource, ...command.slice(1)], { env });
      const session = { ...pty, settingsBefore, sessionId: await sessionIdIn(pty.output) };
      await session.waitForOutput("drawn");
      expect(session.lineSettings()).toMatchObject({ canonical: false });
      session.kill("SIGUSR2");
      expect(await session.finish()).toBe(start.exitCode(1));
      await standIn.sessionEnded(session.sessionId);
      expectAtRest(session);
      // The line comes after the alternate screen has gone: on it nobody would ever see it.
      const line = "session-manager-plugin: unexpected error: Error: defect\r\n";
      const [before = "", after = "missing"] = session.output.text().split(line);
      expect(before).toEndWith(MODES_OFF.join(""));
      // The session was ended, which may still be said.
      expect(["", `\r\n\r\nExiting session with sessionId: ${session.sessionId}.\r\n\r\n`]).toContain(after);
    },
  );
});
