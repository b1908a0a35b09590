/**
 * What stands for standard input, output and error when a session runs inside a program: streams of that program. The
 * process's own streams and its terminal are not touched.
 */
import type {
  InputUse,
  LocalStream,
  LocalStreamEvents,
  StandardStreams,
  WindowSize,
} from "../session/index.ts";
import { NoInputError, SessionStateError } from "./errors.ts";
import { Inlet } from "./inlet.ts";
import { Outlet } from "./outlet.ts";

/** The window that a session without one reports, as AWS's client does: wide, so that no line is wrapped. */
const NO_WINDOW: WindowSize = { cols: 300, rows: 100 };

/** See the file's comment. */
export class ProgramStreams implements StandardStreams {
  readonly #output = new Outlet();
  readonly #errors = new Outlet();
  readonly #inlet: Inlet;
  readonly #stream: LocalStream;
  readonly #resized = new Set<() => void>();
  #size: WindowSize | undefined;
  #events: LocalStreamEvents | undefined;
  #use: InputUse = "none";
  #over = false;

  /** @param size the window that the session's terminal gets; absent: none */
  constructor(size: WindowSize | undefined) {
    this.#size = size;
    this.#inlet = new Inlet({
      data: (bytes) => this.#events?.data(bytes),
      ended: () => this.#events?.ended(),
    });
    const output = this.#output;
    const inlet = this.#inlet;
    this.#stream = {
      write: (bytes) => output.push(bytes, (taken) => this.#events?.written(taken)),
      get queuedBytes() {
        return output.untakenBytes;
      },
      endWriting: () => output.end(),
      close: () => output.end(),
      reset: () => output.end(),
      pause: () => inlet.pause(),
      resume: () => inlet.resume(),
    };
  }

  /** What the session prints. */
  get output(): ReadableStream<Uint8Array> {
    return this.#output.readable;
  }

  /** What a command prints to its standard error. */
  get errorOutput(): ReadableStream<Uint8Array> {
    return this.#errors.readable;
  }

  get hasWindow(): boolean {
    return this.#size !== undefined;
  }

  attach(events: LocalStreamEvents, input: InputUse): LocalStream {
    this.#events = events;
    this.#use = input;
    return this.#stream;
  }

  writeError(bytes: Uint8Array, written: (bytes: number) => void): void {
    this.#errors.push(bytes, written);
  }

  windowSize(): WindowSize {
    return this.#size ?? NO_WINDOW;
  }

  onResize(changed: () => void): () => void {
    this.#resized.add(changed);
    return () => void this.#resized.delete(changed);
  }

  /** The program's window has another size now. */
  resize(size: WindowSize): void {
    this.#size = size;
    for (const changed of this.#resized) changed();
  }

  /** Bytes for the session; see {@link Inlet.write}. */
  async write(bytes: Uint8Array): Promise<void> {
    this.#checkInput();
    await this.#inlet.write(bytes);
  }

  /** The end of them. */
  async endInput(): Promise<void> {
    this.#checkInput();
    await this.#inlet.end();
  }

  /** The session is over. @param error why its output is not complete, if it is not */
  end(error: Error | undefined): void {
    this.#over = true;
    this.#output.end(error);
    this.#errors.end(error);
    this.#inlet.close(new SessionStateError("the session has ended, it takes no input any more"));
  }

  #checkInput(): void {
    if (!this.#over && this.#use === "none") throw new NoInputError();
  }
}
