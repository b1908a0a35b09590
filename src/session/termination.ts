/** How this side ends a session at the service, each way within its deadline. Decides nothing else. */
import { within } from "./deadline.ts";
import { errorFields } from "./log-fields.ts";
import type { Clock, Log, SessionApi } from "./seams.ts";

/** What it needs of the outside. */
export interface TerminationWorld {
  readonly api: SessionApi;
  readonly clock: Clock;
  readonly log: Log;
  readonly settings: { readonly terminateTimeoutMs: number };
}

/** See the file's comment. Nothing here rejects. */
export class Termination {
  readonly #sessionId: string;
  readonly #world: TerminationWorld;
  readonly #closed = Promise.withResolvers<true>();

  constructor(sessionId: string, world: TerminationWorld) {
    this.#sessionId = sessionId;
    this.#world = world;
  }

  /** The service says that the session is closed. */
  closed(): void {
    this.#closed.resolve(true);
  }

  /** The flag has been sent to the agent; resolves once it shows its effect, after the API call if it shows none. */
  async byFlag(): Promise<void> {
    const { clock, settings } = this.#world;
    const halfMs = settings.terminateTimeoutMs / 2;
    if (await within(clock, halfMs, this.#closed.promise)) return;
    await this.byApi(halfMs);
  }

  /** Asks the service; resolves when it has answered, or is taking too long. */
  async byApi(timeoutMs = this.#world.settings.terminateTimeoutMs): Promise<void> {
    const { api, clock, log } = this.#world;
    const answered = api.terminate(this.#sessionId).catch((error: unknown) => {
      log("warn", "terminate failed", errorFields(error));
    });
    await within(clock, timeoutMs, answered);
  }
}
