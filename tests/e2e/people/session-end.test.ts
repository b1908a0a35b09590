/** How a session on a terminal ends: what is said of it, where on the screen, and how the terminal is left. */
import { describe, expect, test } from "bun:test";
import { join } from "node:path";

import { executablePath, temporaryDirectory } from "../../support/environment.ts";
import { needs } from "../../support/programs.ts";
import { type PtyOptions, startPty } from "../../support/pty.ts";
import { startWithSettings } from "../sessions.ts";
import { PROMPT } from "../stand-in.ts";
import { noSessionsLeft, usePeopleStandIn, WEB } from "./people.ts";

const standIn = usePeopleStandIn();

/** Starts a command on a terminal and waits for what a session shows; `reason` tells it from the others. */
async function begin(words: readonly string[], reason: string, shows: string, options: PtyOptions = {}) {
  const [command = "", ...rest] = words;
  const { pty, settingsBefore } = startWithSettings(
    [executablePath, command, WEB, "--reason", reason, ...rest],
    { ...options, env: { ...standIn.environment, ...options.env } },
  );
  await pty.waitForOutput(shows);
  const sessions = await standIn.simulator.call("sessions");
  const id = sessions.find((session) => session.reason === reason)?.sessionId ?? "";
  return {
    ...pty,
    id,
    /** The exit code and the screen's text, once the terminal was seen to be as it was. */
    async ended() {
      const exitCode = await pty.finish();
      expect(pty.lineSettings()).toEqual(settingsBefore);
      // The id and the time are different each time.
      return {
        exitCode,
        text: pty.output
          .text()
          .replaceAll(id, "ID")
          .replaceAll(/after \d+ s/g, "after N s"),
      };
    },
  };
}

describe.concurrent("a shell on a terminal", () => {
  test("that ends by itself: which one, and after how long", async () => {
    const session = await begin(["shell"], "by itself", PROMPT);
    session.write("exit\r");
    const { exitCode, text } = await session.ended();
    expect(exitCode).toBe(0);
    expect(text).toEndWith(`${PROMPT}exit\r\nSession ID ended after N s.\r\n`);
  });

  test("that the service ends: the reason, on a line of its own", async () => {
    const session = await begin(["shell"], "by the service", PROMPT);
    await standIn.simulator.call("terminate", session.id, "its time is up");
    const { exitCode, text } = await session.ended();
    expect(exitCode).toBe(255);
    expect(text).toEndWith(
      `${PROMPT}\r\nsession-manager-plugin: session ID ended after N s: its time is up\r\n`,
    );
  });

  test("that is lost: the same", async () => {
    const session = await begin(["shell"], "lost", PROMPT);
    await standIn.simulator.call("setFaults", { resumeGone: true }, session.id);
    await standIn.simulator.call("cut", session.id);
    await standIn.simulator.call("terminate", session.id);
    const { exitCode, text } = await session.ended();
    expect(exitCode).toBe(255);
    expect(text).toMatch(
      /ready> \r\nConnection lost [^\r]*\r\nsession-manager-plugin: session ID ended after N s: [^\r]+\r\n$/,
    );
  });

  test("that is left by ~.: that it was left", async () => {
    const session = await begin(["shell"], "left", PROMPT);
    session.write("~.");
    const { exitCode, text } = await session.ended();
    expect(exitCode).toBe(0);
    expect(text).toEndWith(`${PROMPT}\r\nLeft session ID after N s.\r\n`);
  });

  test("that a signal ends: which", async () => {
    const session = await begin(["shell"], "by a signal", PROMPT);
    session.kill("SIGTERM");
    const { exitCode, text } = await session.ended();
    expect(exitCode).toBe(143);
    expect(text).toEndWith(`${PROMPT}\r\nSession ID was ended by SIGTERM after N s.\r\n`);
  });

  test("in an editor: on the screen that comes back", async () => {
    const session = await begin(["shell"], "in an editor", PROMPT);
    await session.writeAndWait("printf '\\033[?1049h\\033[5;5Hdr''awn'; sleep 60\r", "drawn");
    await standIn.simulator.call("terminate", session.id, "idle");
    expect((await session.ended()).text).toEndWith(
      "drawn\x1b[?1049lsession-manager-plugin: session ID ended after N s: idle\r\n",
    );
  });

  test("says nothing of it with --quiet, and an object with --json", async () => {
    const quiet = await begin(["shell", "--quiet"], "quiet", PROMPT);
    const json = await begin(["shell", "--json"], "json", PROMPT);
    for (const session of [quiet, json]) session.write("exit\r");
    expect((await quiet.ended()).text).toEndWith(`${PROMPT}exit\r\n`);
    expect((await json.ended()).text).toMatch(
      /exit\r\n\{"event":"session-closed","message":"Session ID ended after N s\.","sessionId":"ID","durationMs":\d+\}\r\n$/,
    );
  });

  test("a dumb terminal gets no escape, whatever the other side has sent", async () => {
    const session = await begin(["shell"], "dumb", PROMPT, { env: { TERM: "dumb" } });
    await session.writeAndWait("printf '\\033[?2004hdr''awn'; sleep 60\r", "drawn");
    session.write("\r~.");
    expect((await session.ended()).text).toMatch(/drawn(?:\r\n)+Left session ID after N s\.\r\n$/);
  });
});

describe.concurrent("a command", () => {
  test("with a terminal: as a shell", async () => {
    const session = await begin(["exec", "--tty", "--shell", "printf half; read line"], "tty", "half");
    session.write("\r");
    expect(await session.ended()).toEqual({
      exitCode: 0,
      text: "half\r\nSession ID ended after N s.\r\n",
    });
  });

  test("without one speaks for itself; only a failure of its session is told, on a line of its own", async () => {
    const well = await begin(["exec", "--shell", "printf half"], "well", "half");
    expect(await well.ended()).toEqual({ exitCode: 0, text: "half" });
    const cut = await begin(["exec", "--shell", "printf half; sleep 60"], "cut", "half");
    await standIn.simulator.call("cut", cut.id);
    const { exitCode, text } = await cut.ended();
    expect(exitCode).toBe(254);
    expect(text).toMatch(/^half\r\nsession-manager-plugin: connection lost [^\n]*\r\n$/);
  });
});

test("what is said while it runs stands on a line of its own, and a file gets plain newlines", async () => {
  const session = await begin(["shell"], "meanwhile", PROMPT);
  await standIn.simulator.call("cut", session.id);
  await session.waitForOutput(/ready> \r\nConnection lost \([^)]*\), reconnecting…\r\n/);
  await session.waitForOutput(/\r\nConnection restored after [\d.]+ s\.\r\n$/);
  session.write("exit\r");
  await session.ended();
  const file = join(temporaryDirectory("errors"), "errors");
  const pty = startPty(["sh", "-c", `"$0" shell ${WEB} --reason file 2>${file}`, executablePath], {
    env: standIn.environment,
  });
  await pty.waitForOutput(PROMPT);
  const sessions = await standIn.simulator.call("sessions");
  await standIn.simulator.call("cut", sessions.find(({ reason }) => reason === "file")?.sessionId ?? "");
  await pty.writeAndWait("echo b''ack\r", "back");
  pty.write("exit\r");
  await pty.finish();
  expect(await Bun.file(file).text()).toMatch(/^Connection lost [^\r\n]*\nConnection restored [^\r\n]*\n$/);
});

needs("bash").test("in a pipeline Ctrl-C ends it, and nothing is said of what was meant", async () => {
  const { pty, settingsBefore } = startWithSettings(
    ["bash", "-c", `set -m; { "$0" shell ${WEB} --reason pipe; echo "code $?" >&2; } | cat`, executablePath],
    { env: standIn.environment },
  );
  await pty.waitForOutput(PROMPT);
  expect(pty.lineSettings()).toMatchObject({ canonical: false, signals: true, outputProcessing: true });
  pty.write("\x03");
  await pty.waitForOutput("code 0\r\n");
  await pty.finish();
  expect(pty.output.text()).toMatch(/^(?:\^C\r|[\r\n]|ready> )*code 0\r\n$/);
  expect(pty.lineSettings()).toEqual(settingsBefore);
});

test("nothing is left behind", () => noSessionsLeft(standIn));
