/** Sessions without a terminal: what is piped in and out, byte for byte, and how both ends of the pipes end. */
import { describe, expect, test } from "bun:test";
import { join } from "node:path";

import { temporaryDirectory } from "../support/environment.ts";
import { type Outcome, run } from "../support/processes.ts";
import { startPty } from "../support/pty.ts";
import { SeededRandom } from "../support/seeded-random.ts";
import { betweenTheLines, sessionIdIn, startWithPipes } from "./sessions.ts";
import { type SessionRequest, useStandIn } from "./stand-in.ts";
import { directly, forEachStart } from "./starts.ts";

const standIn = useStandIn();

const interactive = (command: string): SessionRequest => ({
  document: "AWS-StartInteractiveCommand",
  parameters: { command },
});

const nonInteractive = (command: string, separateOutputStream = "false"): SessionRequest => ({
  document: "AWS-StartNonInteractiveCommand",
  parameters: { command, separateOutputStream },
});

/** Runs a command line as `"$@"` of a shell script. */
function inShell(
  script: string,
  { command, env }: { readonly command: readonly string[]; readonly env: Parameters<typeof run>[1] & object },
  input?: string,
): Promise<Outcome> {
  return run(["sh", "-c", script, "sh", ...command], {
    env: env as Readonly<Record<string, string | undefined>>,
    ...(input === undefined ? {} : { input }),
  });
}

describe.concurrent("without a terminal", () => {
  forEachStart("pipes", (start) => {
    test("2 MB of any bytes are piped into a command as they are", async () => {
      const input = new SeededRandom(3).bytes(2_000_000);
      const session = await startWithPipes(
        standIn,
        start,
        interactive(`stty raw -echo; printf listening; head -c ${input.length} | sha256sum`),
      );
      await session.write(input);
      const { stdout, exitCode } = await session.finish();
      const sum = new Bun.CryptoHasher("sha256").update(input).digest("hex");
      expect(exitCode).toBe(0);
      expect(betweenTheLines(stdout, session.sessionId)).toBe(`listening${sum}  -\n`);
    });

    test("the end of standard input ends a shell, after all that was piped into it", async () => {
      const session = await startWithPipes(standIn, start);
      await session.write("stty -echo; PS1=; i=0\nwhile [ $i -lt 2000 ]; do i=$((i+1)); echo $i; done\n");
      session.endInput();
      const { stdout, exitCode } = await session.finish();
      expect(exitCode).toBe(0);
      const numbers = Array.from({ length: 2_000 }, (_, index) => `${index + 1}\r\n`).join("");
      expect(stdout).toContain(`\n${numbers}`);
      await standIn.sessionEnded(session.sessionId);
    });

    test("a non-interactive command gets no input, a piped 0x03 does not interrupt it, and all is left to the next", async () => {
      const prepared = await start.prepare(standIn, nonInteractive(`sh -c "sleep 0.3; echo survived"`));
      const { stdout } = await inShell('{ "$@"; echo "code $?"; cat; }', prepared, "\x03\x1c for the next\n");
      expect(stdout).toMatch(/^\nStarting session with SessionId: \S+\nsurvived\n/);
      expect(stdout).toEndWith("\ncode 0\n\x03\x1c for the next\n");
    });

    test("the size is 300 by 100", async () => {
      const session = await startWithPipes(
        standIn,
        start,
        interactive("echo size; until stty size | grep 300; do sleep 0.01; done"),
      );
      const { stdout } = await session.finish();
      expect(betweenTheLines(stdout, session.sessionId)).toBe("size\r\n100 300\r\n");
    });

    test("output is exact through a slow pipe", async () => {
      const directory = temporaryDirectory("slow");
      const text = Buffer.from(new SeededRandom(5).bytes(300_000)).toString("base64");
      await Bun.write(join(directory, "text"), text);
      const prepared = await start.prepare(standIn, nonInteractive(`cat ${directory}/text`));
      // The pipe is full nearly all the time.
      const slowly = `while dd bs=16384 count=1 2>/dev/null >${directory}/part; [ -s ${directory}/part ]; do cat ${directory}/part; sleep 0.01; done`;
      const { stdout, exitCode } = await inShell(`"$@" | ${slowly}`, prepared);
      expect(exitCode).toBe(0);
      const sessionId = /SessionId: (\S+)/.exec(stdout)?.[1] ?? "";
      expect(betweenTheLines(stdout, sessionId) === text).toBe(true);
    });

    test.each([
      ["a shell's command", interactive("yes")],
      ["a command with separate output", nonInteractive("yes", "true")],
    ])("a closed standard output ends %s cleanly", async (_name, request) => {
      const prepared = await start.prepare(standIn, request);
      const { stdout, stderr } = await inShell('{ "$@"; echo "code $?" >&2; } | head -c 200', prepared);
      expect(stdout).toHaveLength(200);
      expect(stderr).toBe("code 0\n");
      await standIn.sessionEnded(/SessionId: (\S+)/.exec(stdout)?.[1] ?? "");
    });
  });

  test.each([
    ["", "04"],
    ["abc\n", "61 62 63 0a 04"],
    ["abc", "61 62 63 04 04"],
    // No escapes without a terminal.
    ["~.\n~.", "7e 2e 0a 7e 2e 04 04"],
  ])("the end of the input %p is told as 0x04, twice in the middle of a line", async (input, told) => {
    const session = await startWithPipes(
      standIn,
      directly,
      interactive("stty raw -echo; printf listening; exec od -An -v -tx1 -w1"),
    );
    await session.stdout.waitFor("listening");
    if (input !== "") await session.write(input);
    session.endInput();
    const bytes = ` ${told.replaceAll(" ", "\n ")}\n`;
    await session.stdout.waitFor(bytes);
    // What comes behind it proves that nothing was in between.
    session.kill("SIGINT");
    await session.stdout.waitFor(" 03\n");
    expect(session.stdout.text().split("listening")[1]).toBe(`${bytes} 03\n`);
    await standIn.simulator.call("terminate", session.sessionId);
    expect((await session.finish()).exitCode).toBe(0);
  });

  test.each(["</dev/null", "<&-"])("a session runs with standard input %s", async (redirection) => {
    const prepared = await directly.prepare(standIn, interactive("cat; echo ended"));
    const { stdout, stderr, exitCode } = await inShell(`"$@" ${redirection}`, prepared);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    expect(stdout).toContain("ended\r\n");
  });

  test("standard output that is a file takes all of it", async () => {
    const file = join(temporaryDirectory("file"), "out");
    const prepared = await directly.prepare(standIn, nonInteractive("seq 1 100000"));
    expect((await inShell(`"$@" >${file}`, prepared)).exitCode).toBe(0);
    const out = await Bun.file(file).text();
    const sessionId = /SessionId: (\S+)/.exec(out)?.[1] ?? "";
    const numbers = Array.from({ length: 100_000 }, (_, index) => `${index + 1}\n`).join("");
    expect(betweenTheLines(out, sessionId) === numbers).toBe(true);
  });

  test("a full disk is told, and the session is ended", async () => {
    const prepared = await directly.prepare(standIn, interactive("yes"));
    const { stderr, exitCode } = await inShell('"$@" >/dev/full', prepared);
    expect(stderr).toMatch(/^session-manager-plugin: standard output cannot be written: ENOSPC[^\n]*\n$/);
    expect(exitCode).toBe(1);
  });

  test("standard output on a terminal without a size: none is told, until it has one", async () => {
    const { command, env } = await directly.prepare(
      standIn,
      // Its own size comes first: what is told at the start is there before any input.
      interactive("read line; stty size; until stty size | grep 120; do sleep 0.01; done"),
    );
    const script = 'stty rows 0 cols 0; { echo; cat; } | "$@" 2>/dev/null';
    const pty = startPty(["sh", "-c", script, "sh", ...command], { env });
    const sessionId = await sessionIdIn(pty.output);
    await pty.waitForOutput("24 80\r");
    pty.resize(120, 40);
    await pty.waitForOutput("40 120\r");
    expect(pty.output.text()).not.toContain("100 300");
    await pty.waitForOutput(`Exiting session with sessionId: ${sessionId}.`);
    pty.write("\x04");
    expect(await pty.finish()).toBe(0);
    await standIn.sessionEnded(sessionId);
  });

  test("with only standard output on a terminal its size counts, and input is piped", async () => {
    const { command, env } = await directly.prepare(
      standIn,
      interactive("echo size; read line; stty size; echo $line"),
    );
    const pty = startPty(["sh", "-c", 'echo piped | "$@"', "sh", ...command], { env, cols: 66, rows: 20 });
    const sessionId = await sessionIdIn(pty.output);
    expect(await pty.finish()).toBe(0);
    expect(pty.output.text()).toContain("20 66\r");
    expect(pty.output.text()).toContain("piped\r");
    await standIn.sessionEnded(sessionId);
  });
});
