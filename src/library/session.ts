/**
 * A session as an object of a program: its status and events, its output as web streams, writes with backpressure. It
 * prints nothing, handles no signals and never ends the process; all of that is the program's.
 */
import { EventEmitter } from "node:events";

import { listen } from "../net/index.ts";
import {
  type Accept,
  type ForwardedSignal,
  type Listen,
  Session as CoreSession,
  type SessionObserver,
  type WindowSize,
} from "../session/index.ts";
import { Connection } from "./connection.ts";
import { NotAcceptedError, SessionStateError } from "./errors.ts";
import { checkOptions, givenParameters, isGiven, listenTarget, type SessionOptions } from "./options.ts";
import { ProgramStreams } from "./program-streams.ts";
import {
  type CodedError,
  endOf,
  failure,
  type SessionEnd,
  type SessionEvents,
  type SessionStatus,
  TERMINATED_EARLY,
} from "./status.ts";
import { openWorld } from "./world.ts";

/**
 * One session. Use: `await using session = new Session({ target, region })`, then `await session.open()`.
 *
 * Listeners are called after what they are told of, never from within a method of this class; what a listener throws
 * is an uncaught exception of the program and does not disturb the session.
 */
export class Session extends EventEmitter<SessionEvents> implements AsyncDisposable {
  /** When this object was made. */
  readonly createdAt = new Date();
  /** How it ended; never rejects. Output that is not read, beyond a megabyte, holds the end back. */
  readonly ended: Promise<SessionEnd>;
  readonly #options: SessionOptions;
  readonly #streams: ProgramStreams;
  readonly #ended = Promise.withResolvers<SessionEnd>();
  readonly #opened = Promise.withResolvers<void>();
  #status: SessionStatus = "created";
  #id: string | undefined;
  #kind: string | undefined;
  #core: CoreSession | undefined;
  /** It has come up once. */
  #ran = false;
  #terminating = false;
  #at: { readonly port: number; readonly addresses: readonly string[] } | undefined;
  #accept: Accept | undefined;

  /** @throws InvalidOptionError, BadInputError: options that cannot be used */
  constructor(options: SessionOptions) {
    super();
    checkOptions(options);
    this.#options = options;
    this.#streams = new ProgramStreams(options.size);
    this.ended = this.#ended.promise;
    // Whoever has called `open` has the same promise.
    this.#opened.promise.catch(() => undefined);
    if (isGiven(options)) this.#id = givenParameters(options).sessionId;
  }

  /** Where it stands. */
  get status(): SessionStatus {
    return this.#status;
  }

  /** The session's id at the service; undefined until the service has given it one. */
  get id(): string | undefined {
    return this.#id;
  }

  /** SessionType: Standard_Stream (a shell), InteractiveCommands, NonInteractiveCommands or Port; undefined before. */
  get kind(): string | undefined {
    return this.#kind;
  }

  /** What this client calls itself to the service; undefined before the session exists there. */
  get clientId(): string | undefined {
    return this.#core?.clientId;
  }

  /** Undefined before the handshake, and for sessions that have none (plain shells). */
  get agentVersion(): string | undefined {
    return this.#core?.agentVersion;
  }

  /** Smoothed round trip to the agent in milliseconds; undefined before the first. */
  get rttMs(): number | undefined {
    return this.#core?.stats.rttMs;
  }

  /** Port of a tunnel that listens on TCP. */
  get port(): number | undefined {
    return this.#at?.port === 0 ? undefined : this.#at?.port;
  }

  /** What a tunnel listens on: `127.0.0.1:5432`, `[::1]:5432`, `/tmp/db.sock`; empty for others. */
  get addresses(): readonly string[] {
    return this.#at?.addresses ?? [];
  }

  /**
   * What the session prints, or the bytes of an SSH session's port. Ends with the session, with an error when that was
   * lost. Cancelling it throws away what still comes; the session goes on.
   */
  get output(): ReadableStream<Uint8Array> {
    return this.#streams.output;
  }

  /** What a command prints to its standard error, where its document keeps that apart; as {@link output}. */
  get errorOutput(): ReadableStream<Uint8Array> {
    return this.#streams.errorOutput;
  }

  /**
   * Starts it, and resolves when it runs: the handshake is done, a tunnel takes connections. Call once.
   * Rejects with why it did not come up; nothing is left behind at the service then.
   */
  open(): Promise<void> {
    if (this.#status !== "created") {
      return Promise.reject(new SessionStateError(`open() is for new sessions, this one is ${this.#status}`));
    }
    this.#change("connecting");
    void this.#run().then((end) => this.#finish(end));
    return this.#opened.promise;
  }

  /**
   * Sends bytes, or text as UTF-8, behind those of earlier calls. Resolves when there is room for more, which is how to
   * wait for a slow session; the array must not change until then.
   * Rejects with a SessionStateError when the session does not run, a NoInputError when its kind takes no input.
   */
  async write(data: string | Uint8Array): Promise<void> {
    this.#checkRuns("write");
    await this.#streams.write(typeof data === "string" ? new TextEncoder().encode(data) : data);
  }

  /** No more input: a shell is told the end of it, an SSH session waits for the answer and ends. */
  async endInput(): Promise<void> {
    this.#checkRuns("endInput");
    await this.#streams.endInput();
  }

  /** Tells the session's terminal its new size. */
  resize(size: WindowSize): void {
    this.#streams.resize(size);
  }

  /** Sends what Ctrl-C or Ctrl-\ would. Returns false for sessions that no signal can be sent to, or not yet. */
  signal(signal: ForwardedSignal): boolean {
    return this.#core?.signal(signal) === true;
  }

  /** A connection through a tunnel, without a socket. @throws NotAcceptedError */
  connect(): Connection {
    const accept = this.#accept;
    if (accept === undefined) throw new NotAcceptedError();
    const connection = new Connection(accept);
    if (!connection.isAccepted) throw new NotAcceptedError();
    return connection;
  }

  /**
   * Ends it from this side, at the service too. Resolves when it has ended, within some seconds; one that is just being
   * started is ended as soon as the service has answered. Never rejects.
   */
  terminate(): Promise<SessionEnd> {
    if (!this.#terminating) {
      this.#terminating = true;
      if (this.#status === "created") this.#finish(TERMINATED_EARLY);
      this.#core?.terminate();
    }
    return this.ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.terminate();
  }

  async #run(): Promise<SessionEnd> {
    try {
      const { parameters, world } = await openWorld(this.#options, {
        streams: this.#streams,
        listen: this.#listen,
      });
      this.#id = parameters.sessionId;
      const core = new CoreSession(parameters, world, this.#observer());
      this.#core = core;
      const running = core.run();
      if (this.#terminating) core.terminate();
      return endOf(await running);
    } catch (error) {
      return this.#terminating ? TERMINATED_EARLY : failure(error as CodedError);
    }
  }

  readonly #listen: Listen = async (wanted, accept) => {
    const { listen: option } = this.#options;
    const target = option === undefined ? wanted : listenTarget(option);
    this.#accept = accept;
    const listener = target === undefined ? undefined : await listen(target, accept);
    return {
      port: listener?.port ?? 0,
      addresses: listener?.addresses ?? [],
      stop: () => {
        this.#accept = undefined;
        listener?.stop();
      },
    };
  };

  #observer(): SessionObserver {
    return {
      started: ({ sessionType }) => {
        this.#kind = sessionType;
        // A tunnel is up when it listens.
        if (this.#core?.isTunnel !== true) this.#up();
      },
      customerMessage: (text) => this.#tell("message", text),
      listening: (at) => {
        this.#at = at;
        this.#up();
      },
      connectionAccepted: () => {},
      destinationFailed: () => this.#tell("destinationFailed"),
      connectionLost: (why) => this.#change("reconnecting", why),
      connectionRestored: () => this.#change(this.#ran ? "connected" : "connecting"),
    };
  }

  #up(): void {
    this.#ran = true;
    this.#change("connected");
    this.#opened.resolve();
  }

  #finish(end: SessionEnd): void {
    this.#accept = undefined;
    this.#streams.end(end.how === "lost" ? end.error : undefined);
    const failed = end.how === "failed" || end.how === "lost";
    this.#change(failed ? "failed" : "terminated", end.reason);
    if (end.error !== undefined) this.#opened.reject(end.error);
    // A command that printed nothing may be over before anybody knew that it ran.
    else if (end.how === "closed") this.#opened.resolve();
    else this.#opened.reject(new SessionStateError("the session was terminated before it ran"));
    this.#tell("end", end);
    this.#ended.resolve(end);
  }

  #change(status: SessionStatus, reason = ""): void {
    const previous = this.#status;
    if (status === previous) return;
    this.#status = status;
    this.#tell("status", { status, previous, ...(reason === "" ? {} : { reason }) });
  }

  #tell<Name extends keyof SessionEvents>(name: Name, ...args: SessionEvents[Name]): void {
    queueMicrotask(() => (this as EventEmitter).emit(name, ...args));
  }

  #checkRuns(call: string): void {
    if (this.#status === "connected" || this.#status === "reconnecting") return;
    throw new SessionStateError(`${call}() is for sessions that run, this one is ${this.#status}`);
  }
}
