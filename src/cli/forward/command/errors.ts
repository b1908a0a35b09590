/** Why a COMMAND could not be started, with the exit codes that shells give. */

/** COMMAND could not be started. */
export abstract class CommandStartError extends Error {
  abstract readonly code: string;
  /** What a shell would exit with. */
  abstract readonly exitCode: number;
}

/** A tunnel that COMMAND needs is gone for good. */
export class TunnelLostError extends Error {
  override readonly name = "TunnelLostError";
  readonly code = "TUNNEL_LOST";

  /** @param tunnel its specification */
  constructor(tunnel: string, cause: Error) {
    super(`${tunnel}: the tunnel is lost (${cause.message}), COMMAND was ended`, { cause });
  }
}

/** There is no such program. */
export class CommandNotFoundError extends CommandStartError {
  override readonly name = "CommandNotFoundError";
  readonly code = "COMMAND_NOT_FOUND";
  readonly exitCode = 127;

  constructor(command: string) {
    const where = command.includes("/") ? "there is no such file" : "it is not on PATH";
    super(`COMMAND ${JSON.stringify(command)} is not found: ${where}`);
  }
}

/** It is there and cannot be run. */
export class CommandNotExecutableError extends CommandStartError {
  override readonly name = "CommandNotExecutableError";
  readonly code = "COMMAND_NOT_EXECUTABLE";
  readonly exitCode = 126;

  /** @param why for example `it is a directory` */
  constructor(command: string, why: string, options?: ErrorOptions) {
    super(`COMMAND ${JSON.stringify(command)} cannot be executed: ${why}`, options);
  }
}
