/**
 * Port sessions with many connections: a local listener, and a smux stream for each connection, all inside this
 * process. Fair turns and limits of the streams are smux's; here is who opens, feeds and ends them.
 */
import { decodeFlag, type Destination, FlagValue, type LocalEnd, PayloadType } from "../../protocol/index.ts";
import { Mux, SmuxError } from "../../smux/index.ts";
import { PeerError, type SessionError } from "../errors.ts";
import type { LogFields } from "../log-fields.ts";
import type { LocalStream, LocalStreamEvents } from "../seams.ts";
import type { Kind, KindContext } from "./kind.ts";
import { destinationFields, PortListener } from "./port-listener.ts";
import { Tunnel } from "./tunnel.ts";

/** How often NOPs are sent where they are needed or wanted. */
const KEEP_ALIVE_INTERVAL_MS = 10_000;
/** Upload bytes queued over all connections at which every socket is paused, and at which they go on. */
const PAUSE_ALL_BYTES = 16 * 1024 * 1024;
const RESUME_ALL_BYTES = PAUSE_ALL_BYTES / 2;

/** Kind for `Port` with `LocalPortForwarding` and an agent that multiplexes. */
export class MultiplexedPortKind implements Kind {
  readonly ownsOutput = false;
  readonly isTunnel = true;
  readonly exitCode = undefined;
  readonly #context: KindContext;
  readonly #destination: LogFields;
  readonly #mux: Mux;
  readonly #listener: PortListener;
  readonly #tunnels = new Map<number, Tunnel>();
  #pausedAll = false;
  #pulling = false;
  /** The agent sent something that is no stream: the multiplexer must not be called any more. */
  #failed = false;
  #accepted = 0;
  /** Dials that failed and whose stream has not been finished yet. */
  #failedDials = 0;
  #cancelTick: (() => void) | undefined;
  #emptied: (() => void) | undefined;

  constructor(context: KindContext, local: LocalEnd, destination: Destination) {
    this.#context = context;
    this.#destination = destinationFields(destination);
    const keepAlive = context.settings.keepAlive || context.abilities?.smuxKeepAliveOff === false;
    this.#mux = new Mux({
      role: "client",
      events: {
        opened: () => {},
        data: (streamId, bytes) => this.#tunnels.get(streamId)?.remoteData(bytes),
        finished: (streamId) => this.#remoteFinished(streamId),
        closed: () => {},
        drained: (streamId) => this.#drained(streamId),
      },
      ...(keepAlive
        ? { keepAlive: { intervalMs: KEEP_ALIVE_INTERVAL_MS, startedAt: context.clock.now() } }
        : {}),
    });
    this.#listener = new PortListener(context, local, "multiplexed", (stream) => this.#accept(stream));
  }

  start(): void {
    this.#listener.start();
    this.#armTick();
  }

  deliver(payloadType: number, payload: Uint8Array): void {
    if (payloadType === PayloadType.flag) return this.#flag(payload);
    if (payloadType !== PayloadType.output || this.#failed) return;
    try {
      this.#mux.receive(payload, this.#context.clock.now());
    } catch (cause) {
      if (!(cause instanceof SmuxError)) throw cause;
      return this.#fail(
        new PeerError(`the agent sent a stream that cannot be read: ${cause.message}`, { cause }),
      );
    }
    this.writable();
  }

  writable(): void {
    const context = this.#context;
    // A pull may resume a socket, whose data must not be sent before what was just pulled.
    if (this.#failed || this.#pulling) return;
    this.#pulling = true;
    while (context.room() > 0) {
      const message = this.#mux.pull(context.settings.payloadBytes);
      if (message === undefined) break;
      context.send(PayloadType.output, message);
    }
    this.#pulling = false;
    if (this.#pausedAll && this.#mux.queuedBytes <= RESUME_ALL_BYTES) {
      this.#pausedAll = false;
      for (const tunnel of this.#tunnels.values()) tunnel.resume();
    }
  }

  signal(): boolean {
    return false;
  }

  connectionLost(): SessionError | undefined {
    return undefined;
  }

  stop(): boolean {
    this.#listener.stop();
    return true;
  }

  close(flushMs: number): Promise<void> {
    this.#listener.stop();
    this.#cancelTick?.();
    for (const tunnel of this.#tunnels.values()) tunnel.close(flushMs > 0);
    if (this.#tunnels.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const cancel =
        flushMs > 0 && flushMs !== Infinity
          ? this.#context.clock.after(flushMs, () => {
              for (const tunnel of this.#tunnels.values()) tunnel.close(false);
              resolve();
            })
          : undefined;
      this.#emptied = () => {
        cancel?.();
        resolve();
      };
    });
  }

  #accept(local: LocalStream): LocalStreamEvents | undefined {
    let streamId: number;
    try {
      streamId = this.#mux.open();
    } catch (error) {
      this.#context.log("warn", "connection refused", { reason: (error as Error).message });
      return undefined;
    }
    const tunnel = new Tunnel(this.#context, this.#mux, streamId, local, () => this.writable());
    this.#tunnels.set(streamId, tunnel);
    this.#context.log("info", "stream opened", { stream: streamId, ...this.#destination });
    this.#context.observer.connectionAccepted("multiplexed", ++this.#accepted);
    if (this.#pausedAll) tunnel.pause();
    this.writable();
    return {
      data: (bytes) => {
        tunnel.localData(bytes);
        if (!this.#pausedAll && this.#mux.queuedBytes >= PAUSE_ALL_BYTES) this.#pauseAll();
        this.writable();
      },
      ended: () => tunnel.localEnded(),
      written: (bytes) => tunnel.localWritten(bytes),
      closed: (error) => {
        this.#tunnels.delete(streamId);
        this.#context.log("info", "stream closed", {
          stream: streamId,
          orderly: error === undefined,
          ...tunnel.closedFields(error),
        });
        tunnel.localClosed();
        this.writable();
        if (this.#tunnels.size === 0) this.#emptied?.();
      },
    };
  }

  /** No stream can be told from another any more: all local connections are lost. */
  #fail(error: PeerError): void {
    this.#failed = true;
    this.#cancelTick?.();
    for (const tunnel of this.#tunnels.values()) tunnel.orphan();
    this.#context.fail(error);
  }

  #pauseAll(): void {
    this.#pausedAll = true;
    for (const tunnel of this.#tunnels.values()) tunnel.pause();
  }

  #drained(streamId: number): void {
    if (!this.#pausedAll) this.#tunnels.get(streamId)?.resume();
  }

  /** The agent could not reach the destination: the flag names no stream, the FIN that follows does. */
  #flag(payload: Uint8Array): void {
    let value: number;
    try {
      value = decodeFlag(payload);
    } catch (error) {
      this.#context.log("warn", "unreadable flag", { reason: (error as Error).message });
      return;
    }
    if (value !== FlagValue.connectToPortError) return;
    this.#context.log("warn", "destination failed", this.#destination);
    this.#context.observer.destinationFailed();
    // Only a connection that still waits for its destination can be meant; it may have been given up meanwhile.
    let waiting = 0;
    for (const tunnel of this.#tunnels.values()) if (!tunnel.hasReceived) waiting++;
    this.#failedDials = Math.min(this.#failedDials + 1, waiting);
  }

  #remoteFinished(streamId: number): void {
    const tunnel = this.#tunnels.get(streamId);
    if (tunnel === undefined) return;
    const refused = this.#failedDials > 0 && !tunnel.hasReceived;
    if (refused) this.#failedDials--;
    tunnel.remoteFinished(refused);
  }

  #armTick(): void {
    const wakeAt = this.#mux.nextWakeAt;
    if (wakeAt === undefined) return;
    const { clock } = this.#context;
    this.#cancelTick = clock.after(Math.max(0, wakeAt - clock.now()), () => {
      this.#mux.tick(clock.now());
      this.writable();
      this.#armTick();
    });
  }
}
