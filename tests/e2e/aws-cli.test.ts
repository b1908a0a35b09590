/** The main job, with the compiled executable first on PATH: shells and commands through the AWS CLI and directly. */
import { describe, expect, test } from "bun:test";
import { join } from "node:path";

import { temporaryDirectory } from "../support/environment.ts";
import { run } from "../support/processes.ts";
import { SeededRandom } from "../support/seeded-random.ts";
import { betweenTheLines, startOnTerminal, startShell, startWithPipes } from "./sessions.ts";
import { useStandIn } from "./stand-in.ts";
import { forEachAwsCli, forEachStart } from "./starts.ts";

// As a real agent's: silent in its first second.
const standIn = useStandIn({ agent: { shellStartDelayMs: 1_000 } });

describe.concurrent("sessions", () => {
  forEachStart("sessions", (start) => {
    test("a shell on a terminal: a command, the size before and after a resize, Ctrl-C, exit", async () => {
      const shell = await startShell(standIn, start, { cols: 93, rows: 31 });
      await shell.writeAndWait("echo hel''lo\r", "hello\r\n");
      await shell.writeAndWait("stty size\r", "31 93\r\n");
      shell.resize(120, 40);
      await shell.writeAndWait("until stty size | grep 120; do sleep 0.01; done\r", "40 120\r\n");
      // Said by what is to be interrupted, in the foreground by then: a shell between two commands may lose the key.
      const from = shell.output.length;
      await shell.writeAndWait(`sh -c 'echo go""ing; exec sleep 60'; echo n''ever\r`, "going\r\n");
      await shell.writeAndWait("\x03", "ready> ");
      expect(shell.output.text(from)).not.toContain("never\r\n");
      await shell.writeAndWait("exit\r", `Exiting session with sessionId: ${shell.sessionId}.`);
      expect(await shell.finish()).toBe(0);
      await standIn.sessionEnded(shell.sessionId);
    });

    test("what is typed while the other side is still silent is not lost", async () => {
      const shell = await startOnTerminal(standIn, start);
      await shell.writeAndWait("echo ear''ly\r", "early\r\n");
      shell.write("exit\r");
      expect(await shell.finish()).toBe(0);
    });

    test("AWS-StartInteractiveCommand", async () => {
      const session = await startOnTerminal(standIn, start, {
        document: "AWS-StartInteractiveCommand",
        parameters: { command: "printf 'your name? '; read name; echo hello $name from $(stty size)" },
      });
      await session.waitForOutput("your name? ");
      await session.writeAndWait("world\r", "hello world from 24 80\r\n");
      expect(await session.finish()).toBe(0);
      await standIn.sessionEnded(session.sessionId);
    });

    test("AWS-StartNonInteractiveCommand with 20 MB of text", async () => {
      const text = Buffer.from(new SeededRandom(20).bytes(15_000_000)).toString("base64");
      const file = join(temporaryDirectory("text"), "text");
      await Bun.write(file, text);
      const session = await startWithPipes(standIn, start, {
        document: "AWS-StartNonInteractiveCommand",
        parameters: { command: `cat ${file}` },
      });
      const { stdout, stderr, exitCode } = await session.finish();
      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
      expect(sha256(betweenTheLines(stdout, session.sessionId))).toBe(sha256(text));
    });
  });

  forEachAwsCli("what the service refuses", (start) => {
    test.each([
      ["an offline target", { target: "i-0fedcba9876543210" }, "TargetNotConnected"],
      ["a bad document", { document: "No-Such-Document" }, "InvalidDocument"],
    ])("%s is the AWS CLI's own error, and no session is started", async (_name, request, error) => {
      const { command, env } = await start.prepare(standIn, request);
      const outcome = await run(command, { env });
      expect(outcome.exitCode).toBe(start.name.includes("CLI 1.") ? 255 : 254);
      expect(outcome.stderr).toContain(error);
      expect(outcome.stdout).toBe("");
    });
  });
});

function sha256(text: string): string {
  return new Bun.CryptoHasher("sha256").update(text).digest("hex");
}
