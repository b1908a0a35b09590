/**
 * The local listener of a tunnel. It outlives the sessions behind it: connections that come while none is up wait for
 * the next one, and where there are several, each connection goes to the one with the fewest.
 */
import type {
  Accept,
  Listen,
  Listener,
  ListenTarget,
  LocalStream,
  LocalStreamEvents,
} from "../../session/index.ts";

/** Connections that may wait for a session before more are refused. */
const MAX_WAITING = 256;

/** Byte and connection counts of a tunnel. */
export interface TunnelCounts {
  /** Open local connections, waiting ones included. */
  open: number;
  /** Connections so far. */
  total: number;
  /** Bytes from local programs. */
  sentBytes: number;
  /** Bytes to local programs. */
  receivedBytes: number;
}

/** A connection that no session has taken yet. */
interface Waiting {
  readonly stream: CountedStream;
  /** What the socket said before a session took it. */
  readonly relay: Relay;
}

/** A session that takes connections. */
interface Acceptor {
  readonly accept: Accept;
  connections: number;
}

/** See the file's comment. */
export class TunnelListener {
  readonly counts: TunnelCounts = { open: 0, total: 0, sentBytes: 0, receivedBytes: 0 };
  readonly #wanted: () => void;
  readonly #acceptors = new Set<Acceptor>();
  readonly #waiting: Waiting[] = [];
  #listener: Listener | undefined;

  /** @param wanted a connection came and there is no session for it */
  constructor(wanted: () => void) {
    this.#wanted = wanted;
  }

  /** Binds. Rejects with an error fit to be shown. */
  async bind(listen: Listen, target: ListenTarget): Promise<void> {
    this.#listener = await listen(target, (stream) => this.#accept(stream));
  }

  /** The port listened on; 0 for a Unix socket or before `bind`. */
  get port(): number {
    return this.#listener?.port ?? 0;
  }

  get addresses(): readonly string[] {
    return this.#listener?.addresses ?? [];
  }

  /** Connections that wait for a session. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** What a session is given for its own listener: it takes connections from here until it stops. */
  readonly listen: Listen = (_target, accept) => {
    const acceptor: Acceptor = { accept, connections: 0 };
    this.#acceptors.add(acceptor);
    for (const waiting of this.#waiting.splice(0)) {
      // A session that does not want it: the peer sees the reset, and `closed` counts it out.
      if (!this.#assign(waiting)) waiting.stream.reset();
    }
    return Promise.resolve({
      port: this.port,
      addresses: this.addresses,
      stop: () => void this.#acceptors.delete(acceptor),
    });
  };

  /** Stops accepting; connections that wait are reset. */
  stop(): void {
    this.#listener?.stop();
    for (const { stream } of this.#waiting.splice(0)) stream.reset();
  }

  #accept(socket: LocalStream): LocalStreamEvents | undefined {
    if (this.#acceptors.size === 0 && this.#waiting.length >= MAX_WAITING) return undefined;
    const stream = new CountedStream(socket, this.counts);
    const relay = new Relay(this.counts, () => this.#forget(stream));
    if (this.#acceptors.size > 0) {
      if (!this.#assign({ stream, relay })) return undefined;
    } else {
      stream.hold();
      this.#waiting.push({ stream, relay });
      this.#wanted();
    }
    this.counts.open++;
    this.counts.total++;
    return relay;
  }

  /** Gives a connection to the session with the fewest. Returns false when that does not want it. */
  #assign({ stream, relay }: Waiting): boolean {
    let chosen: Acceptor | undefined;
    for (const acceptor of this.#acceptors) {
      if (chosen === undefined || acceptor.connections < chosen.connections) chosen = acceptor;
    }
    const events = chosen?.accept(stream);
    if (chosen === undefined || events === undefined) return false;
    const acceptor = chosen;
    acceptor.connections++;
    relay.attach(events, () => acceptor.connections--);
    stream.release();
    return true;
  }

  #forget(stream: CountedStream): void {
    const index = this.#waiting.findIndex((waiting) => waiting.stream === stream);
    if (index >= 0) this.#waiting.splice(index, 1);
  }
}

/** Passes a socket's events to the session that has taken it; keeps the few that come before. */
class Relay implements LocalStreamEvents {
  readonly #counts: TunnelCounts;
  readonly #gone: () => void;
  #events: LocalStreamEvents | undefined;
  #released: (() => void) | undefined;
  readonly #early: Uint8Array[] = [];
  #endedEarly = false;

  constructor(counts: TunnelCounts, gone: () => void) {
    this.#counts = counts;
    this.#gone = gone;
  }

  attach(events: LocalStreamEvents, released: () => void): void {
    this.#events = events;
    this.#released = released;
    for (const bytes of this.#early.splice(0)) events.data(bytes);
    if (this.#endedEarly) events.ended();
  }

  data(bytes: Uint8Array): void {
    this.#counts.sentBytes += bytes.length;
    if (this.#events === undefined) this.#early.push(bytes);
    else this.#events.data(bytes);
  }

  ended(): void {
    if (this.#events === undefined) this.#endedEarly = true;
    else this.#events.ended();
  }

  written(bytes: number): void {
    this.#events?.written(bytes);
  }

  closed(error?: Error): void {
    this.#counts.open--;
    if (this.#events === undefined) this.#gone();
    this.#released?.();
    this.#events?.closed(error);
  }
}

/** The session's view of a socket, with what is written counted. While it is held nothing is read from it. */
class CountedStream implements LocalStream {
  readonly #stream: LocalStream;
  readonly #counts: TunnelCounts;
  #held = false;
  #paused = false;

  constructor(stream: LocalStream, counts: TunnelCounts) {
    this.#stream = stream;
    this.#counts = counts;
  }

  /** Stops reading until a session has taken it, whatever is wanted meanwhile. */
  hold(): void {
    this.#held = true;
    this.#stream.pause();
  }

  release(): void {
    if (!this.#held) return;
    this.#held = false;
    if (!this.#paused) this.#stream.resume();
  }

  get queuedBytes(): number {
    return this.#stream.queuedBytes;
  }

  write(bytes: Uint8Array): void {
    this.#counts.receivedBytes += bytes.length;
    this.#stream.write(bytes);
  }

  endWriting(): void {
    this.#stream.endWriting();
  }

  close(): void {
    this.#stream.close();
  }

  reset(): void {
    this.#stream.reset();
  }

  pause(): void {
    this.#paused = true;
    this.#stream.pause();
  }

  resume(): void {
    this.#paused = false;
    if (!this.#held) this.#stream.resume();
  }
}
