/**
 * Port sessions with an agent too old to multiplex: one local connection at a time, its bytes as they are. The agent
 * dials right after the handshake and again at the first data after a disconnect.
 */
import { type Destination, encodeFlag, FlagValue, type LocalEnd, PayloadType } from "../../protocol/index.ts";
import type { SessionError } from "../errors.ts";
import { InputQueue } from "../input-queue.ts";
import type { LogFields } from "../log-fields.ts";
import type { LocalStream, LocalStreamEvents } from "../seams.ts";
import type { Kind, KindContext } from "./kind.ts";
import { Linger } from "./linger.ts";
import { destinationFields, PortListener } from "./port-listener.ts";

/** The one connection that is open. */
interface Current {
  readonly stream: LocalStream;
  linger: Linger | undefined;
  queuedBytes: number;
  sentBytes: number;
  receivedBytes: number;
}

/** Kind for `Port` with `LocalPortForwarding` and an old agent. */
export class BasicPortKind implements Kind {
  readonly ownsOutput = false;
  readonly isTunnel = true;
  readonly exitCode = undefined;
  readonly #context: KindContext;
  readonly #destination: LogFields;
  readonly #listener: PortListener;
  readonly #input = new InputQueue();
  /** What a server says first, kept for the first local connection. */
  #greeting: Uint8Array[] | undefined = [];
  #greetingBytes = 0;
  #current: Current | undefined;
  #inputPaused = false;
  #disconnectPending = false;
  /** The agent has not confirmed the disconnect yet: what arrives belongs to the connection before. */
  #disconnecting = false;
  #accepted = 0;
  #emptied: (() => void) | undefined;

  constructor(context: KindContext, local: LocalEnd, destination: Destination) {
    this.#context = context;
    this.#destination = destinationFields(destination);
    this.#listener = new PortListener(context, local, "basic", (stream) => this.#accept(stream));
  }

  start(): void {
    this.#listener.start();
  }

  deliver(payloadType: number, payload: Uint8Array): void {
    if (payloadType !== PayloadType.output || this.#disconnecting || this.#disconnectPending) return;
    const current = this.#current;
    if (current !== undefined) {
      current.linger?.touch();
      return this.#writeLocal(current, payload);
    }
    if (this.#greeting === undefined) return;
    this.#greeting.push(payload);
    this.#greetingBytes += payload.length;
    this.#context.budget.add(payload.length);
  }

  writable(): void {
    const { settings } = this.#context;
    while (!this.#disconnecting && this.#context.room() > 0) {
      const bytes = this.#input.take(settings.payloadBytes);
      if (bytes === undefined) break;
      this.#context.send(PayloadType.output, bytes);
    }
    if (this.#disconnectPending && this.#input.bytes === 0) this.#disconnect();
    if (this.#inputPaused && this.#input.isLow && !this.#disconnecting) {
      this.#inputPaused = false;
      this.#current?.stream.resume();
    }
  }

  settled(): void {
    if (!this.#disconnecting) return;
    this.#disconnecting = false;
    this.writable();
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
    const current = this.#current;
    if (current === undefined) return Promise.resolve();
    current.linger?.cancel();
    return new Promise((resolve) => {
      const cancel =
        flushMs > 0 && flushMs !== Infinity
          ? this.#context.clock.after(flushMs, () => current.stream.reset())
          : undefined;
      this.#emptied = () => {
        cancel?.();
        resolve();
      };
      if (flushMs > 0) current.stream.close();
      else current.stream.reset();
    });
  }

  #accept(stream: LocalStream): LocalStreamEvents | undefined {
    this.#retireHalfClosed();
    if (this.#current !== undefined || this.#disconnectPending) {
      this.#context.log("warn", "connection refused", {
        reason: "this agent takes one connection at a time",
      });
      return undefined;
    }
    const current: Current = { stream, linger: undefined, queuedBytes: 0, sentBytes: 0, receivedBytes: 0 };
    this.#current = current;
    this.#context.log("info", "stream opened", this.#destination);
    this.#context.observer.connectionAccepted("basic", ++this.#accepted);
    const greeting = this.#greeting ?? [];
    this.#greeting = undefined;
    this.#context.budget.remove(this.#greetingBytes);
    this.#greetingBytes = 0;
    for (const bytes of greeting) this.#writeLocal(current, bytes);
    return {
      data: (bytes) => this.#localData(current, bytes),
      ended: () => {
        current.linger = new Linger(
          this.#context,
          this.#context.settings.lingerMs,
          () => this.#input.bytes === 0,
          () => current.stream.close(),
        );
      },
      written: (bytes) => {
        current.queuedBytes -= bytes;
        this.#context.budget.remove(bytes);
      },
      closed: (error) => this.#localClosed(current, error),
    };
  }

  /** Most clients close both ways, which looks like a half-close: the next one does not wait for a linger. */
  #retireHalfClosed(): void {
    const current = this.#current;
    if (current?.linger === undefined || this.#input.bytes > 0) return;
    current.linger.cancel();
    current.stream.close();
    this.#current = undefined;
    this.#disconnectPending = true;
    this.writable();
  }

  #localData(current: Current, bytes: Uint8Array): void {
    if (current !== this.#current) return;
    current.sentBytes += bytes.length;
    this.#input.push(bytes);
    this.writable();
    if (this.#input.isFull && !this.#inputPaused) {
      this.#inputPaused = true;
      current.stream.pause();
    }
  }

  #localClosed(current: Current, error: Error | undefined): void {
    current.linger?.cancel();
    this.#context.log("info", "stream closed", {
      orderly: error === undefined,
      sentBytes: current.sentBytes,
      receivedBytes: current.receivedBytes,
      // An agent of this kind tells nothing of the destination's end.
      why: error === undefined ? "it was closed" : `the local connection broke: ${error.message}`,
    });
    this.#context.budget.remove(current.queuedBytes);
    current.queuedBytes = 0;
    if (current !== this.#current) return;
    this.#current = undefined;
    this.#inputPaused = false;
    // After a reset there is nobody left to send for.
    if (error !== undefined) this.#input.clear();
    this.#disconnectPending = true;
    this.writable();
    this.#emptied?.();
  }

  #disconnect(): void {
    this.#disconnectPending = false;
    this.#disconnecting = true;
    this.#context.send(PayloadType.flag, encodeFlag(FlagValue.disconnectToPort));
  }

  #writeLocal(current: Current, bytes: Uint8Array): void {
    current.queuedBytes += bytes.length;
    current.receivedBytes += bytes.length;
    this.#context.budget.add(bytes.length);
    current.stream.write(bytes);
  }
}
