/**
 * A WebSocket server on plain sockets that does what it is told: frames of any kind, silence, resets. It reads the
 * client's frames by itself, so that it is a witness independent of Bun's server.
 */

import { createHash } from "node:crypto";
import { createServer, type Socket } from "node:net";

import { clearLater } from "../support/leftovers.ts";
import { waitFor } from "../support/wait-for.ts";

/** Frame types (RFC 6455, section 5.2). */
export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** One frame as a server sends it. @param lengthOverride is announced instead of the true length */
export function frame(
  opcode: number,
  payload: Uint8Array | string = "",
  { fin = true, lengthOverride }: { fin?: boolean; lengthOverride?: bigint } = {},
): Buffer {
  const body = Buffer.from(payload as Uint8Array);
  const length = lengthOverride ?? BigInt(body.length);
  const first = (fin ? 0x80 : 0) | opcode;
  let header: Buffer;
  if (length > 0xffffn) {
    header = Buffer.alloc(10);
    header.writeBigUInt64BE(length, 2);
    header[1] = 127;
  } else if (length > 125n) {
    header = Buffer.alloc(4);
    header.writeUInt16BE(Number(length), 2);
    header[1] = 126;
  } else header = Buffer.from([0, Number(length)]);
  header[0] = first;
  return Buffer.concat([header, body]);
}

/** A close frame. */
export function closeFrame(code: number, reason: string | Uint8Array = ""): Buffer {
  const body = Buffer.from([code >> 8, code & 0xff]);
  return frame(OPCODE.close, Buffer.concat([body, Buffer.from(reason as Uint8Array)]));
}

/** A frame from the client, unmasked. */
export interface ClientFrame {
  readonly opcode: number;
  readonly payload: Buffer;
}

/** One connection of a client. */
export class RawClient {
  readonly socket: Socket;
  readonly frames: ClientFrame[] = [];
  /** Head of the upgrade request, as it came. */
  head = "";
  #buffer = Buffer.alloc(0);

  constructor(socket: Socket) {
    this.socket = socket;
  }

  /** Waits for the client's next frame of that kind that was not looked at before. */
  async next(opcode: number): Promise<Buffer> {
    const found = await waitFor(() => this.frames.find((candidate) => candidate.opcode === opcode), {
      what: `a frame with opcode ${opcode}`,
      intervalMs: 1,
    });
    this.frames.splice(this.frames.indexOf(found), 1);
    return found.payload;
  }

  /** Takes what arrived; true once the head is complete. */
  receive(bytes: Buffer): boolean {
    this.#buffer = Buffer.concat([this.#buffer, bytes]);
    if (this.head === "") {
      const end = this.#buffer.indexOf("\r\n\r\n");
      if (end < 0) return false;
      this.head = this.#buffer.toString("latin1", 0, end);
      this.#buffer = this.#buffer.subarray(end + 4);
      return true;
    }
    while (this.#readFrame());
    return false;
  }

  #readFrame(): boolean {
    const [first = 0, second = 0] = this.#buffer;
    if (this.#buffer.length < 2) return false;
    const short = second & 0x7f;
    const at = short === 127 ? 10 : short === 126 ? 4 : 2;
    if (this.#buffer.length < at + 4) return false;
    const length =
      short === 127
        ? Number(this.#buffer.readBigUInt64BE(2))
        : short === 126
          ? this.#buffer.readUInt16BE(2)
          : short;
    if (this.#buffer.length < at + 4 + length) return false;
    const mask = this.#buffer.subarray(at, at + 4);
    const payload = Buffer.from(this.#buffer.subarray(at + 4, at + 4 + length));
    for (let index = 0; index < length; index++)
      payload[index] = (payload[index] ?? 0) ^ (mask[index % 4] ?? 0);
    this.frames.push({ opcode: first & 0x0f, payload });
    this.#buffer = this.#buffer.subarray(at + 4 + length);
    return true;
  }
}

/** A gateway that listens until the test file ends. */
export interface RawGateway {
  readonly port: number;
  /** `ws://127.0.0.1:<port>/…` with a secret in its query. */
  readonly url: string;
  readonly clients: RawClient[];
}

/** What a gateway does with a client. */
export interface Behaviour {
  /** Called with the raw connection; when absent the upgrade is answered as it should be. */
  readonly connected?: (client: RawClient) => void;
  /** Called when the upgrade has been answered, or with `connected` never. */
  readonly upgraded?: (client: RawClient) => void;
}

/** The word that must not turn up in any message. */
export const SECRET = "c3VwZXItc2VjcmV0";

/** Starts a gateway. */
export async function startGateway({ connected, upgraded }: Behaviour): Promise<RawGateway> {
  const clients: RawClient[] = [];
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    clearLater(() => void socket.destroy());
    socket.on("error", () => {});
    const client = new RawClient(socket);
    clients.push(client);
    if (connected !== undefined) return connected(client);
    socket.on("data", (bytes: Buffer) => {
      if (!client.receive(bytes)) return;
      socket.write(switchingProtocols(client.head));
      upgraded?.(client);
    });
    socket.on("end", () => void socket.end());
  });
  clearLater(() => void server.close());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const { port } = address;
  return { port, url: `ws://127.0.0.1:${port}/v1/data-channel/s-0a1b?cell-number=${SECRET}`, clients };
}

/** The right answer to an upgrade request. */
export function switchingProtocols(head: string): string {
  const key = /^sec-websocket-key: *(\S+)/im.exec(head)?.[1] ?? "";
  const accept = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
  const lines = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"];
  return `${[...lines, `Sec-WebSocket-Accept: ${accept}`].join("\r\n")}\r\n\r\n`;
}
