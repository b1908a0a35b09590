/**
 * Everything net/ can report: one class a condition, each with a stable code.
 * Messages of listening and dialling begin in the form in which Go's net package prints them
 * (`listen tcp 127.0.0.1:80: bind: permission denied`), because scripts and people know AWS's client by it.
 */

/** What all errors of this room have in common. */
export abstract class NetError extends Error {
  /** Stable name of the condition, for logs, tests and documentation. */
  abstract readonly code: string;
}

/** Somebody else listens on the address, or on the socket file. */
export class AddressInUseError extends NetError {
  override readonly name = "AddressInUseError";
  readonly code = "NET_ADDRESS_IN_USE";
  constructor(operation: string, options?: ErrorOptions) {
    super(`${operation}: bind: address already in use`, options);
  }
}

/** The address is none of this machine's. */
export class AddressNotAvailableError extends NetError {
  override readonly name = "AddressNotAvailableError";
  readonly code = "NET_ADDRESS_NOT_AVAILABLE";
  constructor(operation: string, options?: ErrorOptions) {
    super(`${operation}: bind: cannot assign requested address`, options);
  }
}

/** The system does not let this user listen there or connect to it. `operation` names the system call. */
export class PermissionDeniedError extends NetError {
  override readonly name = "PermissionDeniedError";
  readonly code = "NET_PERMISSION_DENIED";
  constructor(operation: string, options?: ErrorOptions) {
    super(`${operation}: permission denied`, options);
  }
}

/** A name that does not resolve, or that cannot be a host's name at all. */
export class HostNotFoundError extends NetError {
  override readonly name = "HostNotFoundError";
  readonly code = "NET_HOST_NOT_FOUND";
  readonly host: string;
  constructor(operation: string, host: string, options?: ErrorOptions) {
    super(`${operation}: lookup ${printable(host)}: no such host`, options);
    this.host = host;
  }
}

/** A port that is no whole number from 0 (listening) or 1 (dialling) to 65535. */
export class InvalidPortError extends NetError {
  override readonly name = "InvalidPortError";
  readonly code = "NET_INVALID_PORT";
  constructor(operation: string, port: number) {
    super(`${operation}: address ${port}: invalid port`);
  }
}

/** A path that does not fit into the system's socket address (sun_path), its final NUL included. */
export class SocketPathTooLongError extends NetError {
  override readonly name = "SocketPathTooLongError";
  readonly code = "NET_SOCKET_PATH_TOO_LONG";
  constructor(operation: string, pathBytes: number, maxBytes: number) {
    super(
      `${operation}: the path has ${pathBytes} bytes, the system allows ${maxBytes}; choose a shorter one`,
    );
  }
}

/** A path that cannot name a file: empty, or with a NUL in it. */
export class InvalidSocketPathError extends NetError {
  override readonly name = "InvalidSocketPathError";
  readonly code = "NET_INVALID_SOCKET_PATH";
  constructor(operation: string, rule: string) {
    super(`${operation}: ${rule}`);
  }
}

/** Something that is no socket lies at the path; it was not touched. */
export class NotASocketError extends NetError {
  override readonly name = "NotASocketError";
  readonly code = "NET_NOT_A_SOCKET";
  constructor(operation: string) {
    super(`${operation}: bind: address already in use by something that is not a socket; it was left alone`);
  }
}

/** Listening failed for a reason that has no class of its own; the message has the system's words. */
export class ListenFailedError extends NetError {
  override readonly name = "ListenFailedError";
  readonly code = "NET_LISTEN_FAILED";
  constructor(operation: string, reason: string, options?: ErrorOptions) {
    super(`${operation}: bind: ${reason}`, options);
  }
}

/** Nobody listens at the destination. */
export class ConnectionRefusedError extends NetError {
  override readonly name = "ConnectionRefusedError";
  readonly code = "NET_CONNECTION_REFUSED";
  constructor(operation: string, options?: ErrorOptions) {
    super(`${operation}: connect: connection refused`, options);
  }
}

/** There is no file at the path of a Unix socket. */
export class SocketNotFoundError extends NetError {
  override readonly name = "SocketNotFoundError";
  readonly code = "NET_SOCKET_NOT_FOUND";
  constructor(operation: string, options?: ErrorOptions) {
    super(`${operation}: connect: no such file or directory`, options);
  }
}

/** The destination did not answer within the time given. */
export class DialTimeoutError extends NetError {
  override readonly name = "DialTimeoutError";
  readonly code = "NET_DIAL_TIMEOUT";
  constructor(operation: string, timeoutMs: number | undefined, options?: ErrorOptions) {
    super(
      `${operation}: i/o timeout${timeoutMs === undefined ? "" : ` after ${timeoutMs / 1000} s`}`,
      options,
    );
  }
}

/** Connecting failed for a reason that has no class of its own; the message has the system's words. */
export class DialFailedError extends NetError {
  override readonly name = "DialFailedError";
  readonly code = "NET_DIAL_FAILED";
  constructor(operation: string, reason: string, options?: ErrorOptions) {
    super(`${operation}: connect: ${reason}`, options);
  }
}

/** The peer dropped the connection (RST), or was gone when data was written to it. */
export class ConnectionResetError extends NetError {
  override readonly name = "ConnectionResetError";
  readonly code = "NET_CONNECTION_RESET";
  /** Bytes that were queued and never reached the kernel. */
  readonly unwrittenBytes: number;
  constructor(unwrittenBytes: number, options?: ErrorOptions) {
    super(
      `connection reset by peer${unwrittenBytes > 0 ? ` with ${unwrittenBytes} bytes unwritten` : ""}`,
      options,
    );
    this.unwrittenBytes = unwrittenBytes;
  }
}

/** The connection ended for another reason than the peer's reset; the message has the system's words. */
export class ConnectionBrokenError extends NetError {
  override readonly name = "ConnectionBrokenError";
  readonly code = "NET_CONNECTION_BROKEN";
  constructor(reason: string, options?: ErrorOptions) {
    super(`connection broken: ${reason}`, options);
  }
}

/** The system's words for its error codes, as Go prints them; a code not in here stands for itself. */
const REASONS: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EAFNOSUPPORT: "address family not supported by protocol",
  ECONNRESET: "connection reset by peer",
  EHOSTDOWN: "host is down",
  EHOSTUNREACH: "no route to host",
  EINVAL: "invalid argument",
  EMFILE: "too many open files",
  ENAMETOOLONG: "file name too long",
  ENETDOWN: "network is down",
  ENETUNREACH: "network is unreachable",
  ENFILE: "too many open files in system",
  ENOBUFS: "no buffer space available",
  ENOENT: "no such file or directory",
  ENOTDIR: "not a directory",
  EPERM: "operation not permitted",
  EPIPE: "broken pipe",
  EPROTOTYPE: "protocol wrong type for socket",
  EROFS: "read-only file system",
  ETIMEDOUT: "connection timed out",
};

/** The error code of whatever was thrown, or "" when it has none. */
export function codeOf(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" ? code : "";
}

/** The system's words for an error: by its code, else its own message. */
export function reasonOf(error: unknown): string {
  const code = codeOf(error);
  return REASONS[code] ?? (code !== "" ? code : error instanceof Error ? error.message : String(error));
}

/** The class for what made listening fail; `operation` begins its message. */
export function listenError(operation: string, cause: unknown): NetError {
  const options = { cause };
  switch (codeOf(cause)) {
    case "EADDRINUSE":
      return new AddressInUseError(operation, options);
    // A machine without IPv6 says the second, or has no such address: the first.
    case "EADDRNOTAVAIL":
    case "EAFNOSUPPORT":
      return new AddressNotAvailableError(operation, options);
    case "EACCES":
    case "EPERM":
      return new PermissionDeniedError(`${operation}: bind`, options);
    default:
      return new ListenFailedError(operation, reasonOf(cause), options);
  }
}

/** The class for what made connecting fail; `operation` begins its message. */
export function dialError(operation: string, cause: unknown): NetError {
  const options = { cause };
  switch (codeOf(cause)) {
    case "ECONNREFUSED":
      return new ConnectionRefusedError(operation, options);
    case "ENOENT":
      return new SocketNotFoundError(operation, options);
    case "ETIMEDOUT":
      return new DialTimeoutError(operation, undefined, options);
    case "EACCES":
    case "EPERM":
      return new PermissionDeniedError(`${operation}: connect`, options);
    default:
      return new DialFailedError(operation, reasonOf(cause), options);
  }
}

/** A name or path from outside, safe to print in a message: no control characters, not endless. */
export function printable(text: string): string {
  const safe = text.replace(/[\p{Cc}\p{Cf}]/gu, "?");
  return safe.length > 256 ? `${safe.slice(0, 256)}…` : safe;
}
