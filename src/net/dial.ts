/**
 * Connections to a TCP port or a Unix socket, as `LocalStream`s. One attempt, one time limit, errors by class.
 */
import type { LocalStream, LocalStreamEvents } from "../session/seams.ts";
import { bareHost, checkPort, checkSocketPath, formatAddress, isAddress, isHostName } from "./address.ts";
import { codeOf, dialError, DialTimeoutError, HostNotFoundError, printable } from "./errors.ts";
import { openStream, streamHandlers } from "./socket-stream.ts";

/** How long connecting may take when nothing is said. */
export const DIAL_TIMEOUT_MS = 10_000;

/** Where to connect; `timeoutMs` covers the look-up of a name too, {@link DIAL_TIMEOUT_MS} when absent. */
export type DialTarget =
  | {
      readonly kind: "tcp";
      /** An address or name. */
      readonly host: string;
      /** 1-65535. */
      readonly port: number;
      readonly timeoutMs?: number;
    }
  | { readonly kind: "unix"; readonly path: string; readonly timeoutMs?: number };

/**
 * Connects. The stream's owner names the receiver of its events in `attach`, which is called before any event can
 * come, at the latest right before the promise resolves.
 * @throws {ConnectionRefusedError | DialTimeoutError | HostNotFoundError | SocketNotFoundError |
 *   PermissionDeniedError | DialFailedError | InvalidPortError | SocketPathTooLongError | InvalidSocketPathError}
 *   as a rejection
 */
export async function dial(
  target: DialTarget,
  attach: (stream: LocalStream) => LocalStreamEvents,
): Promise<LocalStream> {
  const timeoutMs = target.timeoutMs ?? DIAL_TIMEOUT_MS;
  const operation = describe(target);
  const { promise, resolve, reject } = Promise.withResolvers<LocalStream>();
  let isOver = false;
  const fail = (error: Error): void => {
    isOver = true;
    reject(error);
  };
  const timer = setTimeout(() => fail(new DialTimeoutError(operation, timeoutMs)), timeoutMs);
  const options = {
    allowHalfOpen: true,
    socket: streamHandlers((socket) => {
      // Bun cannot give a connect up; one that comes too late is dropped.
      if (isOver) return void socket.terminate();
      resolve(openStream(socket, attach));
    }),
  };
  try {
    const connecting =
      target.kind === "unix"
        ? Bun.connect({ ...options, unix: target.path })
        : Bun.connect({ ...options, hostname: bareHost(target.host), port: target.port });
    connecting.catch((cause: unknown) => fail(classify(operation, target, cause)));
    return await promise;
  } finally {
    clearTimeout(timer);
  }
}

/** Checks the target; returns how messages begin. */
function describe(target: DialTarget): string {
  if (target.kind === "unix") {
    const operation = `dial unix ${printable(target.path)}`;
    checkSocketPath(operation, target.path);
    return operation;
  }
  checkPort("dial tcp", target.port, 1);
  const host = bareHost(target.host);
  if (!isAddress(host) && !isHostName(host)) throw new HostNotFoundError("dial tcp", target.host);
  return `dial tcp ${formatAddress(host, target.port)}`;
}

function classify(operation: string, target: DialTarget, cause: unknown): Error {
  if (target.kind === "tcp" && codeOf(cause) === "ENOTFOUND") {
    return new HostNotFoundError("dial tcp", target.host, { cause });
  }
  return dialError(operation, cause);
}
