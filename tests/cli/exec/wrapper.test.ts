/** The script around a command, on the real shells: what it prints, which codes it tells, how it takes signals. */
import { afterEach, describe, expect, test } from "bun:test";
import { chmodSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { MarkerParser } from "../../../src/cli/exec/marker-parser.ts";
import { isShellMissing, markerWord, wrappedWords } from "../../../src/cli/exec/wrapper.ts";
import { searchPath, temporaryDirectory } from "../../support/environment.ts";
import { needs } from "../../support/programs.ts";
import { startPty } from "../../support/pty.ts";
import { waitFor, within } from "../../support/wait-for.ts";

const WORD = markerWord(Uint8Array.from({ length: 16 }, (_, index) => index * 16 + 7));

interface Shell {
  readonly name: string;
  readonly path: string;
}

/** busybox is a shell under the name sh only, and then brings its own tools. */
function shells(): readonly Shell[] {
  const found: Shell[] = [];
  for (const name of ["dash", "bash"]) {
    const path = Bun.which(name);
    if (path !== null) found.push({ name, path });
  }
  const busybox = Bun.which("busybox");
  if (busybox !== null) {
    const path = join(temporaryDirectory("busybox"), "sh");
    symlinkSync(busybox, path);
    found.push({ name: "busybox", path });
  }
  return found;
}

/** A wrapped command whose outputs are pipes, as the agent has them. */
class Wrapped {
  readonly child: Bun.Subprocess<"ignore", "pipe", "pipe">;
  readonly printed = { stdout: "", stderr: "" };
  readonly parsers = { stdout: new MarkerParser(WORD), stderr: new MarkerParser(WORD) };
  /** Everything that came, markers included. */
  readonly raw = { stdout: "", stderr: "" };

  constructor(shell: Shell, words: readonly string[], env: Record<string, string> = {}) {
    this.child = Bun.spawn([...wrappedWords(words, WORD, { tty: false, shell: shell.path })], {
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
      env: { PATH: searchPath(), HOME: "/", ...env },
    });
    running.add(this.child);
    void this.#read("stdout");
    void this.#read("stderr");
  }

  async started(): Promise<void> {
    await this.#wait("the start", ({ stdout, stderr }) => stdout.hasStarted && stderr.hasStarted);
  }

  /** The code in the end markers, which are the same. */
  async code(): Promise<number> {
    await this.#wait(
      "the end",
      ({ stdout, stderr }) => stdout.exitCode !== undefined && stderr.exitCode !== undefined,
    );
    expect(this.parsers.stderr.exitCode).toBe(this.parsers.stdout.exitCode as number);
    return this.parsers.stdout.exitCode as number;
  }

  async see(text: string): Promise<void> {
    await waitFor(() => this.printed.stdout.includes(text), { what: text });
  }

  /** Ends it as this side does, and nothing else than that may have ended it. */
  async end(): Promise<void> {
    expect(this.child.exitCode ?? this.child.signalCode).toBeNull();
    this.child.kill("SIGINT");
    this.child.kill("SIGQUIT");
    await within(this.child.exited, { what: "the end of the script" });
    expect(this.child.signalCode).toBeNull();
  }

  async #wait(what: string, holds: (parsers: Wrapped["parsers"]) => boolean): Promise<void> {
    await waitFor(() => holds(this.parsers), {
      what,
      timeoutMs: 10_000,
      context: () => JSON.stringify(this.raw).slice(-2_000),
    });
  }

  async #read(name: "stdout" | "stderr"): Promise<void> {
    for await (const bytes of this.child[name] as unknown as AsyncIterable<Uint8Array>) {
      this.raw[name] += Buffer.from(bytes).toString("latin1");
      for (const part of this.parsers[name].push(bytes)) {
        this.printed[name] += Buffer.from(part).toString("utf8");
      }
    }
  }
}

const running = new Set<Bun.Subprocess>();
const groups = new Set<number>();
afterEach(async () => {
  for (const group of groups) process.kill(-group, "SIGKILL");
  groups.clear();
  for (const child of running) child.kill("SIGKILL");
  await Promise.all([...running].map((child) => child.exited));
  running.clear();
});

const sh = (line: string): string[] => ["/bin/sh", "-c", line];

for (const shell of shells()) {
  describe(`under ${shell.name}`, () => {
    test("outputs and arguments are the command's own, and the code is told on both outputs", async () => {
      const hard = [
        "a b",
        "it's",
        'say "hi"',
        "$HOME",
        "`id`",
        "new\nline",
        "",
        "\\",
        "*",
        "%s",
        "-n",
        "é💥",
      ];
      const wrapped = new Wrapped(shell, ["printf", "%s\\0", ...hard]);
      expect(await wrapped.code()).toBe(0);
      expect(wrapped.printed).toEqual({ stdout: hard.map((word) => `${word}\0`).join(""), stderr: "" });
      await wrapped.end();
    });

    test("the markers come first and last on both outputs", async () => {
      const wrapped = new Wrapped(shell, sh("printf out; printf err >&2; exit 3"));
      expect(await wrapped.code()).toBe(3);
      expect(wrapped.raw).toEqual({
        stdout: `${WORD.text}+out${WORD.text}3.`,
        stderr: `${WORD.text}+err${WORD.text}3.`,
      });
    });

    test.each([
      [sh("exit 9"), 9],
      [sh("exit 255"), 255],
      [["no-such-program"], 127],
      [["/no/such/file"], 127],
      [["/etc/passwd"], 126],
      [["/etc"], 126],
      [sh("kill -9 $$"), 137],
      [sh("kill -TERM $$"), 143],
      [sh("kill -INT $$; sleep 5"), 130],
    ] as const)("%j ends with %d", async (words, code) => {
      const wrapped = new Wrapped(shell, words);
      expect(await wrapped.code()).toBe(code);
      if (words.length === 1) expect(wrapped.printed.stderr).toContain(words[0]);
      else expect(wrapped.printed).toEqual({ stdout: "", stderr: "" });
    });

    test("a builtin's name means the program", async () => {
      // These are programs too; as builtins they would end or change the script.
      for (const [words, code] of [
        [["exit", "5"], 127],
        [["exec", "true"], 127],
        [["A=b", "true"], 127],
        [["set", "-e"], 127],
      ] as const) {
        expect(await new Wrapped(shell, words).code()).toBe(code);
      }
    });

    test("the word is nowhere in the list of processes", async () => {
      const wrapped = new Wrapped(shell, sh("cat /proc/$PPID/cmdline /proc/$$/cmdline | tr '\\0' ' '"));
      expect(await wrapped.code()).toBe(0);
      expect(wrapped.printed.stdout).toContain(WORD.halves.join(" "));
      expect(wrapped.printed.stdout).not.toContain(WORD.halves.join(""));
    });

    test.each([
      ["SIGINT", 130],
      ["SIGQUIT", 131],
    ] as const)("%s reaches a command that does not handle it: %d", async (signal, code) => {
      const wrapped = new Wrapped(shell, sh("echo up; exec sleep 60"));
      await wrapped.see("up");
      wrapped.child.kill(signal);
      // Neither GNU's env nor its timeout may be there: then it is SIGTERM.
      expect([code, 143]).toContain(await wrapped.code());
      if (Bun.which("env") !== null && shell.name !== "busybox")
        expect(wrapped.parsers.stdout.exitCode).toBe(code);
      await wrapped.end();
    });

    test("a signal that the command handles is not its end", async () => {
      const wrapped = new Wrapped(
        shell,
        sh(
          "trap 'echo handled' INT TERM; echo up; while [ ! \"$n\" = xxx ]; do sleep 0.1; n=x$n; done; echo last; exit 6",
        ),
      );
      await wrapped.see("up");
      wrapped.child.kill("SIGINT");
      expect(await wrapped.code()).toBe(6);
      expect(wrapped.printed.stdout).toBe("up\nhandled\nlast\n");
    });

    test("a signal at any moment loses no end and no code", async () => {
      for (let delayMs = 0; delayMs < 20; delayMs++) {
        const wrapped = new Wrapped(shell, sh("exit 4"));
        await wrapped.started();
        // Moments are what is to be tried here, not a time to wait for anything.
        await Bun.sleep(delayMs % 5);
        wrapped.child.kill("SIGINT");
        expect([4, 130, 143]).toContain(await wrapped.code());
        await wrapped.end();
      }
    });

    test("children that hold the outputs keep nobody waiting", async () => {
      const wrapped = new Wrapped(shell, sh("{ sleep 5; echo late; } & echo up; exit 2"));
      expect(await wrapped.code()).toBe(2);
      expect(wrapped.printed.stdout).toBe("up\n");
      await wrapped.end();
    });

    test("a command that leaves its process group is waited for", async () => {
      const wrapped = new Wrapped(shell, ["setsid", "--wait", ...sh("sleep 0.2; echo out; exit 8")]);
      expect(await wrapped.code()).toBe(8);
      expect(wrapped.printed.stdout).toBe("out\n");
    });

    test("outputs that the command has made non-blocking and full do not lose the markers", async () => {
      const full = `dd if=/dev/zero bs=1 count=100000 oflag=nonblock 2>/dev/null`;
      const line = '"$@" | { sleep 1; exec cat; }';
      const words = wrappedWords(sh(`${full}; exit 1`), WORD, { tty: false, shell: shell.path });
      const child = Bun.spawn(["/bin/sh", "-c", line, "sh", ...words], {
        ...{ stdin: "ignore", stdout: "pipe", stderr: "ignore", env: { PATH: searchPath() } },
        // Whatever of it stays is ended with it.
        detached: true,
      });
      groups.add(child.pid);
      const parser = new MarkerParser(WORD);
      for await (const bytes of child.stdout as unknown as AsyncIterable<Uint8Array>) {
        parser.push(bytes);
        if (parser.exitCode !== undefined) break;
      }
      expect(parser.exitCode).toBe(1);
    });

    test("where the output is a file, the command is all there is", async () => {
      const file = join(temporaryDirectory("file"), "out");
      const words = wrappedWords(sh("echo out; echo err >&2; exit 5"), WORD, {
        tty: false,
        shell: shell.path,
      });
      const child = Bun.spawn(["/bin/sh", "-c", `f=$1; shift; exec "$@" >"$f" 2>&1`, "sh", file, ...words], {
        env: { PATH: searchPath() },
      });
      running.add(child);
      expect(await within(child.exited, { what: "its end" })).toBe(5);
      expect(await Bun.file(file).text()).toBe("out\nerr\n");
    });

    test.each([
      ["by timeout where env cannot", ["sleep", "sh", "timeout", "true"], 130],
      ["as SIGTERM where neither can", ["sleep", "sh"], 143],
    ] as const)("SIGINT is passed on %s", async (_, tools, code) => {
      // A PATH with nothing on it but what is needed, and an env of another kind.
      const directory = temporaryDirectory("tools");
      for (const name of tools) symlinkSync(Bun.which(name) ?? "", join(directory, name));
      const env = join(directory, "env");
      writeFileSync(env, "#!/bin/sh\nexit 125\n");
      chmodSync(env, 0o755);
      const wrapped = new Wrapped(shell, sh("echo up; exec sleep 60"), { PATH: directory });
      await wrapped.see("up");
      wrapped.child.kill("SIGINT");
      expect(await wrapped.code()).toBe(code);
      await wrapped.end();
    });

    test("on a terminal: the code behind the output, whatever the command leaves behind", async () => {
      for (const [line, code] of [
        ["printf out; exit 7", 7],
        ["printf out; kill -9 $$", 137],
        ["printf out; stty raw -echo; exit 1", 1],
      ] as const) {
        const pty = startPty([...wrappedWords(sh(line), WORD, { tty: true, shell: shell.path })], {});
        await pty.waitForOutput(`out${WORD.text}${code}.`);
        pty.write("\x03\x1c");
        await pty.finish();
      }
    });

    test("on a terminal Ctrl-C reaches the command, and its code is told", async () => {
      const pty = startPty(
        [...wrappedWords(sh("echo u''p; exec sleep 60"), WORD, { tty: true, shell: shell.path })],
        {},
      );
      await pty.waitForOutput("up\r\n");
      pty.write("\x03");
      await pty.waitForOutput(`${WORD.text}130.`);
      pty.write("\x1c");
      await pty.finish();
    });
  });
}

needs("dash").test("dash is tried", () => expect(Bun.which("dash")).not.toBeNull());
needs("bash").test("bash is tried", () => expect(Bun.which("bash")).not.toBeNull());
needs("busybox").test("busybox is tried", () => expect(Bun.which("busybox")).not.toBeNull());

test.each([
  ["fork/exec /bin/sh: no such file or directory", true],
  ['exec: "/bin/sh": permission denied', true],
  ["/bin/sh: 1: exec: x: not found", false],
  ["", false],
])("%j: nothing has run: %p", (text, missing) => {
  expect(isShellMissing(text)).toBe(missing);
});
