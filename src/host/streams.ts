/**
 * Standard streams as a session uses them: raw mode, escapes and the order of what the program itself prints with
 * what the session prints. Owns the raw mode of this process.
 */
import type { InputUse, LocalStream, LocalStreamEvents, StandardStreams } from "../session/index.ts";
import {
  enterRawMode,
  ESCAPE_HELP,
  EscapeDetector,
  isTerminal,
  type RawMode,
  releaseStandardInput,
  StandardStreams as StreamPair,
  standardError,
  standardOutput,
  watchWindowSize,
  windowSize,
} from "../terminal/index.ts";

/** What the streams need to know of their process. */
export interface HostStreamsOptions {
  /** Whether `~.` and its relatives are looked for at a terminal. */
  readonly escapes: boolean;
  /** `~.` was typed. */
  readonly escaped: () => void;
}

/** See the file's comment. One for each process. */
export class HostStreams implements StandardStreams {
  readonly #options: HostStreamsOptions;
  #rawMode: RawMode | undefined;

  constructor(options: HostStreamsOptions) {
    this.#options = options;
  }

  get hasWindow(): boolean {
    return isTerminal(0) || isTerminal(1) || isTerminal(2);
  }

  attach(events: LocalStreamEvents, input: InputUse): LocalStream {
    const interactive = input === "keyboard" && isTerminal(0);
    // Also without a keyboard: a full-screen program's modes on our standard output are to be undone.
    if (input === "keyboard") this.#rawMode = enterRawMode();
    const pair = new StreamPair(interactive ? this.#withEscapes(events) : events);
    if (input !== "none") pair.startReading();
    return pair;
  }

  writeError(bytes: Uint8Array): void {
    standardError().write(bytes);
  }

  windowSize(): { readonly cols: number; readonly rows: number } {
    return windowSize();
  }

  onResize(changed: () => void): () => void {
    return watchWindowSize(changed);
  }

  /** Writes a line of the program itself to standard error, whatever the terminal's mode is. */
  writeStatus(line: string): void {
    const end = this.#rawMode?.kind === "termios" ? "\r\n" : "\n";
    standardError().write(Buffer.from(line + end));
  }

  /** Puts the terminal back once everything for it has been written, or after `timeoutMs`. */
  async restore(timeoutMs: number): Promise<void> {
    const timedOut = Promise.withResolvers<void>();
    const timer = setTimeout(timedOut.resolve, timeoutMs);
    await Promise.race([standardOutput().drain(), timedOut.promise]);
    clearTimeout(timer);
    this.restoreNow();
  }

  /** Puts the terminal back at once. */
  restoreNow(): void {
    this.#rawMode?.restore();
    this.#rawMode = undefined;
    releaseStandardInput();
  }

  #withEscapes(events: LocalStreamEvents): LocalStreamEvents {
    const detector = new EscapeDetector(this.#options.escapes);
    return {
      ...events,
      data: (bytes) => {
        const { forward, actions } = detector.push(bytes);
        if (forward.length > 0) events.data(forward);
        for (const action of actions) {
          if (action === "help") standardOutput().write(Buffer.from(ESCAPE_HELP));
          else this.#options.escaped();
        }
      },
      ended: () => events.ended(),
      written: (taken) => events.written(taken),
      closed: (error) => events.closed(error),
    };
  }
}
