/**
 * One tunnel of `forward`: a listener that stays, and the sessions behind it, which are started again when they end.
 */
import { RefusedCallError, type StartedSession, type StartSessionRequest } from "../../aws/index.ts";
import { portRequest, runKnown, targetAnswersLine, targetSilentLine } from "../../host/index.ts";
import {
  isIdleEnd,
  Session,
  type SessionEnd,
  type SessionObserver,
  type SessionWorld,
  within,
} from "../../session/index.ts";
import { TunnelListener } from "./listener.ts";
import { reasonOf, RestartPolicy } from "./restart.ts";
import type { TunnelSpec } from "./spec.ts";

/** A session as a tunnel drives it. */
export type TunnelSession = Pick<Session, "run" | "terminate" | "stats">;

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
  /** Says one thing to the user. @param event its stable name */
  readonly say: (event: string, text: string, fields?: EventFields) => void;
  /** Tells programs of what users need no word about. @param event its stable name */
  readonly note?: (event: string, fields?: EventFields) => void;
  /** Makes a session; replaced by tests. */
  readonly createSession?: (
    parameters: StartedSession,
    world: SessionWorld,
    observer: SessionObserver,
  ) => TunnelSession;
}

/** What goes with an event, for programs. */
export type EventFields = Readonly<Record<string, string | number>>;

/**
 * How a tunnel is: no session yet; one is up; each that is up has lost its connection; the next session is on its way;
 * the next connection starts one; none is started any more.
 */
export type TunnelState = "starting" | "up" | "reconnecting" | "restarting" | "idle" | "ended";

/** The event of a connection whose destination the target could not reach. */
export const DESTINATION_FAILED = "destination-failed";

/** How one session went. */
interface Outcome {
  readonly ran: boolean;
  readonly idle: boolean;
  /** It was not started because the target is not connected. */
  readonly offline: boolean;
  readonly reason: Error;
  /** Connections that were open at its end. */
  readonly open: number;
}

const WAITING = "starting another as soon as it is";

const NOT_STARTED = { ran: false, idle: false, offline: false, open: 0 };

/** What has become of one session so far. */
interface SessionLife {
  ran: boolean;
  cut: boolean;
  /** What was sent last has not been acknowledged for long. */
  silent: boolean;
  /** Connections that were open when it ended. */
  open: number;
}

/** See the file's comment. */
export class Tunnel {
  readonly spec: TunnelSpec;
  readonly listener: TunnelListener;
  /** Somebody finds out whether the destination answers, and tells of it: failures are not said then. */
  isProbed = false;
  readonly #options: TunnelOptions;
  readonly #running = new Set<TunnelSession>();
  readonly #ready = Promise.withResolvers<void>();
  readonly #failed = Promise.withResolvers<Error>();
  readonly #stopped = Promise.withResolvers<void>();
  /** Resolved at the next local connection that finds no session, and renewed then. */
  #connection = Promise.withResolvers<void>();
  #stopping = false;
  #ended = false;
  #everUp = false;
  #up = 0;
  /** Of those that are up: connection lost, and not back yet. */
  #cut = 0;
  /** Lanes that wait for a connection before they start a session. */
  #idle = 0;
  #reconnects = 0;
  #destinationFailures = 0;

  constructor(options: TunnelOptions) {
    this.#options = options;
    this.spec = options.spec;
    this.listener = new TunnelListener(() => {
      this.#connection.resolve();
      this.#connection = Promise.withResolvers();
    });
    this.#ready.promise.catch(() => undefined);
  }

  /** Resolves when the first session is up; rejects when it cannot be started. */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  /** Resolves with the reason when the tunnel is lost for good; never when it is stopped. */
  get lost(): Promise<Error> {
    return this.#failed.promise;
  }

  /** The node at the other end. */
  get target(): string {
    return this.#options.target;
  }

  /** See the type. With several sessions the best of them counts. */
  get state(): TunnelState {
    if (this.#up > this.#cut) return "up";
    if (this.#stopping || this.#ended) return "ended";
    if (this.#cut > 0) return "reconnecting";
    if (this.#idle > 0) return "idle";
    return this.#everUp ? "restarting" : "starting";
  }

  /** Sessions that are up. */
  get sessionsUp(): number {
    return this.#up;
  }

  /** Times that a connection was lost and came back, or a session was started again. */
  get reconnects(): number {
    return this.#reconnects;
  }

  /** Times that the target could not reach the destination. */
  get destinationFailures(): number {
    return this.#destinationFailures;
  }

  /** Round trip of the first session in milliseconds; undefined while none is measured. */
  get rttMs(): number | undefined {
    for (const session of this.#running) return session.stats.rttMs;
    return undefined;
  }

  /** Runs the sessions until `stop`. Resolves when nothing of the tunnel is left. */
  async run(): Promise<void> {
    await Promise.all(Array.from({ length: this.#options.sessions }, () => this.#lane()));
    this.#ended = true;
    this.listener.stop();
  }

  /** Stops accepting and ends the sessions. */
  stop(): void {
    this.#stopping = true;
    this.#stopped.resolve();
    this.listener.stop();
    for (const session of this.#running) session.terminate();
  }

  /** One session after the other. */
  async #lane(): Promise<void> {
    const { clock } = this.#options.world;
    const policy = new RestartPolicy();
    let everUp = false;
    /** Why there is no session, as it was said last; empty while one is up. */
    let told = "";
    while (!this.#stopping) {
      const startedAtMs = clock.now();
      const { ran, idle, offline, reason, open } = await this.#runSession(everUp, () => {
        if (told !== "") this.#options.say("session-restarted", `${this.spec.text}: another session is up`);
        told = "";
      });
      if (this.#stopping) return;
      everUp ||= ran;
      if (!everUp || this.#options.once) {
        this.#ready.reject(reason);
        return this.#failed.resolve(reason);
      }
      const restart = policy.next({ ran, idle, offline, lastedMs: clock.now() - startedAtMs });
      const what = `${ran ? "session ended" : "no session"} (${reason.message})`;
      const ended = `${this.spec.text}: ${what}${resetWords(open)}`;
      if (restart.kind === "at-next-connection") {
        this.#idle++;
        const hint = open === 0 ? "" : "; --keepalive keeps one from its idle time-out";
        this.#options.say("session-idle", `${ended}, the next connection starts another${hint}`);
        await this.#nextConnection();
        this.#idle--;
      } else {
        const when = restart.delayMs === 0 ? "now" : `in ${restart.delayMs / 1000} s`;
        const fields = { retryInMs: restart.delayMs, resetConnections: open };
        // People need not hear of each attempt that fails as the one before.
        if (what === told) this.#options.note?.("session-ended", { message: ended, ...fields });
        else
          this.#options.say(
            "session-ended",
            `${ended}, ${offline ? WAITING : `starting another ${when}`}`,
            fields,
          );
        told = what;
        await this.#sleep(restart.delayMs);
      }
    }
  }

  /** @param again whether one before it was up */
  async #runSession(again: boolean, isUp: () => void): Promise<Outcome> {
    const { world, target, start, spec, note } = this.#options;
    note?.("connecting", { target });
    let parameters: StartedSession;
    try {
      parameters = await start(portRequest(target, spec.host, spec.port));
    } catch (error) {
      const offline = error instanceof RefusedCallError && error.call.awsCode === "TargetNotConnected";
      return { ...NOT_STARTED, offline, reason: error as Error };
    }
    if (this.#stopping) {
      await world.api.terminate(parameters.sessionId).catch(() => undefined);
      return { ...NOT_STARTED, reason: new Error("it was stopped") };
    }
    const { sessionId } = parameters;
    const life: SessionLife = { ran: false, cut: false, silent: false, open: 0 };
    const create = this.#options.createSession ?? ((...given) => new Session(...given));
    const session = create(
      parameters,
      { ...world, listen: this.listener.listenFor((open) => (life.open = open)) },
      this.#observer(life, () => {
        if (again) this.#reconnects++;
        isUp();
        note?.("connected", { target, sessionId });
      }),
    );
    this.#running.add(session);
    const end: SessionEnd = await runKnown(session);
    this.#running.delete(session);
    if (life.ran) this.#up--;
    if (life.cut) this.#cut--;
    // Whose target has not answered was in use: it was not the idle time-out that ended it.
    return {
      ran: life.ran,
      idle: isIdleEnd(end) && !life.silent,
      offline: false,
      reason: reasonOf(end),
      open: life.open,
    };
  }

  #observer(life: SessionLife, up: () => void): SessionObserver {
    const { host, port: remotePort, text } = this.spec;
    const remoteHost = host === "" ? "localhost" : host;
    const { say } = this.#options;
    return {
      started: () => {},
      customerMessage: (message) => say("customer-message", message),
      listening: () => {
        life.ran = true;
        this.#everUp = true;
        this.#up++;
        up();
        this.#ready.resolve();
      },
      connectionAccepted: () => {},
      destinationFailed: () => {
        this.#destinationFailures++;
        if (this.isProbed) return;
        say(
          DESTINATION_FAILED,
          `${text}: the target could not reach the destination ${remoteHost}:${remotePort}`,
          {
            remoteHost,
            remotePort,
          },
        );
      },
      targetSilent: (forMs) => {
        life.silent = true;
        say("target-silent", `${text}: ${targetSilentLine(forMs)}`, { forMs: Math.round(forMs) });
      },
      targetAnswers: (afterMs) => {
        life.silent = false;
        say("target-answers", `${text}: ${targetAnswersLine(afterMs)}`, { afterMs: Math.round(afterMs) });
      },
      connectionLost: (why) => {
        this.#setCut(life, true);
        say("connection-lost", `${text}: connection lost (${why}), reconnecting…`);
      },
      connectionRestored: (afterMs) => {
        this.#setCut(life, false);
        this.#reconnects++;
        say("connection-restored", `${text}: connection restored after ${(afterMs / 1000).toFixed(1)} s`, {
          afterMs: Math.round(afterMs),
        });
      },
    };
  }

  /** Also before a session is up its connection may be lost: then nothing that was up is cut. */
  #setCut(life: SessionLife, cut: boolean): void {
    if (!life.ran || life.cut === cut) return;
    life.cut = cut;
    this.#cut += cut ? 1 : -1;
  }

  async #nextConnection(): Promise<void> {
    if (this.listener.waiting > 0) return;
    await Promise.race([this.#connection.promise, this.#stopped.promise]);
  }

  /** Only the end of the tunnel cuts it short: connections would otherwise hammer the service. */
  #sleep(delayMs: number): Promise<void> {
    return within(this.#options.world.clock, delayMs, this.#stopped.promise);
  }
}

/** What is said of connections that an end has cut. */
function resetWords(open: number): string {
  if (open === 0) return "";
  return open === 1 ? ", 1 open connection was reset" : `, ${open} open connections were reset`;
}
