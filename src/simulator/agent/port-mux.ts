/**
 * Multiplexed port sessions: many connections over the smux streams of one session. As at the real agent,
 * dials happen one after another, one budget bounds what all streams have not passed on, and the end of one
 * direction is the end of both.
 */
import { encodeFlag, FlagValue, PayloadType } from "../../protocol/index.ts";
import type { LocalStream } from "../../session/seams.ts";
import { HEADER_BYTES, Mux } from "../../smux/index.ts";
import { ByteQueue } from "./byte-queue.ts";
import { connect, type Destination, endConnection } from "./destination.ts";
import { readFlag } from "./flags.ts";
import type { Handled } from "./inbox.ts";
import { OutputPump } from "./output-pump.ts";
import type { Plugin, PluginContext } from "./plugin.ts";
import { Link } from "./port-link.ts";
import { keepAliveOff } from "./version-order.ts";

/** Bytes received for all streams and not passed on; with more the agent stops reading. */
export const RECEIVE_BUDGET_BYTES = 4 * 1024 * 1024;

/** Streams that wait to be dialled; with more the agent stops reading. */
export const DIAL_BACKLOG = 1024;

/** Largest payload of an smux frame that the agent sends. */
const FRAME_BYTES = 32_768;

/**
 * The real agent has no limits of its own for these. Destinations are paused long before their bytes count; what
 * the queues must hold is one read of each.
 */
const MUX_LIMITS = {
  maxStreams: 16_384,
  maxFrameBytes: FRAME_BYTES,
  maxQueueBytes: 2 ** 32,
  maxQueueEntries: 2 ** 24,
};

/** Output of one stream queued at which its destination is no longer read. */
const PAUSE_BYTES = 256 * 1024;

const KEEP_ALIVE_INTERVAL_MS = 10_000;
const KEEP_ALIVE_TIMEOUT_MS = 30_000;

/** A multiplexed port session. */
export class MuxPort implements Plugin {
  readonly #context: PluginContext;
  readonly #destination: Destination;
  readonly #mux: Mux;
  readonly #pump: OutputPump;
  readonly #links = new Map<number, Link>();
  readonly #dialQueue: Link[] = [];
  /** Those of finished streams, too, until they are closed. */
  readonly #connections = new Set<LocalStream>();
  /** The byte stream towards the client; messages are cut from it without regard to frames. */
  readonly #wire = new ByteQueue();
  readonly #gone = Promise.withResolvers<void>();
  #budgetBytes = 0;
  #dialing = false;
  #blocked = false;
  #stopped = false;
  #keepAliveTimer: Timer | undefined;

  constructor(context: PluginContext, destination: Destination) {
    this.#context = context;
    this.#destination = destination;
    const keepAlive = {
      intervalMs: KEEP_ALIVE_INTERVAL_MS,
      timeoutMs: KEEP_ALIVE_TIMEOUT_MS,
      startedAt: performance.now(),
    };
    this.#mux = new Mux({
      role: "server",
      limits: MUX_LIMITS,
      ...(keepAliveOff(context.clientVersion) ? {} : { keepAlive }),
      events: {
        opened: (streamId) => this.#onOpened(streamId),
        data: (streamId, bytes) => this.#onData(streamId, bytes),
        finished: (streamId) => this.#onFinished(streamId),
        closed: (streamId) => void this.#links.delete(streamId),
        drained: (streamId) => this.#onDrained(streamId),
      },
    });
    this.#pump = new OutputPump(context.outbox, context.options.pacing, {
      take: (maxBytes) => this.#take(maxBytes),
      ended: () => false,
      sent: () => undefined,
    });
    this.#keepAlive();
  }

  get gone(): Promise<void> {
    return this.#gone.promise;
  }

  input(payloadType: number, payload: Uint8Array): Handled {
    if (payloadType === PayloadType.flag) {
      if (readFlag(payload) === FlagValue.terminateSession) this.#end();
      return "taken";
    }
    if (payloadType !== PayloadType.output) return "taken";
    if (this.#stopped) return "refused";
    try {
      this.#mux.receive(payload, performance.now());
    } catch (error) {
      this.#context.log("smux-failed", { error: error instanceof Error ? error.message : String(error) });
      this.#end();
      return "taken";
    }
    this.#pump.wake();
    if (this.#hasRoom()) return "taken";
    this.#blocked = true;
    return "blocked";
  }

  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#pump.stop();
    clearTimeout(this.#keepAliveTimer);
    this.#dialQueue.length = 0;
    for (const connection of this.#connections) endConnection(connection);
    this.#wire.clear();
    this.#settle();
    this.#unblock();
  }

  #end(): void {
    this.#context.end({ output: "", terminating: false });
    this.stop();
  }

  #onOpened(streamId: number): void {
    const link = new Link(streamId);
    this.#links.set(streamId, link);
    this.#dialQueue.push(link);
    if (!this.#dialing) void this.#dialAll();
  }

  #onData(streamId: number, bytes: Uint8Array): void {
    const link = this.#links.get(streamId);
    if (link === undefined || link.finished) return;
    this.#budgetBytes += bytes.length;
    link.unwrittenBytes += bytes.length;
    if (link.connection === undefined) link.early.push(bytes);
    else link.connection.write(bytes);
  }

  #onFinished(streamId: number): void {
    const link = this.#links.get(streamId);
    if (link === undefined) return;
    link.clientFinished = true;
    if (link.connection !== undefined) this.#closeBoth(link);
  }

  /** The client's FIN ends both directions: what the destination still had to say is lost. */
  #closeBoth(link: Link): void {
    link.connection?.close();
    if (link.unwrittenBytes === 0) this.#finish(link);
  }

  #onDrained(streamId: number): void {
    const link = this.#links.get(streamId);
    if (link === undefined || !link.paused) return;
    link.paused = false;
    link.connection?.resume();
  }

  /** One dial after another: a destination that does not answer delays every stream behind it. */
  async #dialAll(): Promise<void> {
    this.#dialing = true;
    for (let link = this.#dialQueue.shift(); link !== undefined; link = this.#dialQueue.shift()) {
      await this.#dial(link);
      this.#unblock();
    }
    this.#dialing = false;
    this.#settle();
  }

  async #dial(link: Link): Promise<void> {
    const { options, outbox, log } = this.#context;
    try {
      await connect(this.#destination, options, (connection) => {
        this.#onConnected(link, connection);
        return {
          data: (bytes) => this.#onDestinationData(link, bytes),
          ended: () => this.#onDestinationEnded(link),
          written: (bytes) => this.#onWritten(link, bytes),
          closed: () => this.#onClosed(link, connection),
        };
      });
    } catch (error) {
      if (this.#stopped) return;
      log("dial-failed", {
        stream: link.streamId,
        error: error instanceof Error ? error.message : String(error),
      });
      // The flag names no stream; the FIN behind it does.
      outbox.send(PayloadType.flag, encodeFlag(FlagValue.connectToPortError));
      this.#finish(link);
      this.#release(link, link.unwrittenBytes);
    }
  }

  #onConnected(link: Link, connection: LocalStream): void {
    this.#connections.add(connection);
    link.connection = connection;
    if (this.#stopped) {
      connection.reset();
      return;
    }
    for (const bytes of link.early) connection.write(bytes);
    link.early = [];
    if (link.clientFinished) this.#closeBoth(link);
  }

  #onDestinationData(link: Link, bytes: Uint8Array): void {
    if (link.finished || this.#stopped) return;
    const queuedBytes = this.#mux.write(link.streamId, bytes);
    if (queuedBytes > PAUSE_BYTES && !link.paused) {
      link.paused = true;
      link.connection?.pause();
    }
    this.#pump.wake();
  }

  /** The destination's half-close is not passed on as one: everything ends. */
  #onDestinationEnded(link: Link): void {
    this.#finish(link);
    link.connection?.close();
  }

  #onWritten(link: Link, bytes: number): void {
    this.#release(link, bytes);
    if (link.clientFinished && link.unwrittenBytes === 0) this.#finish(link);
    this.#unblock();
  }

  #onClosed(link: Link, connection: LocalStream): void {
    this.#connections.delete(connection);
    this.#finish(link);
    this.#release(link, link.unwrittenBytes);
    this.#unblock();
    this.#settle();
  }

  /** Sends our FIN, the client's own included: every FIN is answered with one. */
  #finish(link: Link): void {
    if (link.finished) return;
    link.finished = true;
    link.early = [];
    if (this.#stopped) return;
    this.#mux.finish(link.streamId);
    this.#pump.wake();
  }

  #release(link: Link, bytes: number): void {
    const released = Math.min(bytes, link.unwrittenBytes);
    link.unwrittenBytes -= released;
    this.#budgetBytes -= released;
  }

  #hasRoom(): boolean {
    return this.#budgetBytes < RECEIVE_BUDGET_BYTES && this.#dialQueue.length <= DIAL_BACKLOG;
  }

  #unblock(): void {
    if (!this.#blocked || !(this.#stopped || this.#hasRoom())) return;
    this.#blocked = false;
    this.#context.unblock(true);
  }

  #take(maxBytes: number): { payloadType: number; payload: Uint8Array } | undefined {
    while (this.#wire.bytes < maxBytes && this.#mux.hasOutput) {
      const bytes = this.#mux.pull(HEADER_BYTES + FRAME_BYTES);
      if (bytes === undefined) break;
      this.#wire.push(bytes);
    }
    const payload = this.#wire.take(maxBytes);
    return payload === undefined ? undefined : { payloadType: PayloadType.output, payload };
  }

  #keepAlive(): void {
    const wakeAt = this.#mux.nextWakeAt;
    if (wakeAt === undefined || this.#stopped) return;
    this.#keepAliveTimer = setTimeout(
      () => {
        try {
          this.#mux.tick(performance.now());
        } catch {
          this.#end();
          return;
        }
        this.#pump.wake();
        this.#keepAlive();
      },
      Math.max(1, wakeAt - performance.now()),
    );
  }

  #settle(): void {
    if (this.#stopped && !this.#dialing && this.#connections.size === 0) this.#gone.resolve();
  }
}
