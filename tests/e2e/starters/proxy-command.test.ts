/**
 * The executable itself as ssh's ProxyCommand, with three arguments, as JetBrains Gateway, CodeCatalyst and the
 * toolkits' scripts have it: what stands before the server's first line, and what is told when it ends.
 */
import { beforeAll, expect, test } from "bun:test";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { executablePath, temporaryDirectory } from "../../support/environment.ts";
import { type RunningProcess, start } from "../../support/processes.ts";
import { needs } from "../../support/programs.ts";
import { type SshServer, startSshServer } from "../ssh/server.ts";
import { type StandIn, useStandIn } from "../stand-in.ts";
import { give, startAs } from "./starters.ts";
import { type Given, type Starter, type StarterName, STARTERS } from "./table.ts";

const standIn = useStandIn();
const talkative = useStandIn({ agent: { customerMessage: "This system\nis watched." } });
const presigned = useStandIn({ presignedStreamUrls: true, requireSignedUpgrade: true });

needs("ssh", "sshd", "ssh-keygen").describe("a ProxyCommand of three arguments", () => {
  let server: SshServer;
  beforeAll(async () => {
    server = await startSshServer();
  });

  const request = () => ({
    document: "AWS-StartSSHSession",
    parameters: { portNumber: String(server.port) },
  });

  /** Starts ssh with a session that a starter has started. */
  async function ssh(
    at: StandIn,
    name: StarterName,
    command: string,
  ): Promise<RunningProcess & { readonly given: Given }> {
    const given = await give(at, request());
    const starter: Starter = STARTERS[name];
    const script = join(temporaryDirectory("proxy-command"), "script");
    const words = [executablePath, ...starter.args(given)].map((word) => `'${word}'`);
    writeFileSync(script, `#!/bin/sh\nexec ${words.join(" ")}\n`);
    chmodSync(script, 0o755);
    const child = start(
      ["ssh", "-F", server.clientConfig, "-o", `ProxyCommand=${script}`, "target", command],
      {
        env: starter.bare === true ? {} : at.environment,
      },
    );
    return { ...child, given };
  }

  test.each([
    ["nothing else", () => standIn, ""],
    ["the agent's message for the customer", () => talkative, "This system\nis watched.\n"],
  ] as const)("before the server's first line stand AWS's lines and %s", async (_, at, message) => {
    const session = await startAs("JetBrains Gateway", at(), request());
    const first = await session.output.waitFor(/[^]*SSH-[^\n]*\n/);
    expect(first.slice(0, first.indexOf("SSH-"))).toBe(
      `\nStarting session with SessionId: ${session.given.sessionId}\n${message}`,
    );
    session.endInput();
    expect(await session.finish()).toBe(0);
    await session.expectNoToken();
    await at().sessionEnded(session.given.sessionId);
  });

  test.each([
    ["JetBrains Gateway", () => standIn],
    ["JetBrains Gateway", () => talkative],
    ["a script of VS Code's AWS Toolkit", () => standIn],
    ["a script of VS Code's AWS Toolkit that takes the token for the session id", () => standIn],
    ["CodeCatalyst or SageMaker", () => presigned],
  ] as const)("ssh runs a command through it, as %s has it", async (name, at) => {
    const child = await ssh(at(), name, "cat; exit 7");
    await child.write("hello");
    child.endInput();
    expect(await child.finish()).toMatchObject({ stdout: "hello", stderr: "", exitCode: 7 });
    await at().sessionEnded(child.given.sessionId);
  });

  test("a cut that ends it is told on standard error, whatever that is", async () => {
    const child = await ssh(presigned, "CodeCatalyst or SageMaker", "echo up; sleep 600");
    await child.stdout.waitFor("up\n");
    await presigned.simulator.call("cut", child.given.sessionId);
    const { stdout, stderr, exitCode } = await child.finish();
    expect({ stdout, exitCode }).toEqual({ stdout: "up\n", exitCode: 255 });
    expect(stderr).toMatch(
      new RegExp(
        `^SessionId: ${child.given.sessionId} : [^\\n]*; a session with a presigned URL cannot be resumed\\n`,
      ),
    );
    await presigned.simulator.call("terminate", child.given.sessionId);
  });
});
