/**
 * The congestion window: how many payload bytes may be on their way. Clocked by acks, steered by delay: it grows
 * while the round-trip time stays near its minimum and shrinks when messages begin to queue, long before anything
 * is lost. Knows sizes and times only; owns no messages and no clock.
 *
 * Work is done in rounds: a round ends with the ack of a message that was sent after it began, so it lasts about
 * one round trip. The smallest round-trip time of a round is what counts, which filters out acks that arrive in
 * batches and the pauses of schedulers and garbage collectors.
 */

/** The limits that the window needs. */
export interface WindowLimits {
  readonly initialWindowBytes: number;
  readonly minWindowBytes: number;
  /** Largest window. */
  readonly maxUnackedBytes: number;
  readonly targetDelayMs: number;
  readonly targetDelayFraction: number;
  readonly baseRttAgeMs: number;
  readonly idleRestartMs: number;
}

/** Slow start doubles the window in one round, too fast to wait for its end: it looks at every so many samples. */
const GROUP_SAMPLES = 8;
/** Most that one round may grow the window by after slow start, and shrink it to. */
const MAX_GROWTH = 1.25;
const MAX_SHRINK = 0.5;
/** What one round with a lost message shrinks the window to. */
const LOSS_SHRINK = 0.75;
/**
 * Rounds of a drain: one to empty the queue, one whose messages meet it empty, one to be sure, and one with the
 * whole window again, whose samples are mixed and not judged.
 */
const DRAIN_ROUNDS = 4;
/** After so many rounds at the smallest window with a queue still seen, there is no queue: the path is longer. */
const FLOOR_ROUNDS = 5;

/** Delay-based congestion window of one data channel. */
export class DelayWindow {
  readonly #limits: WindowLimits;
  #windowBytes: number;
  /** Slow start ends here at the latest. */
  #slowStartUntilBytes: number;
  #slowStart = true;
  /** Window before a collapse that may turn out to be a mistake; 0 when there is none. */
  #collapsedFromBytes = 0;
  #collapsedInSlowStart = false;

  /** Smallest round-trip time of the path, -1 before the first sample. */
  #baseRttMs = -1;
  /** When a sample near the base was last seen. */
  #baseSeenAtMs = 0;

  #roundEnd = 0;
  #roundMinMs = Number.POSITIVE_INFINITY;
  #groupMinMs = Number.POSITIVE_INFINITY;
  #groupSamples = 0;
  #roundHadLoss = false;
  #roundPeakBytes = 0;
  #lastPeakBytes = 0;

  #drainRoundsLeft = 0;
  #drainBytes = 0;
  #roundsAtFloor = 0;
  #lastSentAtMs = Number.NEGATIVE_INFINITY;

  constructor(limits: WindowLimits) {
    this.#limits = limits;
    this.#windowBytes = limits.initialWindowBytes;
    this.#slowStartUntilBytes = limits.maxUnackedBytes;
  }

  /** Payload bytes that may be on their way now. */
  get windowBytes(): number {
    return this.#drainRoundsLeft > 1 ? Math.min(this.#windowBytes, this.#drainBytes) : this.#windowBytes;
  }

  /** Smallest recent round-trip time in milliseconds; undefined before the first sample. */
  get baseRttMs(): number | undefined {
    return this.#baseRttMs < 0 ? undefined : this.#baseRttMs;
  }

  /** A message was sent; `inFlightBytes` includes it. */
  sent(inFlightBytes: number, payloadBytes: number, nowMs: number): void {
    if (inFlightBytes === payloadBytes && nowMs - this.#lastSentAtMs > this.#limits.idleRestartMs) {
      // What the path bore before the pause says little about now, and a full window would be one burst.
      this.#shrinkTo(Math.min(this.#windowBytes, this.#limits.initialWindowBytes));
      this.#slowStart = true;
    }
    this.#lastSentAtMs = nowMs;
    if (inFlightBytes > this.#roundPeakBytes) this.#roundPeakBytes = inFlightBytes;
  }

  /**
   * A message was acknowledged.
   * @param rttMs its round-trip time, or -1 when it is no fair sample
   * @param sequenceNumber of the message
   * @param nextSequenceNumber the number that the next new message will get
   */
  acked(
    payloadBytes: number,
    rttMs: number,
    sequenceNumber: number,
    nextSequenceNumber: number,
    nowMs: number,
  ): void {
    if (this.#slowStart && this.#drainRoundsLeft === 0 && this.#wasUsed(2)) {
      this.#windowBytes = Math.min(
        this.#windowBytes + payloadBytes,
        Math.max(this.#slowStartUntilBytes, this.#windowBytes),
      );
      if (this.#windowBytes >= this.#slowStartUntilBytes) this.#slowStart = false;
    }
    if (rttMs < 0) return;
    if (this.#baseRttMs < 0 || rttMs <= this.#baseRttMs) {
      this.#baseRttMs = rttMs;
      this.#baseSeenAtMs = nowMs;
    }
    if (rttMs < this.#roundMinMs) this.#roundMinMs = rttMs;
    if (this.#slowStart) this.#watchSlowStart(rttMs);
    if (sequenceNumber >= this.#roundEnd) this.#endRound(nextSequenceNumber, nowMs);
  }

  /** A message was lost while others got through: a hint of trouble, taken at most once in a round. */
  lost(): void {
    if (this.#roundHadLoss) return;
    this.#roundHadLoss = true;
    this.#slowStart = false;
    this.#shrinkTo(this.#windowBytes * LOSS_SHRINK);
  }

  /** Nothing at all was acknowledged in time: start from the smallest window, up to half of what it was. */
  collapse(): void {
    if (this.#collapsedFromBytes === 0) {
      this.#collapsedFromBytes = this.#windowBytes;
      this.#collapsedInSlowStart = this.#slowStart;
    }
    this.#slowStartUntilBytes = Math.max(this.#collapsedFromBytes / 2, 2 * this.#limits.minWindowBytes);
    this.#windowBytes = this.#limits.minWindowBytes;
    this.#slowStart = true;
    this.#drainRoundsLeft = 0;
  }

  /** The collapse was a mistake: what was thought lost has arrived, only late. */
  undoCollapse(): void {
    if (this.#collapsedFromBytes === 0) return;
    this.#windowBytes = Math.max(this.#windowBytes, this.#collapsedFromBytes);
    this.#slowStart = this.#collapsedInSlowStart;
    this.#slowStartUntilBytes = this.#limits.maxUnackedBytes;
    this.#collapsedFromBytes = 0;
  }

  /** The collapse is history: new data sent since has arrived. */
  confirmCollapse(): void {
    this.#collapsedFromBytes = 0;
  }

  /** A new connection: perhaps another path. */
  restart(): void {
    this.#windowBytes = Math.min(
      Math.max(this.#windowBytes, this.#collapsedFromBytes),
      this.#limits.initialWindowBytes,
    );
    this.#slowStartUntilBytes = this.#limits.maxUnackedBytes;
    this.#slowStart = true;
    this.#collapsedFromBytes = 0;
    this.#baseRttMs = -1;
    this.#roundMinMs = Number.POSITIVE_INFINITY;
    this.#drainRoundsLeft = 0;
    this.#roundsAtFloor = 0;
  }

  /** Whether at least one `part` of the window was used lately: growing what nobody uses proves nothing. */
  #wasUsed(part: number): boolean {
    return Math.max(this.#roundPeakBytes, this.#lastPeakBytes) * part >= this.#windowBytes;
  }

  #targetMs(): number {
    return Math.max(this.#limits.targetDelayMs, this.#baseRttMs * this.#limits.targetDelayFraction);
  }

  #shrinkTo(bytes: number): void {
    this.#windowBytes = Math.max(bytes, this.#limits.minWindowBytes);
  }

  #endRound(nextSequenceNumber: number, nowMs: number): void {
    const roundMinMs = this.#roundMinMs;
    if (this.#drainRoundsLeft > 0) this.#drainRound(roundMinMs, nowMs);
    else {
      if (roundMinMs <= this.#baseRttMs * 1.05 + 0.5) this.#baseSeenAtMs = nowMs;
      if (nowMs - this.#baseSeenAtMs > this.#limits.baseRttAgeMs) this.#startDrain(roundMinMs);
      else this.#steer(roundMinMs, nowMs);
    }
    this.#roundEnd = nextSequenceNumber;
    this.#roundMinMs = Number.POSITIVE_INFINITY;
    this.#roundHadLoss = false;
    this.#lastPeakBytes = this.#roundPeakBytes;
    this.#roundPeakBytes = 0;
  }

  /** Window and round-trip time are proportional: what leads to the target, 1 at most, and not too much at once. */
  #shrinkFactor(rttMs: number): number {
    return Math.min(1, Math.max(MAX_SHRINK, (this.#baseRttMs + this.#targetMs()) / Math.max(rttMs, 0.01)));
  }

  #watchSlowStart(rttMs: number): void {
    if (rttMs < this.#groupMinMs) this.#groupMinMs = rttMs;
    if (++this.#groupSamples < GROUP_SAMPLES) return;
    if (this.#groupMinMs - this.#baseRttMs > this.#targetMs() / 2) {
      this.#slowStart = false;
      this.#shrinkTo(this.#windowBytes * this.#shrinkFactor(this.#groupMinMs));
    }
    this.#groupMinMs = Number.POSITIVE_INFINITY;
    this.#groupSamples = 0;
  }

  /** Towards the window whose queueing delay is the target. */
  #steer(roundMinMs: number, nowMs: number): void {
    const targetMs = this.#targetMs();
    if (this.#slowStart) {
      if (roundMinMs - this.#baseRttMs <= targetMs / 2) return;
      this.#slowStart = false;
    }
    const shrink = this.#shrinkFactor(roundMinMs);
    if (shrink < 1) {
      this.#watchFloor(roundMinMs, nowMs);
      this.#shrinkTo(this.#windowBytes * shrink);
      return;
    }
    this.#roundsAtFloor = 0;
    if (!this.#wasUsed(1.5)) return;
    const growth = Math.min(MAX_GROWTH, (this.#baseRttMs + targetMs) / Math.max(roundMinMs, 0.01));
    this.#windowBytes = Math.min(this.#windowBytes * growth, this.#limits.maxUnackedBytes);
  }

  #watchFloor(roundMinMs: number, nowMs: number): void {
    if (this.#windowBytes > this.#limits.minWindowBytes) return;
    if (++this.#roundsAtFloor < FLOOR_ROUNDS) return;
    this.#roundsAtFloor = 0;
    this.#baseRttMs = roundMinMs;
    this.#baseSeenAtMs = nowMs;
  }

  /**
   * Our own queue hides the path's true round-trip time: without looking underneath now and then, the base would
   * either grow old (the route has changed) or creep upwards with the queue.
   */
  #startDrain(roundMinMs: number): void {
    this.#drainRoundsLeft = DRAIN_ROUNDS;
    this.#drainBytes = Math.max(
      (this.#windowBytes * this.#baseRttMs) / roundMinMs / 2,
      this.#limits.minWindowBytes,
    );
  }

  #drainRound(roundMinMs: number, nowMs: number): void {
    if (--this.#drainRoundsLeft !== 1) return;
    this.#baseRttMs = roundMinMs;
    this.#baseSeenAtMs = nowMs;
  }
}
