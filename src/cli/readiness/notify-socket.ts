/**
 * Sends datagrams to the socket that systemd names in NOTIFY_SOCKET. The runtime has none of that kind, so the C
 * library's functions are called. Linux only; never blocks.
 */
import { openLibc } from "../../terminal/index.ts";

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
/** Size of `sun_path`. */
const MAX_PATH_BYTES = 108;

/** See the file's comment. */
export interface NotifySocket {
  /** Returns false when it was not taken: nobody listens, or too much is waiting there. */
  send(text: string): boolean;
  close(): void;
}

/** Opens a socket that sends to `address`, a path or `@` and an abstract name. Returns why that cannot be done. */
export function openNotifySocket(address: string): NotifySocket | string {
  if (process.platform !== "linux") return "only Linux has such sockets";
  const destination = socketAddress(address);
  if (destination === undefined) return "it is neither a path nor an abstract name";
  const libc = openLibc({
    socket: { args: ["i32", "i32", "i32"], returns: "i32" },
    sendto: { args: ["i32", "ptr", "u64", "i32", "ptr", "u32"], returns: "i64" },
    close: { args: ["i32"], returns: "i32" },
  });
  if (libc === undefined) return "the C library cannot be loaded";
  const descriptor = libc.socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return "no socket can be opened";
  return {
    send(text) {
      const bytes = Buffer.from(text);
      const flags = MSG_DONTWAIT | MSG_NOSIGNAL;
      const sent = libc.sendto(descriptor, bytes, bytes.length, flags, destination, destination.length);
      return Number(sent) === bytes.length;
    },
    close: () => void libc.close(descriptor),
  };
}

/** `struct sockaddr_un`, as long as it has to be. */
function socketAddress(address: string): Uint8Array | undefined {
  const isAbstract = address.startsWith("@");
  if (!isAbstract && !address.startsWith("/")) return undefined;
  // The name of an abstract one begins with a NUL and ends with its length, a path ends with a NUL.
  const name = Buffer.from(isAbstract ? `\0${address.slice(1)}` : `${address}\0`);
  if (name.length > MAX_PATH_BYTES) return undefined;
  const bytes = Buffer.alloc(2 + name.length);
  bytes.writeUInt16LE(AF_UNIX, 0);
  name.copy(bytes, 2);
  return bytes;
}
