/**
 * Listeners on Unix sockets: whose file is 0600 from its first moment, replaces only a dead listener's file, and is
 * removed at the end if it is still ours. Other files are never touched.
 */
import { type BigIntStats, linkSync, lstatSync, renameSync, unlinkSync } from "node:fs";

import type { Accept, Listener } from "../session/seams.ts";
import { checkSocketPath } from "./address.ts";
import { dial } from "./dial.ts";
import {
  AddressInUseError,
  codeOf,
  ConnectionRefusedError,
  listenError,
  NotASocketError,
  printable,
  SocketNotFoundError,
} from "./errors.ts";
import { openStream, type SocketStream, streamHandlers, type StreamSocket } from "./socket-stream.ts";

/** Takes every right from group and others, and the useless x from the owner. */
const PRIVATE_UMASK = 0o177;
/** How long a listener that may be dead may take to accept. */
const PROBE_TIMEOUT_MS = 1000;
/** The file can vanish or be replaced between two looks; more often than this somebody fights for it. */
const ATTEMPTS = 3;

/** Opens a listener on a Unix socket; see `listen` for what it throws. */
export async function listenUnix(path: string, accept: Accept): Promise<Listener> {
  const operation = `listen unix ${printable(path)}`;
  checkSocketPath(operation, path);
  for (let attempt = 1; ; attempt++) {
    const listener = tryListen(operation, path, accept);
    if (listener !== undefined) return listener;
    if (attempt === ATTEMPTS) throw new AddressInUseError(operation);
    await makeRoom(operation, path);
  }
}

/** Undefined when there is something at the path already. */
function tryListen(operation: string, path: string, accept: Accept): Listener | undefined {
  let stopped = false;
  const opened = (socket: StreamSocket): void => {
    if (stopped) socket.terminate();
    else openStream(socket, accept);
  };
  let server: Bun.UnixSocketListener<SocketStream | undefined>;
  // The umask is the process's, but nothing else runs on this thread before it is put back.
  const umask = process.umask(PRIVATE_UMASK);
  try {
    server = Bun.listen({ unix: path, allowHalfOpen: true, socket: streamHandlers(opened) });
  } catch (cause) {
    if (codeOf(cause) === "EADDRINUSE") return undefined;
    throw listenError(operation, cause);
  } finally {
    process.umask(umask);
  }
  const file = lookAt(path);
  const stop = (): void => {
    if (stopped) return;
    stopped = true;
    stopServer(server, path, file);
  };
  return { port: 0, addresses: [path], stop };
}

/** Bun removes whatever lies at the path; somebody else's file steps aside for that moment. */
function stopServer(
  server: Bun.UnixSocketListener<SocketStream | undefined>,
  path: string,
  file: BigIntStats | undefined,
): void {
  const now = lookAt(path);
  const aside = now === undefined || isSameFile(now, file) ? undefined : moveAside(path);
  server.stop(false);
  if (aside !== undefined) moveBack(aside, path);
}

/**
 * Removes the file of a listener that is dead; returns also when there is no file any more.
 * @throws {NotASocketError | AddressInUseError | PermissionDeniedError | ListenFailedError}
 */
async function makeRoom(operation: string, path: string): Promise<void> {
  const found = lookAt(path);
  if (found === undefined) return;
  if (!found.isSocket()) throw new NotASocketError(operation);
  if (await isAlive(path)) throw new AddressInUseError(operation);
  try {
    const aside = moveAside(path);
    // Another starter may have seen the same dead file, removed it and put its own in place meanwhile.
    if (isSameFile(lookAt(aside), found)) unlinkSync(aside);
    else moveBack(aside, path);
  } catch (cause) {
    if (codeOf(cause) !== "ENOENT") throw listenError(operation, cause);
  }
}

/** Only a refusal proves that nobody listens; a socket that may not be asked counts as alive. */
async function isAlive(path: string): Promise<boolean> {
  try {
    const stream = await dial({ kind: "unix", path, timeoutMs: PROBE_TIMEOUT_MS }, () => IGNORE);
    stream.reset();
    return true;
  } catch (error) {
    return !(error instanceof ConnectionRefusedError || error instanceof SocketNotFoundError);
  }
}

const IGNORE = { data() {}, ended() {}, written() {}, closed() {} };

function lookAt(path: string): BigIntStats | undefined {
  return lstatSync(path, { bigint: true, throwIfNoEntry: false });
}

/** Inode numbers are used again at once on some file systems, the times of birth are not. */
function isSameFile(one: BigIntStats | undefined, other: BigIntStats | undefined): boolean {
  return (
    one !== undefined &&
    other !== undefined &&
    one.dev === other.dev &&
    one.ino === other.ino &&
    one.mtimeNs === other.mtimeNs &&
    one.birthtimeNs === other.birthtimeNs
  );
}

function moveAside(path: string): string {
  const aside = `${path}.${process.pid}-${crypto.randomUUID().slice(0, 8)}`;
  renameSync(path, aside);
  return aside;
}

/** Never over a file that has appeared meanwhile, as a rename would. */
function moveBack(aside: string, path: string): void {
  try {
    linkSync(aside, path);
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw error;
  }
  unlinkSync(aside);
}
