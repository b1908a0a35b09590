/**
 * What the library itself refuses. Errors of the rooms below (SESSION_…, AWS_…, NET_…, HOST_…, TRANSPORT_…) reach the
 * caller as they are; all have a stable `code` and a message that is fit to be shown.
 */

/** What all errors of this room have in common. */
export abstract class LibraryError extends Error {
  /** Stable, for programs. */
  abstract readonly code: string;
}

/** An option that is missing or cannot be used. */
export class InvalidOptionError extends LibraryError {
  override readonly name = "InvalidOptionError";
  readonly code = "LIBRARY_INVALID_OPTION";

  constructor(option: string, rule: string) {
    super(`the option ${option} ${rule}`);
  }
}

/** A call that the session's present status does not allow, or that the session's end has overtaken. */
export class SessionStateError extends LibraryError {
  override readonly name = "SessionStateError";
  readonly code = "LIBRARY_SESSION_STATE";
}

/** Bytes for a session that takes none: a command without a terminal, or a tunnel, whose connections take them. */
export class NoInputError extends LibraryError {
  override readonly name = "NoInputError";
  readonly code = "LIBRARY_NO_INPUT";

  constructor() {
    super("this kind of session takes no input: commands have none, tunnels take it through connect()");
  }
}

/** The session takes no connection: it is no tunnel, or its agent is too old for more than one at a time. */
export class NotAcceptedError extends LibraryError {
  override readonly name = "NotAcceptedError";
  readonly code = "LIBRARY_NOT_ACCEPTED";

  constructor(options?: ErrorOptions) {
    super(
      "the session takes no connection: only open port sessions do, and with an old agent one at a time",
      options,
    );
  }
}

/** A connection ended before its time: refused by the destination, reset, or lost with its session. */
export class ConnectionResetError extends LibraryError {
  override readonly name = "ConnectionResetError";
  readonly code = "LIBRARY_CONNECTION_RESET";

  constructor() {
    super("the connection was reset: the destination refused or reset it, or its session has ended");
  }
}
