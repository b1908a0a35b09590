/** Records everything a transport tells, and starts transports that are dropped after the test file. */

import { expect } from "bun:test";

import type { Transport, TransportEnd, TransportEvents } from "../../src/session/seams.ts";
import { type ConnectOptions, createConnect } from "../../src/transport/index.ts";
import { clearLater } from "../support/leftovers.ts";
import { waitFor, within } from "../support/wait-for.ts";
import { SECRET } from "./raw-gateway.ts";

/** Events in order; messages by their content. */
export class TransportRecorder implements TransportEvents {
  readonly log: string[] = [];
  readonly messages: (Uint8Array | string)[] = [];
  receivedBytes = 0;
  readonly ends: TransportEnd[] = [];
  onOpened: () => void = () => {};
  onMessage: () => void = () => {};
  readonly #opened = Promise.withResolvers<void>();
  readonly #closed = Promise.withResolvers<TransportEnd>();

  opened(): void {
    this.log.push("opened");
    this.#opened.resolve();
    this.onOpened();
  }

  message(data: Uint8Array | string): void {
    this.messages.push(data);
    this.receivedBytes += data.length;
    if (this.log.at(-1) !== "message") this.log.push("message");
    this.onMessage();
  }

  pong(): void {
    this.log.push("pong");
  }

  closed(end: TransportEnd): void {
    this.log.push("closed");
    this.ends.push(end);
    this.#closed.resolve(end);
  }

  whenOpened(): Promise<void> {
    return within(this.#opened.promise, { what: `opened, have ${this.log.join(" ")}` });
  }

  /** Waits for the end, checks that nothing of it holds a secret, and returns it. */
  async whenClosed(timeoutMs = 5_000): Promise<TransportEnd> {
    const end = await within(this.#closed.promise, {
      what: "closed",
      timeoutMs,
      context: () => this.log.join(" "),
    });
    expect(Bun.inspect(end, { depth: 10 })).not.toContain(SECRET);
    expect(`${end.error?.stack} ${end.error?.message}`).not.toContain(SECRET);
    return end;
  }

  until(what: string, condition: () => boolean): Promise<boolean> {
    return waitFor(condition, { what, intervalMs: 1 });
  }
}

/** A transport with its recorder. */
export interface Connection {
  readonly transport: Transport;
  readonly events: TransportRecorder;
}

/** Starts a connection. */
export function open(
  url: string,
  {
    timeoutMs = 5_000,
    headers = {},
    options = {},
  }: { timeoutMs?: number; headers?: Record<string, string>; options?: ConnectOptions } = {},
): Connection {
  const events = new TransportRecorder();
  const transport = createConnect(options)({ url, headers, timeoutMs }, events);
  clearLater(() => transport.terminate());
  expect(events.log).toEqual([]);
  return { transport, events };
}

/** Starts a connection and waits until it is open. */
export async function openAndWait(url: string): Promise<Connection> {
  const connection = open(url);
  await connection.events.whenOpened();
  return connection;
}
