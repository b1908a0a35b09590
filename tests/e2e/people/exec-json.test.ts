/** `exec --json`: one object at the end, or events as they come, and nothing of it is lost or made up. */
import { describe, expect, test } from "bun:test";

import { executablePath } from "../../support/environment.ts";
import { run } from "../../support/processes.ts";
import { people, startPeople, usePeopleStandIn, WEB } from "./people.ts";

const standIn = usePeopleStandIn();

const exec = (...words: string[]): ReturnType<typeof people> => people(standIn, ["exec", ...words]);

/** Lines of standard output, read as JSON. */
function linesOf(stdout: string): readonly Record<string, unknown>[] {
  expect(stdout).toEndWith("\n");
  return stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe.concurrent("one object", () => {
  test("holds target, session, both outputs, exit code and seconds; the exit code is the command's", async () => {
    const outcome = await exec("web-1", "--json", "--shell", 'printf "a\\n\\"é💥"; echo err >&2; exit 7');
    expect({ stderr: outcome.stderr, exitCode: outcome.exitCode }).toEqual({ stderr: "", exitCode: 7 });
    const lines = linesOf(outcome.stdout);
    expect(lines).toEqual([
      {
        target: WEB,
        sessionId: expect.stringMatching(/^\S+-[0-9a-f]{17}$/),
        stdout: 'a\n"é💥',
        stderr: "err\n",
        exitCode: 7,
        seconds: expect.any(Number),
      },
    ]);
    expect((await standIn.session(String(lines[0]?.["sessionId"]))).target).toBe(WEB);
  });

  test("has Base64 where an output is no UTF-8", async () => {
    const { stdout } = await exec(WEB, "--json", "--shell", "printf 'a\\377bcdefg'; echo text >&2");
    expect(linesOf(stdout)).toEqual([
      expect.objectContaining({
        stdoutBase64: Buffer.from("a\xffbcdefg", "latin1").toString("base64"),
        stderr: "text\n",
      }),
    ]);
  });

  test("is there when the command has not ended, and says so", async () => {
    const target = "i-0f000000000000007";
    const child = startPeople(standIn, [
      "exec",
      target,
      "--json",
      "--timeout",
      "2s",
      "--shell",
      "echo begun; exec sleep 60",
    ]);
    const outcome = await child.finish();
    expect(outcome.exitCode).toBe(124);
    expect(linesOf(outcome.stdout)).toEqual([
      expect.objectContaining({ stdout: "begun\n", exitCode: null, code: "EXEC_TIMEOUT" }),
    ]);
    expect(linesOf(outcome.stderr)).toEqual([expect.objectContaining({ code: "EXEC_TIMEOUT" })]);
  });

  test("is not there when it would be too large: said, and 255", async () => {
    const outcome = await exec(WEB, "--json", "--shell", "head -c 70000000 /dev/zero");
    expect({ stdout: outcome.stdout, exitCode: outcome.exitCode }).toEqual({ stdout: "", exitCode: 255 });
    expect(linesOf(outcome.stderr)).toEqual([expect.objectContaining({ code: "EXEC_OUTPUT_TOO_LARGE" })]);
  });
});

describe.concurrent("events", () => {
  test("come while the command runs, in order, and end with its code", async () => {
    const child = startPeople(standIn, [
      "exec",
      WEB,
      "--json=stream",
      "--shell",
      "echo up; sleep 1; printf '\\377bcde' >&2; exit 3",
    ]);
    await child.stdout.waitFor('{"event":"stdout","text":"up\\n"}\n');
    const outcome = await child.finish();
    expect({ stderr: outcome.stderr, exitCode: outcome.exitCode }).toEqual({ stderr: "", exitCode: 3 });
    expect(linesOf(outcome.stdout)).toEqual([
      { event: "started", target: WEB, sessionId: expect.any(String) },
      { event: "stdout", text: "up\n" },
      { event: "stderr", base64: Buffer.from("\xffbcde", "latin1").toString("base64") },
      { event: "ended", exitCode: 3, seconds: expect.any(Number) },
    ]);
  });

  test("hold every byte of a large output", async () => {
    const { stdout, exitCode } = await exec(WEB, "--json=stream", "--quiet", "--", "seq", "1", "200000");
    expect(exitCode).toBe(0);
    const text = linesOf(stdout)
      .filter(({ event }) => event === "stdout")
      .map((line) => line["text"])
      .join("");
    expect(text === Array.from({ length: 200_000 }, (_, index) => `${index + 1}\n`).join("")).toBe(true);
  });

  test("whose reader has had enough end the command", async () => {
    const line = `"${executablePath}" exec ${WEB} --json=stream -- yes | head -n 2`;
    const outcome = await run(["/bin/sh", "-c", line], { env: standIn.environment, timeoutMs: 8_000 });
    expect(outcome.stderr).toBe("");
    expect(linesOf(outcome.stdout)).toHaveLength(2);
  });
});

test.each([
  [["--json=csv"], '--json stands alone or is --json=stream, it is "csv"'],
  [["--json", "--tty"], "either --tty or --json"],
])("%j is a mistake in the command line", async (options, said) => {
  const outcome = await exec(WEB, ...options, "--", "true");
  expect({ stdout: outcome.stdout, exitCode: outcome.exitCode }).toEqual({ stdout: "", exitCode: 2 });
  expect(linesOf(outcome.stderr)).toEqual([
    { event: "error", message: expect.stringContaining(said), code: "CLI_USAGE" },
  ]);
});
