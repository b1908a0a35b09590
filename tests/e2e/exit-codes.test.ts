/** Exit codes of the AWS CLI's face, and the switches that change what is printed where. */
import { describe, expect, test } from "bun:test";

import { type Outcome, run } from "../support/processes.ts";
import { type PipedSession, startWithPipes } from "./sessions.ts";
import { type SessionRequest, useStandIn } from "./stand-in.ts";
import { directly, forEachStart, type Start, withArgument } from "./starts.ts";

const standIn = useStandIn();

const PROPAGATE = { SSM_PLUGIN_PROPAGATE_EXIT_CODE: "true" };

const interactive = (command: string): SessionRequest => ({
  document: "AWS-StartInteractiveCommand",
  parameters: { command },
});

const separate = (command: string): SessionRequest => ({
  document: "AWS-StartNonInteractiveCommand",
  parameters: { command, separateOutputStream: "true" },
});

/** A session that is cut for good while it runs: the API answers that it is unknown, or never lets it resume. */
async function loseForGood({ sessionId }: PipedSession): Promise<void> {
  await standIn.simulator.call("setFaults", { resumeGone: true }, sessionId);
  await standIn.simulator.call("cut", sessionId);
  await standIn.simulator.call("terminate", sessionId);
}

interface Case {
  readonly title: string;
  readonly request: SessionRequest;
  readonly env?: Readonly<Record<string, string>>;
  /** What happens once the session says "up". */
  readonly then?: (session: PipedSession) => Promise<void>;
  readonly code: number;
}

const CASES: readonly Case[] = [
  { title: "a shell's own code is not known", request: interactive("exit 7"), code: 0 },
  { title: "a command's code is not taken unless asked for", request: separate("false"), code: 0 },
  {
    title: "an end with a reason",
    request: interactive("echo up; sleep 60"),
    then: async ({ sessionId }) => void (await standIn.simulator.call("terminate", sessionId, "idle")),
    code: 0,
  },
  { title: "a session lost for good", request: interactive("echo up; sleep 60"), then: loseForGood, code: 1 },
  { title: "propagated: 0", request: separate("true"), env: PROPAGATE, code: 0 },
  { title: "propagated: 1", request: separate("false"), env: PROPAGATE, code: 1 },
  { title: "propagated: 123", request: separate(`sh -c "exit 123"`), env: PROPAGATE, code: 123 },
  {
    title: "propagated: killed by a signal",
    request: separate(`sh -c 'kill -9 $$'`),
    env: PROPAGATE,
    code: 255,
  },
  { title: "propagated: could not start", request: separate("/no/such"), env: PROPAGATE, code: 1 },
  { title: "propagated: a shell has none", request: interactive("exit 7"), env: PROPAGATE, code: 0 },
  {
    title: "propagated: lost before it came",
    request: separate(`sh -c "echo up; sleep 60"`),
    env: PROPAGATE,
    then: async ({ sessionId }) => void (await standIn.simulator.call("cut", sessionId)),
    code: 255,
  },
  {
    title: "propagated: ended before it came",
    request: separate(`sh -c "echo up; sleep 60"`),
    env: PROPAGATE,
    then: async ({ sessionId }) => void (await standIn.simulator.call("terminate", sessionId)),
    code: 255,
  },
];

describe.concurrent("exit codes", () => {
  forEachStart("the exit code", (start) => {
    test.each(CASES)("$title", async ({ request, env = {}, then, code }) => {
      const session = await startWithPipes(standIn, start, request, { env, stdin: "ignore" });
      if (then !== undefined) {
        await session.stdout.waitFor(/^up\r?\n/m);
        await then(session);
      }
      const { exitCode } = await session.finish();
      expect(exitCode).toBe(start.exitCode(code));
      await standIn.sessionEnded(session.sessionId);
    });
  });

  test.each([directly, withArgument])(
    "a session that never came up is ended at the service, started $name",
    async (start) => {
      const { command, env } = await start.prepare(standIn, {
        document: "AWS-StartNonInteractiveCommand",
        parameters: { command: "true" },
      });
      const { SessionId } = JSON.parse(
        start.exposed ? (command[1] ?? "") : (env["AWS_SSM_START_SESSION_RESPONSE"] ?? ""),
      );
      await standIn.simulator.call("setFaults", { upgrade: { answer: "refuse", status: 403 } }, SessionId);
      const outcome = await run(command, { env });
      expect(outcome.exitCode).toBe(start.exitCode(1));
      await standIn.sessionEnded(SessionId);
    },
  );

  test("with its code propagated a command's error output is on standard error, and its code is not printed", async () => {
    const outcome = await runDirectly(separate(`sh -c "echo out; echo err >&2; exit 3"`), PROPAGATE);
    const id = sessionIn(outcome.stdout);
    expect(outcome).toMatchObject({
      stdout: `\nStarting session with SessionId: ${id}\nout\n\n\nExiting session with sessionId: ${id}.\n\n`,
      stderr: "err\n",
      exitCode: 3,
    });
  });

  test("SSM_PLUGIN_QUIET=true: nothing but the session's bytes", async () => {
    const env = { SSM_PLUGIN_QUIET: "true" };
    const outcome = await runDirectly(separate("echo output"), { ...env, ...PROPAGATE });
    expect(outcome).toMatchObject({ stdout: "output\n", stderr: "", exitCode: 0 });
  });

  test("SSM_PLUGIN_QUIET=true: errors are on standard error", async () => {
    const { command, env } = await directly.prepare(standIn, {}, { SSM_PLUGIN_QUIET: "true" });
    const { SessionId } = JSON.parse(env["AWS_SSM_START_SESSION_RESPONSE"] ?? "");
    await standIn.simulator.call("setFaults", { upgrade: { answer: "refuse", status: 404 } }, SessionId);
    const outcome = await run(command, { env });
    expect(outcome).toMatchObject({ stdout: "", exitCode: 1 });
    expect(outcome.stderr).toMatch(/^Cannot perform start session: [^\n]*404[^\n]*\n$/);
  });

  test("SSM_PLUGIN_STATUS=stderr: the lines are the same, on standard error", async () => {
    const outcome = await runDirectly(separate("echo output"), { SSM_PLUGIN_STATUS: "stderr", ...PROPAGATE });
    const id = sessionIn(outcome.stderr);
    expect(outcome).toMatchObject({
      stdout: "output\n",
      stderr: `\nStarting session with SessionId: ${id}\n\n\nExiting session with sessionId: ${id}.\n\n`,
      exitCode: 0,
    });
  });
});

async function runDirectly(
  request: SessionRequest,
  variables: Readonly<Record<string, string>>,
  start: Start = directly,
): Promise<Outcome> {
  const { command, env } = await start.prepare(standIn, request, variables);
  return await run(command, { env });
}

function sessionIn(text: string): string {
  return /SessionId: (\S+)/.exec(text)?.[1] ?? "";
}
