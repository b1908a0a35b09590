/**
 * The sending half: decides when a message may go out, what is lost, when it goes again and how fast, from acks,
 * timeouts, pauses and the state of the connection. Knows frames and sizes, not what is in them.
 */
import { ChannelLimitError } from "./errors.ts";
import type { FrameFactory } from "./frames.ts";
import type { ChannelLimits, ChannelPolicies } from "./limits.ts";
import { Outbox, type OutboxEntry } from "./outbox.ts";
import { RttEstimator } from "./rtt.ts";
import { DelayWindow } from "./window.ts";

/** After so many timeouts in a row without any ack, one message at a time is sent to look for the peer. */
const PROBING_AFTER_TIMEOUTS = 2;

/** Reliable sending of one direction. */
export class Sender {
  readonly #limits: ChannelLimits;
  readonly #policies: ChannelPolicies;
  readonly #frames: FrameFactory;
  readonly #transmitFrame: (frame: Uint8Array) => void;
  readonly #outbox = new Outbox();
  readonly #rtt: RttEstimator;
  readonly #window: DelayWindow;

  #connected = false;
  #paused = false;
  #reportedPaused = false;
  #pausedAtMs = 0;
  /** Sendings with a higher number happened after the pause began. */
  #pausedAtTransmission = 0;
  #probeGranted = false;
  #startedOverAtMs = Number.NEGATIVE_INFINITY;

  /** Timeouts since the last ack that removed something. */
  #silentTimeouts = 0;
  #lastAckAtMs = Number.NEGATIVE_INFINITY;
  #latestTransmission = 0;
  /** Latest sending that is known to have arrived. */
  #arrivedTransmission = 0;

  #sentMessages = 0;
  #resentMessages = 0;
  #timeouts = 0;

  /** @param transmit gives a frame to the transport */
  constructor(
    frames: FrameFactory,
    transmit: (frame: Uint8Array) => void,
    limits: ChannelLimits,
    policies: ChannelPolicies,
  ) {
    this.#frames = frames;
    this.#transmitFrame = transmit;
    this.#limits = limits;
    this.#policies = policies;
    this.#rtt = new RttEstimator(limits);
    this.#window = new DelayWindow(limits);
  }

  get connected(): boolean {
    return this.#connected;
  }

  get paused(): boolean {
    return this.#paused;
  }

  /** Whether `paused` is another than when this was last asked. */
  pauseChanged(): boolean {
    const changed = this.#paused !== this.#reportedPaused;
    this.#reportedPaused = this.#paused;
    return changed;
  }

  /** The sending half's part of the channel's figures. */
  get stats() {
    return {
      rttMs: this.#rtt.smoothedMs,
      minRttMs: this.#window.baseRttMs,
      rtoMs: this.rtoMs,
      windowBytes: Math.floor(this.#window.windowBytes),
      unackedBytes: this.#outbox.unackedBytes,
      unackedMessages: this.#outbox.unackedMessages,
      sentMessages: this.#sentMessages,
      resentMessages: this.#resentMessages,
      timeouts: this.#timeouts,
      /** When an acknowledgement last removed something; undefined before the first. */
      answeredAtMs: this.#lastAckAtMs === Number.NEGATIVE_INFINITY ? undefined : this.#lastAckAtMs,
    };
  }

  /** Current retransmission timeout; in a pause at least the longest back-off: nobody is there to hurry for. */
  get rtoMs(): number {
    return this.#paused ? Math.max(this.#rtt.rtoMs, this.#limits.maxBackoffMs) : this.#rtt.rtoMs;
  }

  /** Whether a new message may go out at once, the window aside. */
  get open(): boolean {
    if (!this.#connected) return false;
    return !this.#paused || (this.#probeGranted && this.#outbox.unackedMessages === 0);
  }

  /** Payload bytes of new data that may be sent now. */
  get room(): number {
    if (!this.open || this.#outbox.firstLost !== undefined) return 0;
    if (this.#paused) return this.#limits.minRoomBytes;
    if (this.#outbox.unackedMessages >= this.#limits.maxUnackedMessages) return 0;
    const inFlightBytes = this.#outbox.inFlightBytes;
    const room = Math.floor(
      Math.min(
        this.#window.windowBytes - inFlightBytes,
        this.#limits.maxUnackedBytes - this.#outbox.unackedBytes,
      ),
    );
    return room >= this.#limits.minRoomBytes ? room : 0;
  }

  /** Why a payload of this size cannot be kept until it is acknowledged; undefined when it can. */
  refusal(payloadBytes: number): ChannelLimitError | undefined {
    const { hardUnackedBytes, hardUnackedMessages } = this.#limits;
    const bytes = this.#outbox.unackedBytes + payloadBytes;
    if (bytes > hardUnackedBytes) return new ChannelLimitError("hardUnackedBytes", bytes, hardUnackedBytes);
    const messages = this.#outbox.unackedMessages + 1;
    if (messages <= hardUnackedMessages) return undefined;
    return new ChannelLimitError("hardUnackedMessages", messages, hardUnackedMessages);
  }

  /** Sends a new message. The caller has seen that `open` is true and `refusal` undefined. */
  send(payloadType: number, payload: Uint8Array, nowMs: number): void {
    const frame = this.#frames.data(this.#outbox.nextSequenceNumber, payloadType, payload, nowMs);
    this.#transmit(this.#outbox.add(frame, payload.length), nowMs);
  }

  /** An ack arrived; one for a number that is not waiting changes nothing. */
  acknowledge(sequenceNumber: number, nowMs: number): void {
    const entry = this.#outbox.acknowledge(sequenceNumber);
    if (entry === undefined) return;
    this.#silentTimeouts = 0;
    this.#lastAckAtMs = nowMs;
    // The delay of what was already given up tells of an outage, not of a queue: the window does not learn from it.
    const windowRttMs = entry.clean && !entry.givenUp ? Math.max(0, nowMs - entry.sentAtMs) : -1;
    if (entry.clean) {
      this.#rtt.sample(nowMs - entry.sentAtMs);
      if (entry.transmission > this.#arrivedTransmission) this.#arrivedTransmission = entry.transmission;
    }
    if (this.#wasOnlyLate(entry, nowMs)) {
      this.#window.undoCollapse();
      this.#outbox.restoreLost(nowMs);
    } else if (entry.clean) this.#window.confirmCollapse();
    this.#window.acked(
      entry.payloadBytes,
      windowRttMs,
      sequenceNumber,
      this.#outbox.nextSequenceNumber,
      nowMs,
    );
    if (this.#paused && entry.transmission > this.#pausedAtTransmission) this.#endPause();
    this.#sendLost(nowMs);
  }

  /** The transport is up, for the first time or again; `startOver` must follow. */
  connect(): void {
    this.#connected = true;
    // Whether the other side is away is told anew on every connection.
    this.#endPause();
  }

  /** After a connection or the end of a pause: everything unacknowledged is sent again, window by window. */
  startOver(nowMs: number): void {
    this.#startedOverAtMs = nowMs;
    this.#silentTimeouts = 0;
    this.#rtt.resetBackoff();
    this.#window.restart();
    if (this.#policies.resend) this.#outbox.loseAll(true);
    this.#sendLost(nowMs);
  }

  /** The transport is gone. */
  disconnect(): void {
    this.#connected = false;
  }

  /** The other side is away: nothing new, and what is unacknowledged goes again one message at a time. */
  pause(nowMs: number): void {
    if (this.#paused || !this.#policies.honourPause) return;
    this.#paused = true;
    this.#pausedAtMs = nowMs;
    this.#pausedAtTransmission = this.#latestTransmission;
  }

  /**
   * The other side is back. What was sent while it was away is gone. One that comes and goes all the time does not get
   * everything again each time: what the last start repeated has its timeouts.
   */
  resume(nowMs: number): void {
    if (!this.#paused) return;
    this.#endPause();
    if (!this.#connected) return;
    if (nowMs - this.#startedOverAtMs < this.rtoMs) this.#sendLost(nowMs);
    else this.startOver(nowMs);
  }

  /** Does what has fallen due. */
  tick(nowMs: number): void {
    if (!this.#connected) return;
    if (this.#paused && !this.#probeGranted && nowMs >= this.#pausedAtMs + this.#limits.pauseProbeMs) {
      this.#probeGranted = true;
    }
    const oldest = this.#outbox.oldestInFlight;
    if (!this.#policies.resend || oldest === undefined) return;
    const timeoutMs = this.rtoMs;
    // The same sum as in `nextWakeAt`: a difference may round the other way and be early for ever.
    if (nowMs < oldest.timerAtMs + timeoutMs) return;
    this.#timeouts++;
    if (this.#othersArrive(oldest)) {
      this.#window.lost();
      this.#outbox.expire(timeoutMs, nowMs);
    } else {
      this.#silentTimeouts++;
      this.#rtt.backOff();
      this.#window.collapse();
      this.#outbox.loseAll(false);
    }
    this.#sendLost(nowMs);
  }

  /** When `tick` has something to do. */
  get nextWakeAt(): number | undefined {
    if (!this.#connected) return undefined;
    const oldest = this.#outbox.oldestInFlight;
    const timeoutAtMs =
      oldest === undefined || !this.#policies.resend ? undefined : oldest.timerAtMs + this.rtoMs;
    if (!this.#paused || this.#probeGranted) return timeoutAtMs;
    const probeAtMs = this.#pausedAtMs + this.#limits.pauseProbeMs;
    return timeoutAtMs === undefined ? probeAtMs : Math.min(timeoutAtMs, probeAtMs);
  }

  /**
   * Whether a message that was taken for lost has arrived by its first sending: it was not sent again yet, or so
   * shortly before its ack that this cannot be the answer. Then the others are only late as well.
   */
  #wasOnlyLate(entry: OutboxEntry, nowMs: number): boolean {
    if (entry.clean) return entry.lost;
    return !entry.lost && nowMs - entry.sentAtMs < (this.#window.baseRttMs ?? 0) / 2;
  }

  /** Whether something sent after this message has arrived, surely or, judged by the time of the last ack, probably. */
  #othersArrive(entry: OutboxEntry): boolean {
    if (this.#arrivedTransmission > entry.transmission) return true;
    const roundTripMs = Math.max(this.#rtt.smoothedMs ?? 0, this.rtoMs / 2);
    return this.#lastAckAtMs > entry.timerAtMs + roundTripMs;
  }

  #endPause(): void {
    this.#paused = false;
    this.#probeGranted = false;
  }

  /** Sends lost messages as far as the window allows; a silent or absent peer gets one at a time. */
  #sendLost(nowMs: number): void {
    if (!this.#connected) return;
    const oneAtATime = this.#paused || this.#silentTimeouts >= PROBING_AFTER_TIMEOUTS;
    for (let entry = this.#outbox.firstLost; entry !== undefined; entry = this.#outbox.firstLost) {
      const inFlightBytes = this.#outbox.inFlightBytes;
      if (this.#outbox.oldestInFlight !== undefined) {
        if (oneAtATime || inFlightBytes + entry.payloadBytes > this.#window.windowBytes) return;
      }
      this.#transmit(entry, nowMs);
    }
  }

  #transmit(entry: OutboxEntry, nowMs: number): void {
    if (entry.transmission === 0) this.#sentMessages++;
    else this.#resentMessages++;
    this.#outbox.markSent(entry, nowMs);
    this.#latestTransmission = entry.transmission;
    this.#window.sent(this.#outbox.inFlightBytes, entry.payloadBytes, nowMs);
    this.#transmitFrame(entry.frame);
  }
}
