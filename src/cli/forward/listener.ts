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
  /** When the last byte moved, in monotonic milliseconds; absent before the first. */
  lastByteAtMs?: number;
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
  readonly counts: TunnelCounts = {
    open: 0,
    total: 0,
    sentBytes: 0,
    receivedBytes: 0,
  };
  readonly #wanted: () => void;
  readonly #acceptors = new Set<Acceptor>();
  readonly #waiting: Waiting[] = [];
  readonly #open = new Set<CountedStream>();
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

  /**
   * What a session is given for its own listener: it takes connections from here until it stops.
   * @param stopped told how many of its connections were open when it stopped
   */
  listenFor(stopped: (open: number) => void): Listen {
    return (_target, accept) => {
      const acceptor: Acceptor = { accept, connections: 0 };
      this.#acceptors.add(acceptor);
      for (const waiting of this.#waiting.splice(0)) {
        // A session that does not want it: the peer sees the reset, and `closed` counts it out.
        if (!this.#assign(waiting)) waiting.stream.reset();
      }
      return Promise.resolve({
        port: this.port,
        addresses: this.addresses,
        stop: () => {
          if (this.#acceptors.delete(acceptor)) stopped(acceptor.connections);
        },
      });
    };
  }

  /**
   * Open connections whose last bytes went towards the destination and were not answered, waiting ones included: they
   * may still be on their way there, even if the local program has closed the connection and gone.
   */
  get unanswered(): number {
    let count = 0;
    for (const stream of this.#open) if (stream.unanswered) count++;
    return count;
  }

  /**
   * Passes a connection on that no program has made; it counts nowhere. Undefined while no session takes it, one is
   * started then.
   */
  connect(stream: LocalStream): LocalStreamEvents | undefined {
    const acceptor = this.#leastBusy();
    if (acceptor === undefined) this.#wanted();
    return acceptor?.accept(stream);
  }

  /** Stops accepting; open connections live on, and those that wait still get a session. */
  stopAccepting(): void {
    this.#listener?.stop();
  }

  /** Stops accepting; connections that wait are reset. */
  stop(): void {
    this.stopAccepting();
    for (const { stream } of this.#waiting.splice(0)) stream.reset();
  }

  #accept(socket: LocalStream): LocalStreamEvents | undefined {
    if (this.#acceptors.size === 0 && this.#waiting.length >= MAX_WAITING) return undefined;
    const stream = new CountedStream(socket, this.counts);
    const relay = new Relay(stream, this.counts, () => this.#closed(stream));
    if (this.#acceptors.size > 0) {
      if (!this.#assign({ stream, relay })) return undefined;
    } else {
      stream.hold();
      this.#waiting.push({ stream, relay });
      this.#wanted();
    }
    this.#open.add(stream);
    this.counts.open++;
    this.counts.total++;
    return relay;
  }

  /** Gives a connection to the session with the fewest. Returns false when that does not want it. */
  #assign({ stream, relay }: Waiting): boolean {
    const acceptor = this.#leastBusy();
    const events = acceptor?.accept(stream);
    if (acceptor === undefined || events === undefined) return false;
    acceptor.connections++;
    relay.attach(events, () => acceptor.connections--);
    stream.release();
    return true;
  }

  #leastBusy(): Acceptor | undefined {
    let chosen: Acceptor | undefined;
    for (const acceptor of this.#acceptors) {
      if (chosen === undefined || acceptor.connections < chosen.connections) chosen = acceptor;
    }
    return chosen;
  }

  #closed(stream: CountedStream): void {
    this.#open.delete(stream);
    this.counts.open--;
    const index = this.#waiting.findIndex((waiting) => waiting.stream === stream);
    if (index >= 0) this.#waiting.splice(index, 1);
  }
}

/** Passes a socket's events to the session that has taken it; keeps the few that come before. */
class Relay implements LocalStreamEvents {
  readonly #stream: CountedStream;
  readonly #counts: TunnelCounts;
  readonly #closed: () => void;
  #events: LocalStreamEvents | undefined;
  #released: (() => void) | undefined;
  readonly #early: Uint8Array[] = [];
  #endedEarly = false;

  constructor(stream: CountedStream, counts: TunnelCounts, closed: () => void) {
    this.#stream = stream;
    this.#counts = counts;
    this.#closed = closed;
  }

  attach(events: LocalStreamEvents, released: () => void): void {
    this.#events = events;
    this.#released = released;
    for (const bytes of this.#early.splice(0)) events.data(bytes);
    if (this.#endedEarly) events.ended();
  }

  data(bytes: Uint8Array): void {
    this.#counts.sentBytes += bytes.length;
    this.#counts.lastByteAtMs = performance.now();
    this.#stream.asked = true;
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
    this.#closed();
    this.#released?.();
    this.#events?.closed(error);
  }
}

/** The session's view of a socket, with what is written counted. While it is held nothing is read from it. */
class CountedStream implements LocalStream {
  readonly #stream: LocalStream;
  readonly #counts: TunnelCounts;
  /** The last bytes came from the local program. */
  asked = false;
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

  /** While it is held nobody knows what it holds. */
  get unanswered(): boolean {
    return this.asked || this.#held;
  }

  get queuedBytes(): number {
    return this.#stream.queuedBytes;
  }

  write(bytes: Uint8Array): void {
    this.#counts.receivedBytes += bytes.length;
    this.#counts.lastByteAtMs = performance.now();
    this.asked = false;
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
