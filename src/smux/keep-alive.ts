/**
 * When a NOP is due and when silence has lasted too long. Times only: the NOP itself is sent by output.ts.
 */
import { InvalidArgumentError, KeepAliveTimeoutError } from "./errors.ts";

/**
 * Keep-alive of one multiplexer. Agents up to 3.1.1511.0 send a NOP every 10 s and give up after 30 to 60 s
 * without a frame; newer ones do neither, so towards them a time-out would end idle sessions.
 */
export interface KeepAliveOptions {
  /** A NOP is sent this often, whatever else is sent. */
  readonly intervalMs: number;
  /** Longest silence of the peer; absent: silence is never an error. */
  readonly timeoutMs?: number;
  /** The time at which both begin to count, from the clock whose `now` is passed later. */
  readonly startedAt: number;
}

/** The two deadlines of a keep-alive. */
export class KeepAlive {
  readonly #intervalMs: number;
  readonly #timeoutMs: number;
  #nextNopAt: number;
  #heardAt: number;
  #suspended = false;

  /** @throws InvalidArgumentError when a duration is not above 0 */
  constructor({ intervalMs, timeoutMs = Number.POSITIVE_INFINITY, startedAt }: KeepAliveOptions) {
    if (!(intervalMs > 0)) throw new InvalidArgumentError("keepAlive.intervalMs", intervalMs, "above 0");
    if (!(timeoutMs > 0)) throw new InvalidArgumentError("keepAlive.timeoutMs", timeoutMs, "above 0");
    this.#intervalMs = intervalMs;
    this.#timeoutMs = timeoutMs;
    this.#heardAt = startedAt;
    this.#nextNopAt = startedAt + intervalMs;
  }

  /** When `tick` should be called next; undefined while suspended. */
  get nextWakeAt(): number | undefined {
    if (this.#suspended) return undefined;
    return Math.min(this.#nextNopAt, this.#heardAt + this.#timeoutMs);
  }

  /** Something came from the peer. */
  heard(now: number): void {
    this.#heardAt = now;
  }

  /**
   * Whether a NOP is due now; after a true answer the next one is an interval away.
   *
   * @throws KeepAliveTimeoutError when the peer has been silent for too long
   */
  tick(now: number): boolean {
    if (this.#suspended) return false;
    const silentMs = now - this.#heardAt;
    if (silentMs >= this.#timeoutMs) throw new KeepAliveTimeoutError(silentMs, this.#timeoutMs);
    if (now < this.#nextNopAt) return false;
    this.#nextNopAt = now + this.#intervalMs;
    return true;
  }

  /** Stops both: nothing can be sent or heard at the moment, and that is not the peer's fault. */
  suspend(): void {
    this.#suspended = true;
  }

  /** Goes on; silence counts from now. Without a `suspend` before it, nothing happens. */
  resume(now: number): void {
    if (!this.#suspended) return;
    this.#suspended = false;
    this.#heardAt = now;
    this.#nextNopAt = now + this.#intervalMs;
  }
}
