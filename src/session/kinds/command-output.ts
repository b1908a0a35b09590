/**
 * What a shell or command prints, on its way to standard output and error: in order, counted against the session's
 * budget, and waited for at the end.
 */
import { decodeExitCode, PayloadType } from "../../protocol/index.ts";
import type { InputUse, LocalStream } from "../seams.ts";
import type { KindContext } from "./kind.ts";

/** Standard output and error of a shell or command, counted against the session's budget. */
export class CommandOutput {
  readonly #context: KindContext;
  /** Output that arrived before the streams were attached. */
  readonly #early: Uint8Array[] = [];
  #stream: LocalStream | undefined;
  #queuedBytes = 0;
  #writtenBytes = 0;
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
        return this.#writeError(payload);
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

  /** Standard error counts like standard output: a reader that stands still holds the session back. */
  #writeError(payload: Uint8Array): void {
    if (payload.length === 0) return;
    if (this.#closed) return this.#context.streams.writeError(payload, () => {});
    this.#queuedBytes += payload.length;
    this.#context.budget.add(payload.length);
    this.#context.streams.writeError(payload, (bytes) => this.#written(bytes));
  }

  #written(bytes: number): void {
    if (this.#closed) return;
    this.#writtenBytes += bytes;
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
    this.#context.log("info", "output closed", {
      orderly: error === undefined,
      writtenBytes: this.#writtenBytes,
      why: error === undefined ? "nobody reads it any more" : error.message,
    });
    this.#context.terminate();
  }
}
