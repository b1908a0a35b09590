/**
 * Shells and interactive commands: a real program on a real terminal, whose output goes through the agent's
 * UTF-8 filter. Silent for its first second, tells no exit code, and ends when nobody holds the terminal any more:
 * a background process that ignores the hang-up keeps the session, as it does at the real agent.
 */
import { decodeSize, PayloadType } from "../../protocol/index.ts";
import { ByteQueue } from "./byte-queue.ts";
import { childEnvironment, findProgram } from "./environment.ts";
import type { Handled } from "./inbox.ts";
import { OutputPump } from "./output-pump.ts";
import type { Plugin, PluginContext } from "./plugin.ts";
import { endProcessTree } from "./process-tree.ts";
import { TerminalFlow } from "./terminal-flow.ts";
import { Utf8Filter } from "./utf8-filter.ts";

/** Output queued at which the terminal is stopped, and at which it goes on. */
const STOP_BYTES = 64 * 1024;
const START_BYTES = 16 * 1024;

/** Where a terminal cannot be stopped, output beyond this many queued bytes ends the session. */
const MAX_QUEUED_BYTES = 256 * 1024 * 1024;

/** Input that the terminal has not taken, at which the agent's reader blocks. */
const MAX_UNTAKEN_BYTES = 64 * 1024;

/** Time that the agent lets pass after it could not start a program, in milliseconds. */
const START_FAILURE_DELAY_MS = 2000;

/** Starts the shell, or `sh -c` for an interactive command. */
export function startShell(context: PluginContext): Plugin {
  return new Shell(context);
}

class Shell implements Plugin {
  readonly #context: PluginContext;
  readonly #queue = new ByteQueue();
  readonly #filter = new Utf8Filter();
  readonly #pump: OutputPump;
  readonly #gone = Promise.withResolvers<void>();
  readonly #timers = new Set<Timer>();
  #process: Bun.Subprocess | undefined;
  #terminal: Bun.Terminal | undefined;
  #flow: TerminalFlow | undefined;
  /** The agent does not read the terminal in its first second. */
  #silent = true;
  #outputStopped = false;
  #terminalEnded = false;
  /** Bytes written to the terminal since it last took everything. */
  #untakenBytes = 0;
  #blocked = false;
  #stopped = false;

  constructor(context: PluginContext) {
    this.#context = context;
    this.#pump = new OutputPump(context.outbox, context.options.pacing, {
      take: (maxBytes) => this.#take(maxBytes),
      sent: () => this.#finish(),
      ended: () => this.#terminalEnded,
    });
    // Not at once: the real agent's first input may come before its terminal is up, too.
    this.#later(0, () => this.#start());
  }

  get gone(): Promise<void> {
    return this.#gone.promise;
  }

  input(payloadType: number, payload: Uint8Array): Handled {
    const terminal = this.#terminal;
    if (terminal === undefined) return "refused";
    if (payloadType === PayloadType.output) return this.#write(terminal, payload);
    if (payloadType === PayloadType.size) return this.#resize(terminal, payload);
    return "taken"; // Flags among them: a shell is terminated by the API.
  }

  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#pump.stop();
    this.#queue.clear();
    for (const timer of this.#timers) clearTimeout(timer);
    void this.#cleanUp();
  }

  #start(): void {
    const { task, options } = this.#context;
    const environment = childEnvironment(options.environment);
    const command = (task.command ?? "").trim() === "" ? ["sh"] : ["sh", "-c", task.command ?? ""];
    const words = task.sessionType === "InteractiveCommands" ? command : options.shell;
    const program = findProgram(words[0] ?? "", environment);
    if ("problem" in program) return this.#fail(program.problem);
    try {
      this.#process = Bun.spawn([program.path, ...words.slice(1)], {
        argv0: words[0] ?? program.path,
        env: environment,
        terminal: {
          data: (_terminal, bytes) => this.#onOutput(bytes),
          drain: () => this.#onInputTaken(),
          exit: () => this.#onTerminalEnd(),
        },
      });
    } catch (error) {
      return this.#fail(error instanceof Error ? error.message : String(error));
    }
    this.#terminal = this.#process.terminal;
    this.#flow = new TerminalFlow(this.#process.pid);
    this.#context.log("shell-started", { pid: this.#process.pid });
    this.#later(options.shellStartDelayMs, () => {
      this.#silent = false;
      this.#pump.wake();
    });
  }

  #fail(problem: string): void {
    this.#context.log("shell-failed", { problem });
    this.#later(START_FAILURE_DELAY_MS, () => {
      this.#context.end({
        output: `Unable to start command: Failed to start pty: ${problem}\n`,
        terminating: false,
      });
      this.stop();
    });
  }

  #write(terminal: Bun.Terminal, payload: Uint8Array): Handled {
    if (this.#terminalEnded || terminal.closed) return "refused";
    if (payload.length === 0) return "taken";
    this.#untakenBytes += payload.length;
    // May report at once that everything is taken.
    terminal.write(payload);
    if (this.#untakenBytes <= MAX_UNTAKEN_BYTES) return "taken";
    this.#blocked = true;
    return "blocked";
  }

  #resize(terminal: Bun.Terminal, payload: Uint8Array): Handled {
    try {
      const { cols, rows } = decodeSize(payload);
      if (!terminal.closed) terminal.resize(cols, rows);
      return "taken";
    } catch {
      return "refused";
    }
  }

  #onInputTaken(): void {
    this.#untakenBytes = 0;
    this.#unblock(true);
  }

  #unblock(taken: boolean): void {
    if (!this.#blocked) return;
    this.#blocked = false;
    this.#context.unblock(taken);
  }

  #onOutput(bytes: Uint8Array): void {
    if (this.#stopped) return;
    this.#queue.push(bytes);
    if (this.#queue.bytes > STOP_BYTES && !this.#outputStopped) {
      this.#outputStopped = this.#flow?.stop() ?? false;
      if (this.#queue.bytes > MAX_QUEUED_BYTES) {
        this.#context.end({
          output: "The shell printed more than the stand-in can hold.",
          terminating: true,
        });
        this.stop();
        return;
      }
    }
    if (!this.#silent) this.#pump.wake();
  }

  #take(maxBytes: number): { payloadType: number; payload: Uint8Array } | undefined {
    const bytes = this.#queue.take(maxBytes);
    if (this.#outputStopped && this.#queue.bytes <= START_BYTES) {
      this.#outputStopped = false;
      if (!this.#terminalEnded) this.#flow?.start();
    }
    return bytes === undefined
      ? undefined
      : { payloadType: PayloadType.output, payload: this.#filter.push(bytes) };
  }

  #onTerminalEnd(): void {
    if (this.#terminalEnded) return;
    this.#terminalEnded = true;
    this.#unblock(false);
    if (!this.#silent) this.#pump.wake();
  }

  #finish(): void {
    this.#context.log("shell-ended", { exitCode: this.#process?.exitCode ?? -1 });
    this.#context.end({ output: "", terminating: true });
    this.stop();
  }

  async #cleanUp(): Promise<void> {
    const child = this.#process;
    if (child !== undefined) {
      this.#terminalEnded = true;
      this.#terminal?.close();
      await endProcessTree(child.pid);
      await child.exited;
    }
    for (const timer of this.#timers) clearTimeout(timer);
    this.#gone.resolve();
  }

  #later(delayMs: number, action: () => void): void {
    if (this.#stopped) return;
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      action();
    }, delayMs);
    this.#timers.add(timer);
  }
}
