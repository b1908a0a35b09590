/**
 * Addresses as text and the rules they follow: host and port, and paths of Unix sockets.
 * Nothing here opens anything.
 */
import { isIP } from "node:net";

import { InvalidPortError, InvalidSocketPathError, printable, SocketPathTooLongError } from "./errors.ts";

/** Size of `sun_path`, its final NUL included: 108 bytes on Linux and Windows, 104 on macOS and the BSDs. */
export const SOCKET_PATH_LIMIT_BYTES =
  process.platform === "linux" || process.platform === "win32" ? 108 : 104;

/** `127.0.0.1:5432`, `[::1]:5432`, `db.internal:5432`. */
export function formatAddress(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${printable(host)}:${port}`;
}

/** The host without the brackets in which URLs write IPv6 addresses. */
export function bareHost(host: string): string {
  return host.startsWith("[") && host.endsWith("]") ? host.slice(1, -1) : host;
}

/** Whether the text is an IPv4 or IPv6 address (with or without a zone), not a name. */
export function isAddress(host: string): boolean {
  return isIP(host) !== 0;
}

/** Whether a text can be a host's name; what cannot is not worth a question to a name server. */
export function isHostName(host: string): boolean {
  return host.length <= 253 && /^[a-z0-9_]([a-z0-9._-]*[a-z0-9_.])?$/i.test(host);
}

/**
 * Refuses what is no port.
 * @param operation what is being done, the beginning of the message
 * @throws {InvalidPortError}
 */
export function checkPort(operation: string, port: number, lowest: 0 | 1): void {
  if (!Number.isInteger(port) || port < lowest || port > 65535) throw new InvalidPortError(operation, port);
}

/**
 * Refuses a path that cannot be a Unix socket's. The length counts in bytes of UTF-8.
 * @param operation what is being done, the beginning of the message
 * @throws {InvalidSocketPathError} empty, or with a NUL
 * @throws {SocketPathTooLongError}
 */
export function checkSocketPath(operation: string, path: string): void {
  if (path === "") throw new InvalidSocketPathError(operation, "the path is empty");
  if (path.includes("\0")) throw new InvalidSocketPathError(operation, "the path contains a NUL character");
  const pathBytes = Buffer.byteLength(path);
  const maxBytes = SOCKET_PATH_LIMIT_BYTES - 1;
  if (pathBytes > maxBytes) throw new SocketPathTooLongError(operation, pathBytes, maxBytes);
}
