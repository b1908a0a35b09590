/** A socket as systemd's, for NOTIFY_SOCKET: keeps the datagrams that it is sent. Linux only. */
import { dlopen } from "bun:ffi";

import { clearLater } from "./leftovers.ts";

const AF_UNIX = 1;
const SOCK_DGRAM_CLOEXEC = 0o2000002;
const MSG_DONTWAIT = 0x40;
const MAX_BYTES = 4096;

/** See the file's comment. */
export interface NotifyReceiver {
  /** All messages so far, in order. */
  messages(): readonly string[];
}

/** Listens at a path, or at `@` and an abstract name; gone after the test file. @throws Error when it cannot */
export function receiveNotifications(address: string): NotifyReceiver {
  const { symbols } = dlopen("libc.so.6", {
    socket: { args: ["i32", "i32", "i32"], returns: "i32" },
    bind: { args: ["i32", "ptr", "u32"], returns: "i32" },
    recv: { args: ["i32", "ptr", "u64", "i32"], returns: "i64" },
    close: { args: ["i32"], returns: "i32" },
  });
  const name = Buffer.from(address.startsWith("@") ? `\0${address.slice(1)}` : `${address}\0`);
  const destination = Buffer.concat([new Uint8Array([AF_UNIX, 0]), name]);
  const descriptor = symbols.socket(AF_UNIX, SOCK_DGRAM_CLOEXEC, 0);
  clearLater(() => void symbols.close(descriptor));
  if (symbols.bind(descriptor, destination, destination.length) !== 0)
    throw new Error(`cannot bind ${address}`);
  const received: string[] = [];
  return {
    messages() {
      const buffer = new Uint8Array(MAX_BYTES);
      for (;;) {
        const bytes = Number(symbols.recv(descriptor, buffer, MAX_BYTES, MSG_DONTWAIT));
        if (bytes < 0) return received;
        received.push(Buffer.from(buffer.subarray(0, bytes)).toString());
      }
    },
  };
}
