/**
 * A bounded queue of messages that may not go out yet. Keeps order and copies; decides nothing.
 */
import { ChannelLimitError } from "./errors.ts";

/** A message without sequence number. */
export interface HeldMessage {
  readonly payloadType: number;
  readonly payload: Uint8Array;
}

/** Messages held back, oldest first. */
export class HeldMessages {
  readonly #maxBytes: number;
  readonly #maxMessages: number;
  #queue: HeldMessage[] = [];
  #bytes = 0;

  constructor(maxBytes: number, maxMessages: number) {
    this.#maxBytes = maxBytes;
    this.#maxMessages = maxMessages;
  }

  get length(): number {
    return this.#queue.length;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** The message to go first. */
  get first(): HeldMessage | undefined {
    return this.#queue[0];
  }

  /**
   * Appends a copy of the payload.
   * @param replaceLast the newest message is of the same type and loses its meaning by this one: take its place
   * @throws ChannelLimitError when the queue is full; nothing was taken
   */
  push(payloadType: number, payload: Uint8Array, replaceLast: boolean): void {
    const last = this.#queue.at(-1);
    const replaced = replaceLast && last?.payloadType === payloadType ? last : undefined;
    const bytes = this.#bytes + payload.length - (replaced?.payload.length ?? 0);
    if (bytes > this.#maxBytes) throw new ChannelLimitError("maxHeldBytes", bytes, this.#maxBytes);
    if (replaced !== undefined) this.#queue.pop();
    else if (this.#queue.length >= this.#maxMessages) {
      throw new ChannelLimitError("maxHeldMessages", this.#queue.length + 1, this.#maxMessages);
    }
    this.#bytes = bytes;
    // Not `slice`: that of a Buffer is a view.
    this.#queue.push({ payloadType, payload: new Uint8Array(payload) });
  }

  /** Removes the first message. */
  shift(): void {
    const first = this.#queue.shift();
    if (first !== undefined) this.#bytes -= first.payload.length;
  }

  clear(): void {
    this.#queue = [];
    this.#bytes = 0;
  }
}
