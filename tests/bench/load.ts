/**
 * TCP load for measurements: a server that swallows, produces or echoes as each connection asks, and the clients that
 * time it. Raw Bun sockets, so that what is measured is the way between them.
 */

/** First byte of a connection: what the server is to do. */
const Mode = { sink: 0x75, source: 0x64, echo: 0x65 } as const;

/** Size of one write. */
const CHUNK_BYTES = 256 * 1024;
const CHUNK = new Uint8Array(CHUNK_BYTES).map((_, index) => (index * 131 + (index >> 8) * 17) & 0xff);

/** Where to connect. */
export interface Address {
  readonly hostname: string;
  readonly port: number;
}

interface ServerConnection {
  mode: number;
  receivedBytes: number;
  /** Source: bytes still to be sent. Sink: how many are expected. */
  leftBytes: number;
  /** Echo: what the kernel has not taken yet. */
  unsent: Uint8Array[];
  head: Uint8Array[];
}

/** A running server. */
export interface LoadServer {
  readonly address: Address;
  stop(): void;
}

/** Starts the server on a free loopback port. */
export function startLoadServer(): LoadServer {
  const server = Bun.listen<ServerConnection>({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      binaryType: "uint8array",
      open(socket) {
        socket.data = { mode: 0, receivedBytes: 0, leftBytes: 0, unsent: [], head: [] };
      },
      data(socket, bytes) {
        const rest = socket.data.mode === 0 ? readHead(socket.data, bytes) : bytes;
        if (rest !== undefined) serve(socket, rest);
      },
      drain: (socket) => serve(socket, new Uint8Array(0)),
    },
  });
  return { address: { hostname: "127.0.0.1", port: server.port }, stop: () => server.stop(true) };
}

/** The head is the mode and a length of eight bytes; returns what follows it, once it is complete. */
function readHead(connection: ServerConnection, bytes: Uint8Array): Uint8Array | undefined {
  connection.head.push(bytes);
  const all = Buffer.concat(connection.head);
  if (all.length < 9) return undefined;
  connection.head = [];
  connection.mode = all[0] ?? 0;
  connection.leftBytes = Number(all.readBigUInt64BE(1));
  return all.subarray(9);
}

function serve(socket: Bun.Socket<ServerConnection>, bytes: Uint8Array): void {
  const connection = socket.data;
  switch (connection.mode) {
    case Mode.sink:
      connection.leftBytes -= bytes.length;
      // One byte says that everything has arrived.
      if (bytes.length > 0 && connection.leftBytes === 0) socket.write("k");
      return;
    case Mode.source:
      while (connection.leftBytes > 0) {
        const wanted = Math.min(CHUNK_BYTES, connection.leftBytes);
        const taken = socket.write(CHUNK, 0, wanted);
        if (taken > 0) connection.leftBytes -= taken;
        if (taken < wanted) return;
      }
      return;
    case Mode.echo:
      if (bytes.length > 0) connection.unsent.push(bytes);
      for (let first = connection.unsent[0]; first !== undefined; first = connection.unsent[0]) {
        const taken = socket.write(first);
        if (taken === first.length) connection.unsent.shift();
        else {
          if (taken > 0) connection.unsent[0] = first.subarray(taken);
          return;
        }
      }
  }
}

function head(mode: number, lengthBytes: number): Uint8Array {
  const bytes = Buffer.alloc(9);
  bytes[0] = mode;
  bytes.writeBigUInt64BE(BigInt(lengthBytes), 1);
  return bytes;
}

/** Sends that many bytes; resolves with the milliseconds until the other end had all of them. */
export async function upload(address: Address, totalBytes: number, stop?: () => boolean): Promise<number> {
  const done = Promise.withResolvers<void>();
  let left = totalBytes;
  const send = (socket: Bun.Socket): void => {
    while (left > 0 && stop?.() !== true) {
      const wanted = Math.min(CHUNK_BYTES, left);
      const taken = socket.write(CHUNK, 0, wanted);
      if (taken > 0) left -= taken;
      if (taken < wanted) return;
    }
    if (left > 0) done.resolve();
  };
  const socket = await connect(address, {
    data: () => done.resolve(),
    drain: send,
    close: () => done.reject(new Error("the connection was closed in the middle of an upload")),
  });
  const startedMs = performance.now();
  socket.write(head(Mode.sink, totalBytes));
  send(socket);
  await done.promise;
  const durationMs = performance.now() - startedMs;
  socket.terminate();
  return durationMs;
}

/** Asks for that many bytes; resolves with the milliseconds until all of them were here. */
export async function download(address: Address, totalBytes: number): Promise<number> {
  const done = Promise.withResolvers<void>();
  let left = totalBytes;
  const socket = await connect(address, {
    data: (_, bytes) => {
      left -= bytes.length;
      if (left === 0) done.resolve();
    },
    close: () => done.reject(new Error("the connection was closed in the middle of a download")),
  });
  const startedMs = performance.now();
  socket.write(head(Mode.source, totalBytes));
  await done.promise;
  const durationMs = performance.now() - startedMs;
  socket.end();
  return durationMs;
}

/** One question after another on one connection; resolves with the milliseconds of each. */
export async function echo(address: Address, count: number, lengthBytes = 64): Promise<number[]> {
  const message = CHUNK.slice(0, lengthBytes);
  const durations: number[] = [];
  const done = Promise.withResolvers<void>();
  let received = 0;
  let askedMs = 0;
  const socket = await connect(address, {
    data: (from, bytes) => {
      received += bytes.length;
      if (received < lengthBytes) return;
      received = 0;
      durations.push(performance.now() - askedMs);
      if (durations.length === count) return done.resolve();
      askedMs = performance.now();
      from.write(message);
    },
    close: () => done.reject(new Error("the connection was closed in the middle of an echo")),
  });
  socket.write(head(Mode.echo, 0));
  askedMs = performance.now();
  socket.write(message);
  await done.promise;
  socket.end();
  return durations;
}

function connect(
  { hostname, port }: Address,
  handlers: Pick<Bun.SocketHandler, "data" | "drain" | "close">,
): Promise<Bun.Socket> {
  return Bun.connect<undefined>({ hostname, port, socket: { binaryType: "uint8array", ...handlers } });
}
