/**
 * Shells and interactive commands: the keyboard or a pipe goes to a terminal at the other side, its output comes
 * back. Bytes are passed on untouched both ways.
 */
import { decodeExitCode, encodeSize, PayloadType } from "../../protocol/index.ts";
import type { SessionError } from "../errors.ts";
import { InputQueue } from "../input-queue.ts";
import type { InputUse, LocalStream } from "../seams.ts";
import { SHELL_PAYLOAD_BYTES } from "../settings.ts";
import type { ForwardedSignal, Kind, KindContext } from "./kind.ts";

/** What the terminal at the other side takes for the keys of a signal. */
export const SIGNAL_BYTES: Readonly<Record<ForwardedSignal, number>> = { SIGINT: 0x03, SIGQUIT: 0x1c };
/** What a terminal takes for the end of its input. */
const END_OF_INPUT = 0x04;
const NEWLINE = 0x0a;
const RETURN = 0x0d;

/** Kind for `Standard_Stream` and `InteractiveCommands`. */
export class ShellKind implements Kind {
  readonly ownsOutput = false;
  readonly isTunnel = false;
  readonly #context: KindContext;
  readonly #input = new InputQueue();
  readonly #output: CommandOutput;
  #stream: LocalStream | undefined;
  #inputPaused = false;
  #inputEnded = false;
  #lastInputByte = NEWLINE;
  #stopResize: (() => void) | undefined;
  #cancelSizeRepeat: (() => void) | undefined;

  constructor(context: KindContext) {
    this.#context = context;
    this.#output = new CommandOutput(context);
  }

  start(): void {
    const { streams } = this.#context;
    this.#sendSize();
    if (streams.hasWindow) this.#repeatSize();
    this.#stopResize = streams.onResize(() => {
      this.#sendSize();
      if (this.#cancelSizeRepeat !== undefined) this.#repeatSize();
    });
    this.#stream = this.#output.attach("keyboard", {
      data: (bytes) => this.#typed(bytes),
      ended: () => this.#endOfInput(),
    });
    // A kind that ran before may have left it paused.
    this.#stream.resume();
  }

  deliver(payloadType: number, payload: Uint8Array): void {
    this.#output.deliver(payloadType, payload);
  }

  writable(): void {
    while (this.#context.room() > 0) {
      const bytes = this.#input.take(SHELL_PAYLOAD_BYTES);
      if (bytes === undefined) break;
      this.#context.send(PayloadType.output, bytes);
    }
    if (this.#inputPaused && this.#input.isLow) {
      this.#inputPaused = false;
      this.#stream?.resume();
    }
  }

  signal(signal: ForwardedSignal): boolean {
    // Not behind what is piped: an interrupt that waits for its turn interrupts nothing.
    const waiting = this.#input.take(Number.MAX_SAFE_INTEGER);
    this.#input.push(Uint8Array.of(SIGNAL_BYTES[signal]));
    if (waiting !== undefined) this.#input.push(waiting);
    this.writable();
    return true;
  }

  connectionLost(): SessionError | undefined {
    return undefined;
  }

  stop(): boolean {
    this.#stopResize?.();
    this.#cancelSizeRepeat?.();
    this.#inputEnded = true;
    this.#input.clear();
    this.#stream?.pause();
    return false;
  }

  get exitCode(): number | undefined {
    return this.#output.exitCode;
  }

  close(flushMs: number): Promise<void> {
    this.stop();
    return this.#output.close(flushMs);
  }

  #sendSize(): void {
    const { cols, rows } = this.#context.streams.windowSize();
    this.#context.send(PayloadType.size, encodeSize(cols, rows));
  }

  /** Once more, when the window has kept its size for a while. */
  #repeatSize(): void {
    const { clock, settings } = this.#context;
    this.#cancelSizeRepeat?.();
    this.#cancelSizeRepeat = clock.after(settings.sizeRepeatMs, () => {
      this.#cancelSizeRepeat = undefined;
      this.#sendSize();
    });
  }

  #typed(bytes: Uint8Array): void {
    if (this.#inputEnded || bytes.length === 0) return;
    this.#lastInputByte = bytes[bytes.length - 1] as number;
    this.#input.push(bytes);
    this.writable();
    if (this.#input.isFull && !this.#inputPaused) {
      this.#inputPaused = true;
      this.#stream?.pause();
    }
  }

  /** The end of a pipe is not the end of the session: the other side's terminal is told, and ends what reads it. */
  #endOfInput(): void {
    if (this.#inputEnded) return;
    this.#inputEnded = true;
    // In the middle of a line the first one only passes the line on.
    const times = this.#lastInputByte === NEWLINE || this.#lastInputByte === RETURN ? 1 : 2;
    this.#input.push(new Uint8Array(times).fill(END_OF_INPUT));
    this.writable();
  }
}

/** Standard output and error of a shell or command, counted against the session's budget. */
export class CommandOutput {
  readonly #context: KindContext;
  /** Output that arrived before the streams were attached. */
  readonly #early: Uint8Array[] = [];
  #stream: LocalStream | undefined;
  #queuedBytes = 0;
  #exitCode: number | undefined;
  #closed = false;
  #idle: (() => void) | undefined;

  constructor(context: KindContext) {
    this.#context = context;
  }

  get exitCode(): number | undefined {
    return this.#exitCode;
  }

  /** Connects it to standard output, and standard input to `input`. */
  attach(use: InputUse, input: { data(bytes: Uint8Array): void; ended(): void }): LocalStream {
    const stream = this.#context.streams.attach(
      {
        data: (bytes) => input.data(bytes),
        ended: () => input.ended(),
        written: (bytes) => this.#written(bytes),
        closed: (error) => this.#outputClosed(error),
      },
      use,
    );
    this.#stream = stream;
    for (const bytes of this.#early.splice(0)) stream.write(bytes);
    return stream;
  }

  /** One payload. Everything goes to standard output as AWS's client prints it, unless streams are kept apart. */
  deliver(payloadType: number, payload: Uint8Array): void {
    if (payloadType === PayloadType.exitCode) {
      try {
        this.#exitCode = decodeExitCode(payload);
      } catch {
        this.#context.log("warn", "unreadable exit code", { bytes: payload.length });
      }
    }
    if (this.#context.settings.separateOutput) {
      if (payloadType === PayloadType.exitCode || payloadType === PayloadType.flag) return;
      if (payloadType === PayloadType.stdErr || payloadType === PayloadType.error) {
        return this.#context.streams.writeError(payload);
      }
    }
    this.#write(payload);
  }

  /** Whether everything delivered so far has been written. */
  get isDrained(): boolean {
    return this.#queuedBytes === 0;
  }

  /** Resolves when everything is written, when nobody reads it any more, or after `flushMs`. */
  close(flushMs: number): Promise<void> {
    return new Promise((resolve) => {
      // What came before a session that then never ran has no reader.
      if (this.isDrained || this.#stream === undefined || flushMs === 0) return resolve();
      const cancel = flushMs === Infinity ? undefined : this.#context.clock.after(flushMs, resolve);
      this.#idle = () => {
        cancel?.();
        resolve();
      };
    });
  }

  #write(payload: Uint8Array): void {
    if (this.#closed || payload.length === 0) return;
    this.#queuedBytes += payload.length;
    this.#context.budget.add(payload.length);
    if (this.#stream === undefined) this.#early.push(payload);
    else this.#stream.write(payload);
  }

  #written(bytes: number): void {
    this.#queuedBytes -= bytes;
    this.#context.budget.remove(bytes);
    if (this.isDrained) this.#idle?.();
  }

  /** Nobody reads the output any more (`| head`): the session has no purpose left. */
  #outputClosed(error: Error | undefined): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#context.budget.remove(this.#queuedBytes);
    this.#queuedBytes = 0;
    this.#idle?.();
    this.#context.log("info", "output closed", { orderly: error === undefined });
    this.#context.terminate();
  }
}
