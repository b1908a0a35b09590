/**
 * The outside of a session as literals that a test drives by hand: gateway connections, the API, local connections,
 * standard streams. Each keeps to its seam's rules (a paused reader gets nothing, `closed` comes once), so that a
 * session that breaks them shows.
 */
import type {
  Accept,
  DataKeySource,
  InputUse,
  Listen,
  Listener,
  ListenTarget,
  LocalStream,
  LocalStreamEvents,
  ResumedSession,
  SessionApi,
  StandardStreams,
  Transport,
  TransportEnd,
  TransportEvents,
  TransportTarget,
} from "../../src/session/index.ts";

/** One connection to the gateway. */
export class FakeTransport implements Transport {
  readonly target: TransportTarget;
  readonly sent: (Uint8Array | string)[] = [];
  pings = 0;
  bufferedBytes = 0;
  paused = false;
  /** Code of the close frame that was sent. */
  closeCode: number | undefined;
  terminated = false;
  ended = false;
  /** Called for each message sent. */
  onSend: (data: Uint8Array | string) => void = () => {};
  readonly #events: TransportEvents;
  #waiting: (() => void)[] = [];

  constructor(target: TransportTarget, events: TransportEvents) {
    this.target = target;
    this.#events = events;
  }

  send(data: Uint8Array | string): void {
    if (this.isOver) return;
    // The seam promises a copy.
    const copy = typeof data === "string" ? data : data.slice();
    this.sent.push(copy);
    this.onSend(copy);
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
    for (const deliver of this.#waiting.splice(0)) this.#deliver(deliver);
  }

  ping(): void {
    this.pings++;
  }

  close(code: number): void {
    this.closeCode = code;
  }

  terminate(): void {
    this.terminated = true;
  }

  /** Closed by either side. */
  get isOver(): boolean {
    return this.ended || this.terminated || this.closeCode !== undefined;
  }

  opened(): void {
    this.#events.opened();
  }

  message(data: Uint8Array | string): void {
    this.#deliver(() => this.#events.message(data));
  }

  pong(): void {
    this.#deliver(() => this.#events.pong());
  }

  /** The connection ends; 1006 without a word unless told otherwise. */
  end(end: Partial<TransportEnd> = {}): void {
    this.#deliver(() => {
      if (this.ended) return;
      this.ended = true;
      this.#events.closed({ code: 1006, reason: "", ...end });
    });
  }

  #deliver(deliver: () => void): void {
    if (this.paused) this.#waiting.push(deliver);
    else deliver();
  }
}

/** An error of the API as the seam describes it. */
export function apiError(message: string, retryable: boolean): Error {
  return Object.assign(new Error(message), { retryable });
}

/** The API; counts its calls. */
export class FakeApi implements SessionApi {
  resumes = 0;
  terminations = 0;
  onResume: (count: number) => Promise<ResumedSession | undefined> = (count) =>
    Promise.resolve({ streamUrl: `wss://gateway.test/${count}`, tokenValue: `token-${count}` });
  onTerminate: () => Promise<void> = () => Promise.resolve();

  resume(): Promise<ResumedSession | undefined> {
    return this.onResume(++this.resumes);
  }

  terminate(): Promise<void> {
    this.terminations++;
    return this.onTerminate();
  }
}

/** KMS; hands out one data key and remembers what it was asked. */
export class FakeKeys implements DataKeySource {
  readonly target = "i-0123456789abcdef0";
  refusal?: string;
  plaintext: Uint8Array = Uint8Array.from({ length: 64 }, (_, at) => at);
  readonly asked: { readonly keyId: string; readonly context: Readonly<Record<string, string>> }[] = [];
  failure: Error | undefined;

  generate(
    keyId: string,
    context: Readonly<Record<string, string>>,
  ): Promise<{ readonly plaintext: Uint8Array; readonly ciphertext: Uint8Array }> {
    this.asked.push({ keyId, context });
    if (this.failure !== undefined) return Promise.reject(this.failure);
    return Promise.resolve({ plaintext: this.plaintext, ciphertext: Buffer.from("encrypted key") });
  }

  randomBytes(count: number): Uint8Array {
    return new Uint8Array(count).fill(7);
  }
}

/** One local byte stream, driven from the program's side. */
export class FakeLocal implements LocalStream {
  readonly chunks: Uint8Array[] = [];
  queuedBytes = 0;
  /** The program does not read: what is written stays queued until {@link take}. */
  stalled = false;
  paused = false;
  pauses = 0;
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
    queueMicrotask(() => this.#closed());
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
  size = { cols: 300, rows: 100 };
  #resized: (() => void)[] = [];

  attach(events: LocalStreamEvents, input: InputUse): LocalStream {
    this.pair.events = events;
    this.uses.push(input);
    return this.pair;
  }

  writeError(bytes: Uint8Array): void {
    this.errorText += Buffer.from(bytes).toString("latin1");
  }

  windowSize(): { readonly cols: number; readonly rows: number } {
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
