/**
 * The remote outside of a session as literals that a test drives by hand: gateway connections, the API, KMS. Each
 * keeps to its seam's rules (a paused transport delivers nothing, `closed` comes once).
 */
import type {
  DataKeySource,
  ResumedSession,
  SessionApi,
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
    const copy = typeof data === "string" ? data : new Uint8Array(data);
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
  /** Which sessions the calls were about. */
  readonly sessionIds = new Set<string>();
  onResume: (count: number) => Promise<ResumedSession | undefined> = (count) =>
    Promise.resolve({ streamUrl: `wss://gateway.test/${count}`, tokenValue: `token-${count}` });
  onTerminate: () => Promise<void> = () => Promise.resolve();

  resume(sessionId: string): Promise<ResumedSession | undefined> {
    this.sessionIds.add(sessionId);
    return this.onResume(++this.resumes);
  }

  terminate(sessionId: string): Promise<void> {
    this.sessionIds.add(sessionId);
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
