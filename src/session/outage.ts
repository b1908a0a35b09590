/** The present loss of the connection as the user is told of it: once when it begins, once when it is over. */
import type { SessionObserver } from "./observer.ts";
import type { Clock, Log } from "./seams.ts";

/** See the file's comment. */
export class Outage {
  readonly #world: { readonly clock: Clock; readonly log: Log };
  readonly #observer: SessionObserver;
  #beganAtMs: number | undefined;
  #resentBefore = 0;

  constructor(world: { readonly clock: Clock; readonly log: Log }, observer: SessionObserver) {
    this.#world = world;
    this.#observer = observer;
  }

  /** The connection is gone. @param resentMessages of the whole session so far */
  begin(why: string, resentMessages: number): void {
    // A connection that was brought back and carried nothing has not ended the loss.
    if (this.#beganAtMs !== undefined) return;
    this.#beganAtMs = this.#world.clock.now();
    this.#resentBefore = resentMessages;
    this.#observer.connectionLost(why);
  }

  /** The connection carries something; without effect when none was lost. */
  end(resentMessages: number): void {
    if (this.#beganAtMs === undefined) return;
    const afterMs = this.#world.clock.now() - this.#beganAtMs;
    const resent = resentMessages - this.#resentBefore;
    this.#beganAtMs = undefined;
    this.#world.log("info", "connection restored", { afterMs: Math.round(afterMs), resent });
    this.#observer.connectionRestored(afterMs, resent);
  }
}
