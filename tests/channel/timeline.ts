/**
 * Simulated time for the tests of this room: events in the order of their time, a heap, so that a hundred
 * thousand frames under way cost nothing. Events at the same time happen in the order they were asked for.
 */

interface Event {
  readonly atMs: number;
  readonly order: number;
  readonly action: () => void;
}

/** A clock with a queue of events. */
export class Timeline {
  nowMs: number;
  #order = 0;
  readonly #heap: Event[] = [];

  constructor(startMs = 0) {
    this.nowMs = startMs;
  }

  get pending(): number {
    return this.#heap.length;
  }

  at(atMs: number, action: () => void): void {
    const heap = this.#heap;
    heap.push({ atMs: Math.max(atMs, this.nowMs), order: this.#order++, action });
    let child = heap.length - 1;
    while (child > 0) {
      const parent = (child - 1) >> 1;
      if (!before(heap[child] as Event, heap[parent] as Event)) break;
      swap(heap, child, parent);
      child = parent;
    }
  }

  /** Runs the next event; false when there is none. */
  step(): boolean {
    const event = this.#pop();
    if (event === undefined) return false;
    this.nowMs = event.atMs;
    event.action();
    return true;
  }

  /** Runs events until the time or the condition is reached; returns whether the condition holds. */
  runUntil(untilMs: number, condition: () => boolean = () => false): boolean {
    while (!condition()) {
      const next = this.#heap[0];
      if (next === undefined || next.atMs > untilMs) {
        this.nowMs = Math.max(this.nowMs, untilMs);
        return condition();
      }
      this.step();
    }
    return true;
  }

  #pop(): Event | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    heap[0] = last;
    for (let parent = 0; ;) {
      let least = parent;
      for (const child of [2 * parent + 1, 2 * parent + 2]) {
        if (child < heap.length && before(heap[child] as Event, heap[least] as Event)) least = child;
      }
      if (least === parent) return first;
      swap(heap, least, parent);
      parent = least;
    }
  }
}

function before(left: Event, right: Event): boolean {
  return left.atMs < right.atMs || (left.atMs === right.atMs && left.order < right.order);
}

function swap(heap: Event[], left: number, right: number): void {
  [heap[left], heap[right]] = [heap[right] as Event, heap[left] as Event];
}
