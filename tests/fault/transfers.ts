/**
 * Uploads and downloads through a tunnel that go on until they are told to stop, and are compared by hash at their
 * end. The bytes come from a seed; both ends know nothing of tunnels and cuts.
 */
import { clearLater } from "../support/leftovers.ts";
import { SeededRandom } from "../support/seeded-random.ts";
import { within } from "../support/wait-for.ts";

/** First byte of a connection: who sends. The seed of the bytes follows in four more, then the pace in two. */
const Mode = { upload: 0x75, download: 0x64 } as const;
const HEAD_BYTES = 7;

/** Longest piece of a source that has a pace. */
const PACED_PIECE_BYTES = 4096;
/**
 * Milliseconds between two pieces of a download unless told: some 300 KB/s, less than an agent sends, so that little
 * is still on its way when the source is told to stop.
 */
const DOWNLOAD_PACE_MS = 6;

/** A piece is its length in four bytes, then so many bytes; one of length 0 is the last, and the hash follows it. */
const MAX_PIECE_BYTES = 64 * 1024;
const HASH_BYTES = 32;

/** Where to connect. */
export interface Address {
  readonly hostname: string;
  readonly port: number;
}

/** What a finished transfer was. */
export interface Transferred {
  readonly bytes: number;
  readonly ms: number;
}

/** A transfer that runs. */
export interface Transfer {
  /** Bytes taken by the socket, or received, so far. */
  readonly bytes: number;
  /** Lets it come to its end. */
  stop(): void;
  /** Resolves when it has ended and both ends have seen the same bytes; rejects when not, or when it was cut off. */
  readonly done: Promise<Transferred>;
}

/** Pieces of random lengths with random contents. */
class Source {
  readonly #random: SeededRandom;
  readonly #block: Uint8Array;
  readonly #hash = new Bun.CryptoHasher("sha256");
  readonly #maxPieceBytes: number;
  #rest = new Uint8Array(0);
  #ended = false;

  constructor(seed: number, maxPieceBytes = MAX_PIECE_BYTES) {
    this.#maxPieceBytes = maxPieceBytes;
    this.#random = new SeededRandom(seed);
    this.#block = this.#random.bytes(4 * MAX_PIECE_BYTES);
  }

  /** Writes as much as the socket takes, or a single piece at most. */
  write(socket: Pick<Bun.Socket, "write">, stopping: () => boolean, onePiece = false): void {
    for (let pieces = 0; ; pieces++) {
      if (this.#rest.length === 0) {
        if (this.#ended || (onePiece && pieces > 0)) return;
        this.#rest = this.#next(stopping());
      }
      const taken = socket.write(this.#rest);
      if (taken > 0) this.#rest = this.#rest.subarray(taken);
      if (this.#rest.length > 0) return;
    }
  }

  #next(last: boolean): Uint8Array<ArrayBuffer> {
    if (last) {
      this.#ended = true;
      return Buffer.concat([Buffer.alloc(4), this.#hash.digest()]);
    }
    const length = this.#random.between(1, this.#maxPieceBytes);
    const start = this.#random.int(this.#block.length - length);
    const bytes = this.#block.subarray(start, start + length);
    this.#hash.update(bytes);
    const piece = Buffer.alloc(4 + length);
    piece.writeUInt32BE(length);
    piece.set(bytes, 4);
    return piece;
  }
}

/** Takes pieces apart and compares the hash behind the last one. */
class Sink {
  readonly #hash = new Bun.CryptoHasher("sha256");
  #waiting = Buffer.alloc(0);
  #pieceLeft = 0;
  #atHash = false;
  bytes = 0;

  /** True once everything has come and is right. @throws Error when it is not */
  take(arrived: Uint8Array): boolean {
    this.#waiting =
      this.#waiting.length === 0 ? Buffer.from(arrived) : Buffer.concat([this.#waiting, arrived]);
    for (;;) {
      if (this.#atHash) return this.#compare();
      if (this.#pieceLeft > 0) {
        const part = this.#waiting.subarray(0, this.#pieceLeft);
        if (part.length === 0) return false;
        this.#hash.update(part);
        this.bytes += part.length;
        this.#pieceLeft -= part.length;
        this.#waiting = this.#waiting.subarray(part.length);
        continue;
      }
      if (this.#waiting.length < 4) return false;
      this.#pieceLeft = this.#waiting.readUInt32BE();
      if (this.#pieceLeft > MAX_PIECE_BYTES) throw new Error(`bytes are missing or wrong near ${this.bytes}`);
      this.#waiting = this.#waiting.subarray(4);
      this.#atHash = this.#pieceLeft === 0;
    }
  }

  #compare(): boolean {
    if (this.#waiting.length < HASH_BYTES) return false;
    if (this.#waiting.length > HASH_BYTES) throw new Error("more came than was sent");
    if (this.#hash.digest().equals(this.#waiting)) return true;
    throw new Error(`${this.bytes} bytes came, but not those that were sent`);
  }
}

interface ServerConnection {
  head: Uint8Array;
  source: Source | undefined;
  sink: Sink | undefined;
  stopping: boolean;
  timer: ReturnType<typeof setInterval> | undefined;
}

/** Starts the far end of transfers on a free loopback port, for the rest of the test file. */
export function startTransferServer(): Address {
  const send = (socket: Bun.Socket<ServerConnection>): void => {
    const { source, stopping, timer } = socket.data;
    if (timer === undefined) source?.write(socket, () => stopping);
  };
  const server = Bun.listen<ServerConnection>({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      binaryType: "uint8array",
      open(socket) {
        socket.data = {
          head: new Uint8Array(0),
          source: undefined,
          sink: undefined,
          stopping: false,
          timer: undefined,
        };
      },
      data(socket, bytes) {
        const connection = socket.data;
        if (connection.sink !== undefined) return receive(socket, bytes);
        if (connection.source !== undefined) {
          // Anything behind the head of a download is the wish for its end.
          connection.stopping = true;
          return send(socket);
        }
        connection.head = Buffer.concat([connection.head, bytes]);
        if (connection.head.length < HEAD_BYTES) return;
        const head = Buffer.from(connection.head);
        if (head[0] === Mode.upload) {
          connection.sink = new Sink();
          receive(socket, head.subarray(HEAD_BYTES));
        } else {
          const paceMs = head.readUInt16BE(5);
          const source = new Source(head.readUInt32BE(1), paceMs > 0 ? PACED_PIECE_BYTES : MAX_PIECE_BYTES);
          connection.source = source;
          connection.stopping = head.length > HEAD_BYTES;
          if (paceMs === 0) return send(socket);
          connection.timer = setInterval(() => source.write(socket, () => connection.stopping, true), paceMs);
        }
      },
      drain: send,
      close: (socket) => clearInterval(socket.data.timer),
    },
  });
  clearLater(() => server.stop(true));
  return { hostname: "127.0.0.1", port: server.port };
}

/** The answer to an upload is one byte when it arrived as it was sent, a line when not. */
function receive(socket: Bun.Socket<ServerConnection>, bytes: Uint8Array): void {
  try {
    if (socket.data.sink?.take(bytes) === true) socket.write("k");
  } catch (error) {
    socket.write(`the far end says: ${(error as Error).message}`);
  }
}

function head(mode: number, seed: number, paceMs: number): Buffer {
  const bytes = Buffer.alloc(HEAD_BYTES);
  bytes[0] = mode;
  bytes.writeUInt32BE(seed >>> 0, 1);
  bytes.writeUInt16BE(paceMs, 5);
  return bytes;
}

/** Starts an upload. @param paceMs 0: as fast as it goes */
export async function startUpload(address: Address, seed: number, paceMs = 0): Promise<Transfer> {
  const done = Promise.withResolvers<Transferred>();
  done.promise.catch(() => undefined);
  const source = new Source(seed, paceMs > 0 ? PACED_PIECE_BYTES : MAX_PIECE_BYTES);
  const startedMs = performance.now();
  let stopping = false;
  let bytes = 0;
  let timer: ReturnType<typeof setInterval> | undefined;
  const send = (socket: Bun.Socket): void => {
    const counted = {
      write: (data: Parameters<Bun.Socket["write"]>[0]): number => {
        const taken = socket.write(data);
        if (taken > 0) bytes += taken;
        return taken;
      },
    };
    source.write(counted, () => stopping, paceMs > 0);
  };
  const socket = await Bun.connect({
    ...address,
    socket: {
      data(from, answer) {
        const text = answer.toString("latin1");
        if (text === "k") done.resolve({ bytes, ms: performance.now() - startedMs });
        else done.reject(new Error(text));
        from.end();
      },
      drain(to) {
        if (paceMs === 0) send(to);
      },
      close() {
        clearInterval(timer);
        done.reject(new Error(`the upload was cut off after ${bytes} bytes`));
      },
    },
  });
  socket.write(head(Mode.upload, seed, 0));
  if (paceMs === 0) setImmediate(() => send(socket));
  else timer = setInterval(() => send(socket), paceMs);
  return {
    get bytes() {
      return bytes;
    },
    stop: () => void (stopping = true),
    done: done.promise,
  };
}

/** Starts a download. @param paceMs 0: as fast as it goes */
export async function startDownload(
  address: Address,
  seed: number,
  paceMs = DOWNLOAD_PACE_MS,
): Promise<Transfer> {
  const done = Promise.withResolvers<Transferred>();
  done.promise.catch(() => undefined);
  const sink = new Sink();
  const startedMs = performance.now();
  const socket = await Bun.connect({
    ...address,
    socket: {
      binaryType: "uint8array",
      data(from, bytes) {
        try {
          if (!sink.take(bytes)) return;
          done.resolve({ bytes: sink.bytes, ms: performance.now() - startedMs });
        } catch (error) {
          done.reject(error as Error);
        }
        from.end();
      },
      close: () => done.reject(new Error(`the download was cut off after ${sink.bytes} bytes`)),
    },
  });
  socket.write(head(Mode.download, seed, paceMs));
  return {
    get bytes() {
      return sink.bytes;
    },
    stop: () => void socket.write("s"),
    done: done.promise,
  };
}

/** An upload and a download at the same time. */
export interface Pair {
  readonly upload: Transfer;
  readonly download: Transfer;
  /** Stops both and waits for their ends. @throws Error unless every byte arrived */
  finish(
    timeoutMs: number,
    context?: () => string,
  ): Promise<{ readonly up: Transferred; readonly down: Transferred }>;
}

/** How fast the two go, in milliseconds between two pieces; 0: as fast as it goes. */
export interface PairPace {
  readonly uploadPaceMs?: number;
  readonly downloadPaceMs?: number;
}

/** Starts an upload and a download on connections of their own. */
export async function startPair(address: Address, seed: number, pace: PairPace = {}): Promise<Pair> {
  const [upload, download] = await Promise.all([
    startUpload(address, seed, pace.uploadPaceMs),
    startDownload(address, seed + 1, pace.downloadPaceMs),
  ]);
  return {
    upload,
    download,
    async finish(timeoutMs, context = () => "") {
      upload.stop();
      download.stop();
      const [up, down] = await within(Promise.all([upload.done, download.done]), {
        what: "the end of an upload and a download",
        timeoutMs,
        context: () => `up ${upload.bytes}, down ${download.bytes} bytes so far\n${context()}`,
      });
      return { up, down };
    },
  };
}
