/**
 * `exec --json`: what a command prints goes into one JSON object at its end (`--json`), or into events as it comes
 * (`--json=stream`), instead of onto standard output and error as it is.
 */
import type { InputUse, LocalStream, LocalStreamEvents, StandardStreams } from "../../session/index.ts";
import { standardOutput } from "../../terminal/index.ts";
import { pieceOf, TextPieces } from "./text-pieces.ts";

/** Values of `--json`; the first is meant where none is given. */
export const JSON_FORMS = ["object", "stream"] as const;
/** One of them. */
export type JsonForm = (typeof JSON_FORMS)[number];

/** Most bytes that an object may hold of both outputs together: they are all in memory until the end. */
export const MAX_OBJECT_BYTES = 64 * 1024 * 1024;

/** What is known of a run before it has ended. */
export interface RunFacts {
  readonly target: string;
  readonly sessionId: string;
}

/** How it ended. */
export interface RunEnd {
  /** The command's; undefined where it is not known. */
  readonly exitCode: number | undefined;
  readonly durationMs: number;
  /** Why it failed, apart from the command. */
  readonly failure?: { readonly code: string; readonly message: string };
}

type OutputName = "stdout" | "stderr";

/** The streams of a session whose output is told as JSON. */
export abstract class JsonOutput implements StandardStreams {
  readonly hasWindow = false;
  readonly #window: () => ReturnType<StandardStreams["windowSize"]>;
  #events: LocalStreamEvents | undefined;
  #closed = false;

  /** @param streams the real ones; the other side is told their window */
  constructor(streams: Pick<StandardStreams, "windowSize">) {
    this.#window = () => streams.windowSize();
  }

  attach(events: LocalStreamEvents, _input: InputUse): LocalStream {
    this.#events = events;
    return {
      write: (bytes) => this.take("stdout", bytes, (count) => events.written(count)),
      queuedBytes: 0,
      endWriting() {},
      close() {},
      reset() {},
      pause() {},
      resume() {},
    };
  }

  writeError(bytes: Uint8Array, written: (bytes: number) => void): void {
    this.take("stderr", bytes, written);
  }

  windowSize(): ReturnType<StandardStreams["windowSize"]> {
    return this.#window();
  }

  onResize(): () => void {
    return () => {};
  }

  /** Why there is no answer; undefined where there is one. */
  get failure(): RunEnd["failure"] {
    return undefined;
  }

  /** The run is over: the answer is complete. */
  abstract end(end: RunEnd): void;

  /** Takes output; `written` is told when it needs no more room. */
  protected abstract take(name: OutputName, bytes: Uint8Array, written: (bytes: number) => void): void;

  /** Nobody has a use for more output. */
  protected close(error?: Error): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#events?.closed(error);
  }
}

/** Opens the output of a form. */
export function openJsonOutput(
  form: JsonForm,
  facts: RunFacts,
  streams: Pick<StandardStreams, "windowSize">,
): JsonOutput {
  return form === "object" ? new ObjectOutput(facts, streams) : new EventOutput(facts, streams);
}

class ObjectOutput extends JsonOutput {
  readonly #facts: RunFacts;
  readonly #chunks: Record<OutputName, Uint8Array[]> = { stdout: [], stderr: [] };
  #bytes = 0;

  constructor(facts: RunFacts, streams: Pick<StandardStreams, "windowSize">) {
    super(streams);
    this.#facts = facts;
  }

  override get failure(): RunEnd["failure"] {
    if (this.#bytes <= MAX_OBJECT_BYTES) return undefined;
    const megabytes = MAX_OBJECT_BYTES / 1024 / 1024;
    return {
      code: "EXEC_OUTPUT_TOO_LARGE",
      message: `the output is larger than ${megabytes} MiB, too large for one JSON object: use --json=stream`,
    };
  }

  end({ exitCode, durationMs, failure }: RunEnd): void {
    if (this.failure !== undefined) return;
    const { stdout, stderr } = this.#chunks;
    printLine({
      ...this.#facts,
      ...member("stdout", Buffer.concat(stdout)),
      ...member("stderr", Buffer.concat(stderr)),
      exitCode: exitCode ?? null,
      seconds: secondsOf(durationMs),
      ...failure,
    });
  }

  protected take(name: OutputName, bytes: Uint8Array, written: (bytes: number) => void): void {
    this.#bytes += bytes.length;
    if (this.failure === undefined) this.#chunks[name].push(bytes);
    written(bytes.length);
    if (this.failure !== undefined) this.close(new Error(this.failure.message));
  }
}

class EventOutput extends JsonOutput {
  readonly #pieces: Readonly<Record<OutputName, TextPieces>> = {
    stdout: new TextPieces(),
    stderr: new TextPieces(),
  };
  #stopWatching: (() => void) | undefined;

  constructor(facts: RunFacts, streams: Pick<StandardStreams, "windowSize">) {
    super(streams);
    printLine({ event: "started", ...facts });
  }

  override attach(events: LocalStreamEvents, input: InputUse): LocalStream {
    const stream = super.attach(events, input);
    this.#stopWatching ??= standardOutput().onClosed((error) => this.close(error));
    return stream;
  }

  end({ exitCode, durationMs, failure }: RunEnd): void {
    this.#stopWatching?.();
    for (const [name, pieces] of Object.entries(this.#pieces)) {
      const rest = pieces.end();
      if (rest !== undefined) printLine({ event: name, ...rest });
    }
    printLine({
      event: "ended",
      exitCode: exitCode ?? null,
      seconds: secondsOf(durationMs),
      ...failure,
    });
  }

  protected take(name: OutputName, bytes: Uint8Array, written: (bytes: number) => void): void {
    const piece = this.#pieces[name].push(bytes);
    if (piece === undefined) return written(bytes.length);
    printLine({ event: name, ...piece }, () => written(bytes.length));
  }
}

/** `stdout` where it is text, `stdoutBase64` where it is not. */
function member(name: OutputName, bytes: Uint8Array): Record<string, string> {
  const piece = pieceOf(bytes);
  return "text" in piece ? { [name]: piece.text } : { [`${name}Base64`]: piece.base64 };
}

function secondsOf(durationMs: number): number {
  return Math.round(durationMs) / 1000;
}

function printLine(value: object, written?: () => void): void {
  const line = Buffer.from(`${JSON.stringify(value)}\n`);
  let waiting = line.length;
  standardOutput().write(line, (taken) => {
    waiting -= taken;
    if (waiting === 0) written?.();
  });
}
