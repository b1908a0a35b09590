/**
 * The agent's sending half: numbers messages, keeps them until they are acknowledged and sends them again.
 * It behaves as the real agent does, weak points included: only the oldest message is ever sent again.
 * It knows nothing of what the payloads mean and does not read its sources; they ask it whether they may go on.
 */
import { outputFrame } from "./frame.ts";

/** Most unacknowledged messages that are kept; further ones are sent once and forgotten. */
export const MAX_STORED_MESSAGES = 100_000;

/** How often the oldest message is looked at, in milliseconds. */
export const RESEND_INTERVAL_MS = 100;

/**
 * Unacknowledged bytes at which a source that is not paced has to wait, and the lower mark at which it may go
 * on. The real agent has no such window: its 1 ms sleep and its blocking socket slow it down instead.
 */
export const WINDOW_BYTES = 4 * 1024 * 1024;
const WINDOW_REOPEN_BYTES = 3 * 1024 * 1024;

/**
 * Bytes that wait at the gateway at which the agent's own socket blocks. Below it the agent learns nothing of the client's
 * line: the gateway takes what it sends, however slow that line is.
 */
const GATEWAY_QUEUE_BYTES = 48 * 1024 * 1024;

const INITIAL_RTT_MS = 100;
const INITIAL_TIMEOUT_MS = 200;
const MAX_TIMEOUT_MS = 1000;
const CLOCK_GRANULARITY_MS = 10;
const RTT_GAIN = 1 / 8;
const VARIATION_GAIN = 1 / 4;

interface Sent {
  readonly frame: Uint8Array;
  lastSentAt: number;
  /** Its bytes no longer count for the window, though the acknowledgement itself has not been worked off. */
  credited: boolean;
}

/** What the sending half needs. */
export interface OutboxParts {
  send(frame: Uint8Array): void;
  /** Monotonic milliseconds. */
  now(): number;
  /** Bytes sent that wait at the gateway, because the client has not read them. */
  bufferedBytes(): number;
  /** What becomes of a payload before it goes on the wire: encryption. Absent: nothing. */
  outbound?(payloadType: number, payload: Uint8Array): Uint8Array;
}

/** The sending half of one agent session. */
export class Outbox {
  readonly #parts: OutboxParts;
  /** In the order of their numbers. */
  readonly #stored = new Map<number, Sent>();
  readonly #roomWaiters: (() => void)[] = [];
  readonly #activeWaiters: (() => void)[] = [];
  #nextNumber = 0;
  #windowBytes = 0;
  #paused = false;
  #rttMs = INITIAL_RTT_MS;
  #variationMs = 0;
  #timeoutMs = INITIAL_TIMEOUT_MS;
  #resent = 0;

  constructor(parts: OutboxParts) {
    this.#parts = parts;
  }

  /** The client is away: nothing is sent but acknowledgements. */
  get paused(): boolean {
    return this.#paused;
  }

  /** Whether an unpaced source may go on reading. */
  get hasRoom(): boolean {
    return this.#windowBytes < WINDOW_BYTES;
  }

  /** The gateway takes no more, so that no source may go on, a paced one neither; look again a little later. */
  get lineBusy(): boolean {
    return this.#parts.bufferedBytes() >= GATEWAY_QUEUE_BYTES;
  }

  /** Messages that wait for their acknowledgement. */
  get storedMessages(): number {
    return this.#stored.size;
  }

  /** How long a message waits before it is sent again, in milliseconds. */
  get timeoutMs(): number {
    return this.#timeoutMs;
  }

  /** Messages sent again so far. */
  get resentMessages(): number {
    return this.#resent;
  }

  /** Sends a payload as the next message; an empty one is left out. While paused it is only stored. */
  send(payloadType: number, payload: Uint8Array): void {
    if (payload.length === 0) return;
    const number = this.#nextNumber++;
    const { outbound } = this.#parts;
    const frame = outputFrame(number, payloadType, outbound?.(payloadType, payload) ?? payload);
    // Stored before it is sent: in one process the acknowledgement may come from inside the call.
    if (this.#stored.size < MAX_STORED_MESSAGES) {
      this.#stored.set(number, { frame, lastSentAt: this.#parts.now(), credited: false });
      this.#windowBytes += frame.length;
    }
    if (!this.#paused) this.#parts.send(frame);
  }

  /** An acknowledgement: matched by its number alone, an unknown one is ignored. */
  acknowledged(sequenceNumber: number): void {
    const sent = this.#stored.get(sequenceNumber);
    if (sent === undefined) return;
    this.#measure(this.#parts.now() - sent.lastSentAt);
    this.#stored.delete(sequenceNumber);
    this.#release(sent);
  }

  /**
   * An acknowledgement has arrived but cannot be worked off yet, as the agent's reader is blocked. It makes
   * room in the window, which is not the real agent's: a destination that both reads and answers would
   * otherwise be locked by it.
   */
  credit(sequenceNumber: number): void {
    const sent = this.#stored.get(sequenceNumber);
    if (sent !== undefined) this.#release(sent);
  }

  /** pause_publication. */
  pause(): void {
    this.#paused = true;
  }

  /** start_publication, any acknowledgement and any input. */
  unpause(): void {
    if (!this.#paused) return;
    this.#paused = false;
    wake(this.#activeWaiters);
  }

  /** Calls back once, as soon as an unpaced source may go on. */
  whenRoom(callback: () => void): void {
    this.#roomWaiters.push(callback);
  }

  /** Calls back once, as soon as the pause is over. */
  whenActive(callback: () => void): void {
    this.#activeWaiters.push(callback);
  }

  /** To be called every {@link RESEND_INTERVAL_MS}: sends the oldest message again when it has timed out. */
  tick(): void {
    if (this.#paused) return;
    const oldest = this.#stored.values().next().value;
    if (oldest === undefined) return;
    const now = this.#parts.now();
    if (now - oldest.lastSentAt <= this.#timeoutMs) return;
    oldest.lastSentAt = now;
    this.#resent += 1;
    this.#parts.send(oldest.frame);
  }

  /** Every acknowledgement counts, also that of a message sent twice. */
  #measure(sampleMs: number): void {
    this.#variationMs += VARIATION_GAIN * (Math.abs(this.#rttMs - sampleMs) - this.#variationMs);
    this.#rttMs += RTT_GAIN * (sampleMs - this.#rttMs);
    const timeoutMs = this.#rttMs + Math.max(CLOCK_GRANULARITY_MS, 4 * this.#variationMs);
    this.#timeoutMs = Math.min(timeoutMs, MAX_TIMEOUT_MS);
  }

  #release(sent: Sent): void {
    if (sent.credited) return;
    sent.credited = true;
    const before = this.#windowBytes;
    this.#windowBytes -= sent.frame.length;
    if (before > WINDOW_REOPEN_BYTES && this.#windowBytes <= WINDOW_REOPEN_BYTES) wake(this.#roomWaiters);
  }
}

/** Calls and forgets the waiters; what they register meanwhile waits for the next time. */
function wake(waiters: (() => void)[]): void {
  for (const callback of waiters.splice(0)) callback();
}
