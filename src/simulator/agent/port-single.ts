/**
 * Port sessions of one connection with raw bytes: "basic" forwarding for old clients, which dials again after
 * each connection, and "stdio", which ends with its destination.
 */
import { FlagValue, PayloadType } from "../../protocol/index.ts";
import type { LocalStream } from "../../session/seams.ts";
import { ByteQueue } from "./byte-queue.ts";
import { connect, type Destination, endConnection } from "./destination.ts";
import { readFlag } from "./flags.ts";
import type { Handled } from "./inbox.ts";
import { OutputPump } from "./output-pump.ts";
import type { Plugin, PluginContext } from "./plugin.ts";

/** Bytes for the destination queued here at which the agent's reader blocks. */
const BLOCK_BYTES = 256 * 1024;

/** Bytes for the client queued here at which the destination is not read, and at which it is read again. */
const PAUSE_BYTES = 256 * 1024;
const RESUME_BYTES = 64 * 1024;

/** The connection that is there now. */
interface Connection {
  readonly stream: LocalStream;
  /** Not read at the moment. */
  paused: boolean;
}

/** A port session of one connection at a time. */
export class SinglePort implements Plugin {
  readonly #context: PluginContext;
  readonly #destination: Destination;
  readonly #kind: "basic" | "stdio";
  readonly #pump: OutputPump;
  readonly #queue = new ByteQueue();
  readonly #connections = new Set<LocalStream>();
  readonly #gone = Promise.withResolvers<void>();
  /** Undefined before the first dial is through, and in basic sessions after the end of a connection. */
  #current: Connection | undefined;
  /** Basic: the connection has ended; the next data dials again. */
  #redialAtData = false;
  #destinationEnded = false;
  #blocked = false;
  #dials = 0;
  #stopped = false;

  constructor(context: PluginContext, destination: Destination, kind: "basic" | "stdio") {
    this.#context = context;
    this.#destination = destination;
    this.#kind = kind;
    this.#pump = new OutputPump(context.outbox, context.options.pacing, {
      take: (maxBytes) => this.#take(maxBytes),
      ended: () => this.#destinationEnded,
      sent: () => this.#end(""),
    });
    // At once, so that a server's greeting is there before the first local connection.
    void this.#dial().then((problem) => {
      if (problem !== undefined) this.#end(`Unable to connect to specified port: ${problem}`);
    });
  }

  get gone(): Promise<void> {
    return this.#gone.promise;
  }

  input(payloadType: number, payload: Uint8Array): Handled {
    // Not dialled yet: the client has to send it again.
    if (this.#stopped || (this.#current === undefined && !this.#redialAtData)) return "refused";
    if (payloadType === PayloadType.flag) return this.#onFlag(payload);
    if (payloadType !== PayloadType.output) return "taken";
    if (this.#redialAtData) return this.#redial(payload);
    return this.#write(payload);
  }

  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#pump.stop();
    this.#queue.clear();
    for (const stream of this.#connections) endConnection(stream);
    this.#unblock(false);
    this.#settle();
  }

  #end(output: string): void {
    if (this.#stopped) return;
    this.#context.end({ output, terminating: false });
    this.stop();
  }

  #onFlag(payload: Uint8Array): Handled {
    const flag = readFlag(payload);
    if (flag === FlagValue.terminateSession) this.#end("");
    if (flag === FlagValue.disconnectToPort && this.#current !== undefined) {
      this.#current.stream.close();
      this.#onConnectionOver(this.#current);
    }
    return "taken";
  }

  #write(payload: Uint8Array): Handled {
    const stream = this.#current?.stream;
    if (stream === undefined) return "refused";
    stream.write(payload);
    if (stream.queuedBytes <= BLOCK_BYTES) return "taken";
    this.#blocked = true;
    return "blocked";
  }

  #redial(payload: Uint8Array): Handled {
    this.#redialAtData = false;
    this.#blocked = true;
    void this.#dial().then((problem) => {
      if (this.#stopped) return;
      if (problem !== undefined) {
        this.#context.log("redial-failed", { problem });
        this.#end("");
        return;
      }
      this.#current?.stream.write(payload);
      this.#unblock(true);
    });
    return "blocked";
  }

  /** Dials; resolves with what went wrong. */
  async #dial(): Promise<string | undefined> {
    this.#dials += 1;
    try {
      await connect(this.#destination, this.#context.options, (stream) => {
        const connection: Connection = { stream, paused: false };
        this.#connections.add(stream);
        if (this.#stopped) stream.reset();
        else this.#current = connection;
        return {
          data: (bytes) => this.#onData(connection, bytes),
          ended: () => {
            stream.close();
            this.#onConnectionOver(connection);
          },
          written: () => this.#onWritten(connection),
          closed: () => {
            this.#connections.delete(stream);
            this.#onConnectionOver(connection);
            this.#settle();
          },
        };
      });
      return undefined;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    } finally {
      this.#dials -= 1;
      this.#settle();
    }
  }

  #onData(connection: Connection, bytes: Uint8Array): void {
    if (this.#stopped) return;
    this.#queue.push(bytes);
    if (this.#queue.bytes > PAUSE_BYTES && !connection.paused) {
      connection.paused = true;
      connection.stream.pause();
    }
    this.#pump.wake();
  }

  #onWritten(connection: Connection): void {
    if (this.#current === connection && connection.stream.queuedBytes <= BLOCK_BYTES) {
      this.#unblock(true);
    }
  }

  /** The destination has closed, or was disconnected from here. The client of a basic session is not told. */
  #onConnectionOver(connection: Connection): void {
    if (this.#current !== connection) return;
    this.#current = undefined;
    if (this.#kind === "basic") {
      this.#redialAtData = true;
    } else {
      this.#destinationEnded = true;
      this.#pump.wake();
    }
    this.#unblock(false);
  }

  #unblock(taken: boolean): void {
    if (!this.#blocked) return;
    this.#blocked = false;
    this.#context.unblock(taken);
  }

  #take(maxBytes: number): { payloadType: number; payload: Uint8Array } | undefined {
    const payload = this.#queue.take(maxBytes);
    const connection = this.#current;
    if (connection?.paused === true && this.#queue.bytes <= RESUME_BYTES) {
      connection.paused = false;
      connection.stream.resume();
    }
    return payload === undefined ? undefined : { payloadType: PayloadType.output, payload };
  }

  #settle(): void {
    if (this.#stopped && this.#dials === 0 && this.#connections.size === 0) this.#gone.resolve();
  }
}
