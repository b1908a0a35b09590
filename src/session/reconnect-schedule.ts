/**
 * When to try again after a lost connection, and when to give up: growing, jittered delays within a limited time.
 * Knows nothing of connections; the time and the randomness are passed in.
 */
import type { SessionSettings } from "./settings.ts";

/** The second attempt follows the first after at most this; each further one after at most twice as long. */
const FIRST_DELAY_MS = 500;
/** Where doubling stops to matter; keeps the power finite. */
const MAX_DOUBLINGS = 16;

/** See the file's comment. Pure. */
export class ReconnectSchedule {
  readonly #settings: Pick<SessionSettings, "reconnectForMs" | "reconnectMaxDelayMs">;
  readonly #random: () => number;
  #attempts = 0;
  #lostAtMs: number | undefined;

  /** @param random 0 to 1, for the jitter */
  constructor(
    settings: Pick<SessionSettings, "reconnectForMs" | "reconnectMaxDelayMs">,
    random: () => number,
  ) {
    this.#settings = settings;
    this.#random = random;
  }

  /** Attempts since the connection last worked. */
  get attempts(): number {
    return this.#attempts;
  }

  /** The connection works: the next loss starts a new count. */
  succeeded(): void {
    this.#attempts = 0;
    this.#lostAtMs = undefined;
  }

  /** Milliseconds until the next attempt, which is counted; undefined when the time for attempts is over. */
  next(nowMs: number): number | undefined {
    const { reconnectForMs, reconnectMaxDelayMs } = this.#settings;
    this.#lostAtMs ??= nowMs;
    const leftMs = reconnectForMs - (nowMs - this.#lostAtMs);
    if (leftMs <= 0) return undefined;
    const ceilingMs = Math.min(
      reconnectMaxDelayMs,
      FIRST_DELAY_MS * 2 ** Math.min(this.#attempts - 1, MAX_DOUBLINGS),
    );
    const delayMs = this.#attempts === 0 ? 0 : ceilingMs * (0.5 + this.#random() / 2);
    this.#attempts++;
    return Math.min(delayMs, leftMs);
  }

  /** It was this side that did not want to try: the time for attempts begins now. */
  restart(nowMs: number): void {
    this.#lostAtMs = nowMs;
  }
}
