/**
 * Standard streams as a session uses them: raw mode, escapes and the order of what the program itself prints with
 * what the session prints. Owns the raw mode of this process.
 */
import type {
  InputUse,
  LocalStream,
  LocalStreamEvents,
  StandardStreams,
  WindowSize,
} from "../session/index.ts";
import {
  enterRawMode,
  ESCAPE_HELP,
  EscapeDetector,
  isOutputInLine,
  isSameTerminal,
  isTerminal,
  type RawMode,
  releaseStandardInput,
  standardError,
  standardOutput,
  StandardStreams as StreamPair,
  watchWindowSize,
  windowSize,
  writeErrorLine,
} from "../terminal/index.ts";

/** How long raw mode waits, at most, for what was printed before. */
const RAW_MODE_DELAY_MS = 200;

/** How often a pipe on standard output is looked at while its reader may be ended by a key. */
const READER_CHECK_MS = 100;

let active: HostStreams | undefined;

/** Puts the terminal back at once, whoever uses it; for a way out that knows nothing of the session. */
export function restoreTerminal(): void {
  active?.restoreNow();
}

/** Whether a session has standard input: nobody else may read from the terminal then. */
export function isKeyboardTaken(): boolean {
  return active !== undefined;
}

/** See the file's comment. One for each process. */
export class HostStreams implements StandardStreams {
  readonly #escapes: boolean;
  readonly #unreadMs: number;
  #rawMode: RawMode | undefined;
  /** The keyboard is a session's: raw mode is on, or will be in a moment. */
  #rawWanted = false;
  #readerCheck: ReturnType<typeof setInterval> | undefined;
  #pair: StreamPair | undefined;
  /** Who hears of the streams now: a session may change its kind once, when its agent is slow. */
  #events: LocalStreamEvents | undefined;
  #escapeDetector = new EscapeDetector(false);
  /** `~.` was typed. */
  onEscape: () => void = () => {};

  /**
   * @param escapes whether `~.` and its relatives are looked for at a terminal
   * @param unreadMs how long output of a shell may stay unread after the end of its input; see {@link #inputEnded}
   */
  constructor(escapes: boolean, unreadMs = Infinity) {
    this.#escapes = escapes;
    this.#unreadMs = unreadMs;
  }

  get hasWindow(): boolean {
    return isTerminal(0) || isTerminal(1) || isTerminal(2);
  }

  attach(events: LocalStreamEvents, input: InputUse): LocalStream {
    active = this;
    this.#events = events;
    const keyboard = input === "keyboard";
    // Also where the keyboard is no terminal: a full-screen program's modes on our standard output are to be undone.
    if (keyboard) this.#enterRawMode();
    else this.#leaveRawMode();
    const detector = new EscapeDetector(keyboard && isTerminal(0) && this.#escapes);
    this.#escapeDetector = detector;
    const pair = (this.#pair ??= this.#open());
    if (input !== "none") pair.startReading();
    return pair;
  }

  writeError(bytes: Uint8Array, written: (bytes: number) => void): void {
    const sink = standardError();
    if (sink.error !== undefined) return written(bytes.length);
    let waiting = bytes.length;
    const stop = sink.onClosed(() => written(waiting));
    sink.write(bytes, (taken) => {
      waiting -= taken;
      if (waiting === 0) stop();
      written(taken);
    });
  }

  windowSize(): WindowSize | undefined {
    return windowSize();
  }

  onResize(changed: () => void): () => void {
    return watchWindowSize(changed);
  }

  /** Writes a line of the program itself to standard error, whatever the terminal's mode is. */
  writeStatus(line: string): void {
    const raw = this.#rawMode?.kind === "termios" && isSameTerminal(0, 2);
    writeErrorLine(line, raw ? "\r\n" : "\n");
  }

  /**
   * Ends the line in which standard output stands after a session, so that nobody waits for the rest of it.
   * @param wasCut whether the other side broke off; a clean end adds a byte to a terminal only
   */
  endLine(wasCut: boolean): void {
    if ((wasCut || isTerminal(1)) && isOutputInLine()) standardOutput().writeText("\n");
  }

  /** Puts the terminal back once everything for it has been written, or after `timeoutMs`. */
  async restore(timeoutMs: number): Promise<void> {
    const drained = standardOutput().drain();
    if (timeoutMs === Infinity) await drained;
    else await Promise.race([drained, new Promise((resolve) => setTimeout(resolve, timeoutMs).unref())]);
    this.restoreNow();
  }

  /** Puts the terminal back at once. */
  restoreNow(): void {
    this.#leaveRawMode();
    releaseStandardInput();
  }

  #leaveRawMode(): void {
    this.#rawWanted = false;
    clearInterval(this.#readerCheck);
    this.#rawMode?.restore();
    // A session may come back for it.
    this.#readerCheck = this.#rawMode = undefined;
  }

  /** Lines that were printed before lose their carriage returns when they are written in raw mode. */
  #enterRawMode(): void {
    this.#rawWanted = true;
    const enter = (): void => {
      if (!this.#rawWanted) return;
      this.#rawMode ??= enterRawMode();
      // Ctrl-C ends the programs behind the pipe. Of that a side that writes nothing would never hear.
      if (this.#rawMode.kind === "shared") {
        this.#readerCheck ??= setInterval(() => standardOutput().checkReader(), READER_CHECK_MS).unref();
      }
    };
    if (standardOutput().queuedBytes === 0) return enter();
    const late = new Promise((resolve) => setTimeout(resolve, RAW_MODE_DELAY_MS).unref());
    void Promise.race([standardOutput().drain(), late]).then(enter);
  }

  #open(): StreamPair {
    return new StreamPair({
      data: (bytes) => this.#typed(bytes),
      ended: () => this.#inputEnded(),
      written: (taken) => this.#events?.written(taken),
      closed: (error) => this.#events?.closed(error),
    });
  }

  /**
   * A terminal without a size is a program's. Some (Ansible) close our input, read no more of our output and wait for
   * our end; a person may have stopped a terminal, and a pipe's reader may be slow, but both go on.
   */
  #inputEnded(): void {
    if (this.#rawWanted && isTerminal(1) && windowSize() === undefined) {
      standardOutput().failWhenUnread(this.#unreadMs);
    }
    this.#events?.ended();
  }

  #typed(bytes: Uint8Array): void {
    const { forward, actions } = this.#escapeDetector.push(bytes);
    if (forward.length > 0) this.#events?.data(forward);
    for (const action of actions) {
      // What goes into a pipe or a file is the session's data.
      if (action === "help")
        (isSameTerminal(0, 1) ? standardOutput() : standardError()).writeText(ESCAPE_HELP);
      else this.onEscape();
    }
  }
}
