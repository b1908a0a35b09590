/**
 * The size of the terminal window and its changes.
 * Only reads; which message a size becomes, and when it is sent again, is the session's business.
 */
import type { WindowSize } from "../session/seams.ts";
import { isTerminal, loadTty } from "./is-terminal.ts";

/** What AWS's client reports without a terminal; programs that drive it through pipes count on long lines. */
export const SIZE_WITHOUT_TERMINAL: WindowSize = { cols: 300, rows: 100 };

/** How often the size is looked at where no signal tells of a change (Windows). */
const POLL_MS = 500;

/** The parts that tests replace. */
export interface WindowSizeOptions {
  /** Size of the terminal behind a descriptor, 0 × 0 when it does not know; undefined when it is none. */
  readonly sizeOf?: (fileDescriptor: 0 | 1 | 2) => WindowSize | undefined;
}

/**
 * Size of the terminal on standard output; undefined when that does not know its size, as a serial line or the PTY of
 * a program (Ansible) may not: AWS's client tells none then. Where standard output is no terminal, the size of the one
 * on standard input or error, and 300 × 100 when there is none.
 */
export function windowSize(options: WindowSizeOptions = {}): WindowSize | undefined {
  const sizeOf = options.sizeOf ?? terminalSize;
  const output = sizeOf(1);
  if (output !== undefined) return known(output);
  return known(sizeOf(0)) ?? known(sizeOf(2)) ?? SIZE_WITHOUT_TERMINAL;
}

function known(size: WindowSize | undefined): WindowSize | undefined {
  return size !== undefined && size.cols > 0 && size.rows > 0 ? size : undefined;
}

/**
 * Calls back with each new size; never with one that is the same as the one before. Does not keep the process alive.
 * @returns how to stop watching.
 */
export function watchWindowSize(
  onChange: (size: WindowSize) => void,
  options: WindowSizeOptions = {},
): () => void {
  let last = windowSize(options);
  const look = () => {
    const size = windowSize(options);
    if (size === undefined || (size.cols === last?.cols && size.rows === last.rows)) return;
    last = size;
    onChange(size);
  };
  if (process.platform === "win32") {
    const timer = setInterval(look, POLL_MS);
    timer.unref();
    return () => clearInterval(timer);
  }
  process.on("SIGWINCH", look);
  return () => {
    process.off("SIGWINCH", look);
  };
}

function terminalSize(fileDescriptor: 0 | 1 | 2): WindowSize | undefined {
  if (!isTerminal(fileDescriptor)) return undefined;
  const { WriteStream } = loadTty();
  // A fresh stream each time, because an existing one learns of a change later than we do. It is never written to and
  // owns no descriptor. On Windows the process's own stream is kept up to date, and a poll should cost nothing.
  const { columns, rows } =
    process.platform === "win32" && fileDescriptor === 1 ? process.stdout : new WriteStream(fileDescriptor);
  return { cols: columns, rows };
}
