/**
 * The life of one session: connect, handshake, run its kind, come back after cuts, end. Joins the pure channel with
 * the link to the gateway and the kind that was asked for. Prints nothing and never ends the process.
 */
import { type ChannelEvents, DataChannel } from "../channel/index.ts";
import { encodeFlag, FlagValue, PayloadType } from "../protocol/index.ts";
import type { SessionEnd } from "./end.ts";
import {
  ConnectionLostError,
  HandshakeTimeoutError,
  ListenError,
  PeerError,
  type SessionError,
  SessionGoneError,
} from "./errors.ts";
import { GatewayLink } from "./gateway-link.ts";
import { InboundBudget } from "./inbound-budget.ts";
import type { ForwardedSignal, Kind, KindContext } from "./kinds/kind.ts";
import { createPlainKind, PLAIN_SESSION_TYPE, SESSION_KINDS } from "./kinds/table.ts";
import type { SessionObserver } from "./observer.ts";
import type { Clock, Connect, Listen, Log, SessionApi, StandardStreams } from "./seams.ts";
import type { SessionSettings } from "./settings.ts";

/** Which session, as StartSession answered. */
export interface SessionParameters {
  readonly sessionId: string;
  readonly streamUrl: string;
  /** Secret. */
  readonly tokenValue: string;
}

/** Everything of the outside that a session uses. */
export interface SessionWorld {
  readonly settings: SessionSettings;
  readonly connect: Connect;
  readonly listen: Listen;
  readonly api: SessionApi;
  readonly streams: StandardStreams;
  readonly clock: Clock;
  readonly log: Log;
  /** New UUID texts. */
  readonly createId: () => string;
  /** 0 to 1. */
  readonly random: () => number;
  /** Headers that sign the upgrade to a URL; never rejects. */
  readonly authorize: (url: string) => Promise<Readonly<Record<string, string>>>;
  /** Throws when a stream URL must not be connected to. */
  readonly checkUrl: (url: string) => void;
  /** Why a session with this URL cannot be resumed, or undefined. */
  readonly resumeObstacle: (url: string) => string | undefined;
}

/** Local readers of a tunnel get this long for what was received before the session was closed. */
const TUNNEL_FLUSH_MS = 10_000;
/** The same when this side ends the session and the user waits. */
const TERMINATE_FLUSH_MS = 500;

/** One session. Use: `await new Session(…).run()`. */
export class Session {
  readonly #parameters: SessionParameters;
  readonly #world: SessionWorld;
  readonly #observer: SessionObserver;
  readonly #channel: DataChannel;
  readonly #link: GatewayLink;
  readonly #budget: InboundBudget;
  readonly #ended = Promise.withResolvers<SessionEnd>();
  #kind: Kind | undefined;
  #sessionType = PLAIN_SESSION_TYPE;
  #started = false;
  #ending = false;
  #over = false;
  #lostAtMs: number | undefined;
  #resentBefore = 0;
  #wakeAt = Infinity;
  #cancelWake: (() => void) | undefined;
  #cancelSilence: (() => void) | undefined;
  #cancelHandshake: (() => void) | undefined;
  #onTerminated: (() => void) | undefined;

  constructor(parameters: SessionParameters, world: SessionWorld, observer: SessionObserver) {
    this.#parameters = parameters;
    this.#world = world;
    this.#observer = observer;
    const { clock, settings } = world;
    this.#channel = new DataChannel({
      clientVersion: settings.clientVersion,
      epochMs: clock.wallNow() - clock.now(),
      createId: world.createId,
      events: this.#channelEvents(),
    });
    this.#link = new GatewayLink(
      { ...parameters, ...world },
      {
        up: () => this.#up(),
        down: (why) => this.#down(why),
        frame: (bytes) => this.#frame(bytes),
        failed: (error) => this.#fail(error),
      },
    );
    this.#budget = new InboundBudget(settings.inboundBudgetBytes, (exhausted) => {
      world.log("debug", exhausted ? "reading paused" : "reading resumed", { bytes: this.#budget.usedBytes });
      this.#link.setPaused(exhausted);
    });
  }

  /** Runs the session to its end. Call once; never rejects. */
  run(): Promise<SessionEnd> {
    this.#link.start();
    return this.#ended.promise;
  }

  /** Whether the session has come up: its kind runs, input is due. */
  get isRunning(): boolean {
    return this.#started && !this.#over;
  }

  /** Whether local programs are connected to it, rather than standard input and output. */
  get isTunnel(): boolean {
    return this.#kind?.isTunnel === true;
  }

  /** Round trip, window, resends: for logs and status lines. */
  get stats(): DataChannel["stats"] {
    return this.#channel.stats;
  }

  /** A signal reached the process. Returns false when it is to end the session, which is up to the caller. */
  signal(signal: ForwardedSignal): boolean {
    return this.#started && this.#kind !== undefined && this.#kind.signal(signal);
  }

  /** Ends the session from this side; `run` resolves within the terminate time-out. */
  terminate(): void {
    if (this.#ending || this.#over) return;
    this.#ending = true;
    const flag =
      this.#kind?.stop() === true && this.#link.isUp && this.#channel.agent?.abilities.terminateFlag === true;
    void this.#endAtService(flag).then(() =>
      this.#finish({ kind: "terminated", exitCode: this.#kind?.exitCode }),
    );
  }

  /** By the flag where the agent understands it, by the API otherwise or when the flag shows no effect. */
  async #endAtService(flag: boolean): Promise<void> {
    const { terminateTimeoutMs } = this.#world.settings;
    if (flag) {
      this.#channel.write(PayloadType.flag, encodeFlag(FlagValue.terminateSession), this.#world.clock.now());
      this.#armWake();
      const closed = new Promise<boolean>((resolve) => {
        this.#onTerminated = () => resolve(true);
      });
      if (await Promise.race([closed, this.#delay(terminateTimeoutMs / 2)])) return;
    }
    await this.#terminateByApi(flag ? terminateTimeoutMs / 2 : terminateTimeoutMs);
  }

  async #terminateByApi(timeoutMs: number): Promise<void> {
    const done = this.#world.api.terminate(this.#parameters.sessionId).then(
      () => true,
      (error: unknown) => {
        this.#world.log("warn", "terminate failed", { reason: (error as Error).name });
        return true;
      },
    );
    await Promise.race([done, this.#delay(timeoutMs)]);
  }

  #delay(ms: number): Promise<false> {
    return new Promise((resolve) => this.#world.clock.after(ms, () => resolve(false)));
  }

  #channelEvents(): ChannelEvents {
    return {
      send: (frame) => this.#link.send(frame),
      deliver: (payloadType, payload) => this.#kind?.deliver(payloadType, payload),
      handshakeRequested: (request) => this.#handshakeRequested(request.sessionType, request.properties),
      kmsRequested: () =>
        this.#channel.answerKms(
          { ok: false, error: "Failed to process action KMSEncryption: this client cannot encrypt sessions" },
          this.#world.clock.now(),
        ),
      ready: (info) => this.#ready(info),
      writable: () => this.#kind?.writable(),
      closed: (reason) => this.#closed(reason),
      paused: (on) => this.#world.log("info", on ? "publication paused" : "publication started"),
      notice: (event, fields) => this.#world.log("debug", event, fields),
      failed: (error) => this.#fail(new PeerError(error.message, { cause: error })),
    };
  }

  #context(): KindContext {
    const { settings, clock, log, streams, listen } = this.#world;
    return {
      sessionId: this.#parameters.sessionId,
      settings,
      clock,
      log,
      streams,
      listen,
      observer: this.#observer,
      budget: this.#budget,
      abilities: this.#channel.agent?.abilities,
      room: () => (this.#link.bufferedBytes > settings.socketBufferBytes ? 0 : this.#channel.sendRoom),
      rttMs: () => this.#channel.stats.rttMs ?? 0,
      isSettled: () => this.#channel.stats.unackedMessages === 0,
      send: (payloadType, payload) => {
        this.#channel.write(payloadType, payload, clock.now());
        this.#armWake();
      },
      terminate: () => this.terminate(),
      fail: (error) => this.#fail(error),
    };
  }

  #up(): void {
    const { clock, settings, log } = this.#world;
    this.#channel.connected(clock.now());
    if (this.#lostAtMs !== undefined) {
      const resent = this.#channel.stats.resentMessages - this.#resentBefore;
      const afterMs = clock.now() - this.#lostAtMs;
      this.#lostAtMs = undefined;
      log("info", "connection restored", { afterMs: Math.round(afterMs), resent });
      this.#observer.connectionRestored(afterMs, resent);
    } else if (!this.#started && this.#kind === undefined) {
      this.#cancelSilence = clock.after(settings.silentStartMs, () => this.#silent());
    }
    this.#armWake();
    this.#kind?.writable();
  }

  #down(why: string): void {
    const { clock } = this.#world;
    this.#channel.disconnected(clock.now());
    this.#armWake();
    if (this.#ending || this.#over) return;
    const fatal = this.#started ? this.#kind?.connectionLost() : undefined;
    if (fatal !== undefined) return this.#fail(fatal);
    this.#resentBefore = this.#channel.stats.resentMessages;
    this.#lostAtMs ??= clock.now();
    this.#observer.connectionLost(why);
  }

  #frame(bytes: Uint8Array): void {
    if (this.#over) return;
    this.#channel.receive(bytes, this.#world.clock.now());
    if (this.#over) return;
    if (this.#kind?.settled !== undefined && this.#channel.stats.unackedMessages === 0) this.#kind.settled();
    this.#armWake();
  }

  /** One timer for the channel; set anew only when it is needed earlier than it stands. */
  #armWake(): void {
    const wakeAt = this.#channel.nextWakeAt;
    if (wakeAt === undefined || wakeAt >= this.#wakeAt || this.#over) return;
    this.#cancelWake?.();
    this.#wakeAt = wakeAt;
    const { clock } = this.#world;
    this.#cancelWake = clock.after(Math.max(0, wakeAt - clock.now()), () => {
      this.#wakeAt = Infinity;
      this.#cancelWake = undefined;
      this.#channel.tick(clock.now());
      this.#armWake();
    });
  }

  /** A shell whose command says nothing never sends a first message; its keyboard is started all the same. */
  #silent(): void {
    this.#cancelSilence = undefined;
    if (this.#kind !== undefined || this.#over) return;
    this.#world.log("info", "no output yet, input is opened");
    this.#channel.openInput(this.#world.clock.now());
    this.#ready({ customerMessage: "", handshake: false });
  }

  /** The agent names the kind of session. Returns a text when it cannot be run, which fails the handshake. */
  #handshakeRequested(sessionType: string, properties: unknown): string | undefined {
    const { clock, settings, log } = this.#world;
    this.#cancelSilence?.();
    // A slow agent's handshake after input was opened: what runs now was a guess.
    this.#kind?.stop();
    this.#kind = undefined;
    this.#started = false;
    log("info", "handshake", { sessionType, agentVersion: this.#channel.agent?.version ?? "" });
    this.#cancelHandshake = clock.after(settings.handshakeTimeoutMs, () =>
      this.#fail(new HandshakeTimeoutError(settings.handshakeTimeoutMs)),
    );
    const factory = SESSION_KINDS.get(sessionType);
    if (factory === undefined) return this.#refuse(`unknown session type ${sessionType}`);
    try {
      this.#kind = factory(this.#context(), properties);
      this.#sessionType = sessionType;
      return undefined;
    } catch (error) {
      return this.#refuse((error as Error).message);
    }
  }

  /** Fails the session, after the answer to the handshake has left. */
  #refuse(reason: string): string {
    this.#world.clock.after(0, () => this.#fail(new PeerError(reason)));
    return reason;
  }

  #ready(info: { readonly customerMessage: string; readonly handshake: boolean }): void {
    this.#cancelSilence?.();
    this.#cancelHandshake?.();
    if (this.#started || this.#over) return;
    this.#started = true;
    this.#world.log("info", "session started", { handshake: info.handshake });
    if (info.customerMessage !== "") this.#observer.customerMessage(info.customerMessage);
    this.#kind ??= createPlainKind(this.#context());
    this.#observer.started({ sessionType: this.#sessionType, ownsOutput: this.#kind.ownsOutput });
    this.#kind.start();
  }

  #closed(reason: string): void {
    this.#onTerminated?.();
    if (this.#ending) return;
    this.#finish({ kind: "closed", reason, exitCode: this.#kind?.exitCode });
  }

  #fail(error: SessionError): void {
    if (this.#over || this.#ending) return;
    this.#world.log("error", "session failed", { code: error.code });
    const neverRan = !this.#started || error instanceof ListenError;
    const end: SessionEnd = neverRan
      ? { kind: "failed", error }
      : { kind: "lost", error, exitCode: this.#kind?.exitCode };
    if (this.#started && (error instanceof ConnectionLostError || error instanceof SessionGoneError)) {
      return this.#finish(end);
    }
    // Nothing is left behind at the service.
    this.#ending = true;
    void this.#terminateByApi(this.#world.settings.terminateTimeoutMs).then(() => this.#finish(end));
  }

  /** The one way out. */
  #finish(end: SessionEnd): void {
    if (this.#over) return;
    this.#over = true;
    this.#ending = true;
    this.#cancelWake?.();
    this.#cancelSilence?.();
    this.#cancelHandshake?.();
    this.#link.close();
    const { resentMessages, duplicateMessages, rttMs } = this.#channel.stats;
    this.#world.log("info", "session ended", {
      end: end.kind,
      resentMessages,
      duplicateMessages,
      rttMs: Math.round((rttMs ?? 0) * 1000) / 1000,
    });
    const flushed = this.#kind?.close(this.#flushMs(end)) ?? Promise.resolve();
    void flushed.then(() => this.#ended.resolve(end));
  }

  /** How long what was received may still take to be written. */
  #flushMs(end: SessionEnd): number {
    if (end.kind === "terminated") return TERMINATE_FLUSH_MS;
    if (this.#kind?.isTunnel !== true) return Infinity;
    return end.kind === "closed" ? TUNNEL_FLUSH_MS : 0;
  }
}
