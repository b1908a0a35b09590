/**
 * Non-interactive commands: split into words, run without a shell, without a terminal and without standard
 * input. This file has what both ways of output share; where the output goes is in command-output.ts.
 */
import { encodeExitCode, PayloadType } from "../../protocol/index.ts";
import { splitCommand } from "./argv.ts";
import { FileOutput, type OutputWay, SeparateOutput } from "./command-output.ts";
import { childEnvironment, findProgram } from "./environment.ts";
import type { Handled } from "./inbox.ts";
import type { Plugin, PluginContext } from "./plugin.ts";
import { endProcessTree } from "./process-tree.ts";
import { agentSeparatesOutput } from "./version-order.ts";

/** Time that the agent lets pass before it sends why a command could not start, in milliseconds. */
const ERROR_DELAY_MS = 1000;

/** The same for a command line that cannot be split. */
const SPLIT_ERROR_DELAY_MS = 3000;

/** What the agent accepts as a prefix. */
const PREFIX = /^[0-9a-zA-Z\r\n_:-]{0,30}$/;

/** Runs the task's command line. */
export function startCommand(context: PluginContext): Plugin {
  return new Command(context);
}

class Command implements Plugin {
  readonly #context: PluginContext;
  readonly #gone = Promise.withResolvers<void>();
  readonly #timers = new Set<Timer>();
  #child: Bun.Subprocess | undefined;
  /** The reader has waited for the command's end, and whoever waits second is told 1. */
  #signalled = false;
  #output: OutputWay | undefined;
  #stopped = false;

  constructor(context: PluginContext) {
    this.#context = context;
    this.#start();
  }

  get gone(): Promise<void> {
    return this.#gone.promise;
  }

  /**
   * Only looks for a Ctrl-C or Ctrl-\; everything else is dropped. Behind the first of them the agent waits here for the
   * command's end: its reader is blocked, for a second one and for acknowledgements too.
   */
  input(payloadType: number, payload: Uint8Array): Handled {
    if (payloadType !== PayloadType.output) return "taken";
    const control = payload.find((byte) => byte === 0x03 || byte === 0x1c);
    if (control === undefined) return "taken";
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return "refused";
    // To the command alone, not to what it has started.
    child.kill(control === 0x03 ? "SIGINT" : "SIGQUIT");
    this.#signalled = true;
    void child.exited.then(() => this.#context.unblock(true));
    return "blocked";
  }

  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    for (const timer of this.#timers) clearTimeout(timer);
    void this.#cleanUp();
  }

  #start(): void {
    const { task, options, log } = this.#context;
    const separate = task.separateOutput === true && agentSeparatesOutput(options.agentVersion);
    for (const [name, prefix] of [
      ["stdout", task.stdOutPrefix ?? ""],
      ["stderr", task.stdErrPrefix ?? ""],
    ] as const) {
      if (separate && !PREFIX.test(prefix)) {
        return this.#end(`invalid ${name}SeparatorPrefix ${prefix}`, false);
      }
    }
    const line = (task.command ?? "").trim() === "" ? "sh" : (task.command ?? "");
    const split = splitCommand(line);
    if ("problem" in split) return this.#failToSplit(split.problem);
    const [name = "", ...rest] = split.words;
    const environment = childEnvironment(options.environment);
    const program = findProgram(name, environment);
    if ("problem" in program) return this.#failToStart(program.problem, separate);
    if (options.missingPrograms.includes(program.path)) {
      return this.#failToStart(`fork/exec ${program.path}: no such file or directory`, separate);
    }
    const output = separate
      ? new SeparateOutput(this.#context, {
          stdOut: task.stdOutPrefix ?? "",
          stdErr: task.stdErrPrefix ?? "",
        })
      : new FileOutput(this.#context);
    this.#output = output;
    try {
      this.#child = Bun.spawn([program.path, ...rest], {
        argv0: name,
        env: environment,
        stdin: "ignore",
        stdout: output.stdout,
        stderr: output.stderr,
        // A session of its own, so that whatever the command leaves behind can be found.
        detached: true,
      });
    } catch (error) {
      return this.#failToStart(error instanceof Error ? error.message : String(error), separate);
    }
    log("command-started", { pid: this.#child.pid });
    void output.run(this.#child).then((exitCode) => this.#onOutputSent(exitCode));
  }

  #onOutputSent(exitCode: number | undefined): void {
    if (this.#stopped) return;
    const { outbox, log } = this.#context;
    if (exitCode !== undefined) {
      log("command-ended", { exitCode });
      const told = this.#signalled ? 1 : exitCode;
      // With the client away it is lost.
      if (!outbox.paused) outbox.send(PayloadType.exitCode, encodeExitCode(told));
    }
    this.#end("", true);
  }

  /** The exit code comes first and the reason a second later; without separate output only the reason. */
  #failToStart(problem: string, separate: boolean): void {
    this.#context.log("command-failed", { problem });
    if (separate) this.#context.outbox.send(PayloadType.exitCode, encodeExitCode(1));
    this.#later(ERROR_DELAY_MS, () => {
      this.#context.outbox.send(PayloadType.stdErr, Buffer.from(problem, "utf8"));
      this.#end("", true);
    });
  }

  #failToSplit(problem: string): void {
    const text = `Unable to start command: Failed to parse commands input: ${problem}\n\n`;
    this.#context.log("command-failed", { problem });
    this.#later(SPLIT_ERROR_DELAY_MS, () => {
      this.#context.outbox.send(PayloadType.stdErr, Buffer.from(text, "utf8"));
      this.#end(text, false);
    });
  }

  #end(output: string, terminating: boolean): void {
    this.#context.end({ output, terminating });
    this.stop();
  }

  async #cleanUp(): Promise<void> {
    const child = this.#child;
    if (child !== undefined) {
      await endProcessTree(child.pid);
      await child.exited;
    }
    await this.#output?.close();
    this.#gone.resolve();
  }

  #later(delayMs: number, action: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      if (!this.#stopped) action();
    }, delayMs);
    this.#timers.add(timer);
  }
}
