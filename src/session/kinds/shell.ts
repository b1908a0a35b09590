/**
 * Shells and interactive commands: the keyboard or a pipe goes to a terminal at the other side, its output comes
 * back. Bytes are passed on untouched both ways.
 */
import { encodeSize, PayloadType } from "../../protocol/index.ts";
import type { SessionError } from "../errors.ts";
import { InputQueue } from "../input-queue.ts";
import type { LocalStream } from "../seams.ts";
import { SHELL_PAYLOAD_BYTES } from "../settings.ts";
import { CommandOutput } from "./command-output.ts";
import type { ForwardedSignal, Kind, KindContext } from "./kind.ts";
import { Linger } from "./linger.ts";

/** What the terminal at the other side takes for the keys of a signal. */
export const SIGNAL_BYTES: Readonly<Record<ForwardedSignal, number>> = { SIGINT: 0x03, SIGQUIT: 0x1c };
/** What a terminal takes for the end of its input. */
const END_OF_INPUT = 0x04;
const NEWLINE = 0x0a;
const RETURN = 0x0d;

/** Kind for `Standard_Stream` and `InteractiveCommands`. */
export class ShellKind implements Kind {
  readonly ownsOutput = false;
  readonly isInteractive = true;
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
  #linger: Linger | undefined;

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
    this.#linger?.touch();
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
    this.#linger?.cancel();
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
    const size = this.#context.streams.windowSize();
    if (size !== undefined) this.#context.send(PayloadType.size, encodeSize(size.cols, size.rows));
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
    this.#boundTheWait();
  }

  /** What runs there may not read its input, and whoever drives this program may wait for its end without a limit. */
  #boundTheWait(): void {
    const { settings, observer } = this.#context;
    if (settings.eofWaitMs === Infinity) return;
    this.#linger = new Linger(
      this.#context,
      settings.eofWaitMs,
      // A reader that is slow keeps the output waiting, not the other side.
      () => this.#input.bytes === 0 && this.#context.isSettled() && this.#output.isDrained,
      () => {
        observer.silentAfterInput?.(settings.eofWaitMs);
        this.#context.terminate();
      },
    );
  }
}
