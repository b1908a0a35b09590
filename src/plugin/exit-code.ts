/** The exit codes of this face. */
import type { SessionEnd } from "../session/index.ts";
import type { ProcessSignal } from "../terminal/index.ts";

/** 128 + number of the signal. */
export const SIGNAL_EXIT_CODES: Readonly<Record<ProcessSignal, number>> = {
  SIGHUP: 129,
  SIGINT: 130,
  SIGQUIT: 131,
  SIGTERM: 143,
};

/** What decides the code besides the end. */
export interface ExitCircumstances {
  /** The token stood in an argument: the AWS CLI prints its arguments when we exit with anything but 0. */
  readonly exposed: boolean;
  /** Standard output could not be written; a reader that went away does not count. */
  readonly incomplete: boolean;
  /** The remote command's code is wanted. */
  readonly propagate: boolean;
  /** The signal that made us end the session, if one did. */
  readonly signal: ProcessSignal | undefined;
  /** The session had come up. */
  readonly ran: boolean;
  /** It was a command that ends with an exit code. */
  readonly isCommand: boolean;
}

/** The session of a command was closed, and the command's exit code had not come: it may run on, or half of it is missing. */
export function endedEarly(
  end: SessionEnd,
  { propagate, isCommand }: Pick<ExitCircumstances, "propagate" | "isCommand">,
): boolean {
  return propagate && isCommand && end.kind === "closed" && end.exitCode === undefined;
}

/**
 * 0: the session ran and ended; 1: it never came up, it was lost for good, or its output was; 143, 129: ended by
 * SIGTERM, SIGHUP.
 * With propagation the command's own code, and 255 when the session was lost, or ended before the command did.
 */
export function exitCodeFor(end: SessionEnd, circumstances: ExitCircumstances): number {
  if (circumstances.exposed) return 0;
  const { signal, propagate, ran } = circumstances;
  if (circumstances.incomplete) return propagate ? 255 : 1;
  switch (end.kind) {
    case "failed":
      return 1;
    case "lost":
      // Also when a code had come: output may be missing.
      return propagate ? 255 : 1;
    case "terminated":
      // Ctrl-C is how people end a tunnel: no failure.
      if (signal === undefined || (signal === "SIGINT" && ran)) return 0;
      return SIGNAL_EXIT_CODES[signal];
    case "closed":
      if (endedEarly(end, circumstances)) return 255;
      return propagate ? (remoteCode(end.exitCode) ?? 0) : 0;
  }
}

/** -1 stands for a command that a signal killed; no exit code can say that but 255. */
function remoteCode(exitCode: number | undefined): number | undefined {
  if (exitCode === undefined) return undefined;
  return exitCode < 0 || exitCode > 255 ? 255 : exitCode;
}
