/** The queue in front of an output: order, accounting, failures. The system call is replaced here. */
import { afterEach, beforeEach, describe, expect, jest, test } from "bun:test";

import { OutputClosedError, OutputFailedError, OutputSink } from "../../src/terminal/index.ts";
import { forSeedsAsync, SeededRandom } from "../support/seeded-random.ts";
import { waitFor } from "../support/wait-for.ts";

/** A kernel in slow motion: takes what it is told to, when it is told to. */
class Kernel {
  takenBytes = 0;
  #parts: Uint8Array[] = [];
  calls: number[] = [];
  #waiting: { bytes: Uint8Array; done: (error: Error | null, taken: number) => void } | undefined;

  readonly writeOnce = (
    _descriptor: number,
    bytes: Uint8Array,
    done: (error: Error | null, taken: number) => void,
  ): void => {
    if (this.#waiting !== undefined) throw new Error("two writes at once");
    this.calls.push(bytes.length);
    this.#waiting = { bytes, done };
  };

  get taken(): Buffer {
    return Buffer.concat(this.#parts);
  }

  get busy(): boolean {
    return this.#waiting !== undefined;
  }

  /** Takes up to so many bytes of the write that waits. */
  take(limit = Number.MAX_SAFE_INTEGER): void {
    const waiting = this.#waiting;
    if (waiting === undefined) throw new Error("no write waits");
    this.#waiting = undefined;
    const part = waiting.bytes.subarray(0, limit);
    this.#parts.push(part.slice());
    this.takenBytes += part.length;
    waiting.done(null, part.length);
  }

  fail(code: string): void {
    const waiting = this.#waiting;
    if (waiting === undefined) throw new Error("no write waits");
    this.#waiting = undefined;
    waiting.done(Object.assign(new Error(`${code}: made up`), { code }), 0);
  }
}

function open(observe?: (bytes: Uint8Array) => void): { kernel: Kernel; sink: OutputSink } {
  const kernel = new Kernel();
  const options = { writeOnce: kernel.writeOnce, ...(observe === undefined ? {} : { observe }) };
  return { kernel, sink: new OutputSink(1, options) };
}

describe("output sink", () => {
  test("a small write is on its way at once, and counted until it is taken", () => {
    const { kernel, sink } = open();
    const taken: number[] = [];
    sink.write(Buffer.from("key"), (bytes) => taken.push(bytes));
    expect(kernel.calls).toEqual([3]);
    expect(sink.queuedBytes).toBe(3);
    expect(taken).toEqual([]);
    kernel.take(1);
    expect(sink.queuedBytes).toBe(2);
    kernel.take();
    expect(sink.queuedBytes).toBe(0);
    expect(taken).toEqual([1, 2]);
    expect(kernel.taken.toString()).toBe("key");
    expect(kernel.busy).toBe(false);
  });

  test("everything arrives in order and each owner learns of its own bytes, whatever the kernel takes", async () => {
    await forSeedsAsync(60, async (random: SeededRandom) => {
      const seen: Uint8Array[] = [];
      const { kernel, sink } = open((bytes) => seen.push(bytes.slice()));
      const wrote = [0, 0, 0];
      const took = [0, 0, 0];
      const owners = took.map((_, owner) => (bytes: number) => {
        took[owner] = (took[owner] ?? 0) + bytes;
      });
      const sent: Uint8Array[] = [];
      for (let step = 0; step < 200; step++) {
        if (random.chance(0.6)) {
          const size = random.chance(0.1) ? random.between(1, 200_000) : random.between(0, 300);
          const bytes = random.bytes(size);
          const owner = random.int(3);
          sent.push(bytes.slice());
          wrote[owner] = (wrote[owner] ?? 0) + size;
          sink.write(bytes, owners[owner]);
        } else if (kernel.busy) {
          kernel.take(random.chance(0.5) ? random.between(1, 5_000) : undefined);
        }
        const total = wrote.reduce((sum, bytes) => sum + bytes, 0);
        expect(sink.queuedBytes).toBe(total - kernel.takenBytes);
      }
      const drained = sink.drain();
      while (kernel.busy) kernel.take();
      await drained;
      expect(Buffer.compare(kernel.taken, Buffer.concat(sent))).toBe(0);
      expect(Buffer.compare(Buffer.concat(seen), kernel.taken)).toBe(0);
      expect(took).toEqual(wrote);
    });
  });

  test("no write is larger than 64 KiB, and small ones are packed", () => {
    const { kernel, sink } = open();
    sink.write(new Uint8Array(200_000));
    for (let count = 0; count < 200_000; count++) sink.write(new Uint8Array(1));
    while (kernel.busy) kernel.take();
    expect(Math.max(...kernel.calls)).toBe(65_536);
    expect(kernel.calls.length).toBe(4 + 4);
  });

  test("a drain waits for what was written before it, and not when there is nothing", async () => {
    const { kernel, sink } = open();
    await sink.drain();
    let drained = false;
    sink.write(new Uint8Array(100_000));
    const drain = sink.drain().then(() => (drained = true));
    kernel.take();
    await Promise.resolve();
    expect(drained).toBe(false);
    kernel.take();
    await drain;
  });

  test("a full non-blocking descriptor is tried again", async () => {
    const { kernel, sink } = open();
    sink.write(Buffer.from("late"));
    for (let tries = 1; tries <= 4; tries++) {
      kernel.fail("EAGAIN");
      expect(sink.error).toBeUndefined();
      expect(sink.queuedBytes).toBe(4);
      await waitFor(() => kernel.busy, { what: "another try", intervalMs: 1 });
    }
    kernel.take();
    await sink.drain();
    expect(kernel.taken.toString()).toBe("late");
  });

  test.each(["EPIPE", "EIO", "ECONNRESET", "EBADF"])("%s: the reader is gone", async (code) => {
    const { kernel, sink } = open();
    const errors: Error[] = [];
    sink.onClosed((error) => errors.push(error));
    sink.write(new Uint8Array(100_000));
    const drain = sink.drain();
    kernel.fail(code);
    await drain;
    expect(errors.length).toBe(1);
    expect(errors[0]).toBeInstanceOf(OutputClosedError);
    expect(errors[0]?.message).toContain(code);
    expect(sink.error?.code).toBe("OUTPUT_CLOSED");
    expect(sink.queuedBytes).toBe(0);
    sink.write(Buffer.from("too late"));
    expect(sink.queuedBytes).toBe(0);
    expect(kernel.busy).toBe(false);
    sink.onClosed((error) => errors.push(error));
    expect(errors.length).toBe(2);
  });

  test("a full disk is another failure", () => {
    const { kernel, sink } = open();
    sink.write(Buffer.from("x"));
    kernel.fail("ENOSPC");
    expect(sink.error).toBeInstanceOf(OutputFailedError);
    expect((sink.error?.cause as { code?: unknown }).code).toBe("ENOSPC");
  });

  test("one that no longer listens is not told", () => {
    const { kernel, sink } = open();
    const stop = sink.onClosed(() => {
      throw new Error("told");
    });
    stop();
    sink.write(Buffer.from("x"));
    kernel.fail("EPIPE");
    expect(sink.error).toBeDefined();
  });

  test("a discard forgets all but the block in the kernel's hands", async () => {
    const { kernel, sink } = open();
    const taken: number[] = [];
    sink.write(new Uint8Array(300_000), (bytes) => taken.push(bytes));
    sink.write(new Uint8Array(300_000));
    sink.discard();
    expect(sink.queuedBytes).toBe(65_536);
    sink.write(Buffer.from("after"));
    kernel.take(65_000);
    kernel.take();
    kernel.take();
    await sink.drain();
    expect(kernel.taken.length).toBe(65_536 + 5);
    expect(kernel.taken.subarray(-5).toString()).toBe("after");
    expect(taken).toEqual([65_000, 536]);
    expect(kernel.busy).toBe(false);
    sink.discard();
    expect(sink.queuedBytes).toBe(0);
  });

  describe("that fails when it is not read", () => {
    beforeEach(() => void jest.useFakeTimers());
    afterEach(() => void jest.useRealTimers());

    test("does so once nothing was taken for that long, and what waits is lost", async () => {
      const { kernel, sink } = open();
      const taken: number[] = [];
      const count = (bytes: number) => void taken.push(bytes);
      sink.write(Buffer.from("first"), count);
      jest.advanceTimersByTime(60_000);
      sink.failWhenUnread(1_000);
      jest.advanceTimersByTime(999);
      kernel.take(2);
      jest.advanceTimersByTime(999);
      kernel.take();
      // Nothing waits: nobody has to read.
      jest.advanceTimersByTime(60_000);
      sink.write(Buffer.from("second"), count);
      jest.advanceTimersByTime(999);
      sink.write(Buffer.from("third"));
      expect(sink.error).toBeUndefined();
      let told: Error | undefined;
      sink.onClosed((error) => (told = error));
      const drained = sink.drain();
      jest.advanceTimersByTime(1);
      expect(sink.error).toBeInstanceOf(OutputFailedError);
      expect(sink.error?.message).toBe("standard output cannot be written: nobody has read it for 1 s");
      expect(told).toBe(sink.error as Error);
      await drained;
      expect(sink.queuedBytes).toBe(0);
      // The kernel may take it after all; nobody is told.
      kernel.take();
      sink.write(Buffer.from("late"));
      expect(kernel.busy).toBe(false);
      expect(taken).toEqual([2, 3]);
      expect(sink.queuedBytes).toBe(0);
    });

    test("never does where the time is without end, nor early where a timer cannot wait that long", () => {
      for (const unreadMs of [Infinity, 1e12]) {
        const { sink } = open();
        sink.write(Buffer.from("patience"));
        sink.failWhenUnread(unreadMs);
        jest.advanceTimersByTime(3_600_000);
        expect(sink.error).toBeUndefined();
      }
    });
  });

  test("a write is no larger than it may be, and a discard keeps no more than that", () => {
    const kernel = new Kernel();
    const sink = new OutputSink(1, { writeOnce: kernel.writeOnce, blockBytes: 1_024 });
    sink.write(new Uint8Array(10_000));
    kernel.take();
    expect(sink.queuedBytes).toBe(10_000 - 1_024);
    sink.discard();
    while (kernel.busy) kernel.take();
    expect(kernel.calls).toEqual([1_024, 1_024]);
  });

  test("an owner may write again while it is told of what was taken", () => {
    const { kernel, sink } = open();
    let rounds = 0;
    const again = () => {
      if (++rounds < 3) sink.write(Buffer.from(String(rounds)), again);
    };
    sink.write(Buffer.from("0"), again);
    while (kernel.busy) kernel.take();
    expect(kernel.taken.toString()).toBe("012");
  });
});
