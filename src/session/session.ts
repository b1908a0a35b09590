/**
 * The life of one session: connect, handshake, run its kind, come back after cuts, end. Joins the pure channel with
 * the link to the gateway and the kind that was asked for. Prints nothing and never ends the process.
 */
import { type ChannelEvents, DataChannel, type KmsRequest } from "../channel/index.ts";
import { encodeFlag, FlagValue, PayloadType } from "../protocol/index.ts";
import { AnswerWatch } from "./answer-watch.ts";
import { ChannelDriver } from "./channel-driver.ts";
import { agreeOnKey } from "./data-key.ts";
import { endOfClosed, flushMsOf, logEnd, type SessionEnd } from "./end.ts";
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
import { errorFields, sessionLog } from "./log-fields.ts";
import type { SessionObserver } from "./observer.ts";
import { Outage } from "./outage.ts";
import type { LocalStreamEvents } from "./seams.ts";
import { Startup } from "./startup.ts";
import { Termination } from "./termination.ts";
import type { SessionParameters, SessionWorld } from "./world.ts";

/** Takes the streams from a kind that turned out to be wrong, until the right one asks for them. */
const NOBODY: LocalStreamEvents = { data() {}, ended() {}, written() {}, closed() {} };

/** One session. Use: `await new Session(…).run()`. */
export class Session {
  readonly #parameters: SessionParameters;
  readonly #world: SessionWorld;
  readonly #observer: SessionObserver;
  readonly #channel: DataChannel;
  readonly #link: GatewayLink;
  readonly #driver: ChannelDriver;
  readonly #budget: InboundBudget;
  readonly #termination: Termination;
  readonly #answers: AnswerWatch;
  readonly #startup: Startup;
  readonly #outage: Outage;
  readonly #ended = Promise.withResolvers<SessionEnd>();
  #kind: Kind | undefined;
  #sessionType = PLAIN_SESSION_TYPE;
  #started = false;
  /** This side ends it, or it is over: nothing new begins. */
  #ending = false;
  #over = false;
  readonly #beganAtMs: number;
  /** The end came while messages before it were missing. */
  #gap = false;

  constructor(parameters: SessionParameters, given: SessionWorld, observer: SessionObserver) {
    this.#parameters = parameters;
    const world = { ...given, log: sessionLog(given, parameters) };
    this.#world = world;
    this.#observer = observer;
    const { clock, settings } = world;
    this.#beganAtMs = clock.now();
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
        alive: () => this.#outage.end(this.#channel.stats.resentMessages),
        waiting: () => !this.#driver.isSettled(),
        down: (why) => this.#down(why),
        frame: (bytes) => this.#frame(bytes),
        failed: (error) => this.#fail(error),
      },
    );
    this.#driver = new ChannelDriver({
      channel: this.#channel,
      link: this.#link,
      clock,
      socketBufferBytes: settings.socketBufferBytes,
      writable: () => this.#kind?.writable(),
    });
    this.#answers = new AnswerWatch(clock, settings.answerTimeoutMs, {
      waiting: () => !this.#driver.isSettled() && this.#link.isUp && !this.#budget.isExhausted,
      answeredAtMs: () => this.#channel.stats.answeredAtMs,
      silent: (forMs) => this.#targetSilent(forMs),
      answers: (afterMs) => observer.targetAnswers?.(afterMs),
      // Where a cut loses output nothing is gained by one: a command that runs may take no input for hours.
      dead: (why) => {
        if (this.#kind?.connectionLost() === undefined) this.#link.cut(why);
      },
    });
    this.#termination = new Termination(parameters.sessionId, world);
    this.#outage = new Outage(world, observer);
    this.#startup = new Startup(clock, settings, {
      silent: () => this.#silent(),
      timedOut: () => this.#fail(new HandshakeTimeoutError(settings.handshakeTimeoutMs)),
      refused: (reason) => this.#fail(new PeerError(reason)),
    });
    this.#budget = new InboundBudget(settings.inboundBudgetBytes, (exhausted) => {
      world.log("debug", exhausted ? "reading paused" : "reading resumed", { bytes: this.#budget.usedBytes });
      if (!exhausted) world.collectGarbage?.();
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

  /** What this client calls itself to the service, for the life of the session. */
  get clientId(): string {
    return this.#link.clientId;
  }

  /** From the handshake; undefined before, and for sessions without one. */
  get agentVersion(): string | undefined {
    return this.#channel.agent?.version;
  }

  /** Round trip, window, resends: for logs and status lines. */
  get stats(): DataChannel["stats"] {
    return this.#channel.stats;
  }

  /** A signal reached the process. Returns false when it is to end the session, which is up to the caller. */
  signal(signal: ForwardedSignal): boolean {
    return this.#started && !this.#ending && this.#kind !== undefined && this.#kind.signal(signal);
  }

  /** Ends the session from this side; `run` resolves within the terminate time-out. */
  terminate(): void {
    if (this.#ending || this.#over) return;
    this.#ending = true;
    this.#link.isEndExpected = true;
    const byFlag =
      this.#kind?.stop() === true && this.#link.isUp && this.#channel.agent?.abilities.terminateFlag === true;
    if (byFlag) this.#driver.send(PayloadType.flag, encodeFlag(FlagValue.terminateSession));
    void (byFlag ? this.#termination.byFlag() : this.#termination.byApi()).then(() =>
      this.#finish({ kind: "terminated", exitCode: this.#kind?.exitCode }),
    );
  }

  #channelEvents(): ChannelEvents {
    return {
      send: (frame) => this.#link.send(frame),
      deliver: (payloadType, payload) => this.#kind?.deliver(payloadType, payload),
      handshakeRequested: (request) => this.#handshakeRequested(request.sessionType, request.properties),
      kmsRequested: (request) => void this.#encrypt(request),
      ready: (info) => this.#ready(info),
      writable: () => this.#kind?.writable(),
      closed: (reason) => this.#closed(reason),
      paused: (on) => {
        this.#driver.publicationPaused(on);
        this.#world.log("info", on ? "publication paused" : "publication started");
      },
      notice: (event, fields) => {
        this.#world.log("debug", event, fields);
        // Also what the channel refuses by itself: such an agent ends the session sooner or later, without a reason.
        if (event === "handshake_refused") this.#startup.refuse(String(fields?.["error"]));
        if (event === "closed_with_gap") this.#gap = true;
      },
      failed: (error) => this.#fail(new PeerError(error.message, { cause: error })),
    };
  }

  async #encrypt(request: KmsRequest): Promise<void> {
    const { keys, log } = this.#world;
    try {
      const { cipher, actionResult } = await agreeOnKey(keys, this.#parameters.sessionId, request);
      if (this.#ending) return;
      this.#channel.setCipher(cipher);
      this.#driver.answerKms({ ok: true, actionResult });
      log("info", "encryption agreed");
    } catch (error) {
      if (this.#ending) return;
      log("error", "encryption failed", errorFields(error));
      this.#driver.answerKms({ ok: false, error: (error as Error).message });
    }
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
      room: () => this.#driver.room(),
      rttMs: () => this.#channel.stats.rttMs ?? 0,
      isSettled: () => this.#driver.isSettled(),
      reachableSinceMs: () => this.#driver.reachableSinceMs(),
      send: (payloadType, payload) => {
        this.#driver.send(payloadType, payload);
        this.#answers.sent();
      },
      complete: () => this.#complete(),
      terminate: () => this.terminate(),
      fail: (error) => this.#fail(error),
    };
  }

  #up(): void {
    this.#driver.connected();
    this.#answers.connected();
    this.#startup.connected(!this.#started && this.#kind === undefined);
    this.#kind?.writable();
  }

  #down(why: string): void {
    // What this side sends first is its answer to the handshake.
    this.#startup.disconnected(!this.#started && this.#channel.stats.sentMessages > 0);
    this.#driver.disconnected();
    if (this.#ending || this.#over) return;
    if (this.#kind?.isComplete === true) return this.#complete();
    const fatal = this.#started ? this.#kind?.connectionLost() : undefined;
    if (fatal !== undefined) return this.#fail(fatal);
    this.#outage.begin(why, this.#channel.stats.resentMessages);
  }

  #frame(bytes: Uint8Array): void {
    this.#driver.receive(bytes);
    if (this.#driver.isHalted) return;
    this.#answers.received();
    if (this.#kind?.settled !== undefined && this.#driver.isSettled()) this.#kind.settled();
  }

  #targetSilent(forMs: number): void {
    if (this.#kind === undefined || this.#kind.connectionLost() !== undefined) return;
    this.#world.log("warn", "target silent", { forMs: Math.round(forMs) });
    this.#observer.targetSilent?.(forMs);
  }

  /** A shell whose command says nothing never sends a first message; its keyboard is started all the same. */
  #silent(): void {
    if (this.#kind !== undefined || this.#ending) return;
    this.#world.log("info", "no output yet, input is opened");
    this.#channel.openInput(this.#world.clock.now());
    this.#ready({ customerMessage: "", handshake: false });
  }

  /** The agent names the kind of session. Returns a text when it cannot be run, which fails the handshake. */
  #handshakeRequested(sessionType: string, properties: unknown): string | undefined {
    if (this.#kind !== undefined) {
      // A slow agent's handshake after input was opened: what runs now was a guess.
      this.#kind.stop();
      this.#kind = undefined;
      this.#started = false;
      this.#world.streams.attach(NOBODY, "none");
    }
    this.#startup.requested();
    this.#world.log("info", "handshake", { sessionType, agentVersion: this.#channel.agent?.version ?? "" });
    const factory = (this.#world.kinds ?? SESSION_KINDS).get(sessionType);
    if (factory === undefined) {
      return this.#startup.refuse(`unknown session type ${JSON.stringify(sessionType.slice(0, 60))}`);
    }
    try {
      this.#kind = factory(this.#context(), properties);
      this.#sessionType = sessionType;
      return undefined;
    } catch (error) {
      return this.#startup.refuse((error as Error).message);
    }
  }

  #ready(info: { readonly customerMessage: string; readonly handshake: boolean }): void {
    this.#startup.completed();
    if (this.#started || this.#ending) return;
    this.#started = true;
    const fatal = this.#startup.wasInterrupted ? this.#kind?.connectionLost() : undefined;
    if (fatal !== undefined) return this.#fail(fatal);
    this.#world.log("info", "session started", { handshake: info.handshake });
    if (info.customerMessage !== "") this.#observer.customerMessage(info.customerMessage);
    this.#kind ??= this.#plainKind();
    const { ownsOutput, isInteractive = false } = this.#kind;
    this.#observer.started({ sessionType: this.#sessionType, ownsOutput, isInteractive });
    this.#kind.start();
  }

  /** Of a session without a handshake. */
  #plainKind(): Kind {
    const factory = this.#world.kinds?.get(PLAIN_SESSION_TYPE) ?? createPlainKind;
    return factory(this.#context(), null);
  }

  /** Everything has come: what the service and the connection do now means nothing. */
  #complete(): void {
    if (this.#ending || this.#over) return;
    this.#ending = true;
    this.#link.isEndExpected = true;
    void this.#termination
      .byApi()
      .then(() => this.#finish({ kind: "closed", reason: "", exitCode: this.#kind?.exitCode }));
  }

  #closed(reason: string): void {
    this.#termination.closed();
    if (this.#ending) return;
    const { refusal } = this.#startup;
    const exitCode = this.#kind?.exitCode;
    if (this.#kind?.isComplete === true) return this.#finish({ kind: "closed", reason: "", exitCode });
    this.#finish(endOfClosed({ reason, refusal, exitCode, ran: this.#started, gap: this.#gap }));
  }

  #fail(error: SessionError): void {
    if (this.#over || this.#ending) return;
    if (this.#kind?.isComplete === true) return this.#complete();
    this.#world.log("error", "session failed", errorFields(error));
    const neverRan = !this.#started || error instanceof ListenError;
    const end: SessionEnd = neverRan
      ? { kind: "failed", error }
      : { kind: "lost", error, exitCode: this.#kind?.exitCode };
    this.#halt();
    this.#kind?.stop();
    if (this.#started && (error instanceof ConnectionLostError || error instanceof SessionGoneError)) {
      return this.#finish(end);
    }
    // Nothing is left behind at the service.
    this.#ending = true;
    void this.#termination.byApi().then(() => this.#finish(end));
  }

  /** No frame comes or goes from now on, and no timer of this session runs but those of its ending. */
  #halt(): void {
    this.#startup.stop();
    this.#answers.stop();
    this.#driver.halt();
  }

  /** The one way out. */
  #finish(end: SessionEnd): void {
    if (this.#over) return;
    this.#over = true;
    this.#ending = true;
    this.#halt();
    const { clock, log } = this.#world;
    logEnd(log, end, this.#channel.stats, clock.now() - this.#beganAtMs);
    const flushed = this.#kind?.close(flushMsOf(end, this.isTunnel)) ?? Promise.resolve();
    void flushed.then(() => this.#ended.resolve(end));
  }
}
