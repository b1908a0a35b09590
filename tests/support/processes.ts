/**
 * Child processes with pipes for tests. Both outputs are read all the time, so that no child blocks on a full pipe;
 * every child leads a session of its own and is killed with all that it started when the test file ends.
 */

import { constants } from "node:os";

import { environment, repositoryRoot } from "./environment.ts";
import { clearLater, killSession, sessionMembers } from "./leftovers.ts";
import { Output } from "./output.ts";
import { within } from "./wait-for.ts";

/** How to start a child. */
export interface StartOptions {
  /** Added to the built environment; undefined takes a variable out. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** The whole environment, instead of the built one. */
  readonly wholeEnv?: Readonly<Record<string, string>>;
  /** Working directory; the repository unless told. */
  readonly cwd?: string;
  /** What standard input is: an open pipe ("pipe", the default) or nothing ("ignore", /dev/null). */
  readonly stdin?: "pipe" | "ignore";
}

/** How a child ended and what it said. */
export interface Outcome {
  /** Exit code; 128 + number when a signal ended it. */
  readonly exitCode: number;
  /** Name of the signal that ended it. */
  readonly signal: NodeJS.Signals | undefined;
  readonly stdout: string;
  readonly stderr: string;
  /** Standard output as bytes. */
  readonly stdoutBytes: Uint8Array;
}

/** A child that runs, or has run. */
export interface RunningProcess {
  readonly pid: number;
  readonly stdout: Output;
  readonly stderr: Output;
  /** Resolves once the child is gone and both outputs are read to their ends. */
  readonly done: Promise<Outcome>;
  /** Writes to standard input and waits until the pipe has taken it. */
  write(data: string | Uint8Array): Promise<void>;
  /** Closes standard input. */
  endInput(): void;
  /** Sends a signal to this child alone; false when it has already gone. SIGTERM unless told. */
  kill(signal?: NodeJS.Signals): boolean;
  /** Waits for the end. @throws Error with the outputs when it does not come in time; the child is killed then. */
  finish(timeoutMs?: number): Promise<Outcome>;
}

/** Starts a child. The first word of `command` is looked up on the PATH of the built environment (dist/ first). */
export function start(command: readonly string[], options: StartOptions = {}): RunningProcess {
  const env = options.wholeEnv ?? environment(options.env);
  const [program = ""] = command;
  const resolved = program.includes("/") ? program : Bun.which(program, { PATH: env["PATH"] ?? "" });
  if (resolved === null) throw new Error(`no program named "${program}" on PATH ${env["PATH"]}`);
  const child = Bun.spawn([resolved, ...command.slice(1)], {
    cwd: options.cwd ?? repositoryRoot,
    env: { ...env },
    stdin: options.stdin ?? "pipe",
    stdout: "pipe",
    stderr: "pipe",
    // Its own session: killSession finds everything it started, and a Ctrl-C at the tests' terminal is ours alone.
    detached: true,
  });
  const stdout = new Output("stdout");
  const stderr = new Output("stderr");
  const input = child.stdin;
  const forget = clearLater(() => killSession(child.pid));

  const done = (async (): Promise<Outcome> => {
    await Promise.all([collect(child.stdout, stdout), collect(child.stderr, stderr), child.exited]);
    return {
      exitCode: exitStatus(child),
      signal: typeof child.signalCode === "string" ? child.signalCode : undefined,
      stdout: stdout.text(),
      stderr: stderr.text(),
      stdoutBytes: stdout.bytes(),
    };
  })();

  const running: RunningProcess = {
    pid: child.pid,
    stdout,
    stderr,
    done,
    async write(data) {
      if (input === undefined) throw new Error("this child was started without standard input");
      input.write(data);
      await input.flush();
    },
    endInput() {
      void input?.end();
    },
    kill(signal = "SIGTERM") {
      if (child.exitCode !== null || child.signalCode !== null) return false;
      child.kill(signal);
      return true;
    },
    async finish(timeoutMs = 20_000) {
      try {
        const outcome = await within(done, {
          what: `the end of ${command.join(" ").slice(0, 200)}`,
          timeoutMs,
          context: () =>
            `stdout: ${JSON.stringify(stdout.text().slice(-2_000))}\nstderr: ${JSON.stringify(stderr.text().slice(-2_000))}`,
        });
        return outcome;
      } catch (error) {
        killSession(child.pid);
        throw error;
      } finally {
        forgetWhenEmpty(child.pid, forget);
      }
    },
  };
  return running;
}

/** Starts a child, gives it `input` as the whole of its standard input and waits for its end. */
export async function run(
  command: readonly string[],
  options: Omit<StartOptions, "stdin"> & {
    readonly input?: string | Uint8Array;
    readonly timeoutMs?: number;
  } = {},
): Promise<Outcome> {
  const child = start(command, { ...options, stdin: options.input === undefined ? "ignore" : "pipe" });
  if (options.input !== undefined) {
    // A child that ends without reading breaks the pipe; that shows in its outcome.
    child
      .write(options.input)
      .catch(() => undefined)
      .finally(() => child.endInput());
  }
  return await child.finish(options.timeoutMs);
}

async function collect(stream: ReadableStream<Uint8Array>, output: Output): Promise<void> {
  for await (const chunk of stream) output.add(chunk);
}

/** After a child's orderly end something it started may live on; only then the kill at the file's end is kept. */
function forgetWhenEmpty(pid: number, forget: () => void): void {
  if (sessionMembers(pid).length === 0) forget();
}

/** The exit code as a shell tells it: 128 + number when a signal ended the child. */
export function exitStatus({
  exitCode,
  signalCode,
}: Pick<Bun.Subprocess, "exitCode" | "signalCode">): number {
  if (exitCode !== null) return exitCode;
  return 128 + (typeof signalCode === "string" ? constants.signals[signalCode] : (signalCode ?? 0));
}
