/**
 * Non-interactive commands: output comes, nothing but signals can go to the command. Its agent drops whatever else is
 * sent, and a 0x03 in a pipe would interrupt it, so standard input is not read at all.
 */
import { encodeSize, PayloadType } from "../../protocol/index.ts";
import { OutputIncompleteError, type SessionError } from "../errors.ts";
import { CommandOutput } from "./command-output.ts";
import type { ForwardedSignal, Kind, KindContext } from "./kind.ts";
import { SIGNAL_BYTES } from "./shell.ts";

/** Kind for `NonInteractiveCommands`. */
export class CommandKind implements Kind {
  readonly ownsOutput = false;
  readonly isTunnel = false;
  readonly #context: KindContext;
  readonly #output: CommandOutput;
  readonly #signals: ForwardedSignal[] = [];

  constructor(context: KindContext) {
    this.#context = context;
    this.#output = new CommandOutput(context);
  }

  start(): void {
    const size = this.#context.streams.windowSize();
    if (size !== undefined) this.#context.send(PayloadType.size, encodeSize(size.cols, size.rows));
    this.#output.attach("none", { data: () => {}, ended: () => {} });
  }

  deliver(payloadType: number, payload: Uint8Array): void {
    this.#output.deliver(payloadType, payload);
  }

  writable(): void {
    while (this.#signals.length > 0 && this.#context.room() > 0) {
      const signal = this.#signals.shift() as ForwardedSignal;
      this.#context.send(PayloadType.output, Uint8Array.of(SIGNAL_BYTES[signal]));
    }
  }

  signal(signal: ForwardedSignal): boolean {
    if (this.#signals.length < 16) this.#signals.push(signal);
    this.writable();
    return true;
  }

  /** The agent has stopped reading the command's output for good; no resume brings it back. */
  connectionLost(): SessionError | undefined {
    return new OutputIncompleteError();
  }

  stop(): boolean {
    return false;
  }

  get exitCode(): number | undefined {
    return this.#output.exitCode;
  }

  close(flushMs: number): Promise<void> {
    return this.#output.close(flushMs);
  }
}
