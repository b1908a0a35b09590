/**
 * One direction of a bad link: what becomes of each message, and when it arrives. Pure: it owns no timer and no
 * clock, the time comes in; the same seed and the same traffic give the same faults.
 */
import type { LinkFaults } from "./faults.ts";
import type { Random } from "./random.ts";

/** A message that is under way. */
interface Entry {
  readonly frame: Uint8Array;
  /** When the bandwidth has passed it: until then it waits in front of the link. */
  readonly passedMs: number;
  readonly dueMs: number;
  readonly order: number;
}

/** What a link has done to the messages given to it. */
export interface LinkCounters {
  lost: number;
  duplicated: number;
  reordered: number;
  corrupted: number;
  /** Thrown away because too much was under way. */
  overflowed: number;
}

/** Bytes before a frame's payload. */
const HEADER_BYTES = 120;

/** Bytes and messages that may be under way; more are thrown away and counted. */
export const LINK_LIMITS = { bytes: 64 * 1024 * 1024, entries: 200_000 } as const;

/** Counters at zero. */
export function createLinkCounters(): LinkCounters {
  return { lost: 0, duplicated: 0, reordered: 0, corrupted: 0, overflowed: 0 };
}

/** Messages under way in one direction, in the order of their arrival. */
export class FaultyLink {
  readonly #random: Random;
  readonly #counters: LinkCounters;
  /** A binary heap: the earliest is first, among equals the one that was sent first. */
  readonly #heap: Entry[] = [];
  #order = 0;
  #bytes = 0;
  /** When the bandwidth has passed everything accepted so far. */
  #passedAtMs = 0;
  /** Arrival of the last message that keeps its place in the order. */
  #lastDueMs = 0;

  constructor(random: Random, counters: LinkCounters) {
    this.#random = random;
    this.#counters = counters;
  }

  /** Messages under way. */
  get size(): number {
    return this.#heap.length;
  }

  /** Bytes under way. */
  get bytes(): number {
    return this.#bytes;
  }

  /** When the next message arrives; undefined when none is under way. */
  get nextDueMs(): number | undefined {
    return this.#heap[0]?.dueMs;
  }

  /** Bytes that still wait in front of the bandwidth. */
  waitingBytes(faults: LinkFaults, nowMs: number): number {
    if (faults.bytesPerSecond === 0) return 0;
    return (Math.max(0, this.#passedAtMs - nowMs) * faults.bytesPerSecond) / 1_000;
  }

  /** Gives a message to the link. The array now belongs to it and is not changed. */
  push(frame: Uint8Array, faults: LinkFaults, nowMs: number): void {
    if (this.#happens(faults.loss)) {
      this.#counters.lost++;
      return;
    }
    const sent = this.#corrupt(frame, faults);
    const copies = this.#happens(faults.duplication) ? 2 : 1;
    this.#counters.duplicated += copies - 1;
    const dueMs = this.#arrival(sent.length, faults, nowMs);
    if (this.#happens(faults.reordering)) {
      this.#counters.reordered++;
      this.#add(sent, dueMs + this.#heldBack(faults));
    } else {
      this.#lastDueMs = dueMs;
      this.#add(sent, dueMs);
    }
    if (copies === 2) this.#add(sent, dueMs + this.#heldBack(faults));
  }

  /** Throws away what still waits in front of the bandwidth. What is on the link arrives. */
  dropWaiting(nowMs: number): void {
    const kept = this.#heap.filter(({ passedMs }) => passedMs <= nowMs);
    this.#heap.length = 0;
    this.#bytes = 0;
    this.#passedAtMs = Math.min(this.#passedAtMs, nowMs);
    this.#lastDueMs = 0;
    for (const entry of kept) {
      this.#lastDueMs = Math.max(this.#lastDueMs, entry.dueMs);
      this.#insert(entry);
    }
  }

  /** Gives it a message that suffers nothing but the delay and comes after everything under way. */
  pushLast(frame: Uint8Array, faults: LinkFaults, nowMs: number): void {
    let dueMs = this.#arrival(frame.length, faults, nowMs);
    for (const entry of this.#heap) dueMs = Math.max(dueMs, entry.dueMs);
    this.#lastDueMs = dueMs;
    this.#add(frame, dueMs);
  }

  /** Takes the next message that has arrived by now. */
  take(nowMs: number): Uint8Array | undefined {
    const first = this.#heap[0];
    if (first === undefined || first.dueMs > nowMs) return undefined;
    const last = this.#heap.pop();
    if (last !== undefined && this.#heap.length > 0) this.#sink(last);
    this.#bytes -= first.frame.length;
    return first.frame;
  }

  /** Forgets everything under way. */
  clear(): void {
    this.#heap.length = 0;
    this.#bytes = 0;
    this.#passedAtMs = 0;
    this.#lastDueMs = 0;
  }

  #happens(probability: number): boolean {
    // No number is drawn for what cannot happen: one fault more or less leaves the others in place.
    return probability > 0 && this.#random() < probability;
  }

  #heldBack(faults: LinkFaults): number {
    return faults.reorderingDelayMs * this.#random();
  }

  #arrival(length: number, faults: LinkFaults, nowMs: number): number {
    this.#passedAtMs = Math.max(this.#passedAtMs, nowMs);
    if (faults.bytesPerSecond > 0) this.#passedAtMs += (length * 1_000) / faults.bytesPerSecond;
    const jitterMs = faults.jitterMs > 0 ? faults.jitterMs * this.#random() : 0;
    return Math.max(this.#lastDueMs, this.#passedAtMs + faults.delayMs + jitterMs);
  }

  #corrupt(frame: Uint8Array, faults: LinkFaults): Uint8Array {
    const inPayload = frame.length > HEADER_BYTES && this.#happens(faults.payloadCorruption);
    const inHeader = this.#happens(faults.headerCorruption);
    if (!inPayload && !inHeader) return frame;
    // Not slice(): that of a Buffer is a view, and what the sender keeps for a repeat would be broken with it.
    const copy = new Uint8Array(frame);
    if (inPayload) this.#flipBit(copy, HEADER_BYTES, copy.length);
    if (inHeader) this.#flipBit(copy, 0, Math.min(HEADER_BYTES, copy.length));
    this.#counters.corrupted++;
    return copy;
  }

  #flipBit(bytes: Uint8Array, from: number, to: number): void {
    if (to <= from) return;
    const at = from + Math.floor(this.#random() * (to - from));
    bytes[at] = (bytes[at] ?? 0) ^ (1 << Math.floor(this.#random() * 8));
  }

  #add(frame: Uint8Array, dueMs: number): void {
    if (this.#heap.length >= LINK_LIMITS.entries || this.#bytes + frame.length > LINK_LIMITS.bytes) {
      this.#counters.overflowed++;
      return;
    }
    this.#insert({ frame, passedMs: this.#passedAtMs, dueMs, order: this.#order++ });
  }

  #insert(entry: Entry): void {
    this.#bytes += entry.frame.length;
    const heap = this.#heap;
    let at = heap.length;
    while (at > 0) {
      const parentAt = (at - 1) >> 1;
      const parent = heap[parentAt];
      if (parent === undefined || !earlier(entry, parent)) break;
      heap[at] = parent;
      at = parentAt;
    }
    heap[at] = entry;
  }

  /** Puts an entry at the top and lets it sink to its place. */
  #sink(entry: Entry): void {
    const heap = this.#heap;
    let at = 0;
    for (;;) {
      const left = heap[2 * at + 1];
      const right = heap[2 * at + 2];
      if (left === undefined) break;
      const child = right !== undefined && earlier(right, left) ? right : left;
      if (!earlier(child, entry)) break;
      heap[at] = child;
      at = child === left ? 2 * at + 1 : 2 * at + 2;
    }
    heap[at] = entry;
  }
}

function earlier(left: Entry, right: Entry): boolean {
  return left.dueMs === right.dueMs ? left.order < right.order : left.dueMs < right.dueMs;
}
