/** Errors of the people's face. */
import type { ProcessSignal } from "../terminal/index.ts";

/** A command line that cannot be understood; the message says which word and what would be right. */
export class UsageError extends Error {
  override readonly name = "UsageError";
  readonly code = "CLI_USAGE";
}

/** A TARGET that names no node, or several. */
export class TargetError extends Error {
  override readonly name = "TargetError";
  readonly code = "CLI_TARGET";
}

/** A session that is to be ended and is not there. */
export class UnknownSessionError extends Error {
  override readonly name = "UnknownSessionError";
  readonly code = "CLI_UNKNOWN_SESSION";

  constructor(sessionId: string) {
    super(`there is no session ${JSON.stringify(sessionId)}. See: session-manager-plugin sessions`);
  }
}

/** A signal, or Ctrl-C in the picker, ended the command before there was a session. Nothing is said about it. */
export class InterruptedError extends Error {
  override readonly name = "InterruptedError";
  readonly code = "CLI_INTERRUPTED";
  readonly signal: ProcessSignal;

  constructor(signal: ProcessSignal) {
    super(`ended by ${signal}`);
    this.signal = signal;
  }
}
