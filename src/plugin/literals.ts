/**
 * The texts of AWS's client that other programs match, byte for byte. Nothing else of this face goes to standard
 * output.
 */

/** No arguments: what ECS and others look for to know that a plugin is there. */
export const INSTALLED =
  "\nThe Session Manager plugin was installed successfully. Use the AWS CLI to start a session.\n\n";

/** An operation other than StartSession; no newline. */
export const INVALID_OPERATION = "Invalid Operation";

/** A signal ends a port session. */
export const TERMINATE_SIGNAL = "Terminate signal received, exiting.\n";

/** A multiplexed port session listens; follows the line of its port. */
export const WAITING = "\nWaiting for connections...\n";

/** The agent could not reach the destination of a connection. */
export const DESTINATION_FAILED = "\nConnection to destination port failed, check SSM Agent logs.\n";

/** Started with three arguments only: by an AWS CLI that knows nothing of encrypted sessions. */
export const CLI_TOO_OLD =
  "Installed version of CLI does not support Session Manager encryption feature. " +
  "Please upgrade to the latest version of your CLI (e.g., AWS CLI).";

/** For one or two arguments that are no known operation. */
export function unknownOperation(argument: string): string {
  return `\nUnknown operation ${argument}. \nUse session-manager-plugin --version to check the version.\n\n`;
}

/** Banner, before anything else. */
export function starting(sessionId: string): string {
  return `\nStarting session with SessionId: ${sessionId}\n`;
}

/** The session never came up. */
export function cannotStart(reason: string): string {
  return `Cannot perform start session: ${reason}\n`;
}

/** Without a newline: `WAITING` begins with one, and basic sessions add it. */
export function portOpened(port: number, sessionId: string): string {
  return `Port ${port} opened for sessionId ${sessionId}.`;
}

/** The same for a Unix socket. */
export function unixSocketOpened(path: string, sessionId: string): string {
  return `Unix socket ${path} opened for sessionId ${sessionId}.`;
}

/** At the first connection of a multiplexed session. */
export function connectionAcceptedMultiplexed(sessionId: string): string {
  return `\nConnection accepted for session [${sessionId}]\n`;
}

/** At every connection of a basic session. */
export function connectionAcceptedBasic(sessionId: string): string {
  return `Connection accepted for session ${sessionId}.\n`;
}

/** A normal end. */
export function exiting(sessionId: string): string {
  return `\n\nExiting session with sessionId: ${sessionId}.\n\n`;
}

/** The service or the agent gave a reason for the end. */
export function endedWithReason(sessionId: string, reason: string): string {
  return `\n\nSessionId: ${sessionId} : ${reason}\n\n`;
}

/** ResumeSession says that the session does not exist any more. */
export function timedOut(sessionId: string): string {
  return `Session: ${sessionId} timed out.\n`;
}
