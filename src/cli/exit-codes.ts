/** Exit codes of the people's face. The README has the same table. */
import type { ProcessSignal } from "../terminal/index.ts";

/** Codes of our own, apart from the remote command's. */
export const ExitCode = {
  /** The command line cannot be understood. */
  usage: 2,
  /** The time that a command was given is up, as timeout(1) has it. */
  timeout: 124,
  /** The connection was lost while a command ran; its output is incomplete. */
  incomplete: 254,
  /** Our own failures, as ssh has it. */
  failure: 255,
} as const;

/** 128 + number of the signal that ended the command. */
export const SIGNAL_EXIT_CODES: Readonly<Record<ProcessSignal, number>> = {
  SIGHUP: 129,
  SIGINT: 130,
  SIGQUIT: 131,
  SIGTERM: 143,
};
