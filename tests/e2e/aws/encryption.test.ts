/** Encrypted sessions with the compiled executable: every kind of them, through a cut, and what goes wrong with keys. */
import { afterAll, describe, expect, test } from "bun:test";

import { startAgentSession } from "../../../src/simulator/agent/index.ts";
import {
  DEFAULT_KMS_KEY,
  type SessionDocument,
  type Simulator,
  type SimulatorOptions,
  startSimulator,
} from "../../../src/simulator/index.ts";
import { searchPath } from "../../support/environment.ts";
import { waitFor } from "../../support/wait-for.ts";
import { startOnTerminal, startShell, startWithPipes, startWithSettings } from "../sessions.ts";
import { PROMPT, useStandIn } from "../stand-in.ts";
import { directly, forEachStart, idOf } from "../starts.ts";
import { command, runPlugin, startPlugin } from "./plugin.ts";

const KEY = (name: string): string => `arn:aws:kms:us-east-1:111122223333:key/${name}`;
const shellWith = (kmsKeyId: string): SessionDocument => ({ sessionType: "Standard_Stream", kmsKeyId });

const standIn = useStandIn({
  agent: { encryption: { keyId: DEFAULT_KMS_KEY, requireChallenge: true } },
  kmsKeys: {
    [DEFAULT_KMS_KEY]: "Enabled",
    [KEY("off")]: "Disabled",
    [KEY("going")]: "PendingDeletion",
    [KEY("denied")]: "Enabled",
    [KEY("agent-denied")]: "Enabled",
  },
  denied: [
    { operation: "GenerateDataKey", target: KEY("denied") },
    { operation: "Decrypt", target: KEY("agent-denied") },
  ],
  documents: {
    "Key-Disabled": shellWith(KEY("off")),
    "Key-Going": shellWith(KEY("going")),
    "Key-Denied": shellWith(KEY("denied")),
    "Key-Denied-To-Agent": shellWith(KEY("agent-denied")),
    "Key-Missing": shellWith(KEY("none")),
  },
});

const MESSAGE = "This session is encrypted using AWS KMS.";

describe.concurrent("encrypted sessions", () => {
  forEachStart("encrypted sessions", (start) => {
    test("a shell on a terminal, through a cut", async () => {
      const shell = await startShell(standIn, start);
      expect(shell.output.text()).toContain(`\nStarting session with SessionId: ${shell.sessionId}\r\n`);
      expect(shell.output.text()).toContain(`${MESSAGE}\r\n`);
      await shell.writeAndWait("echo hel''lo\r", "hello\r\n");
      await standIn.simulator.call("cut", shell.sessionId);
      await shell.writeAndWait("echo a''gain\r", "again\r\n");
      expect((await standIn.session(shell.sessionId)).connects).toBe(2);
      shell.write("exit\r");
      await shell.waitForOutput(`Exiting session with sessionId: ${shell.sessionId}.`);
      expect(await shell.finish()).toBe(0);
    });

    test("a command without a terminal: its output, its errors, its exit code", async () => {
      const session = await startWithPipes(
        standIn,
        start,
        command(`sh -c 'echo to out; echo to err >&2; exit 7'`),
        { env: { SSM_PLUGIN_PROPAGATE_EXIT_CODE: "true" } },
      );
      const { stdout, stderr, exitCode } = await session.finish();
      expect(stdout).toContain(`${MESSAGE}\nto out\n`);
      expect(stderr).toContain("to err\n");
      expect(exitCode).toBe(start.exitCode(7));
    });
  });

  test("an interactive command, through a cut", async () => {
    const session = await startOnTerminal(standIn, directly, {
      document: "AWS-StartInteractiveCommand",
      parameters: { command: "printf 'your name? '; read name; echo hello $name" },
    });
    await session.waitForOutput("your name? ");
    await standIn.simulator.call("cut", session.sessionId);
    await session.writeAndWait("world\r", "hello world\r\n");
    expect(await session.finish()).toBe(0);
    expect(session.output.text()).toContain(MESSAGE);
    expect((await standIn.session(session.sessionId)).connects).toBe(2);
  });

  test("a shell whose handshake comes only after the keyboard was opened for a silent one is raw all the same", async () => {
    const { command: words, env } = await directly.prepare(standIn);
    const sessionId = idOf(env);
    // Longer than the silence after which a session counts as one without a handshake.
    await standIn.simulator.call("setFaults", { toClient: { delayMs: 5_000 } }, sessionId);
    const { pty, settingsBefore } = startWithSettings(words, { env });
    await waitFor(() => pty.lineSettings()?.canonical === false, { what: "a guess", timeoutMs: 10_000 });
    await pty.waitForOutput(MESSAGE, { timeoutMs: 30_000 });
    await standIn.simulator.call("setFaults", { toClient: { delayMs: 0 } }, sessionId);
    await pty.waitForOutput(PROMPT);
    expect(pty.lineSettings()).toMatchObject({ canonical: false, echo: false, outputProcessing: false });
    await pty.writeAndWait("echo hel''lo\r", "hello\r\n");
    pty.write("exit\r");
    expect(await pty.finish()).toBe(0);
    expect(pty.lineSettings()).toEqual(settingsBefore);
  }, 60_000);

  test("a command without a terminal: a cut loses output for good at the agent, which is said", async () => {
    const session = await startPlugin(standIn.simulator, command("sh -c 'echo begun; sleep 60'"));
    await session.stdout.waitFor("begun\n");
    await standIn.simulator.call("cut", session.sessionId);
    const { stdout, exitCode } = await session.finish();
    expect(stdout).toStartWith(
      `\nStarting session with SessionId: ${session.sessionId}\n${MESSAGE}\nbegun\n`,
    );
    expect(stdout).toMatch(/output[^\n]* is incomplete/);
    expect(exitCode).toBe(1);
    await standIn.sessionEnded(session.sessionId);
  });

  test.each([
    ["Key-Disabled", KEY("off"), "is disabled. Enable it, or choose another one"],
    ["Key-Missing", KEY("none"), "does not exist in us-east-1"],
    ["Key-Going", KEY("going"), "cannot be used in its present state"],
  ])("%s is said in one line", async (document, key, words) => {
    const { stdout, stderr, exitCode, sessionId } = await runPlugin(standIn.simulator, { document });
    expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 1 });
    expect(linesAfterBanner(stdout)).toEqual([
      expect.stringMatching(/^Cannot perform start session: .*KMSEncryption: the KMS key /),
    ]);
    expect(stdout).toContain(`${key} ${words}`);
    await standIn.sessionEnded(sessionId);
  });

  test("no permission for kms:GenerateDataKey is said in one line", async () => {
    const { stdout, exitCode, sessionId } = await runPlugin(standIn.simulator, { document: "Key-Denied" });
    expect(exitCode).toBe(1);
    expect(linesAfterBanner(stdout)).toEqual([
      expect.stringMatching(/Cannot perform start session: .*kms:GenerateDataKey.*not authorized/),
    ]);
    await standIn.sessionEnded(sessionId);
  });

  test("a key that the agent may not use ends the session with the agent's words", async () => {
    const { stdout, exitCode } = await runPlugin(standIn.simulator, { document: "Key-Denied-To-Agent" });
    expect(stdout).toContain("Error when decrypting data key AccessDeniedException");
    expect(exitCode).toBe(1);
  });

  test("started as by an AWS CLI too old, it refuses with AWS's words", async () => {
    const { stdout, exitCode, sessionId } = await runPlugin(standIn.simulator, { legacy: true });
    expect(linesAfterBanner(stdout)).toEqual([
      expect.stringContaining(
        "Installed version of CLI does not support Session Manager encryption feature. " +
          "Please upgrade to the latest version of your CLI (e.g., AWS CLI).",
      ),
    ]);
    expect(exitCode).toBe(1);
    await standIn.sessionEnded(sessionId);
  });
});

describe("encrypted sessions, one stand-in each", () => {
  const simulators: Simulator[] = [];
  afterAll(async () => {
    await Promise.all(simulators.map((simulator) => simulator.stop()));
  });

  async function startOwn(options: SimulatorOptions): Promise<Simulator> {
    const simulator = await startSimulator({
      ...options,
      agent: {
        pacing: false,
        shellStartDelayMs: 20,
        encryption: { keyId: DEFAULT_KMS_KEY },
        ...options.agent,
        environment: { PATH: searchPath(), HOME: "/", PS1: PROMPT },
      },
    });
    simulators.push(simulator);
    return simulator;
  }

  test("nothing of what is typed or printed is on the wire", async () => {
    let wire = "";
    const simulator = await startOwn({
      hooks: { frame: (_id, _direction, frame) => void (wire += Buffer.from(frame).toString("latin1")) },
    });
    const session = await startPlugin(simulator);
    await session.stdout.waitFor(PROMPT);
    await session.write("echo sec''ret\n");
    await session.stdout.waitFor("secret\r\n");
    await session.write("exit\n");
    expect((await session.finish()).exitCode).toBe(0);
    expect(wire).toContain("KMSCipherTextKey");
    expect(wire).not.toContain("sec");
    expect(wire).not.toContain(PROMPT);
  });

  test("an agent that sends no challenge is answered in the old form", async () => {
    let wire = "";
    const simulator = await startOwn({
      agent: { encryption: { keyId: DEFAULT_KMS_KEY, challenge: false } },
      hooks: { frame: (_id, _direction, frame) => void (wire += Buffer.from(frame).toString("latin1")) },
    });
    const { stdout, exitCode } = await runPlugin(simulator, command("echo hello"));
    expect(stdout).toContain("hello\n");
    expect(exitCode).toBe(0);
    expect(wire).not.toContain("ChallengeAcknowledgement");
  });

  test("what went wrong with the key is told to the agent, too", async () => {
    let wire = "";
    const simulator = await startOwn({
      agent: { encryption: { keyId: KEY("none") } },
      hooks: { frame: (_id, _direction, frame) => void (wire += Buffer.from(frame).toString("latin1")) },
    });
    expect((await runPlugin(simulator)).exitCode).toBe(1);
    expect(wire).toContain(
      `{"ActionType":"KMSEncryption","ActionStatus":2,"ActionResult":null,` +
        `"Error":"Failed to process action KMSEncryption: the KMS key ${KEY("none")} does not exist in us-east-1.`,
    );
  });

  test("throttling that does not pass is said in one line", async () => {
    const simulator = await startOwn({
      faults: {
        api: { GenerateDataKey: { type: "ThrottlingException", status: 400, message: "Rate exceeded" } },
      },
    });
    const { stdout, exitCode } = await runPlugin(simulator);
    expect(linesAfterBanner(stdout)).toEqual([
      expect.stringMatching(/^Cannot perform start session: .*kms:GenerateDataKey.*Rate exceeded/),
    ]);
    expect(exitCode).toBe(1);
    expect(simulator.counters.calls["GenerateDataKey"]).toBeGreaterThan(1);
  });

  test("a message that was changed on the way ends the session with a reason", async () => {
    let output = 0;
    const simulator = await startOwn({
      startAgent: (sessionId, task, options, link) =>
        startAgentSession(sessionId, task, options, {
          ...link,
          send: (frame) => link.send(isOutput(frame) && output++ > 0 ? tampered(frame) : frame),
        }),
    });
    const session = await startPlugin(simulator);
    await session.stdout.waitFor(PROMPT);
    await session.write("echo hello\n");
    const { stdout, exitCode } = await session.finish();
    expect(stdout.slice(stdout.lastIndexOf(PROMPT) + PROMPT.length)).toMatch(
      new RegExp(`^\\n\\nSessionId: ${session.sessionId} : [^\\n]*changed on the way[^\\n]*\\n\\n$`),
    );
    expect(exitCode).toBe(1);
  });
});

/** Whether a frame of the agent is output: message type and payload type. */
function isOutput(frame: Uint8Array): boolean {
  const bytes = Buffer.from(frame);
  return bytes.toString("latin1", 4, 22) === "output_stream_data" && bytes.readUInt32BE(112) === 1;
}

/** The frame with one bit of its ciphertext flipped and a digest that fits. */
function tampered(frame: Uint8Array): Uint8Array {
  const copy = Buffer.from(frame);
  const at = copy.length - 20;
  copy[at] = (copy[at] ?? 0) ^ 1;
  copy.set(new Bun.CryptoHasher("sha256").update(copy.subarray(120)).digest(), 80);
  return copy;
}

function linesAfterBanner(stdout: string): string[] {
  return stdout
    .split("\n")
    .slice(2)
    .filter((line) => line !== "");
}
