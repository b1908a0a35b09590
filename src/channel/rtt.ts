/**
 * Round-trip estimator and retransmission timeout after RFC 6298. Owns no clock and no messages: samples and
 * timeouts are told to it. The caller keeps Karn's rule: no samples from messages that were sent twice.
 */

/** The limits that the estimator needs, in milliseconds. */
export interface RttLimits {
  readonly initialRtoMs: number;
  readonly minRtoMs: number;
  readonly maxRtoMs: number;
  readonly maxBackoffMs: number;
}

/**
 * The variation counts at least this much: event loops and garbage collectors on both sides stop for tens of
 * milliseconds now and then, and a window that grows makes its own round trips longer.
 */
const MIN_MARGIN_MS = 50;

/** Smoothed round-trip time, its variation, and the timeout that follows. */
export class RttEstimator {
  readonly #limits: RttLimits;
  #smoothedMs = -1;
  #variationMs = 0;
  #backoff = 1;

  constructor(limits: RttLimits) {
    this.#limits = limits;
  }

  /** Smoothed round-trip time; undefined before the first sample. */
  get smoothedMs(): number | undefined {
    return this.#smoothedMs < 0 ? undefined : this.#smoothedMs;
  }

  /** Takes one measured round trip. It also ends the back-off: the path is known again. */
  sample(rttMs: number): void {
    const rtt = Math.min(Math.max(rttMs, 0), this.#limits.maxRtoMs);
    if (this.#smoothedMs < 0) {
      this.#smoothedMs = rtt;
      this.#variationMs = rtt / 2;
    } else {
      this.#variationMs += (Math.abs(this.#smoothedMs - rtt) - this.#variationMs) / 4;
      this.#smoothedMs += (rtt - this.#smoothedMs) / 8;
    }
    this.#backoff = 1;
  }

  /** Doubles the timeout: nothing was acknowledged in time. */
  backOff(): void {
    if (this.rtoMs < this.#limits.maxBackoffMs) this.#backoff *= 2;
  }

  /** Forgets the back-off, as after a reconnect. */
  resetBackoff(): void {
    this.#backoff = 1;
  }

  /** How long to wait for an ack, in milliseconds. */
  get rtoMs(): number {
    const { initialRtoMs, minRtoMs, maxRtoMs, maxBackoffMs } = this.#limits;
    const computed =
      this.#smoothedMs < 0
        ? initialRtoMs
        : Math.min(
            maxRtoMs,
            Math.max(minRtoMs, this.#smoothedMs + Math.max(MIN_MARGIN_MS, 4 * this.#variationMs)),
          );
    return this.#backoff === 1
      ? computed
      : Math.max(computed, Math.min(computed * this.#backoff, maxBackoffMs));
  }
}
