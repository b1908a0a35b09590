/** What the tests of net/ share: a recorder of a stream's events, peers on node:net, and listeners that are stopped. */

import { connect, createServer, type Server, type Socket } from "node:net";

import { listen } from "../../src/net/index.ts";
import type {
  Accept,
  Listener,
  ListenTarget,
  LocalStream,
  LocalStreamEvents,
} from "../../src/session/seams.ts";
import { clearLater } from "../support/leftovers.ts";
import { waitFor, within } from "../support/wait-for.ts";

/** Everything a stream tells, and a promise of its end. Stores the arrays as they come: they must stay as they are. */
export class Recorder implements LocalStreamEvents {
  readonly chunks: Uint8Array[] = [];
  /** Names of the events in order, `data` and `written` once for each run. */
  readonly log: string[] = [];
  writtenBytes = 0;
  receivedBytes = 0;
  closedError: Error | undefined;
  closedCount = 0;
  readonly #end = Promise.withResolvers<void>();

  data(bytes: Uint8Array): void {
    this.chunks.push(bytes);
    this.receivedBytes += bytes.length;
    this.#note("data");
  }

  ended(): void {
    this.#note("ended");
  }

  written(bytes: number): void {
    this.writtenBytes += bytes;
    this.#note("written");
  }

  closed(error?: Error): void {
    this.closedCount++;
    this.closedError = error;
    this.#note("closed");
    this.#end.resolve();
  }

  /** Waits until the stream is gone. */
  whenClosed(): Promise<void> {
    return within(this.#end.promise, { what: `closed; so far: ${this.log.join(" ")}` });
  }

  /** Waits for an event of that name. */
  async until(event: string): Promise<void> {
    await waitFor(() => this.log.includes(event), { what: event, intervalMs: 1 });
  }

  get text(): string {
    return Buffer.concat(this.chunks).toString();
  }

  #note(event: string): void {
    if (this.log.at(-1) !== event || event === "closed" || event === "ended") this.log.push(event);
  }
}

/** Opens a listener that is stopped after the test file. */
export async function listenFor(target: ListenTarget, accept: Accept): Promise<Listener> {
  const listener = await listen(target, accept);
  clearLater(() => listener.stop());
  return listener;
}

/** One accepted stream with its recorder, and the peer that connected to it. */
export interface Pair {
  readonly stream: LocalStream;
  readonly events: Recorder;
  readonly peer: Socket;
}

/** A connection between a stream of ours (accepted) and a peer on node:net. */
export async function connectPair(
  target: ListenTarget = { kind: "tcp", port: 0, host: "127.0.0.1" },
): Promise<Pair> {
  const { promise, resolve } = Promise.withResolvers<LocalStream>();
  const events = new Recorder();
  const listener = await listenFor(target, (stream) => {
    resolve(stream);
    return events;
  });
  const peer = await connectPeer(target.kind === "unix" ? target.path : listener.port);
  const stream = await within(promise, { what: "an accepted connection" });
  listener.stop();
  return { stream, events, peer };
}

/** A connected peer, paused, that keeps its half open. */
export async function connectPeer(where: number | string, host = "127.0.0.1"): Promise<Socket> {
  const options = typeof where === "number" ? { port: where, host } : { path: where };
  const peer = connect({ ...options, allowHalfOpen: true });
  peer.pause();
  clearLater(() => void peer.destroy());
  await within(
    new Promise<void>((resolve, reject) => {
      peer.once("connect", resolve);
      peer.once("error", reject);
    }),
    { what: "connect" },
  );
  peer.on("error", () => {});
  return peer;
}

/** A server on node:net, closed after the file. */
export async function serve(
  where: { readonly port: number; readonly host: string } | { readonly path: string },
  connected: (socket: Socket) => void = () => {},
): Promise<Server> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    clearLater(() => void socket.destroy());
    socket.on("error", () => {});
    connected(socket);
  });
  clearLater(() => void server.close());
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(where, resolve);
  });
  return server;
}

/** The port of a TCP server. */
export function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server has no port");
  return address.port;
}

/** Reads a peer to its end; rejects with the peer's error. `pauseEveryBytes` makes it a slow reader. */
export function readAll(peer: Socket, { pauseEveryBytes = Infinity, pauseMs = 1 } = {}): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let sincePause = 0;
  return new Promise((resolve, reject) => {
    peer.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      sincePause += chunk.length;
      if (sincePause < pauseEveryBytes) return;
      sincePause = 0;
      peer.pause();
      setTimeout(() => peer.resume(), pauseMs);
    });
    peer.once("end", () => resolve(Buffer.concat(chunks)));
    peer.once("error", reject);
    peer.resume();
  });
}

/** The error that what is called rejects with. */
export async function rejection(promise: Promise<unknown>): Promise<Error & { readonly code?: string }> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error("it did not reject");
}

/** Whether this machine has an IPv6 loopback address. */
export const HAS_IPV6: boolean = await serve({ port: 0, host: "::1" }).then(
  (server) => {
    server.close();
    return true;
  },
  () => false,
);
