/**
 * COMMAND as a child of this process: it has our terminal, our standard streams and our process group, so that keys,
 * Ctrl-C and job control work in it as if it had been started directly. Prints nothing.
 */
import { constants } from "node:os";

import type { ProcessSignal } from "../../../terminal/index.ts";
import { codeOf } from "../../messages.ts";
import { findCommand, isPlainScript } from "./command-file.ts";
import { CommandNotExecutableError } from "./errors.ts";
import { isInForeground } from "./foreground.ts";

/** What a COMMAND that must end gets before it is killed. */
const GRACE_MS = 10_000;

/** See the file's comment. */
export class ChildCommand {
  readonly #child: Bun.Subprocess;
  readonly #graceMs: number;
  /** Its exit code; 128 + number of the signal that ended it. Never rejects. */
  readonly ended: Promise<number>;

  /**
   * Starts it.
   * @param environment the whole of it
   * @throws CommandStartError
   */
  constructor(
    words: readonly [string, ...(readonly string[])],
    environment: Readonly<Record<string, string>>,
    graceMs: number = GRACE_MS,
  ) {
    this.#graceMs = graceMs;
    this.#child = start(words, environment);
    this.ended = this.#child.exited.then(() => exitCodeOf(this.#child));
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** Passes a signal on that this process has received. What the keyboard sends the terminal has sent to both. */
  pass(signal: ProcessSignal): void {
    if ((signal === "SIGINT" || signal === "SIGQUIT") && isInForeground()) return;
    this.#child.kill(signal);
  }

  /** Ends it: SIGTERM, and SIGKILL when that does not help. Resolves when it has ended. */
  async end(): Promise<void> {
    this.#child.kill("SIGTERM");
    // A stopped one hears of nothing else.
    if (process.platform !== "win32") this.#child.kill("SIGCONT");
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), this.#graceMs);
    await this.ended;
    clearTimeout(timer);
  }
}

function start(
  words: readonly [string, ...(readonly string[])],
  environment: Readonly<Record<string, string>>,
): Bun.Subprocess {
  const [command, ...args] = words;
  const file = findCommand(command, environment["PATH"] ?? "");
  const spawn = (program: string, ...before: readonly string[]): Bun.Subprocess =>
    Bun.spawn([program, ...before, ...args], {
      env: { ...environment },
      stdio: ["inherit", "inherit", "inherit"],
      argv0: before.length === 0 ? command : program,
    });
  try {
    return spawn(file);
  } catch (cause) {
    switch (codeOf(cause)) {
      case "ENOEXEC":
        // As shells do it.
        if (isPlainScript(file)) return spawn("/bin/sh", file);
        throw new CommandNotExecutableError(command, `${file} is no program for this machine`, { cause });
      case "ENOENT":
        throw new CommandNotExecutableError(command, `what ${file} is to be run by does not exist`, {
          cause,
        });
      default:
        throw new CommandNotExecutableError(command, (cause as Error).message, { cause });
    }
  }
}

/** Its exit code; 128 + number of the signal that ended it. */
export function exitCodeOf({
  exitCode,
  signalCode,
}: Pick<Bun.Subprocess, "exitCode" | "signalCode">): number {
  if (exitCode !== null) return exitCode;
  return 128 + (typeof signalCode === "string" ? constants.signals[signalCode] : (signalCode ?? 0));
}
