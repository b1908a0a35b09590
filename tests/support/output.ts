/** Collects the bytes that a process has written and wakes those who wait for a text in them. */

import { within } from "./wait-for.ts";

interface Waiter {
  readonly pattern: string | RegExp;
  /** Where to look from; moves on where what was looked at cannot count any more. */
  from: number;
  readonly found: (match: string) => void;
}

/** Options of {@link Output.waitFor}. */
export interface OutputWait {
  /** 10 s unless told. */
  readonly timeoutMs?: number;
  /** Only text from this byte on counts; take it from `length` before causing the output. 0 unless told. */
  readonly from?: number;
}

/** One output stream of a process, from its start. */
export class Output {
  readonly #name: string;
  #chunks: Uint8Array[] = [];
  #length = 0;
  readonly #waiters = new Set<Waiter>();

  /** @param name what the stream is called in messages. */
  constructor(name: string) {
    this.#name = name;
  }

  /** Takes more bytes; the array must not change afterwards. */
  add(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#chunks.push(bytes);
    this.#length += bytes.length;
    for (const waiter of this.#waiters) {
      const match = this.#find(waiter.pattern, waiter.from);
      if (match === undefined) {
        if (typeof waiter.pattern === "string")
          waiter.from = Math.max(waiter.from, this.#length - Buffer.byteLength(waiter.pattern));
        continue;
      }
      this.#waiters.delete(waiter);
      waiter.found(match);
    }
  }

  /** Bytes so far. */
  get length(): number {
    return this.#length;
  }

  /** Everything so far, from byte `from` on. */
  bytes(from = 0): Uint8Array {
    // Only the chunks that are asked for are joined: whoever waits looks at the end of much output again and again.
    let first = this.#chunks.length;
    let start = this.#length;
    while (start > from && first > 0) start -= this.#chunks[--first]?.length ?? 0;
    const joined = new Uint8Array(Buffer.concat(this.#chunks.slice(first)));
    if (first === 0) this.#chunks = [joined];
    return joined.subarray(Math.max(0, from - start));
  }

  /** The same as UTF-8 text. */
  text(from = 0): string {
    return new TextDecoder().decode(this.bytes(from));
  }

  /** SHA-256 of everything so far, in hex; for comparing outputs too long to print. */
  sha256(): string {
    return new Bun.CryptoHasher("sha256").update(this.bytes()).digest("hex");
  }

  /**
   * Waits until the text or pattern stands in the output and returns what matched.
   * @throws Error with the end of the output when the time is up.
   */
  async waitFor(
    pattern: string | RegExp,
    { timeoutMs = 10_000, from = 0 }: OutputWait = {},
  ): Promise<string> {
    const already = this.#find(pattern, from);
    if (already !== undefined) return already;
    const { promise, resolve } = Promise.withResolvers<string>();
    const waiter: Waiter = { pattern, from, found: resolve };
    this.#waiters.add(waiter);
    try {
      return await within(promise, {
        what: `${pattern instanceof RegExp ? pattern : JSON.stringify(pattern)} in ${this.#name}`,
        timeoutMs,
        context: () => `${this.#name} so far ends with: ${JSON.stringify(this.text().slice(-2_000))}`,
      });
    } finally {
      this.#waiters.delete(waiter);
    }
  }

  #find(pattern: string | RegExp, from: number): string | undefined {
    const text = this.text(from);
    if (typeof pattern === "string") return text.includes(pattern) ? pattern : undefined;
    return text.match(pattern)?.[0];
  }
}
