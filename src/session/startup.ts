/**
 * The timers of a session's start, and what its handshake was worth when the connection was cut in the middle of it.
 * Knows nothing of messages and kinds; what a deadline means is its owner's business.
 */
import type { Clock } from "./seams.ts";
import type { SessionSettings } from "./settings.ts";

/** What a start tells its session. */
export interface StartupEvents {
  /** The agent has said nothing for a while. */
  silent(): void;
  /** The handshake was begun and not finished in time. */
  timedOut(): void;
  /** The handshake was answered with a refusal, and the answer has left. */
  refused(reason: string): void;
}

/** See the file's comment. */
export class Startup {
  readonly #clock: Clock;
  readonly #settings: Pick<SessionSettings, "silentStartMs" | "handshakeTimeoutMs">;
  readonly #events: StartupEvents;
  #cancelSilence: (() => void) | undefined;
  #cancelHandshake: (() => void) | undefined;
  #cancelRefusal: (() => void) | undefined;
  #requestedAtMs: number | undefined;
  #reconnectedAtMs: number | undefined;

  constructor(
    clock: Clock,
    settings: Pick<SessionSettings, "silentStartMs" | "handshakeTimeoutMs">,
    events: StartupEvents,
  ) {
    this.#clock = clock;
    this.#settings = settings;
    this.#events = events;
  }

  /** A connection is up. @param isDue whether the agent should say something now */
  connected(isDue: boolean): void {
    if (this.#requestedAtMs !== undefined) this.#reconnectedAtMs = this.#clock.now();
    if (!isDue) return;
    this.#cancelSilence = this.#clock.after(this.#settings.silentStartMs, () => this.#events.silent());
  }

  /** The connection is gone: silence means nothing any more. */
  disconnected(): void {
    this.#cancelSilence?.();
  }

  /** The agent has begun a handshake. */
  requested(): void {
    this.#cancelSilence?.();
    this.#requestedAtMs = this.#clock.now();
    const { handshakeTimeoutMs } = this.#settings;
    this.#cancelHandshake = this.#clock.after(handshakeTimeoutMs, () => this.#events.timedOut());
  }

  /** The handshake is answered with this reason, which is returned; the first one counts. */
  refuse(reason: string): string {
    this.#cancelRefusal ??= this.#clock.after(0, () => this.#events.refused(reason));
    return reason;
  }

  /** The session is up: no deadline is left. */
  completed(): void {
    this.#cancelSilence?.();
    this.#cancelHandshake?.();
  }

  /**
   * Whether the agent had completed the handshake before a cut, so that the session ran while nobody was there.
   * @param handshakeMs the agent's own count, from before its request to the completion; undefined: it does not say
   */
  ranWhileCut(handshakeMs: number | undefined): boolean {
    if (this.#requestedAtMs === undefined || this.#reconnectedAtMs === undefined) return false;
    return this.#requestedAtMs + (handshakeMs ?? 0) < this.#reconnectedAtMs;
  }

  /** Cancels everything. */
  stop(): void {
    this.completed();
    this.#cancelRefusal?.();
  }
}
