/** Servers on loopback that a port session of the agent can be pointed at. */
import { clearLater } from "../../support/leftovers.ts";

/** One connection as the server sees it. */
export class ServerConnection {
  readonly chunks: Buffer[] = [];
  /** The agent has sent FIN. */
  ended = false;
  closed = false;
  readonly #socket: Bun.Socket<ServerConnection>;
  #pending: Buffer = Buffer.alloc(0);
  #endWhenWritten = false;

  constructor(socket: Bun.Socket<ServerConnection>) {
    this.#socket = socket;
  }

  get received(): Buffer {
    return Buffer.concat(this.chunks);
  }

  get receivedBytes(): number {
    return this.chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  }

  /** Sends, as fast as the agent reads. */
  write(data: Uint8Array | string): void {
    this.#pending = Buffer.concat([this.#pending, Buffer.from(data)]);
    this.flush();
  }

  /** FIN once everything is written. */
  end(): void {
    this.#endWhenWritten = true;
    this.flush();
  }

  reset(): void {
    this.#socket.terminate();
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Bytes that the agent has not read. */
  get unwrittenBytes(): number {
    return this.#pending.length;
  }

  flush(): void {
    while (this.#pending.length > 0) {
      const taken = this.#socket.write(this.#pending);
      if (taken <= 0) return;
      this.#pending = this.#pending.subarray(taken);
    }
    if (this.#endWhenWritten) this.#socket.shutdown();
  }
}

/** A listener that keeps its connections in the order of their arrival. */
export class Server {
  readonly connections: ServerConnection[] = [];
  readonly port: number;
  readonly #listener: Bun.TCPSocketListener<ServerConnection>;

  /** `opened` and `data` are called for each connection; `data` echoes by writing back, for example. */
  constructor(
    handlers: {
      readonly opened?: (connection: ServerConnection) => void;
      readonly data?: (connection: ServerConnection, bytes: Buffer) => void;
      /** Everything written has been taken by the kernel. */
      readonly drained?: (connection: ServerConnection) => void;
      /** The agent's FIN; closes in answer unless told. */
      readonly ended?: (connection: ServerConnection) => void;
    } = {},
  ) {
    this.#listener = Bun.listen<ServerConnection>({
      hostname: "127.0.0.1",
      port: 0,
      allowHalfOpen: true,
      socket: {
        open: (socket) => {
          const connection = new ServerConnection(socket);
          socket.data = connection;
          this.connections.push(connection);
          handlers.opened?.(connection);
        },
        data: (socket, bytes) => {
          socket.data.chunks.push(Buffer.from(bytes));
          handlers.data?.(socket.data, Buffer.from(bytes));
        },
        drain: (socket) => {
          socket.data.flush();
          if (socket.data.unwrittenBytes === 0) handlers.drained?.(socket.data);
        },
        end: (socket) => {
          socket.data.ended = true;
          if (handlers.ended === undefined) socket.data.end();
          else handlers.ended(socket.data);
        },
        close: (socket) => {
          socket.data.closed = true;
        },
      },
    });
    this.port = this.#listener.port;
    clearLater(() => this.stop());
  }

  stop(): void {
    this.#listener.stop(true);
  }
}

/** A server that sends back what it gets. */
export function echoServer(): Server {
  return new Server({ data: (connection, bytes) => connection.write(bytes) });
}

/** The same, but it reads no further while it cannot write: what a program with a small buffer does. */
export function strictEchoServer(): Server {
  return new Server({
    data: (connection, bytes) => {
      connection.write(bytes);
      if (connection.unwrittenBytes > 0) connection.pause();
    },
    drained: (connection) => connection.resume(),
  });
}

/** A port on which nobody listens. */
export function closedPort(): number {
  const server = new Server();
  server.stop();
  return server.port;
}
