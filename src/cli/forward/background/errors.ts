/** Errors of forwards in the background. */

/** The directory of their sockets cannot be used. */
export class StateDirectoryError extends Error {
  override readonly name = "StateDirectoryError";
  readonly code = "CLI_STATE_DIRECTORY";

  constructor(path: string, reason: string, options?: ErrorOptions) {
    super(`the directory for forwards in the background, ${path}, cannot be used: ${reason}`, options);
  }
}

/** A name that another forward in the background has. */
export class NameTakenError extends Error {
  override readonly name = "NameTakenError";
  readonly code = "CLI_NAME_TAKEN";

  constructor(name: string) {
    super(
      `a forward called ${JSON.stringify(name)} is in the background already. ` +
        `It ends with: session-manager-plugin forward --stop ${name}`,
    );
  }
}

/** A name that no forward in the background has. */
export class UnknownForwardError extends Error {
  override readonly name = "UnknownForwardError";
  readonly code = "CLI_UNKNOWN_FORWARD";

  constructor(name: string) {
    super(
      `no forward in the background is called ${JSON.stringify(name)}. See: session-manager-plugin forward --list`,
    );
  }
}

/** A forward that was asked to end and goes on. */
export class StillRunningError extends Error {
  override readonly name = "StillRunningError";
  readonly code = "CLI_STILL_RUNNING";

  constructor(name: string, seconds: number) {
    super(`${name} was asked to end and has not ended within ${seconds} s`);
  }
}
