/** Errors of the people's face. */

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
