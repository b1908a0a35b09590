/**
 * One tunnel of `forward`: a listener that stays, and the sessions behind it, which are started again when they end.
 */
import type { StartedSession, StartSessionRequest } from "../../aws/index.ts";
import { Session, type SessionEnd, SessionGoneError, type SessionWorld } from "../../session/index.ts";
import { TunnelListener } from "./listener.ts";
import type { TunnelSpec } from "./spec.ts";

/** What a tunnel needs. */
export interface TunnelOptions {
  readonly spec: TunnelSpec;
  readonly target: string;
  /** Sessions side by side. */
  readonly sessions: number;
  /** Do not start a session again that has ended. */
  readonly once: boolean;
  readonly world: SessionWorld;
  readonly start: (request: StartSessionRequest) => Promise<StartedSession>;
  /** One line for the user. */
  readonly say: (line: string) => void;
}

/** Delays between two attempts to start a session, in milliseconds. */
const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 30_000;

/** See the file's comment. */
export class Tunnel {
  readonly spec: TunnelSpec;
  readonly listener: TunnelListener;
  readonly #options: TunnelOptions;
  readonly #running = new Set<Session>();
  readonly #ready = Promise.withResolvers<void>();
  readonly #failed = Promise.withResolvers<Error>();
  /** Resolves a lane that sleeps until the next connection. */
  #wake: (() => void)[] = [];
  #stopping = false;
  #up = 0;
  #reconnects = 0;

  constructor(options: TunnelOptions) {
    this.#options = options;
    this.spec = options.spec;
    this.listener = new TunnelListener(() => {
      for (const wake of this.#wake.splice(0)) wake();
    });
  }

  /** Resolves when the first session is up; rejects when it cannot be started. */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  /** Resolves with the reason when the tunnel is lost for good; never when it is stopped. */
  get lost(): Promise<Error> {
    return this.#failed.promise;
  }

  /** Sessions that are up. */
  get sessionsUp(): number {
    return this.#up;
  }

  /** Times that a connection was lost and came back, or a session was started again. */
  get reconnects(): number {
    return this.#reconnects;
  }

  /** Round trip of the first session in milliseconds; undefined while none is measured. */
  get rttMs(): number | undefined {
    for (const session of this.#running) return session.stats.rttMs;
    return undefined;
  }

  /** Runs the sessions until `stop`. Resolves when nothing of the tunnel is left. */
  async run(): Promise<void> {
    await Promise.all(Array.from({ length: this.#options.sessions }, () => this.#lane()));
    this.listener.stop();
  }

  /** Stops accepting and ends the sessions. */
  stop(): void {
    this.#stopping = true;
    this.listener.stop();
    for (const session of this.#running) session.terminate();
    for (const wake of this.#wake.splice(0)) wake();
  }

  /** One session after the other. */
  async #lane(): Promise<void> {
    let delayMs = FIRST_RETRY_MS;
    let everUp = false;
    while (!this.#stopping) {
      const startedAtMs = this.#options.world.clock.now();
      const outcome = await this.#runSession();
      if (this.#stopping) return;
      everUp ||= outcome.ran;
      if (!everUp || this.#options.once) {
        this.#ready.reject(outcome.reason);
        this.#failed.resolve(outcome.reason);
        return;
      }
      this.#options.say(`${this.spec.text}: session ended (${outcome.reason.message})`);
      if (outcome.idle) await this.#nextConnection();
      else {
        if (this.#options.world.clock.now() - startedAtMs > LAST_RETRY_MS) delayMs = FIRST_RETRY_MS;
        await this.#sleep(delayMs);
        delayMs = Math.min(delayMs * 2, LAST_RETRY_MS);
      }
      this.#reconnects++;
    }
  }

  async #runSession(): Promise<{ readonly ran: boolean; readonly idle: boolean; readonly reason: Error }> {
    const { world, target, start, say, spec } = this.#options;
    let parameters: StartedSession;
    try {
      parameters = await start(request(spec, target));
    } catch (error) {
      return { ran: false, idle: false, reason: error as Error };
    }
    let ran = false;
    const session = new Session(
      parameters,
      { ...world, listen: this.listener.listen },
      {
        started: () => {},
        customerMessage: () => {},
        listening: () => {
          ran = true;
          this.#up++;
          this.#ready.resolve();
        },
        connectionAccepted: () => {},
        destinationFailed: () => say(`${spec.text}: the target could not reach the destination`),
        connectionLost: (why) => say(`${spec.text}: connection lost (${why}), reconnecting…`),
        connectionRestored: (afterMs) => {
          this.#reconnects++;
          say(`${spec.text}: connection restored after ${(afterMs / 1000).toFixed(1)} s`);
        },
      },
    );
    this.#running.add(session);
    if (this.#stopping) session.terminate();
    const end = await session.run();
    this.#running.delete(session);
    if (ran) this.#up--;
    return { ran, idle: isIdleEnd(end), reason: reasonOf(end) };
  }

  #nextConnection(): Promise<void> {
    if (this.listener.waiting > 0) return Promise.resolve();
    return new Promise((resolve) => this.#wake.push(resolve));
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#options.world.clock.after(ms, resolve);
      this.#wake.push(() => {
        // Only the end of the tunnel cuts a delay short: a connection would otherwise hammer the service.
        if (!this.#stopping) return;
        cancel();
        resolve();
      });
    });
  }
}

/** The plain document for the target itself: newer agents refuse loopback in the remote one. */
function request(spec: TunnelSpec, target: string): StartSessionRequest {
  const portNumber = [String(spec.port)];
  return spec.host === ""
    ? { target, documentName: "AWS-StartPortForwardingSession", parameters: { portNumber } }
    : {
        target,
        documentName: "AWS-StartPortForwardingSessionToRemoteHost",
        parameters: { host: [spec.host], portNumber },
      };
}

/** The service ended it because nobody used it: nothing is started again before somebody does. */
function isIdleEnd(end: SessionEnd): boolean {
  if (end.kind === "lost") return end.error instanceof SessionGoneError;
  return end.kind === "closed" && /inactiv|idle|timed? ?out/i.test(end.reason);
}

function reasonOf(end: SessionEnd): Error {
  switch (end.kind) {
    case "closed":
      return new Error(end.reason === "" ? "the other side ended the session" : end.reason);
    case "terminated":
      return new Error("it was terminated");
    case "failed":
    case "lost":
      return end.error;
  }
}
