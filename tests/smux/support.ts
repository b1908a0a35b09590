/**
 * What the tests of smux/ share: seeded randomness, a recorder of events, and readable frames.
 */
import { Mux, type MuxEvents, type MuxOptions } from "../../src/smux/index.ts";
import { naiveDecode } from "./naive-codec.ts";

/** Small seeded generator (mulberry32): the same seed gives the same run on every machine. */
export class Random {
  #state: number;
  constructor(seed: number) {
    this.#state = seed >>> 0;
  }
  /** A whole number from 0 to below `end`. */
  below(end: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * end);
  }
  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.below(256));
  }
}

/** Runs `body` for many seeds; a failure names its seed. */
export function forSeeds(count: number, body: (random: Random) => void): void {
  const only = process.env["SEED"];
  const first = only === undefined ? 1 : Number(only);
  const last = only === undefined ? count : first;
  for (let seed = first; seed <= last; seed++) {
    try {
      body(new Random(seed));
    } catch (error) {
      throw new Error(`failed with SEED=${seed}: ${error instanceof Error ? error.stack : String(error)}`, {
        cause: error,
      });
    }
  }
}

/** Events in the order they came, data of neighbouring calls for one stream joined. */
export type Seen =
  | { readonly event: "opened" | "finished" | "closed" | "drained"; readonly id: number }
  | { readonly event: "data"; readonly id: number; bytes: Uint8Array };

export class Recorder implements MuxEvents {
  seen: Seen[] = [];
  opened(id: number): void {
    this.seen.push({ event: "opened", id });
  }
  data(id: number, bytes: Uint8Array): void {
    if (bytes.length === 0) throw new Error("empty data event");
    const last = this.seen.at(-1);
    if (last?.event === "data" && last.id === id) last.bytes = join([last.bytes, bytes]);
    else this.seen.push({ event: "data", id, bytes: bytes.slice() });
  }
  finished(id: number): void {
    this.seen.push({ event: "finished", id });
  }
  closed(id: number): void {
    this.seen.push({ event: "closed", id });
  }
  drained(id: number): void {
    this.seen.push({ event: "drained", id });
  }
  /** Everything so far as short words, then forgets it: `opened 3`, `data 3 "abc"`. */
  take(): string[] {
    const words = this.seen.map((seen) =>
      seen.event === "data"
        ? `data ${seen.id} ${JSON.stringify(text(seen.bytes))}`
        : `${seen.event} ${seen.id}`,
    );
    this.seen = [];
    return words;
  }
  bytesOf(id: number): Uint8Array {
    return join(this.seen.flatMap((seen) => (seen.event === "data" && seen.id === id ? [seen.bytes] : [])));
  }
}

export function client(options: Partial<MuxOptions> = {}): { mux: Mux; events: Recorder } {
  const events = new Recorder();
  return { mux: new Mux({ role: "client", events, ...options }), events };
}

export function server(options: Partial<MuxOptions> = {}): { mux: Mux; events: Recorder } {
  const events = new Recorder();
  return { mux: new Mux({ role: "server", events, ...options }), events };
}

/** Frames of a message as short words, data by its length: `SYN 3`, `PSH 3 1016`. */
export function words(message: Uint8Array | undefined): string[] {
  if (message === undefined) return [];
  return naiveDecode(message).map(({ command, streamId, payload }) =>
    command === 2 ? `PSH ${streamId} ${payload.length}` : `${["SYN", "FIN", "", "NOP"][command]} ${streamId}`,
  );
}

/** Pulls until nothing is left; each message must respect the size asked for. */
export function pullAll(mux: Mux, maxBytes = 1024): Uint8Array[] {
  const messages: Uint8Array[] = [];
  while (mux.hasOutput) {
    const message = mux.pull(maxBytes);
    if (message === undefined) throw new Error("hasOutput, but nothing was pulled");
    if (message.length === 0 || message.length > maxBytes) throw new Error(`message of ${message.length}`);
    messages.push(message);
  }
  if (mux.pull(maxBytes) !== undefined) throw new Error("no output, but something was pulled");
  return messages;
}

export function join(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

export function bytes(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

export function text(value: Uint8Array): string {
  return Buffer.from(value).toString("latin1");
}

export function hex(value: string): Uint8Array {
  return Uint8Array.from(Buffer.from(value.replaceAll(" ", ""), "hex"));
}

/** The error that `action` throws. */
export function thrownBy(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}
