/**
 * One connection through a port session, without a socket: the program has two web streams, the session has what it
 * takes for a local socket.
 */
import type { LocalStream, LocalStreamEvents } from "../session/index.ts";
import { ConnectionResetError } from "./errors.ts";
import { Inlet } from "./inlet.ts";
import { Outlet } from "./outlet.ts";

/** See the file's comment. Made by {@link Session.connect}. */
export class Connection implements AsyncDisposable {
  /** What the destination sends; ends when it closes, breaks off with an error when the connection is reset. */
  readonly readable: ReadableStream<Uint8Array>;
  /** What the destination gets; closing it is a half-close, aborting it a reset. */
  readonly writable: WritableStream<Uint8Array>;
  /** Resolves when the connection is gone, both ways. */
  readonly closed: Promise<void>;
  readonly #outlet = new Outlet();
  readonly #inlet: Inlet;
  readonly #closed = Promise.withResolvers<void>();
  #events: LocalStreamEvents | undefined;
  #gone = false;

  /** @param open hands the session its side of the connection; returns undefined when that does not take it */
  constructor(open: (stream: LocalStream) => LocalStreamEvents | undefined) {
    const outlet = this.#outlet;
    const inlet = new Inlet({
      data: (bytes) => this.#events?.data(bytes),
      ended: () => this.#events?.ended(),
    });
    this.#inlet = inlet;
    this.closed = this.#closed.promise;
    this.readable = outlet.readable;
    this.writable = new WritableStream<Uint8Array>({
      write: (bytes) => inlet.write(bytes),
      close: () => inlet.end(),
      abort: () => this.reset(),
    });
    this.#events = open({
      write: (bytes) => outlet.push(bytes, (taken) => this.#events?.written(taken)),
      get queuedBytes() {
        return outlet.untakenBytes;
      },
      endWriting: () => outlet.end(),
      close: () => {
        outlet.end();
        outlet.whenTaken(() => this.#end(undefined));
      },
      reset: () => {
        outlet.end(new ConnectionResetError());
        queueMicrotask(() => this.#end(undefined));
      },
      pause: () => inlet.pause(),
      resume: () => inlet.resume(),
    });
    if (this.#events === undefined) this.#end(undefined);
  }

  /** Whether the session has taken it. */
  get isAccepted(): boolean {
    return this.#events !== undefined;
  }

  /**
   * Sends the end behind what was written, throws away what still comes, and waits for the end of the connection: the
   * answer may go on for the linger of two seconds, as it may with a socket. A reader of {@link readable} sees its end
   * at once. {@link reset} does not wait.
   */
  async close(): Promise<void> {
    this.#outlet.discard();
    await this.#inlet.end();
    await this.closed;
  }

  /** Drops the connection at once; the destination may see less than was written. */
  reset(): void {
    const error = new ConnectionResetError();
    this.#outlet.discard(error);
    this.#end(error);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** @param error for the session: the program has broken the connection off */
  #end(error: Error | undefined): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#inlet.close(new ConnectionResetError());
    this.#events?.closed(error);
    this.#closed.resolve();
  }
}
