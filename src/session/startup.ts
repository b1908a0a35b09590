/**
 * The timers of a session's start, and whether the connection was cut in the middle of its handshake.
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
  #refusal: string | undefined;
  #interrupted = false;

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
    if (!isDue) return;
    this.#cancelSilence = this.#clock.after(this.#settings.silentStartMs, () => this.#events.silent());
  }

  /** The connection is gone: silence means nothing any more. @param answered the handshake has been answered */
  disconnected(answered: boolean): void {
    this.#cancelSilence?.();
    if (answered) this.#interrupted = true;
  }

  /**
   * Whether a connection was cut after the handshake was answered. The agent may have had the answer and completed the
   * handshake, and the session may have run while nobody was there; which it was, no message tells.
   */
  get wasInterrupted(): boolean {
    return this.#interrupted;
  }

  /** The agent has begun a handshake. */
  requested(): void {
    this.#cancelSilence?.();
    const { handshakeTimeoutMs } = this.#settings;
    this.#cancelHandshake = this.#clock.after(handshakeTimeoutMs, () => this.#events.timedOut());
  }

  /** Why this side refused the session in the handshake, if it did. */
  get refusal(): string | undefined {
    return this.#refusal;
  }

  /** The handshake is answered with this reason, which is returned; the first one counts. */
  refuse(reason: string): string {
    this.#refusal ??= reason;
    this.#cancelRefusal ??= this.#clock.after(0, () => this.#events.refused(reason));
    return reason;
  }

  /** The session is up: no deadline is left. */
  completed(): void {
    this.#cancelSilence?.();
    this.#cancelHandshake?.();
  }

  /** Cancels everything. */
  stop(): void {
    this.completed();
    this.#cancelRefusal?.();
  }
}
