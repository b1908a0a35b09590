/**
 * The connection to the message gateway over the whole life of a session: first connect, pings, noticing that it
 * is dead, and bringing it back with a fresh token and URL. Knows nothing of what the frames mean.
 */
import { encodeOpenDataChannel } from "../protocol/index.ts";
import { ConnectFailedError, ConnectionLostError, type SessionError, SessionGoneError } from "./errors.ts";
import { Liveness } from "./liveness.ts";
import type { Clock, Connect, Log, SessionApi, Transport, TransportEnd } from "./seams.ts";
import type { SessionSettings } from "./settings.ts";

/** What a link needs. */
export interface GatewayLinkOptions {
  readonly sessionId: string;
  readonly streamUrl: string;
  readonly tokenValue: string;
  readonly settings: SessionSettings;
  readonly connect: Connect;
  readonly api: SessionApi;
  readonly clock: Clock;
  readonly log: Log;
  /** New UUID texts. */
  readonly createId: () => string;
  /** 0 to 1, for the jitter between attempts. */
  readonly random: () => number;
  /** Headers that sign the upgrade to this URL; resolves to none when it cannot be signed. Never rejects. */
  readonly authorize: (url: string) => Promise<Readonly<Record<string, string>>>;
  /** Throws an error fit to be shown when a stream URL must not be connected to. */
  readonly checkUrl: (url: string) => void;
  /** Why a URL of this kind cannot be resumed, or undefined. */
  readonly resumeObstacle: (url: string) => string | undefined;
}

/** What a link tells its session. */
export interface GatewayLinkEvents {
  /** Connected, and the opening frame has been sent. */
  up(): void;
  /** Connection lost; it is being brought back. */
  down(why: string): void;
  /** A binary frame arrived. */
  frame(bytes: Uint8Array): void;
  /** It is over: nothing will bring the connection back. */
  failed(error: SessionError): void;
}

/** Close codes with which a gateway refuses a client; before a session runs there is no use in trying again. */
const REFUSALS = new Set([1002, 1003, 1007, 1008, 1009, 1010]);
/** Attempts at a first connection that is cut before anything arrived on it. */
const START_ATTEMPTS = 3;
/** HTTP statuses of an upgrade that do not change by waiting. */
const FINAL_STATUSES = new Set([400, 401, 403, 404, 410]);
/** A fresh token refused this often in a row is refused for good. */
const MAX_REFUSALS = 3;
const FIRST_DELAY_MS = 500;

/** See the file's comment. All methods are synchronous; nothing is reported after {@link close}. */
export class GatewayLink {
  /** Stays the same for the life of the session. */
  readonly clientId: string;
  readonly #options: GatewayLinkOptions;
  readonly #events: GatewayLinkEvents;
  readonly #liveness: Liveness;
  #url: string;
  #token: string;
  #transport: Transport | undefined;
  #open = false;
  /** Something has arrived on some connection: the session exists for the gateway. */
  #everHeard = false;
  #closed = false;
  #attempt = 0;
  #refusals = 0;
  #lostAtMs: number | undefined;
  #cancelDelay: (() => void) | undefined;
  #paused = false;
  /** A resume that waits until local readers have caught up. */
  #heldResume: (() => void) | undefined;

  constructor(options: GatewayLinkOptions, events: GatewayLinkEvents) {
    this.#options = options;
    this.#events = events;
    this.#url = options.streamUrl;
    this.#token = options.tokenValue;
    this.clientId = options.createId();
    this.#liveness = new Liveness(options.clock, options.settings, {
      ping: () => this.#transport?.ping(),
      dead: (why) => this.cut(why),
    });
  }

  /** Starts the first connection. Call once. */
  start(): void {
    try {
      this.#options.checkUrl(this.#url);
    } catch (error) {
      return this.#fail(new ConnectFailedError((error as Error).message, { cause: error }));
    }
    void this.#connect();
  }

  /** Whether frames can be sent now. */
  get isUp(): boolean {
    return this.#open;
  }

  /** Sends a frame if there is a connection; the channel repeats what was not acknowledged. */
  send(frame: Uint8Array): void {
    if (this.#open) this.#transport?.send(frame);
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

  /** Ends the link for good, politely where there is a connection. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#open = false;
    this.#liveness.stop();
    this.#cancelDelay?.();
    this.#transport?.close(1000, "");
    this.#transport = undefined;
  }

  async #connect(): Promise<void> {
    const url = this.#url;
    const headers = await this.#options.authorize(url);
    if (this.#closed) return;
    const startedAtMs = this.#options.clock.now();
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
          if (mine()) this.#liveness.heard();
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
    this.#liveness.start();
    log("info", "connected", { durationMs: Math.round(clock.now() - startedAtMs), attempt: this.#attempt });
    this.#events.up();
  }

  #message(data: Uint8Array | string): void {
    this.#liveness.heard();
    this.#everHeard = true;
    // A connection that carries something has succeeded: the next loss starts a new count.
    this.#attempt = 0;
    this.#refusals = 0;
    this.#lostAtMs = undefined;
    if (typeof data === "string") {
      this.#options.log("debug", "text frame ignored", { bytes: data.length });
      return;
    }
    this.#events.frame(data);
  }

  /** A connection ended or never came up, and nobody asked for it. */
  #lost(end: TransportEnd): void {
    const wasOpen = this.#open;
    this.#open = false;
    this.#liveness.stop();
    const why = describeEnd(end);
    this.#options.log(wasOpen ? "warn" : "info", "connection closed", {
      code: end.code,
      ...(end.httpStatus === undefined ? {} : { httpStatus: end.httpStatus }),
    });
    if (!this.#everHeard && this.#isFinalAtStart(end, wasOpen)) {
      return this.#fail(new ConnectFailedError(why, end.error === undefined ? {} : { cause: end.error }));
    }
    if (
      end.httpStatus !== undefined &&
      FINAL_STATUSES.has(end.httpStatus) &&
      ++this.#refusals >= MAX_REFUSALS
    ) {
      return this.#fail(new ConnectionLostError(why));
    }
    if (wasOpen) this.#events.down(why);
    if (this.#closed) return;
    const obstacle = this.#options.resumeObstacle(this.#url);
    if (obstacle !== undefined) return this.#fail(new ConnectionLostError(`${why}; ${obstacle}`));
    this.#scheduleResume(why);
  }

  #isFinalAtStart(end: TransportEnd, wasOpen: boolean): boolean {
    if (!wasOpen && this.#attempt === 0) return true;
    return REFUSALS.has(end.code) || end.code >= 3000 || this.#attempt + 1 >= START_ATTEMPTS;
  }

  #scheduleResume(why: string): void {
    const { clock, settings, random } = this.#options;
    const now = clock.now();
    this.#lostAtMs ??= now;
    if (now - this.#lostAtMs >= settings.reconnectForMs) {
      return this.#fail(new ConnectionLostError(this.#everHeard ? `connection lost: ${why}` : why));
    }
    const ceiling = Math.min(settings.reconnectMaxDelayMs, FIRST_DELAY_MS * 2 ** Math.min(this.#attempt, 16));
    const delayMs = this.#attempt === 0 ? 0 : ceiling * (0.5 + random() / 2);
    this.#attempt++;
    const remainingMs = settings.reconnectForMs - (now - this.#lostAtMs);
    this.#cancelDelay = clock.after(Math.min(delayMs, remainingMs), () => {
      const resume = (): void => void this.#resume(why);
      if (this.#paused) this.#heldResume = resume;
      else resume();
    });
  }

  async #resume(why: string): Promise<void> {
    const { api, sessionId, checkUrl, log } = this.#options;
    try {
      const resumed = await api.resume(sessionId);
      if (this.#closed) return;
      if (resumed === undefined) return this.#fail(new SessionGoneError());
      checkUrl(resumed.streamUrl);
      this.#url = resumed.streamUrl;
      this.#token = resumed.tokenValue;
    } catch (cause) {
      if (this.#closed) return;
      const error = cause as Error & { readonly retryable?: boolean };
      log("warn", "resume failed", { attempt: this.#attempt, retryable: error.retryable === true });
      if (error.retryable === true) return this.#scheduleResume(`${why}; ${error.message}`.slice(0, 400));
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

/** How a connection ended, in words. */
function describeEnd(end: TransportEnd): string {
  if (end.error !== undefined) return end.error.message;
  const reason = end.reason === "" ? "" : `: ${end.reason.slice(0, 200)}`;
  return `the gateway closed the connection (code ${end.code}${reason})`;
}
