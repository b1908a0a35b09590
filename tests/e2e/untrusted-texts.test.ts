/** Texts of the agent and of the service: made harmless for a terminal, and cut when they are of megabytes. */
import { describe, expect, test } from "bun:test";

import { startSimulator } from "../../src/simulator/index.ts";
import { executablePath } from "../support/environment.ts";
import { run, start as startProcess } from "../support/processes.ts";
import { startSession, useStandIn } from "./stand-in.ts";
import { directly } from "./starts.ts";

const standIn = useStandIn();

const trueCommand = { document: "AWS-StartNonInteractiveCommand", parameters: { command: "true" } };
const REQUEST = '{"Target":"i-0123456789abcdef0"}';

describe.concurrent("texts of the other side", () => {
  const EVIL = "\x1b]0;title\x07\x1b[2J\x9b31m\u202etxt\r\nsecond\x00 line";

  test("escape sequences in a reason are harmless", async () => {
    const { command, env } = await directly.prepare(standIn, {
      document: "AWS-StartInteractiveCommand",
      parameters: { command: "echo up; sleep 60" },
    });
    const child = startProcess(command, { env });
    const { SessionId } = JSON.parse(env["AWS_SSM_START_SESSION_RESPONSE"] ?? "");
    await child.stdout.waitFor("up\r\n");
    await standIn.simulator.call("terminate", SessionId, EVIL);
    const { stdout } = await child.finish();
    expect(stdout).toEndWith(
      `\n\nSessionId: ${SessionId} : \ufffd]0;title\ufffd\ufffd[2J\ufffd31m\ufffdtxt\nsecond\ufffd line\n\n`,
    );
  });

  test("a reason of megabytes is cut", async () => {
    const { command, env } = await directly.prepare(standIn, {
      document: "AWS-StartInteractiveCommand",
      parameters: { command: "echo up; sleep 60" },
    });
    const child = startProcess(command, { env });
    const { SessionId } = JSON.parse(env["AWS_SSM_START_SESSION_RESPONSE"] ?? "");
    await child.stdout.waitFor("up\r\n");
    await standIn.simulator.call("terminate", SessionId, "x".repeat(2_000_000));
    const { stdout, exitCode } = await child.finish();
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/: x{1000,10000}… \(cut\)\n\n$/);
  });

  test("a CustomerMessage of megabytes is cut, and its escape sequences are harmless", async () => {
    // In this process: options of the one in a process of its own have to fit into an argument.
    const simulator = await startSimulator({ agent: { customerMessage: `${EVIL}${"y".repeat(2_000_000)}` } });
    try {
      const variable = "AWS_SSM_START_SESSION_RESPONSE";
      const { stdout, exitCode } = await run(
        [executablePath, variable, "us-east-1", "StartSession", "", REQUEST, simulator.url],
        { env: { ...simulator.environment, [variable]: await startSession(simulator, trueCommand) } },
      );
      expect(exitCode).toBe(0);
      expect(stdout).toMatch(
        /\n\ufffd\]0;title\ufffd\ufffd\[2J\ufffd31m\ufffdtxt\nsecond\ufffd liney{1000,10000}… \(cut\)\n/,
      );
    } finally {
      await simulator.stop();
    }
  });
});
