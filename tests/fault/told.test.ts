/** What a person at a terminal is told of a lost connection, and how the terminal is left when it stays lost. */
import { describe, expect, test } from "bun:test";

import { PROMPT, useStandIn } from "../e2e/stand-in.ts";
import { type PtyProcess, startPty } from "../support/pty.ts";
import { cut, prepareSession, startSession } from "./tunnel.ts";

const standIn = useStandIn();

async function startShell(
  env: Readonly<Record<string, string>> = {},
): Promise<PtyProcess & { readonly sessionId: string }> {
  const prepared = await prepareSession(standIn, {}, { env });
  const pty = startPty(prepared.command, { env: prepared.env });
  await pty.waitForOutput(PROMPT);
  expect(pty.lineSettings()?.echo).toBe(false);
  return { ...pty, sessionId: prepared.sessionId };
}

const LOST = "Connection lost (the gateway closed the connection (code 1000: Bye)), reconnecting…\r\n";
const RESTORED = /Connection restored after \d+\.\d s, \d+ messages sent again\.\r\n/;

describe.concurrent("at a terminal", () => {
  test("a loss and its end are one line each, and the shell goes on", async () => {
    const shell = await startShell();
    await cut(standIn, shell.sessionId, { code: 1000, reason: "Bye" });
    await shell.waitForOutput(RESTORED);
    await shell.writeAndWait("echo $((6*7))\r", "\n42\r\n");
    shell.write("exit\r");
    expect(await shell.finish()).toBe(0);
    const text = shell.output.text();
    expect(text.split(LOST)).toHaveLength(2);
    expect(text.split(RESTORED)).toHaveLength(2);
  });

  test("refused tokens on the way are no news", async () => {
    const shell = await startShell();
    await standIn.simulator.call(
      "setFaults",
      { opening: { answer: "close", code: 1008, reason: "invalid token", times: 2 } },
      shell.sessionId,
    );
    await cut(standIn, shell.sessionId, { code: 1000, reason: "Bye" });
    await shell.waitForOutput(RESTORED);
    shell.write("exit\r");
    expect(await shell.finish()).toBe(0);
    expect(shell.output.text().match(/Connection (lost|restored)/g)).toEqual([
      "Connection lost",
      "Connection restored",
    ]);
  });

  test("a loss that lasts ends with exit code 1 and a terminal as it was", async () => {
    const shell = await startShell({ SSM_PLUGIN_RECONNECT_FOR: "1s" });
    await standIn.simulator.call(
      "setFaults",
      { upgrade: { answer: "refuse", status: 503, times: 0 } },
      shell.sessionId,
    );
    await cut(standIn, shell.sessionId);
    await shell.waitForOutput(/\n\r?\nSessionId: \S+ : connection lost: .*503/);
    expect(await shell.finish()).toBe(1);
    expect(shell.lineSettings()).toMatchObject({ echo: true, canonical: true, signals: true, crToNl: true });
    await standIn.simulator.call("terminate", shell.sessionId);
  });

  test("a session that is gone is named as what it may have been", async () => {
    const shell = await startShell();
    await standIn.simulator.call("setFaults", { resumeGone: true }, shell.sessionId);
    await cut(standIn, shell.sessionId);
    expect(await shell.finish()).toBe(1);
    // One is on standard output, the other on standard error: either may come first.
    const text = shell.output.text();
    expect(text).toContain(`Session: ${shell.sessionId} timed out.\r\n`);
    expect(text).toContain(
      "The session reached its idle time-out or its maximum duration, or it or its target was ended.\r\n",
    );
    expect(shell.lineSettings()).toMatchObject({ echo: true, canonical: true });
    await standIn.simulator.call("terminate", shell.sessionId);
  });

  test.each(["Your session timed out due to inactivity.", "Session reached its maximum duration."])(
    "the service's own words are shown: %s",
    async (reason) => {
      const shell = await startShell();
      await standIn.simulator.call("terminate", shell.sessionId, reason);
      expect(await shell.finish()).toBe(0);
      expect(shell.output.text()).toEndWith(`\r\n\r\nSessionId: ${shell.sessionId} : ${reason}\r\n\r\n`);
    },
  );

  test("keys typed during a loss arrive afterwards, once and in order", async () => {
    const shell = await startShell();
    await standIn.simulator.call(
      "setFaults",
      { upgrade: { answer: "refuse", status: 503, times: 2 } },
      shell.sessionId,
    );
    await cut(standIn, shell.sessionId);
    for (const key of "echo $((6*7))") shell.write(key);
    shell.write("\r");
    await shell.waitForOutput("\n42\r\n", { timeoutMs: 15_000 });
    shell.write("exit\r");
    expect(await shell.finish()).toBe(0);
    expect(shell.output.text().match(/\n42\r\n/g)).toHaveLength(1);
  });
});

describe("without a terminal", () => {
  test.each([
    [{}, /^$/],
    [
      { SSM_PLUGIN_LOG_LEVEL: "warn" },
      /^\S+ WARN  \[\d+\] connection closed code=1011 session="\S+" target="\S+"\n$/,
    ],
    [
      { SSM_PLUGIN_LOG_LEVEL: "info", SSM_PLUGIN_LOG_FILE: "-" },
      /connection closed code=1011 .*\n.*ssm:ResumeSession.*\n.*resumed attempt=1 .*\n.*connected .*\n.*connection restored afterMs=\d+ resent=\d+ /,
    ],
  ] as const)("nothing is said unless logs are on: %j", async (env, stderr) => {
    const session = await startSession(standIn, {}, { env });
    await session.stdout.waitFor(PROMPT);
    await cut(standIn, session.sessionId, { code: 1011 });
    await session.write("echo $((6*7))\n");
    await session.stdout.waitFor("42\r\n");
    await session.write("exit\n");
    const outcome = await session.finish();
    expect(outcome.stderr).toMatch(stderr);
    expect(outcome.stdout).not.toContain("onnection");
    expect(outcome.exitCode).toBe(0);
  });
});
