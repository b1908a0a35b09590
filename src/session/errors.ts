/**
 * Why a session did not come up or did not go on. One class a condition; messages are sentences for people and
 * never hold a token or a URL's query.
 */

/** Base of all errors of this room. */
export abstract class SessionError extends Error {
  /** Stable, for programs. */
  abstract readonly code: string;
}

/** The gateway could not be reached, refused the connection, or closed it before the session ran. */
export class ConnectFailedError extends SessionError {
  override readonly name = "ConnectFailedError";
  readonly code = "SESSION_CONNECT_FAILED";
}

/** The handshake began and was not finished in time. */
export class HandshakeTimeoutError extends SessionError {
  override readonly name = "HandshakeTimeoutError";
  readonly code = "SESSION_HANDSHAKE_TIMEOUT";

  constructor(timeoutMs: number) {
    super(`the agent did not finish the handshake within ${timeoutMs / 1000} s`);
  }
}

/** The connection was lost and could not be brought back. */
export class ConnectionLostError extends SessionError {
  override readonly name = "ConnectionLostError";
  readonly code = "SESSION_CONNECTION_LOST";
}

/** The service says that the session does not exist any more. */
export class SessionGoneError extends SessionError {
  override readonly name = "SessionGoneError";
  readonly code = "SESSION_GONE";

  constructor() {
    super("the session has ended at the service while the connection was lost");
  }
}

/** The service did not answer the request to resume; asking again may help. */
export class ResumeTimeoutError extends SessionError {
  override readonly name = "ResumeTimeoutError";
  readonly code = "SESSION_RESUME_TIMEOUT";
  /** As for errors of the API. */
  readonly retryable = true;

  constructor(timeoutMs: number) {
    super(`the service did not answer within ${timeoutMs / 1000} s`);
  }
}

/** A command's connection was cut; its agent has stopped reading what it prints. */
export class OutputIncompleteError extends SessionError {
  override readonly name = "OutputIncompleteError";
  readonly code = "SESSION_OUTPUT_INCOMPLETE";

  constructor(options?: ErrorOptions) {
    super("connection lost while the command ran; output is incomplete", options);
  }
}

/** The session was closed while parts of what it had sent were missing. */
export class OutputMissingError extends SessionError {
  override readonly name = "OutputMissingError";
  readonly code = "SESSION_OUTPUT_MISSING";

  /** @param reason the other side's own for the end, untrusted text; empty when there was none */
  constructor(reason: string) {
    super(`${reason === "" ? "" : `${reason}; `}the session was closed before all of its output had arrived`);
  }
}

/** The agent asked for something, or sent something, that this session cannot go on with. */
export class PeerError extends SessionError {
  override readonly name = "PeerError";
  readonly code = "SESSION_PEER";
}

/** The local end of a tunnel could not be opened; the message is the listener's own. */
export class ListenError extends SessionError {
  override readonly name = "ListenError";
  readonly code = "SESSION_LISTEN";
}

/** The other side ended the session, with a reason, before it ran. The message is that reason: untrusted text. */
export class ClosedEarlyError extends SessionError {
  override readonly name = "ClosedEarlyError";
  readonly code = "SESSION_CLOSED_EARLY";
}
