/**
 * The connection to the message gateway over the whole life of a session: first connect, pings, noticing that it
 * is dead, and bringing it back with a fresh token and URL. Knows nothing of what the frames mean.
 */
import { encodeOpenDataChannel } from "../protocol/index.ts";
import { ConnectFailedError, ConnectionLostError, type SessionError, SessionGoneError } from "./errors.ts";
import type { GatewayLinkEvents } from "./gateway-link-events.ts";
import { Liveness } from "./liveness.ts";
import { errorFields } from "./log-fields.ts";
import { ReadOut } from "./read-out.ts";
import { ReconnectSchedule } from "./reconnect-schedule.ts";
import { callResume } from "./resume-call.ts";
import type { Transport, TransportEnd } from "./seams.ts";
import { describeEnd, isFinalStatus, isRefused } from "./transport-end.ts";
import type { SessionParameters, SessionWorld } from "./world.ts";

/** What a link needs. */
export type GatewayLinkOptions = SessionParameters & Omit<SessionWorld, "listen" | "streams" | "keys">;

/** Connections that may be cut before anything arrived on any of them. */
const START_CONNECTIONS = 3;
/** A fresh token refused this often in a row is refused for good. */
const MAX_REFUSALS = 3;
/**
 * Above this much in the socket's own buffer nothing more is sent. Data stops far below; what adds up are
 * acknowledgements for a gateway that sends and does not read.
 */
const MAX_BUFFERED_BYTES = 16 * 1024 * 1024;

/** See the file's comment. All methods are synchronous; nothing is reported after {@link close}. */
export class GatewayLink {
  /** Stays the same for the life of the session. */
  readonly clientId: string;
  /** This side has asked for the session's end: that the gateway closes the connection is no trouble. */
  isEndExpected = false;
  readonly #options: GatewayLinkOptions;
  readonly #events: GatewayLinkEvents;
  readonly #liveness: Liveness;
  readonly #schedule: ReconnectSchedule;
  #url: string;
  #token: string;
  #transport: Transport | undefined;
  #open = false;
  /** Something has arrived on this connection; a binary frame has. */
  #alive = false;
  #answered = false;
  /** Something has arrived on some connection: the session exists for the gateway. */
  #everHeard = false;
  #closed = false;
  #refusals = 0;
  #connections = 0;
  #startedAtMs = 0;
  #cancelDelay: (() => void) | undefined;
  #paused = false;
  /** The present connection is about to be given up; nothing is sent on it any more. */
  #readOut: ReadOut | undefined;
  /** A resume that waits until local readers have caught up. */
  #heldResume: (() => void) | undefined;

  constructor(options: GatewayLinkOptions, events: GatewayLinkEvents) {
    this.#options = options;
    this.#events = events;
    this.#url = options.streamUrl;
    this.#token = options.tokenValue;
    this.clientId = options.createId();
    this.#schedule = new ReconnectSchedule(options.settings, options.random);
    this.#liveness = new Liveness(options.clock, options.settings, {
      ping: () => this.#transport?.ping(),
      unanswered: () => !this.#answered && this.#events.waiting(),
      dead: (why) => (this.#paused ? this.#cutUnread(why) : this.cut(why)),
    });
  }

  /** Starts the first connection. Call once. */
  start(): void {
    try {
      this.#options.checkUrl(this.#url);
    } catch (error) {
      return this.#fail(new ConnectFailedError((error as Error).message, { cause: error }));
    }
    this.#startedAtMs = this.#options.clock.now();
    void this.#connect();
  }

  /** Whether frames can be sent now. */
  get isUp(): boolean {
    return this.#open;
  }

  /** Sends a frame if there is a connection that takes it; the channel repeats what was not acknowledged. */
  send(frame: Uint8Array): void {
    if (!this.#open || this.#readOut !== undefined) return;
    if (this.bufferedBytes < MAX_BUFFERED_BYTES) this.#transport?.send(frame);
  }

  /** Bytes that wait in the socket. */
  get bufferedBytes(): number {
    return this.#transport?.bufferedBytes ?? 0;
  }

  /** Stops or continues reading; silence does not count while paused, and nothing is resumed. */
  setPaused(paused: boolean): void {
    if (this.#paused === paused) return;
    this.#paused = paused;
    if (this.#open) {
      this.#liveness.setPaused(paused);
      if (paused) this.#transport?.pause();
      else this.#transport?.resume();
    }
    if (paused) return;
    const held = this.#heldResume;
    this.#heldResume = undefined;
    held?.();
  }

  /** Gives the present connection up on purpose; it is brought back. */
  cut(why: string): void {
    const transport = this.#transport;
    if (transport === undefined || this.#closed) return;
    this.#transport = undefined;
    transport.terminate();
    this.#lost({ code: 1006, reason: "", error: new Error(why) });
  }

  /**
   * Gives up a connection that was paused. What has arrived on it is read first, for an agent repeats what is lost
   * one message at a time, 0.1 to 1 s each. It is acknowledged after the next connection has come up: an agent must
   * not be asked for more meanwhile.
   */
  #cutUnread(why: string): void {
    this.#readOut ??= new ReadOut(this.#options.clock, () => this.cut(why));
    this.#transport?.resume();
  }

  /** Ends the link for good, politely where there is a connection. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#open = false;
    this.#liveness.stop();
    this.#cancelDelay?.();
    this.#readOut?.cancel();
    this.#heldResume = undefined;
    this.#transport?.close(1000, "");
    this.#transport = undefined;
  }

  async #connect(): Promise<void> {
    const url = this.#url;
    const headers = await this.#options.authorize(url);
    if (this.#closed) return;
    const startedAtMs = this.#options.clock.now();
    this.#connections++;
    // Events of a connection that has been replaced or cut are not this link's any more.
    const mine = (): boolean => this.#transport === transport && !this.#closed;
    const transport: Transport = this.#options.connect(
      { url, headers, timeoutMs: this.#options.settings.connectTimeoutMs },
      {
        opened: () => {
          if (mine()) this.#opened(startedAtMs);
        },
        message: (data) => {
          if (mine()) this.#message(data);
        },
        pong: () => {
          if (mine()) this.#pong();
        },
        closed: (end) => {
          if (!mine()) return;
          this.#transport = undefined;
          this.#lost(end);
        },
      },
    );
    this.#transport = transport;
  }

  #opened(startedAtMs: number): void {
    const { createId, settings, clock, log } = this.#options;
    this.#transport?.send(
      encodeOpenDataChannel({
        requestId: createId(),
        tokenValue: this.#token,
        clientId: this.clientId,
        clientVersion: settings.clientVersion,
      }),
    );
    this.#open = true;
    this.#alive = false;
    this.#answered = false;
    this.#liveness.start();
    if (this.#paused) {
      this.#liveness.setPaused(true);
      this.#transport?.pause();
    }
    log("info", "connected", {
      gateway: URL.parse(this.#url)?.host ?? "",
      durationMs: Math.round(clock.now() - startedAtMs),
      attempt: this.#schedule.attempts,
    });
    this.#events.up();
    // Whether a connection that was brought back works is asked at once.
    if (this.#everHeard) this.#liveness.ping();
  }

  #pong(): void {
    const rttMs = this.#liveness.takeRoundTripMs();
    if (rttMs !== undefined) this.#options.log("debug", "ping answered", { rttMs });
    this.#heard();
  }

  /** A connection that carries something has succeeded; on an idle session that may be nothing but pongs. */
  #heard(): void {
    this.#liveness.heard();
    this.#everHeard = true;
    this.#schedule.succeeded();
    this.#refusals = 0;
    if (this.#alive) return;
    this.#alive = true;
    this.#events.alive();
  }

  #message(data: Uint8Array | string): void {
    this.#heard();
    if (typeof data === "string") {
      this.#options.log("debug", "text frame ignored", { bytes: data.length });
      return;
    }
    this.#answered = true;
    this.#readOut?.took(data.length);
    this.#events.frame(data);
  }

  /** A connection ended or never came up, and nobody asked for it. */
  #lost(end: TransportEnd): void {
    const wasOpen = this.#open;
    this.#open = false;
    this.#liveness.stop();
    this.#readOut?.cancel();
    this.#readOut = undefined;
    const why = describeEnd(end);
    this.#options.log(wasOpen && !this.isEndExpected ? "warn" : "info", "connection closed", {
      code: end.code,
      ...(end.httpStatus === undefined ? {} : { httpStatus: end.httpStatus }),
      // The gateway's own words are left out: they may repeat anything.
      ...(end.error === undefined ? {} : { reason: end.error.message }),
    });
    if (!this.#everHeard && this.#isFinalAtStart(end, wasOpen)) {
      return this.#fail(new ConnectFailedError(why, end.error === undefined ? {} : { cause: end.error }));
    }
    if (isFinalStatus(end) && ++this.#refusals >= MAX_REFUSALS) {
      return this.#fail(new ConnectionLostError(why));
    }
    if (wasOpen) this.#events.down(why);
    if (this.#closed) return;
    const obstacle = this.#options.resumeObstacle(this.#url);
    if (obstacle !== undefined) return this.#fail(new ConnectionLostError(`${why}; ${obstacle}`));
    this.#scheduleResume(why);
  }

  #isFinalAtStart(end: TransportEnd, wasOpen: boolean): boolean {
    if (!wasOpen && this.#connections === 1) return true;
    return isRefused(end) || this.#connections >= START_CONNECTIONS;
  }

  /** @param detail why the attempt before failed, if there was one */
  #scheduleResume(why: string, detail?: string): void {
    const { clock, settings } = this.#options;
    const now = clock.now();
    // Nobody waits for minutes to see whether a session begins.
    const isTooLate = !this.#everHeard && now - this.#startedAtMs >= settings.connectTimeoutMs;
    const delayMs = isTooLate ? undefined : this.#schedule.next(now);
    if (delayMs === undefined) {
      const text = detail === undefined ? why : `${why}; ${detail}`;
      return this.#fail(
        this.#everHeard ? new ConnectionLostError(`connection lost: ${text}`) : new ConnectFailedError(text),
      );
    }
    this.#cancelDelay = clock.after(delayMs, () => {
      if (!this.#paused) return void this.#resume(why);
      this.#heldResume = () => {
        this.#schedule.restart(clock.now());
        void this.#resume(why);
      };
    });
  }

  async #resume(why: string): Promise<void> {
    const { api, checkUrl, clock, log, sessionId, settings } = this.#options;
    try {
      const call = callResume(api, clock, sessionId, settings.connectTimeoutMs);
      this.#cancelDelay = call.cancel;
      const resumed = await call.answer;
      if (this.#closed) return;
      if (resumed === undefined) return this.#fail(new SessionGoneError());
      checkUrl(resumed.streamUrl);
      this.#url = resumed.streamUrl;
      this.#token = resumed.tokenValue;
      log("info", "resumed", { attempt: this.#schedule.attempts });
    } catch (cause) {
      if (this.#closed) return;
      const error = cause as Error & { readonly retryable?: boolean };
      const retryable = error.retryable === true;
      log("warn", "resume failed", { attempt: this.#schedule.attempts, retryable, ...errorFields(error) });
      if (retryable) return this.#scheduleResume(why, error.message);
      const text = `${why}; the session could not be resumed: ${error.message}`;
      return this.#fail(
        this.#everHeard ? new ConnectionLostError(text, { cause }) : new ConnectFailedError(text, { cause }),
      );
    }
    await this.#connect();
  }

  #fail(error: SessionError): void {
    if (this.#closed) return;
    this.close();
    this.#events.failed(error);
  }
}
