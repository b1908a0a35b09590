/**
 * Port sessions without a listener (`AWS-StartSSHSession`): standard input and output are the connection, bytes as
 * they are. Nothing else may be written to standard output.
 */
import { encodeSize, PayloadType } from "../../protocol/index.ts";
import type { SessionError } from "../errors.ts";
import { InputQueue } from "../input-queue.ts";
import type { LocalStream } from "../seams.ts";
import { CommandOutput } from "./command-output.ts";
import type { Kind, KindContext } from "./kind.ts";
import { Linger } from "./linger.ts";

/** The shortest idle time-out that can be set is a minute. */
const KEEP_ALIVE_INTERVAL_MS = 25_000;
const SIZE_OF_NOTHING = { cols: 80, rows: 24 };

/** Kind for `Port` without a type. */
export class StdioPortKind implements Kind {
  readonly ownsOutput = true;
  readonly isTunnel = false;
  readonly exitCode = undefined;
  readonly #context: KindContext;
  readonly #input = new InputQueue();
  readonly #output: CommandOutput;
  #stream: LocalStream | undefined;
  #inputPaused = false;
  #stopped = false;
  #linger: Linger | undefined;
  #cancelKeepAlive: (() => void) | undefined;

  constructor(context: KindContext) {
    this.#context = context;
    this.#output = new CommandOutput(context);
  }

  start(): void {
    if (this.#context.settings.keepAlive) this.#keepAlive();
    this.#stream = this.#output.attach("bytes", {
      data: (bytes) => this.#localData(bytes),
      ended: () => {
        this.#linger = new Linger(
          this.#context,
          this.#context.settings.lingerMs,
          () => this.#input.bytes === 0 && this.#context.isSettled() && this.#output.isDrained,
          () => this.#context.terminate(),
        );
      },
    });
    // A kind that ran before may have left it paused.
    this.#stream.resume();
  }

  deliver(payloadType: number, payload: Uint8Array): void {
    if (payloadType !== PayloadType.output) return;
    this.#linger?.touch();
    this.#output.deliver(payloadType, payload);
  }

  writable(): void {
    while (this.#context.room() > 0) {
      const bytes = this.#input.take(this.#context.settings.payloadBytes);
      if (bytes === undefined) break;
      this.#context.send(PayloadType.output, bytes);
    }
    if (this.#inputPaused && this.#input.isLow) {
      this.#inputPaused = false;
      this.#stream?.resume();
    }
  }

  signal(): boolean {
    return false;
  }

  connectionLost(): SessionError | undefined {
    return undefined;
  }

  stop(): boolean {
    this.#stopped = true;
    this.#cancelKeepAlive?.();
    this.#linger?.cancel();
    this.#input.clear();
    this.#stream?.pause();
    return true;
  }

  close(flushMs: number): Promise<void> {
    this.stop();
    return this.#output.close(flushMs);
  }

  /** A size, which agents of ports ignore: no byte may be added to the connection. */
  #keepAlive(): void {
    this.#cancelKeepAlive = this.#context.clock.after(KEEP_ALIVE_INTERVAL_MS, () => {
      this.#context.send(PayloadType.size, encodeSize(SIZE_OF_NOTHING.cols, SIZE_OF_NOTHING.rows));
      this.#keepAlive();
    });
  }

  #localData(bytes: Uint8Array): void {
    if (this.#stopped) return;
    this.#input.push(bytes);
    this.writable();
    if (this.#input.isFull && !this.#inputPaused) {
      this.#inputPaused = true;
      this.#stream?.pause();
    }
  }
}
