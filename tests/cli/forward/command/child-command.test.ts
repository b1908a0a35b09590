/** COMMAND as a child: finding it, its exit codes, and ending it. */
import { describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync } from "node:fs";
import { join } from "node:path";

import { ChildCommand } from "../../../../src/cli/forward/command/child-command.ts";
import { findCommand } from "../../../../src/cli/forward/command/command-file.ts";
import { environment, temporaryDirectory } from "../../../support/environment.ts";
import { waitFor } from "../../../support/wait-for.ts";

const directory = temporaryDirectory("command");
const env = environment({ PATH: `${directory}:/usr/bin:/bin` });

/** A file in the directory that is on PATH. */
async function file(name: string, text: string | Uint8Array, mode = 0o755): Promise<string> {
  const path = join(directory, name);
  await Bun.write(path, text);
  chmodSync(path, mode);
  return path;
}

/** The exit code that a failure to start means, and what is said about it. */
function failure(words: readonly [string, ...string[]]): { exitCode: unknown; message: string } {
  try {
    void new ChildCommand(words, env);
  } catch (error) {
    return { exitCode: (error as { exitCode?: unknown }).exitCode, message: (error as Error).message };
  }
  throw new Error("it was started");
}

describe("exit codes", () => {
  test.each([
    ["exit 0", 0],
    ["exit 37", 37],
    ["kill -9 $$", 137],
    ["kill -TERM $$", 143],
  ])("%s: %d", async (line, exitCode) => {
    expect(await new ChildCommand(["sh", "-c", line], env).ended).toBe(exitCode);
  });

  test("127 for what is not there", () => {
    expect(failure(["no-such-command-here"])).toEqual({
      exitCode: 127,
      message: 'COMMAND "no-such-command-here" is not found: it is not on PATH',
    });
    expect(failure([join(directory, "none")])).toMatchObject({ exitCode: 127 });
    expect(failure(["/etc/passwd/x"])).toMatchObject({ exitCode: 127 });
    expect(failure([""])).toMatchObject({ exitCode: 127 });
  });

  test("126 for what cannot be run, with the reason", async () => {
    const plain = await file("plain", "#!/bin/sh\n", 0o644);
    mkdirSync(join(directory, "folder"));
    expect(failure(["plain"])).toMatchObject({
      exitCode: 126,
      message: `COMMAND "plain" cannot be executed: you may not execute ${plain}`,
    });
    expect(failure([plain])).toMatchObject({ exitCode: 126 });
    expect(failure([join(directory, "folder")]).message).toEndWith("it is a directory");
    expect(failure(["folder"])).toMatchObject({ exitCode: 127 });
    await file("orphan", "#!/no/such/interpreter\n");
    expect(failure(["orphan"]).message).toContain("what ");
    await file("foreign", new Uint8Array([0x7f, 0x45, 0x4c, 0x46, 0, 0, 0]));
    expect(failure(["foreign"])).toMatchObject({ exitCode: 126 });
  });
});

test("a script without a first line is run by sh, with its arguments", async () => {
  await file("bare", 'test "$1 $2" = "a b" && exit 9\n');
  expect(await new ChildCommand(["bare", "a", "b"], env).ended).toBe(9);
});

test("a command is looked for where the environment says, and nowhere else", async () => {
  const path = await file("here", "#!/bin/sh\nexit 0\n");
  expect(findCommand("here", directory)).toBe(path);
  expect(() => findCommand("here", "/usr/bin")).toThrow("not on PATH");
});

describe("ending", () => {
  test("SIGTERM is enough for most", async () => {
    const command = new ChildCommand(["sleep", "60"], env, 60_000);
    await command.end();
    expect(await command.ended).toBe(143);
  });

  test("one that does not listen is killed after the grace", async () => {
    const marker = join(directory, "ready");
    const command = new ChildCommand(
      ["sh", "-c", `trap '' TERM; : >${marker}; while :; do sleep 0.05; done`],
      env,
      100,
    );
    await waitFor(() => Bun.file(marker).exists(), { what: "the command to be ready" });
    await command.end();
    expect(await command.ended).toBe(137);
  });

  test("a stopped one hears of it too", async () => {
    const command = new ChildCommand(["sleep", "60"], env, 60_000);
    process.kill(command.pid, "SIGSTOP");
    await command.end();
    expect(await command.ended).toBe(143);
  });
});
