/**
 * The kinds of session that run a wrapped command (wrapper.ts): what comes goes on to the ordinary kind without its
 * markers, and the session is ended once both markers of the end are there. What comes later, the connection's loss and
 * the exit code of the script itself change nothing then.
 */
import { PayloadType } from "../../protocol/index.ts";
import {
  type ForwardedSignal,
  type Kind,
  type KindContext,
  type KindFactory,
  SESSION_KINDS,
  type SessionError,
} from "../../session/index.ts";
import { MarkerParser } from "./marker-parser.ts";
import { isShellMissing, type MarkerWord } from "./wrapper.ts";

/** From the session's start to the command's: after this the script is not at work there. */
const START_TIMEOUT_MS = 10_000;
/** The script has been told to end; after this the service is asked. */
const END_TIMEOUT_MS = 3_000;
/** What is printed before the start is kept until then, for it may be why there is no start; more is no reason. */
const MAX_HELD_BYTES = 4096;

/** What is learnt of a wrapped command while it runs and after it. */
export class WrappedRun {
  readonly word: MarkerWord;
  /** The start has not been told in time. */
  readonly onNoStart: () => void;
  /** The agent could not start the script: nothing has run. */
  couldNotStart = false;

  constructor(word: MarkerWord, onNoStart: () => void) {
    this.word = word;
    this.onNoStart = onNoStart;
  }

  /** The table of kinds for a session that runs it. */
  kinds(): ReadonlyMap<string, KindFactory> {
    const terminal: KindFactory = (context, properties) =>
      new WrappedTerminal(context, innerKind("InteractiveCommands", context, properties), this);
    return new Map([
      ...SESSION_KINDS,
      [
        "NonInteractiveCommands",
        (context, properties) =>
          new WrappedCommand(context, innerKind("NonInteractiveCommands", context, properties), this),
      ],
      ["InteractiveCommands", terminal],
      // Without encryption an interactive command has no handshake that would name it.
      ["Standard_Stream", terminal],
    ]);
  }
}

function innerKind(name: string, context: KindContext, properties: unknown): Kind {
  const factory = SESSION_KINDS.get(name);
  if (factory === undefined) throw new Error(`there is no kind ${name}`);
  return factory(context, properties);
}

/** What both have in common: their end. */
abstract class Wrapped implements Kind {
  readonly ownsOutput = false;
  readonly isTunnel = false;
  protected readonly context: KindContext;
  protected readonly inner: Kind;
  #exitCode: number | undefined;
  #cancelEnd: (() => void) | undefined;

  constructor(context: KindContext, inner: Kind) {
    this.context = context;
    this.inner = inner;
  }

  get isInteractive(): boolean {
    return this.inner.isInteractive === true;
  }

  get isComplete(): boolean {
    return this.#exitCode !== undefined;
  }

  get exitCode(): number | undefined {
    return this.#exitCode;
  }

  start(): void {
    this.inner.start();
  }

  abstract deliver(payloadType: number, payload: Uint8Array): void;
  abstract signal(signal: ForwardedSignal): boolean;

  writable(): void {
    this.inner.writable();
  }

  connectionLost(): SessionError | undefined {
    return this.inner.connectionLost();
  }

  stop(): boolean {
    return this.inner.stop();
  }

  close(flushMs: number): Promise<void> {
    this.#cancelEnd?.();
    return this.inner.close(flushMs);
  }

  /** Everything has come. @param endScript tells the script to end; absent: it cannot be told any more */
  protected complete(exitCode: number, endScript: (() => void) | undefined): void {
    this.#exitCode = exitCode;
    this.context.log("info", "command ended", { exitCode });
    if (endScript === undefined) return this.context.complete();
    this.#cancelEnd = this.context.clock.after(END_TIMEOUT_MS, () => this.context.complete());
    endScript();
  }
}

/** A command without a terminal. */
class WrappedCommand extends Wrapped {
  readonly #run: WrappedRun;
  readonly #parsers: ReadonlyMap<number, MarkerParser>;
  /** What was printed before the start. */
  #held: { readonly payloadType: number; readonly bytes: Uint8Array }[] = [];
  #heldBytes = 0;
  #cancelStart: (() => void) | undefined;
  #isLate = false;
  #waitingSignal: ForwardedSignal | undefined;
  /** The agent takes one signal, and hears nothing more before the script has ended. */
  #hasSignalled = false;

  constructor(context: KindContext, inner: Kind, run: WrappedRun) {
    super(context, inner);
    this.#run = run;
    this.#parsers = new Map(
      [PayloadType.output, PayloadType.stdErr].map((type) => [type, new MarkerParser(run.word)]),
    );
  }

  /** The agent's own code is the script's, and means something only where there was no script. */
  override get exitCode(): number | undefined {
    if (this.isComplete) return super.exitCode;
    return this.#every((parser) => !parser.hasStarted) ? this.inner.exitCode : undefined;
  }

  override start(): void {
    super.start();
    this.#cancelStart = this.context.clock.after(START_TIMEOUT_MS, () => {
      this.#isLate = true;
      this.context.log("warn", "command not started", { afterMs: START_TIMEOUT_MS });
      this.#release();
      this.#run.onNoStart();
      this.#sendWaitingSignal();
    });
  }

  deliver(payloadType: number, payload: Uint8Array): void {
    const parser = this.#parsers.get(payloadType);
    if (parser === undefined) return this.inner.deliver(payloadType, payload);
    const wasStarted = parser.hasStarted;
    const printed = parser.push(payload);
    if (!wasStarted && parser.hasStarted) this.#started();
    for (const bytes of printed) this.#pass(payloadType, bytes, parser.hasStarted);
    const { exitCode } = parser;
    if (this.isComplete || exitCode === undefined) return;
    if (!this.#every((other) => other.exitCode !== undefined)) return;
    this.#cancelStart?.();
    this.complete(exitCode, this.#hasSignalled ? undefined : () => this.inner.signal("SIGQUIT"));
  }

  /** Held until the command can be interrupted. Where no script is at work, SIGQUIT ends what is there. */
  signal(signal: ForwardedSignal): boolean {
    // It has ended: nothing is to be cut any more.
    if (this.isComplete) return true;
    this.#waitingSignal ??= signal;
    if (this.#isLate || this.#every((parser) => parser.hasStarted)) this.#sendWaitingSignal();
    return true;
  }

  override close(flushMs: number): Promise<void> {
    this.#cancelStart?.();
    if (!this.#every((parser) => parser.hasStarted) && this.inner.exitCode === 1) {
      const said = this.#held.filter(({ payloadType }) => payloadType === PayloadType.stdErr);
      const isAll = said.length === this.#held.length;
      this.#run.couldNotStart =
        isAll && isShellMissing(Buffer.concat(said.map(({ bytes }) => bytes)).toString("utf8"));
    }
    if (!this.#run.couldNotStart) this.#release();
    return super.close(flushMs);
  }

  #pass(payloadType: number, bytes: Uint8Array, hasStarted: boolean): void {
    const isReason = !hasStarted && !this.#isLate && this.#heldBytes + bytes.length <= MAX_HELD_BYTES;
    if (!isReason) {
      this.#release();
      return this.inner.deliver(payloadType, bytes);
    }
    this.#held.push({ payloadType, bytes });
    this.#heldBytes += bytes.length;
  }

  #release(): void {
    for (const { payloadType, bytes } of this.#held.splice(0)) this.inner.deliver(payloadType, bytes);
    this.#heldBytes = 0;
  }

  #started(): void {
    this.#release();
    if (!this.#every((parser) => parser.hasStarted)) return;
    this.#cancelStart?.();
    this.#isLate = false;
    this.#sendWaitingSignal();
  }

  #sendWaitingSignal(): void {
    const signal = this.#waitingSignal;
    if (signal === undefined || this.#hasSignalled) return;
    this.#hasSignalled = true;
    this.inner.signal(this.#isLate ? "SIGQUIT" : signal);
  }

  #every(holds: (parser: MarkerParser) => boolean): boolean {
    return [...this.#parsers.values()].every(holds);
  }
}

/** A command on a terminal. */
class WrappedTerminal extends Wrapped {
  readonly #parser: MarkerParser;

  constructor(context: KindContext, inner: Kind, run: WrappedRun) {
    super(context, inner);
    this.#parser = new MarkerParser(run.word);
  }

  deliver(payloadType: number, payload: Uint8Array): void {
    if (payloadType !== PayloadType.output) return this.inner.deliver(payloadType, payload);
    for (const bytes of this.#parser.push(payload)) this.inner.deliver(payloadType, bytes);
    const { exitCode } = this.#parser;
    if (this.isComplete || exitCode === undefined) return;
    this.complete(exitCode, () => {
      // No key that was typed meanwhile is for anybody.
      this.inner.stop();
      this.inner.signal("SIGQUIT");
    });
  }

  signal(signal: ForwardedSignal): boolean {
    return this.isComplete || this.inner.signal(signal);
  }
}
