/**
 * Holds a half-close back. The agent answers FIN (and the end of a basic or stdio session) by closing its connection
 * in both directions, so passing a local half-close on at once would cut off the answer that is still coming.
 */
import type { KindContext } from "./kind.ts";

/** While something is still on its way this is how often it is looked whether it has left. */
const POLL_MS = 50;

/** Waits until both directions have been quiet for the linger, then calls back once. */
export class Linger {
  readonly #context: KindContext;
  readonly #isFlushed: () => boolean;
  readonly #expired: () => void;
  #quietSinceMs: number;
  #cancel: (() => void) | undefined;

  /**
   * @param isFlushed whether everything the local side sent has been handed to the channel
   * @param expired the half-close may be passed on now
   */
  constructor(context: KindContext, isFlushed: () => boolean, expired: () => void) {
    this.#context = context;
    this.#isFlushed = isFlushed;
    this.#expired = expired;
    this.#quietSinceMs = context.clock.now();
    this.#arm(Math.min(context.settings.lingerMs, POLL_MS));
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
    const quietForMs = this.#context.settings.lingerMs + this.#context.rttMs();
    const remainingMs = this.#quietSinceMs + quietForMs - now;
    if (remainingMs > 0) this.#arm(Math.max(remainingMs, 1));
    else this.#expired();
  }
}
