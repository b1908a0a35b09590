/**
 * The two ends between which a tunnel lies: programs that connect to its local port, and the destination. Both know
 * what they have received (count, hash, the bytes themselves where these are few) and how their connection ended.
 */
import { expect } from "bun:test";

import { clearLater } from "../../support/leftovers.ts";
import { SeededRandom } from "../../support/seeded-random.ts";
import { within } from "../../support/wait-for.ts";

/** A TCP port of this machine, or the path of a Unix socket. */
export type Place = { readonly port: number; readonly host?: string } | { readonly path: string };

/** What is called as things happen. */
export interface PeerHandlers {
  readonly opened?: (peer: Peer) => void;
  readonly data?: (peer: Peer, bytes: Uint8Array) => void;
  /** The other side has sent FIN. */
  readonly ended?: (peer: Peer) => void;
}

/** Received bytes up to here are kept for {@link Peer.text}. */
const KEPT_BYTES = 1024 * 1024;

/** The next bytes to send, or undefined at the end. */
export type Source = () => Uint8Array | undefined;

/** One connection. */
export class Peer {
  readonly #socket: Bun.Socket<unknown>;
  readonly #hasher = new Bun.CryptoHasher("sha256");
  #kept: Uint8Array[] = [];
  #digest: string | undefined;
  #sources: Source[] = [];
  #piece: Uint8Array | undefined;
  #endWanted = false;
  #waiters: { readonly condition: () => boolean; readonly resolve: () => void }[] = [];
  receivedBytes = 0;
  /** Bytes that the kernel has taken. */
  sentBytes = 0;
  /** The other side has sent FIN. */
  ended = false;
  closed = false;
  /** Set when it was reset, by whichever side. */
  wasReset = false;

  constructor(socket: Bun.Socket<unknown>) {
    this.#socket = socket;
  }

  /** Sends bytes. */
  send(bytes: Uint8Array | string): void {
    const piece = typeof bytes === "string" ? Buffer.from(bytes) : bytes;
    let taken = false;
    this.sendFrom(() => {
      if (taken) return undefined;
      taken = true;
      return piece;
    });
  }

  /** Sends what the source gives, as fast as it is taken; asked only when there is room. */
  sendFrom(source: Source): void {
    this.#sources.push(source);
    this.flush();
  }

  /** Whether everything has been taken by the kernel. */
  get isSent(): boolean {
    return this.#sources.length === 0 && this.#piece === undefined;
  }

  /** FIN behind everything. Receiving goes on. */
  end(): void {
    this.#endWanted = true;
    this.flush();
  }

  /** Drops the connection, so that the other side sees a reset. */
  reset(): void {
    this.#sources = [];
    this.#piece = undefined;
    this.#socket.terminate();
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Everything received, as text; only the first megabyte is kept. */
  get text(): string {
    return Buffer.concat(this.#kept).toString("latin1");
  }

  /** SHA-256 of everything received; ends the count, so for the end only. */
  sha256(): string {
    this.#digest ??= this.#hasher.digest("hex");
    return this.#digest;
  }

  /** Waits until something holds of this peer; looked at after each event. */
  async until(what: string, condition: (peer: Peer) => boolean, timeoutMs = 10_000): Promise<void> {
    const waiting = Promise.withResolvers<void>();
    this.#waiters.push({ condition: () => condition(this), resolve: waiting.resolve });
    this.#look();
    await within(waiting.promise, {
      what,
      timeoutMs,
      context: () =>
        `received ${this.receivedBytes}, sent ${this.sentBytes}, ended ${this.ended}, closed ${this.closed}, reset ${this.wasReset}`,
    });
  }

  /** Waits for that many bytes in total. */
  received(bytes: number, timeoutMs?: number): Promise<void> {
    return this.until(`${bytes} bytes`, () => this.receivedBytes >= bytes, timeoutMs);
  }

  /** Waits for the other side's FIN. */
  whenEnded(timeoutMs?: number): Promise<void> {
    return this.until("the end of what is received", () => this.ended || this.closed, timeoutMs);
  }

  /** Waits until the connection is gone. */
  whenClosed(timeoutMs?: number): Promise<void> {
    return this.until("the end of the connection", () => this.closed, timeoutMs);
  }

  /** To be called by the handlers of its socket. */
  onData(bytes: Uint8Array): void {
    this.#hasher.update(bytes);
    if (this.receivedBytes < KEPT_BYTES) this.#kept.push(bytes);
    this.receivedBytes += bytes.length;
    this.#look();
  }

  onEnd(): void {
    this.ended = true;
    this.#look();
  }

  onClose(error: Error | undefined): void {
    this.closed = true;
    this.wasReset = error !== undefined;
    this.#look();
  }

  /** Gives the kernel what it takes. */
  flush(): void {
    if (this.closed) return;
    this.#write();
    this.#look();
  }

  #write(): void {
    for (;;) {
      if (this.#piece === undefined) {
        const source = this.#sources[0];
        if (source === undefined) break;
        this.#piece = source();
        if (this.#piece === undefined) this.#sources.shift();
        continue;
      }
      if (this.#piece.length > 0) {
        const taken = this.#socket.write(this.#piece);
        if (taken > 0) this.sentBytes += taken;
        if (taken < this.#piece.length) {
          this.#piece = this.#piece.subarray(Math.max(0, taken));
          return;
        }
      }
      this.#piece = undefined;
    }
    if (this.#endWanted) {
      this.#endWanted = false;
      this.#socket.shutdown();
    }
  }

  #look(): void {
    const waiters = this.#waiters;
    if (waiters.length === 0) return;
    this.#waiters = waiters.filter(({ condition }) => !condition());
    for (const waiter of waiters) if (!this.#waiters.includes(waiter)) waiter.resolve();
  }
}

/** A server and the connections it has had, in the order of their arrival. */
export interface Server {
  readonly port: number;
  readonly peers: readonly Peer[];
  /** Waits for that connection (0 is the first). */
  peer(index: number): Promise<Peer>;
  /** Takes no further connections; those that are open go on. */
  close(): void;
  /** The same, and drops those that are open. */
  stop(): void;
}

type Handled = Bun.Socket<Peer | undefined>;

function socketHandlers(handlers: PeerHandlers): Bun.SocketHandler<Peer | undefined> {
  return {
    binaryType: "uint8array",
    open(socket: Handled) {
      const peer = new Peer(socket);
      socket.data = peer;
      handlers.opened?.(peer);
    },
    data(socket: Handled, bytes) {
      socket.data?.onData(bytes);
      if (socket.data !== undefined) handlers.data?.(socket.data, bytes);
    },
    drain: (socket: Handled) => socket.data?.flush(),
    end(socket: Handled) {
      socket.data?.onEnd();
      if (socket.data !== undefined) handlers.ended?.(socket.data);
    },
    close: (socket: Handled, error) => socket.data?.onClose(error),
  };
}

/** Starts a destination; stopped after the test file at the latest. A FIN is answered by one unless told. */
export function startServer(handlers: PeerHandlers = {}, hostname = "127.0.0.1"): Server {
  const peers: Peer[] = [];
  let arrived = Promise.withResolvers<void>();
  const listener = Bun.listen<Peer | undefined>({
    hostname,
    port: 0,
    allowHalfOpen: true,
    socket: socketHandlers({
      ended: (peer) => peer.end(),
      ...handlers,
      opened(peer) {
        peers.push(peer);
        handlers.opened?.(peer);
        arrived.resolve();
        arrived = Promise.withResolvers<void>();
      },
    }),
  });
  const stop = (): void => listener.stop(true);
  clearLater(stop);
  return {
    port: listener.port,
    peers,
    stop,
    close: () => listener.stop(false),
    async peer(index) {
      for (;;) {
        const peer = peers[index];
        if (peer !== undefined) return peer;
        await within(arrived.promise, { what: `connection ${index} at the destination`, timeoutMs: 10_000 });
      }
    },
  };
}

/** A destination that sends back what it gets. */
export function startEcho(hostname?: string): Server {
  return startServer({ data: (peer, bytes) => peer.send(bytes) }, hostname);
}

/** Connects to a tunnel's local end. */
export async function connectTo(place: Place, handlers: PeerHandlers = {}): Promise<Peer> {
  const opened = Promise.withResolvers<Peer>();
  const socket = socketHandlers({
    ...handlers,
    opened(peer) {
      handlers.opened?.(peer);
      opened.resolve(peer);
    },
  });
  const options = { allowHalfOpen: true, socket, data: undefined };
  const connecting =
    "path" in place
      ? Bun.connect<Peer | undefined>({ ...options, unix: place.path })
      : Bun.connect<Peer | undefined>({ ...options, hostname: place.host ?? "127.0.0.1", port: place.port });
  // Rejects, too, for a connection that was opened and reset before the promise could say so.
  connecting.catch((error: unknown) => opened.reject(error));
  const peer = await opened.promise;
  clearLater(() => {
    if (!peer.closed) peer.reset();
  });
  return peer;
}

/**
 * Waits until a connection is reset without a byte. The reset may be there before the connection has been told of,
 * and then it is the connecting that fails.
 */
export async function expectReset(connecting: Promise<Peer>): Promise<void> {
  let peer: Peer;
  try {
    peer = await connecting;
  } catch (error) {
    expect(error).toHaveProperty("code", "ECONNRESET");
    return;
  }
  await peer.whenClosed();
  expect({ reset: peer.wasReset, received: peer.receivedBytes }).toEqual({ reset: true, received: 0 });
}

/** SHA-256 in hex. */
export function sha256(bytes: Uint8Array | string): string {
  return new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
}

/**
 * Much data out of little memory: one random block over and over. Its length is prime, so that what is lost, doubled
 * or moved by any usual length shows in the hash.
 */
export class Pattern {
  readonly #block: Uint8Array;
  readonly totalBytes: number;

  constructor(seed: number, totalBytes: number) {
    this.#block = new SeededRandom(seed).bytes(Math.min(1_048_573, totalBytes));
    this.totalBytes = totalBytes;
  }

  /** A source of all of it. */
  source(): Source {
    let left = this.totalBytes;
    return () => {
      if (left === 0) return undefined;
      const piece = this.#block.subarray(0, Math.min(this.#block.length, left));
      left -= piece.length;
      return piece;
    };
  }

  sha256(): string {
    const hasher = new Bun.CryptoHasher("sha256");
    const next = this.source();
    for (let piece = next(); piece !== undefined; piece = next()) hasher.update(piece);
    return hasher.digest("hex");
  }
}
