/**
 * The conditions under which the terminal room gives up on something.
 * Error objects only: nothing here prints, and nothing here decides what the process does about it.
 */

/** What every error of this room has: a stable `code` for programs to match. */
export abstract class TerminalError extends Error {
  abstract readonly code: string;
}

/**
 * The reader of standard output or standard error is gone: a closed pipe, a terminal that was hung up.
 * An ordinary way to end (`… | head`), not a failure of the program.
 */
export class OutputClosedError extends TerminalError {
  override readonly name = "OutputClosedError";
  readonly code = "OUTPUT_CLOSED";

  /** @param fileDescriptor 1 or 2. @param cause the system's error, `EPIPE` for example. */
  constructor(fileDescriptor: number, cause: Error) {
    super(`${streamName(fileDescriptor)} is closed, its reader is gone (${codeOf(cause)})`, { cause });
  }
}

/** Output could not be written for a reason of its own: a full disk, a terminal that nobody reads. */
export class OutputFailedError extends TerminalError {
  override readonly name = "OutputFailedError";
  readonly code = "OUTPUT_FAILED";

  /** @param fileDescriptor 1 or 2. @param why in words. @param cause the system's error, where there is one. */
  constructor(fileDescriptor: number, why: string, cause?: Error) {
    super(
      `${streamName(fileDescriptor)} cannot be written: ${why}`,
      cause === undefined ? undefined : { cause },
    );
  }
}

/** Raw mode was asked for and the terminal refused it. */
export class RawModeError extends TerminalError {
  override readonly name = "RawModeError";
  readonly code = "RAW_MODE_FAILED";

  /** @param reason the call that failed, in words. */
  constructor(reason: string, cause?: unknown) {
    super(
      `standard input is a terminal, but it cannot be switched to raw mode: ${reason}. ` +
        "Redirect standard input (< /dev/null) to run without a keyboard",
      cause === undefined ? undefined : { cause },
    );
  }
}

const READER_GONE = new Set(["EPIPE", "EIO", "ECONNRESET", "ENXIO", "EBADF", "ESHUTDOWN", "EOF"]);

/** Turns the system's error of a failed write into the class that says what it means. */
export function outputError(fileDescriptor: number, cause: Error): OutputClosedError | OutputFailedError {
  return READER_GONE.has(codeOf(cause))
    ? new OutputClosedError(fileDescriptor, cause)
    : new OutputFailedError(fileDescriptor, `${cause.message}. Make room or redirect it elsewhere`, cause);
}

/** The system's short name of an error (`EPIPE`), or the class name when it has none. */
export function codeOf(error: Error): string {
  const code: unknown = "code" in error ? error.code : undefined;
  return typeof code === "string" ? code : error.name;
}

function streamName(fileDescriptor: number): string {
  if (fileDescriptor === 1) return "standard output";
  return fileDescriptor === 2 ? "standard error" : `file descriptor ${fileDescriptor}`;
}
