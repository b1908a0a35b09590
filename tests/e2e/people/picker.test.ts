/** Without TARGET a terminal is asked; the answer goes on to the session, and the terminal is put back on every way out. */
import { describe, expect, test } from "bun:test";

import { executablePath } from "../../support/environment.ts";
import { type PtyProcess, startPty } from "../../support/pty.ts";
import { PROMPT } from "../stand-in.ts";
import { peopleOnTerminal, usePeopleStandIn } from "./people.ts";

const standIn = usePeopleStandIn();

/** Starts a command and waits for the question. */
async function asked(args: readonly string[], rows = 24): Promise<PtyProcess> {
  const pty = peopleOnTerminal(standIn, args, { cols: 100, rows, env: { NO_COLOR: "1" } });
  await pty.waitForOutput(/Target \(66\/66\): /);
  return pty;
}

function expectRestored(pty: PtyProcess): void {
  expect(pty.lineSettings()).toMatchObject({
    echo: true,
    canonical: true,
    signals: true,
    outputProcessing: true,
  });
}

describe.concurrent("the picker", () => {
  test("narrows as one types, and the shell gets what is typed afterwards", async () => {
    const pty = await asked(["shell"]);
    await pty.writeAndWait(
      "WEB-1",
      /Target \(1\/66\): WEB-1[^]*> i-0123456789abcdef0 +web-1.example.internal +Online/,
    );
    pty.write("\r");
    await pty.waitForOutput(PROMPT);
    await pty.writeAndWait("echo pick''ed\r", "picked\r\n");
    pty.write("exit\r");
    expect(await pty.finish()).toBe(0);
    expectRestored(pty);
  });

  test("arrows choose; exec runs there", async () => {
    const pty = await asked(["exec", "--reason", "picked by arrow", "--", "echo", "ran"]);
    await pty.writeAndWait("twin", /Target \(2\/66\): twin/);
    await pty.writeAndWait("\x1b[B", /> i-00000000000000bbb/);
    pty.write("\r");
    await pty.waitForOutput("ran\r\n");
    expect(await pty.finish()).toBe(0);
    const sessions = await standIn.simulator.call("sessions");
    expect(sessions.find(({ reason }) => reason === "picked by arrow")?.target).toBe("i-00000000000000bbb");
  });

  test("in a pipeline: what the other programs write is left alone, and Ctrl-C ends all of them", async () => {
    const script = `{ "$0" exec -- echo ran; echo "code $?" >&2; } | cat`;
    const pty = startPty(["bash", "-c", `set -m; ${script}`, executablePath], { env: standIn.environment });
    await pty.waitForOutput(/Target \(66\/66\): /);
    expect(pty.lineSettings()).toMatchObject({ canonical: false, signals: true, outputProcessing: true });
    pty.write("\x03");
    await pty.waitForOutput("code 130\r\n");
    await pty.finish();
    expectRestored(pty);
  });

  test("forward asks too", async () => {
    const pty = await asked(["forward", "-L", "0:80"]);
    pty.write("web-1\r");
    await pty.waitForOutput(/127\.0\.0\.1:\d+ {2}→ port 80 {2}\S*● up/);
    pty.write("\x03");
    expect(await pty.finish()).toBe(130);
    expectRestored(pty);
  });

  test.each([
    ["Ctrl-C", "\x03"],
    ["Escape", "\x1b"],
    ["Ctrl-D", "\x04"],
  ])("%s leaves it: 130, nothing is started, the picture is gone", async (_, key) => {
    const pty = await asked(["shell"]);
    const from = pty.output.length;
    pty.write(key);
    expect(await pty.finish()).toBe(130);
    expectRestored(pty);
    expect(pty.output.text(from)).toEndWith("\x1b[?1049l");
  });

  test.each([
    ["SIGTERM", 143],
    ["SIGHUP", 129],
  ] as const)("%s ends it: %d, and the terminal is put back", async (signal, exitCode) => {
    const pty = await asked(["shell"]);
    pty.kill(signal);
    expect(await pty.finish()).toBe(exitCode);
    expectRestored(pty);
  });

  test("no colours, and never more lines than the window has", async () => {
    const pty = await asked(["shell"], 5);
    await pty.waitForOutput(/\x1b\[1;\d+H/);
    pty.write("\x03");
    await pty.finish();
    expect(pty.output.text()).not.toMatch(/\x1b\[[0-9;]*m/);
    expect(pty.output.text().split("\n")).toHaveLength(5);
  });

  test.each([{ TERM: "dumb" }, { TERM: undefined }])(
    "a terminal that understands nothing but text gets a list and a question: %j",
    async (env) => {
      const start = (args: readonly string[]): PtyProcess =>
        peopleOnTerminal(standIn, args, { cols: 80, rows: 24, env });
      const pty = start(["exec", "--", "echo", "ra''n"]);
      await pty.waitForOutput("and 44 more\r\nTarget (number, or part of a name): ");
      await pty.writeAndWait("nothing like it\r", "Nothing has all of this in it.\r\nTarget (");
      await pty.writeAndWait("twin\r", /1 {2}i-0+aaa {2}twin[^]*2 {2}i-0+bbb {2}twin[^]*Target \(/);
      await pty.writeAndWait("2\r", "ra''n\r\n");
      expect(await pty.finish()).toBe(0);
      expect(pty.output.text()).not.toContain("\x1b");
      for (const [key, exitCode] of [
        ["\x03", 130],
        ["\x04", 130],
      ] as const) {
        const left = start(["shell"]);
        await left.waitForOutput("Target (");
        left.write(key);
        expect(await left.finish()).toBe(exitCode);
        expectRestored(left);
      }
    },
  );

  test("a word that means nobody is no question, nor is ssh-proxy without one, nor --json", async () => {
    for (const [args, exitCode] of [
      [["shell", "nobody"], 255],
      [["ssh-proxy"], 2],
      [["shell", "--json"], 2],
    ] as const) {
      const pty = peopleOnTerminal(standIn, args);
      expect(await pty.finish()).toBe(exitCode);
      expect(pty.output.text()).not.toContain("Target (");
    }
  });
});
