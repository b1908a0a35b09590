/**
 * Decides when a connection that says nothing is dead: pings, silence, and clocks that jumped because the machine
 * slept. Timers come from the clock that is passed in.
 */
import type { Clock } from "./seams.ts";
import type { SessionSettings } from "./settings.ts";

/** What it asks of its owner. */
export interface LivenessEvents {
  ping(): void;
  /** Whether an answer is due that has not come: a gateway can return pings and take no notice of us otherwise. */
  unanswered(): boolean;
  dead(why: string): void;
}

/** Wall time that passed without monotonic time: the machine slept. */
const SLEEP_MS = 10_000;
/**
 * Ticks that come this late, or by half of the silence that counts, mean that the process did not run; what has
 * arrived meanwhile is read first.
 */
const LATE_MS = 5_000;
/** Time for an answer after the process stood still. */
const GRACE_MS = 10_000;

/** One connection's watch; {@link start} begins anew for the next connection. */
export class Liveness {
  readonly #clock: Clock;
  readonly #settings: SessionSettings;
  readonly #events: LivenessEvents;
  #cancel: (() => void) | undefined;
  #heardAtMs = 0;
  #pingedAtMs = 0;
  /** The oldest ping that waits for its pong. */
  #unansweredPingAtMs: number | undefined;
  #tickAtMs = 0;
  #tickWallMs = 0;
  #paused = false;
  #pausedAtMs = 0;
  #unansweredSinceMs: number | undefined;

  constructor(clock: Clock, settings: SessionSettings, events: LivenessEvents) {
    this.#clock = clock;
    this.#settings = settings;
    this.#events = events;
  }

  /** A connection has come up. */
  start(): void {
    this.stop();
    const now = this.#clock.now();
    this.#heardAtMs = now;
    this.#pingedAtMs = now;
    this.#unansweredPingAtMs = undefined;
    this.#tickAtMs = now;
    this.#tickWallMs = this.#clock.wallNow();
    this.#paused = false;
    this.#unansweredSinceMs = undefined;
    this.#arm();
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  /** Something arrived, a pong included. */
  heard(): void {
    this.#heardAtMs = this.#clock.now();
  }

  /** Pings now; the next one is an interval away. */
  ping(): void {
    this.#pingedAtMs = this.#clock.now();
    this.#unansweredPingAtMs ??= this.#pingedAtMs;
    this.#events.ping();
  }

  /** A pong came: milliseconds since its ping, with three places; undefined when there was none. */
  takeRoundTripMs(): number | undefined {
    if (this.#unansweredPingAtMs === undefined) return undefined;
    const roundTripMs = this.#clock.now() - this.#unansweredPingAtMs;
    this.#unansweredPingAtMs = undefined;
    return Math.round(roundTripMs * 1000) / 1000;
  }

  /** While we do not read, the other side's silence says nothing. */
  setPaused(paused: boolean): void {
    if (paused === this.#paused) return;
    this.#paused = paused;
    const now = this.#clock.now();
    this.#unansweredSinceMs = undefined;
    // A pong that has waited unread tells nothing of the way.
    this.#unansweredPingAtMs = undefined;
    if (paused) this.#pausedAtMs = now;
    else this.#heardAtMs = now;
  }

  #arm(): void {
    const everyMs = Math.max(
      10,
      Math.min(5_000, this.#settings.pingIntervalMs / 4, this.#settings.silenceTimeoutMs / 4),
    );
    this.#cancel = this.#clock.after(everyMs, () => {
      this.#cancel = undefined;
      this.#tick(everyMs);
    });
  }

  #tick(everyMs: number): void {
    const now = this.#clock.now();
    const wall = this.#clock.wallNow();
    const elapsedMs = now - this.#tickAtMs;
    const sleptMs = wall - this.#tickWallMs - elapsedMs;
    this.#tickAtMs = now;
    this.#tickWallMs = wall;
    if (sleptMs > SLEEP_MS) return this.#events.dead(`the machine slept for ${Math.round(sleptMs / 1000)} s`);
    if (elapsedMs - everyMs > Math.min(LATE_MS, this.#settings.silenceTimeoutMs / 2)) {
      this.#unansweredSinceMs = undefined;
      this.#heardAtMs = Math.max(this.#heardAtMs, now - this.#settings.silenceTimeoutMs + GRACE_MS);
      this.#pingedAtMs = Number.NEGATIVE_INFINITY;
    }
    if (this.#paused) {
      if (now - this.#pausedAtMs > this.#settings.pausedTimeoutMs) {
        return this.#events.dead("local readers were too slow for the connection to be kept");
      }
    } else {
      const silentMs = Math.max(now - this.#heardAtMs, this.#unansweredMs(now));
      if (silentMs > this.#settings.silenceTimeoutMs) {
        return this.#events.dead(`nothing came from the gateway for ${Math.round(silentMs / 1000)} s`);
      }
    }
    if (now - this.#pingedAtMs >= this.#settings.pingIntervalMs) this.ping();
    this.#arm();
  }

  #unansweredMs(now: number): number {
    if (this.#events.unanswered()) this.#unansweredSinceMs ??= now;
    else this.#unansweredSinceMs = undefined;
    return now - (this.#unansweredSinceMs ?? now);
  }
}
