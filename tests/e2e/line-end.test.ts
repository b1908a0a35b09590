/**
 * Output that stops in the middle of a line when the session is over: whoever reads lines gets this one, also where the
 * terminal on standard output is held open by somebody else.
 */
import { describe, expect, test } from "bun:test";

import { executablePath } from "../support/environment.ts";
import { start } from "../support/processes.ts";
import { startPty } from "../support/pty.ts";
import { waitFor } from "../support/wait-for.ts";
import { startWithPipes } from "./sessions.ts";
import { type SessionRequest, useStandIn } from "./stand-in.ts";
import { directly, forEachStart, idOf } from "./starts.ts";

const standIn = useStandIn();

/** Prints half a line, and ends once something is typed. */
const HALF: SessionRequest = {
  document: "AWS-StartInteractiveCommand",
  parameters: { command: "stty -echo; printf half; read line" },
};

const TERMINATED = async (id: string) => await standIn.simulator.call("terminate", id, "idle");
const LOST = async (id: string) => {
  await standIn.simulator.call("setFaults", { resumeGone: true }, id);
  await standIn.simulator.call("cut", id);
  await standIn.simulator.call("terminate", id);
};

/** A terminal that stays open whatever becomes of the programs that write to it, as a driver's may. */
async function heldTerminal() {
  const pty = startPty(["sh", "-c", "tty; exec sleep 1000"]);
  const line = await pty.waitForOutput(/\/dev\/\S+\r\n/);
  return { pty, name: line.trim(), from: pty.output.length };
}

describe.concurrent("half a line", () => {
  forEachStart("with AWS's lines", (starting) => {
    test.each([
      ["the service ends it with a reason", TERMINATED, (id: string) => `\n\nSessionId: ${id} : idle\n\n`],
      ["it is lost", LOST, (id: string) => `\nSession: ${id} timed out.\n`],
    ])("when %s", async (_name, cause, rest) => {
      const session = await startWithPipes(standIn, starting, HALF);
      await session.stdout.waitFor("half");
      await cause(session.sessionId);
      const { stdout } = await session.finish();
      expect(stdout).toEndWith(`\nhalf${rest(session.sessionId)}`);
    });
  });

  test.each([
    ["a reason, quiet", { SSM_PLUGIN_QUIET: "true" }, TERMINATED, "half\n"],
    ["a loss, quiet", { SSM_PLUGIN_QUIET: "true" }, LOST, "half\n"],
    ["a reason, lines on standard error", { SSM_PLUGIN_STATUS: "stderr" }, TERMINATED, "half\n"],
    ["a clean end, quiet: a pipe gets no byte more", { SSM_PLUGIN_QUIET: "true" }, undefined, "half"],
  ])("%s", async (_name, env, cause, expected) => {
    const { command, env: prepared } = await directly.prepare(standIn, HALF, env);
    const child = start(command, { env: prepared });
    await child.stdout.waitFor("half");
    if (cause === undefined) await child.write("\n");
    else await cause(idOf(prepared));
    expect((await child.finish()).stdout).toBe(expected);
  });

  test.each([
    ["a reason", TERMINATED],
    ["a loss", LOST],
    ["a clean end", undefined],
  ])("on a terminal that stays open, quiet: %s", async (_name, cause) => {
    const { pty, name, from } = await heldTerminal();
    const { command, env } = await directly.prepare(standIn, HALF, { SSM_PLUGIN_QUIET: "true" });
    const child = start(["sh", "-c", `"$@" >${name}`, "sh", ...command], { env });
    await pty.waitForOutput("half", { from });
    if (cause === undefined) await child.write("\n");
    else await cause(idOf(env));
    await child.finish();
    await waitFor(() => pty.output.text(from) === "half\r\n", { what: "the line's end" });
    pty.kill();
    await pty.finish();
  });

  test("the program's own shell: its line is ended when it is cut, and exact when it is not", async () => {
    const shell = [
      ...[executablePath, "shell", standIn.target, "--document", "AWS-StartInteractiveCommand"],
      ...["--parameters", "command=stty -echo; printf half; read line", "--reason"],
    ];
    const cut = start([...shell, "cut"], { env: standIn.environment });
    const clean = start([...shell, "clean"], { env: standIn.environment });
    await cut.stdout.waitFor("half");
    await clean.stdout.waitFor("half");
    const sessions = await standIn.simulator.call("sessions");
    await TERMINATED(sessions.find(({ reason }) => reason === "cut")?.sessionId ?? "");
    await clean.write("\n");
    expect(await cut.finish()).toMatchObject({
      stdout: "half\n",
      stderr: "session-manager-plugin: idle\n",
      exitCode: 255,
    });
    expect(await clean.finish()).toMatchObject({ stdout: "half", stderr: "", exitCode: 0 });
  });

  test("a command's output stays exact, cut or not", async () => {
    const { command, env } = await directly.prepare(
      standIn,
      {
        document: "AWS-StartNonInteractiveCommand",
        parameters: { command: "sh -c 'printf half; sleep 60'", separateOutputStream: "true" },
      },
      { SSM_PLUGIN_QUIET: "true" },
    );
    const child = start(command, { env });
    await child.stdout.waitFor("half");
    await TERMINATED(idOf(env));
    expect((await child.finish()).stdout).toBe("half");
  });
});
