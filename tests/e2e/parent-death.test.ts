/** The death of whoever started the program: the AWS CLI takes its session with it, other parents only when asked. */
import { describe, expect, test } from "bun:test";
import { chmod, mkdir } from "node:fs/promises";
import { join } from "node:path";

import { temporaryDirectory } from "../support/environment.ts";
import { start as startProcess } from "../support/processes.ts";
import { needs } from "../support/programs.ts";
import { waitFor } from "../support/wait-for.ts";
import { forward, openTunnel } from "./ports/tunnels.ts";
import { executableOf, isAlive, processEnded, sessionIdIn, startWithPipes } from "./sessions.ts";
import { PROMPT, type SessionRequest, useStandIn } from "./stand-in.ts";
import { directly, forEachAwsCli } from "./starts.ts";

const standIn = useStandIn();

/** Tells each byte that it receives; the end of its input does not end it. */
const TELL_BYTES: SessionRequest = {
  document: "AWS-StartInteractiveCommand",
  parameters: { command: "stty raw -echo; printf listening; exec od -An -v -tx1 -w1" },
};

/** Scripts by which a parent of another name starts the program as its child and waits. */
const PARENTS: Readonly<Record<string, string>> = {
  sh: '#!/bin/sh\n"$@"\nexit $?\n',
  python3: "#!/usr/bin/env python3\nimport subprocess, sys\nsys.exit(subprocess.call(sys.argv[1:]))\n",
};

/** Listens on a port for a moment. @throws Error when somebody else does */
function listenOn(port: number): true {
  Bun.listen({ hostname: "127.0.0.1", port, socket: { data() {} } }).stop(true);
  return true;
}

async function parentScript(name: string, language: keyof typeof PARENTS & string): Promise<string> {
  const directory = join(temporaryDirectory("parent"), "bin");
  await mkdir(directory);
  const file = join(directory, name);
  await Bun.write(file, PARENTS[language] ?? "");
  await chmod(file, 0o755);
  return file;
}

describe.concurrent("the death of the parent", () => {
  forEachAwsCli("the AWS CLI", (start) => {
    test("that is killed takes its session with it", async () => {
      const session = await startWithPipes(standIn, start);
      await session.stdout.waitFor(PROMPT);
      const pid = await executableOf(session.pid);
      expect(pid).not.toBe(session.pid);
      process.kill(session.pid, "SIGKILL");
      await processEnded(pid);
      await standIn.sessionEnded(session.sessionId);
    });

    test("that is killed frees the port of its tunnel", async () => {
      const { pid, executablePid, port, sessionId } = await openTunnel(standIn, start, forward(22));
      expect(executablePid).not.toBe(pid);
      expect(() => listenOn(port)).toThrow("Failed to listen");
      process.kill(pid, "SIGKILL");
      await waitFor(() => listenOn(port), { what: `port ${port} to be free`, timeoutMs: 20_000 });
      await processEnded(executablePid, 20_000);
      await standIn.sessionEnded(sessionId);
    });
  });

  async function killParent(script: string, env: Readonly<Record<string, string>>) {
    const prepared = await directly.prepare(standIn, TELL_BYTES, env);
    const child = startProcess([script, ...prepared.command], { env: prepared.env });
    const sessionId = await sessionIdIn(child.stdout);
    await child.stdout.waitFor("listening");
    const pid = await executableOf(child.pid);
    child.kill("SIGKILL");
    return { child, pid, sessionId };
  }

  const python = needs("python3");
  const parents = [
    ["a Python that runs a script named aws", "aws", "python3"],
    ["any program, when SSM_PLUGIN_EXIT_WITH_PARENT=true", "tunnel", "sh"],
  ] as const;
  for (const [title, name, language] of parents) {
    (language === "python3" ? python.test : test)(`ends the session: ${title}`, async () => {
      const env = name === "aws" ? {} : { SSM_PLUGIN_EXIT_WITH_PARENT: "true" };
      const { pid, sessionId } = await killParent(await parentScript(name, language), env);
      await processEnded(pid);
      await standIn.sessionEnded(sessionId);
    });
  }

  test("of any other name does not end the session", async () => {
    const { child, pid, sessionId } = await killParent(await parentScript("tunnel", "sh"), {});
    // Longer than twice the time in which a death is noticed.
    await Bun.sleep(1_200);
    expect(isAlive(pid)).toBe(true);
    process.kill(pid, "SIGINT");
    await child.stdout.waitFor(" 03\n");
    process.kill(pid, "SIGTERM");
    await processEnded(pid);
    await standIn.sessionEnded(sessionId);
  });
});
