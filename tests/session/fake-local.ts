/**
 * The local outside of a session as literals that a test drives by hand: connections, listeners, standard streams.
 * Each keeps to its seam's rules (a paused stream delivers nothing, `closed` comes once).
 */
import type {
  Accept,
  InputUse,
  Listen,
  Listener,
  ListenTarget,
  LocalStream,
  LocalStreamEvents,
  StandardStreams,
  WindowSize,
} from "../../src/session/index.ts";

/** One local byte stream, driven from the program's side. */
export class FakeLocal implements LocalStream {
  readonly chunks: Uint8Array[] = [];
  queuedBytes = 0;
  /** The program does not read: what is written stays queued until {@link take}. */
  stalled = false;
  paused = false;
  pauses = 0;
  /** `closed` comes from inside `reset`; some streams do that. */
  closesAtOnce = false;
  isReset = false;
  isClosed = false;
  onWrite: (bytes: Uint8Array) => void = () => {};
  events: LocalStreamEvents | undefined;
  #closing = false;
  #waiting: (() => void)[] = [];

  write(bytes: Uint8Array): void {
    if (this.isClosed || this.#closing) return;
    this.chunks.push(bytes);
    this.queuedBytes += bytes.length;
    this.onWrite(bytes);
    if (!this.stalled) queueMicrotask(() => this.take());
  }

  endWriting(): void {
    throw new Error("nothing uses endWriting");
  }

  close(): void {
    this.#closing = true;
    this.#closeWhenEmpty();
  }

  reset(): void {
    if (this.isClosed) return;
    this.isReset = true;
    this.queuedBytes = 0;
    if (this.closesAtOnce) this.#closed();
    else queueMicrotask(() => this.#closed());
  }

  pause(): void {
    this.paused = true;
    this.pauses++;
  }

  resume(): void {
    this.paused = false;
    while (!this.paused) {
      const deliver = this.#waiting.shift();
      if (deliver === undefined) return;
      deliver();
    }
  }

  /** The program reads up to so many of the queued bytes. */
  take(bytes = Number.POSITIVE_INFINITY): void {
    const taken = Math.min(bytes, this.queuedBytes);
    if (taken === 0 || this.isClosed || this.isReset) return;
    this.queuedBytes -= taken;
    this.events?.written(taken);
    if (this.#closing) this.#closeWhenEmpty();
  }

  /** The program writes; waits while it is not read. */
  send(bytes: Uint8Array | string): void {
    const data = typeof bytes === "string" ? Buffer.from(bytes) : bytes;
    this.#read(() => this.events?.data(data));
  }

  /** The program half-closes. */
  end(): void {
    this.#read(() => this.events?.ended());
  }

  /** The program is gone. */
  closeByPeer(error?: Error): void {
    if (error === undefined) this.#read(() => this.#closed());
    else this.#closed(error);
  }

  /** Everything written to it. */
  get text(): string {
    return Buffer.concat(this.chunks).toString("latin1");
  }

  get bytes(): number {
    return this.chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  }

  #read(deliver: () => void): void {
    if (this.isClosed) return;
    if (this.paused) this.#waiting.push(deliver);
    else deliver();
  }

  #closeWhenEmpty(): void {
    if (this.queuedBytes === 0) queueMicrotask(() => this.#closed());
  }

  #closed(error?: Error): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.#waiting = [];
    if (error === undefined) this.events?.closed();
    else this.events?.closed(error);
  }
}

/** Standard input, output and error. */
export class FakeStreams implements StandardStreams {
  /** Standard input and output; what is written stands in its `text`. */
  readonly pair = new FakeLocal();
  readonly uses: InputUse[] = [];
  errorText = "";
  hasWindow = false;
  size: WindowSize | undefined = { cols: 300, rows: 100 };
  #resized: (() => void)[] = [];
  #reading = false;

  constructor() {
    this.pair.paused = true;
  }

  attach(events: LocalStreamEvents, input: InputUse): LocalStream {
    this.pair.events = events;
    this.uses.push(input);
    if (input !== "none" && !this.#reading) {
      this.#reading = true;
      queueMicrotask(() => this.pair.resume());
    }
    return this.pair;
  }

  writeError(bytes: Uint8Array, written: (bytes: number) => void): void {
    written(bytes.length);
    this.errorText += Buffer.from(bytes).toString("latin1");
  }

  windowSize(): WindowSize | undefined {
    return this.size;
  }

  onResize(changed: () => void): () => void {
    this.#resized.push(changed);
    return () => {
      this.#resized = this.#resized.filter((listener) => listener !== changed);
    };
  }

  resize(cols: number, rows: number): void {
    this.size = { cols, rows };
    for (const changed of this.#resized) changed();
  }
}

/** Listeners; each connection a test makes is accepted or refused at once. */
export class FakeNet {
  readonly targets: ListenTarget[] = [];
  stopped = 0;
  failure: Error | undefined;
  #accept: Accept | undefined;

  readonly listen: Listen = async (target, accept) => {
    this.targets.push(target);
    if (this.failure !== undefined) throw this.failure;
    this.#accept = accept;
    const listener: Listener = {
      port: target.kind === "tcp" ? target.port || 40_000 : 0,
      addresses: ["127.0.0.1:40000"],
      stop: () => {
        this.stopped++;
      },
    };
    return listener;
  };

  /** A program connects; undefined when it is refused. */
  connect(local = new FakeLocal()): FakeLocal | undefined {
    const events = this.#accept?.(local);
    if (events === undefined) return undefined;
    local.events = events;
    return local;
  }
}
