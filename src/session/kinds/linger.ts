/**
 * Waits for the end of an answer, once the local side has no more to say. For connections it holds a half-close back:
 * the agent answers FIN (and the end of a basic or stdio session) by closing its connection in both directions, so
 * passing a local half-close on at once would cut off the answer that is still coming.
 */
import type { KindContext } from "./kind.ts";

/** While something is still on its way this is how often it is looked whether it has left. */
const POLL_MS = 50;

/** Waits until both directions have been quiet for long enough, then calls back once. */
export class Linger {
  readonly #context: KindContext;
  readonly #quietMs: number;
  readonly #isFlushed: () => boolean;
  readonly #expired: () => void;
  #quietSinceMs: number;
  #cancel: (() => void) | undefined;

  /**
   * @param quietMs how long is long enough
   * @param isFlushed whether everything the local side sent has been handed to the channel
   * @param expired the local side's end may be passed on now
   */
  constructor(context: KindContext, quietMs: number, isFlushed: () => boolean, expired: () => void) {
    this.#context = context;
    this.#quietMs = quietMs;
    this.#isFlushed = isFlushed;
    this.#expired = expired;
    this.#quietSinceMs = context.clock.now();
    this.#arm(Math.min(quietMs, POLL_MS));
  }

  /** Data of the answer arrived. */
  touch(): void {
    this.#quietSinceMs = this.#context.clock.now();
  }

  cancel(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #arm(delayMs: number): void {
    this.#cancel = this.#context.clock.after(delayMs, () => {
      this.#cancel = undefined;
      this.#check();
    });
  }

  #check(): void {
    const now = this.#context.clock.now();
    const reachableSinceMs = this.#context.reachableSinceMs();
    // What is still on its way there cannot have been answered yet, and what is cut off is not quiet.
    if (reachableSinceMs === undefined || !this.#isFlushed()) {
      this.#quietSinceMs = now;
      return this.#arm(POLL_MS);
    }
    this.#quietSinceMs = Math.max(this.#quietSinceMs, reachableSinceMs);
    const remainingMs = this.#quietSinceMs + this.#quietMs + this.#context.rttMs() - now;
    if (remainingMs > 0) this.#arm(Math.max(remainingMs, 1));
    else this.#expired();
  }
}
