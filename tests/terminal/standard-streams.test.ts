/** Standard input and output as one stream: its events, with both sides replaced. */
import { describe, expect, test } from "bun:test";
import { PassThrough } from "node:stream";

import { type InputEvents, OutputSink, StandardInput, StandardStreams } from "../../src/terminal/index.ts";
import { waitFor } from "../support/wait-for.ts";

class Input {
  events: InputEvents | undefined;
  calls: string[] = [];
  start(events: InputEvents): void {
    this.events = events;
    this.calls.push("start");
  }
  pause(): void {
    this.calls.push("pause");
  }
  resume(): void {
    this.calls.push("resume");
  }
  stop(): void {
    this.calls.push("stop");
  }
}

function open() {
  const input = new Input();
  const pending: { length: number; done: (error: Error | null, taken: number) => void }[] = [];
  const output = new OutputSink(1, {
    writeOnce: (_descriptor, bytes, done) => pending.push({ length: bytes.length, done }),
  });
  const log: string[] = [];
  const streams = new StandardStreams(
    {
      data: (bytes) => log.push(`data ${Buffer.from(bytes).toString()}`),
      ended: () => log.push("ended"),
      written: (bytes) => log.push(`written ${bytes}`),
      closed: (error) => log.push(`closed ${error?.name ?? "orderly"}`),
    },
    { input, output },
  );
  const take = (): void => {
    const call = pending.shift();
    call?.done(null, call.length);
  };
  const fail = (code: string): void => pending.shift()?.done(Object.assign(new Error(code), { code }), 0);
  return { input, output, streams, log, take, fail };
}

describe("standard streams", () => {
  test("nothing is read before it is asked for; the end of input is not the end of the stream", () => {
    const { input, streams, log, take } = open();
    expect(input.calls).toEqual([]);
    streams.startReading();
    input.events?.data(Buffer.from("in"));
    input.events?.ended();
    streams.write(Buffer.from("out"));
    take();
    expect(log).toEqual(["data in", "ended", "written 3"]);
    expect(input.calls).toEqual(["start"]);
  });

  test("counts its own bytes only, in the order of all", () => {
    const { output, streams, log, take } = open();
    output.writeText("a status line\n");
    streams.write(Buffer.from("data"));
    expect(streams.queuedBytes).toBe(4);
    expect(output.queuedBytes).toBe(18);
    take();
    expect(log).toEqual([]);
    take();
    expect(log).toEqual(["written 4"]);
    expect(streams.queuedBytes).toBe(0);
  });

  test("closes once the queue is written", async () => {
    const { input, streams, log, take } = open();
    streams.startReading();
    streams.write(Buffer.from("tail"));
    streams.close();
    expect(input.calls).toEqual(["start", "stop"]);
    streams.write(Buffer.from("ignored"));
    take();
    await Promise.resolve();
    expect(log).toEqual(["written 4", "closed orderly"]);
  });

  test("closes without a queue too, never from inside the call, and once", async () => {
    const { streams, log } = open();
    streams.close();
    streams.close();
    expect(log).toEqual([]);
    await Promise.resolve();
    streams.reset();
    await Promise.resolve();
    expect(log).toEqual(["closed orderly"]);
  });

  test("a reset drops the queue", async () => {
    const { output, streams, log, take } = open();
    streams.write(new Uint8Array(1_000_000));
    streams.reset();
    expect(output.queuedBytes).toBe(65_536);
    await Promise.resolve();
    take();
    expect(log).toEqual(["closed orderly"]);
    expect(streams.queuedBytes).toBe(0);
    expect(output.queuedBytes).toBe(0);
  });

  test("no more may be written after the end of writing; reading goes on", () => {
    const { input, streams, log, take } = open();
    streams.startReading();
    streams.write(Buffer.from("last"));
    streams.endWriting();
    streams.write(Buffer.from("ignored"));
    take();
    input.events?.data(Buffer.from("in"));
    expect(log).toEqual(["written 4", "data in"]);
  });

  test("a reader that is gone closes the stream and stops reading", () => {
    const { input, streams, log, fail } = open();
    streams.startReading();
    streams.write(Buffer.from("x"));
    fail("EPIPE");
    expect(log).toEqual(["closed OutputClosedError"]);
    expect(input.calls).toEqual(["start", "stop"]);
  });

  test("an output that failed before is reported after the constructor", async () => {
    const { output, fail } = open();
    output.writeText("x");
    fail("ENOSPC");
    const log: string[] = [];
    new StandardStreams(
      { data() {}, ended() {}, written() {}, closed: (error) => log.push(error?.name ?? "orderly") },
      { input: new Input(), output },
    );
    expect(log).toEqual([]);
    await Promise.resolve();
    expect(log).toEqual(["OutputFailedError"]);
  });
});

describe("standard input", () => {
  const collect = () => {
    const log: string[] = [];
    const events = {
      data: (bytes: Uint8Array) => void log.push(Buffer.from(bytes).toString()),
      ended: () => void log.push("ended"),
    };
    return { log, events };
  };

  test("is not even opened before the start", () => {
    let opened = false;
    new StandardInput(() => {
      opened = true;
      return new PassThrough();
    });
    expect(opened).toBe(false);
  });

  test("a pause before the start holds until the resume", async () => {
    const stream = new PassThrough();
    const { log, events } = collect();
    const input = new StandardInput(() => stream);
    input.pause();
    input.start(events);
    stream.write("a");
    await new Promise((resolve) => setImmediate(resolve));
    expect(log).toEqual([]);
    input.resume();
    await waitFor(() => log.length > 0, { what: "the byte" });
    expect(log).toEqual(["a"]);
  });

  test("says nothing after the stop, and a late error goes unheard", async () => {
    const stream = new PassThrough();
    const { log, events } = collect();
    const input = new StandardInput(() => stream);
    input.start(events);
    input.stop();
    input.resume();
    stream.write("a");
    stream.destroy(new Error("late"));
    await new Promise((resolve) => setImmediate(resolve));
    expect(log).toEqual([]);
  });

  test("an error is an end, once", async () => {
    const stream = new PassThrough();
    const { log, events } = collect();
    new StandardInput(() => stream).start(events);
    stream.destroy(new Error("EIO"));
    await waitFor(() => log.length > 0, { what: "the end" });
    await new Promise((resolve) => setImmediate(resolve));
    expect(log).toEqual(["ended"]);
  });

  test("what cannot be opened has ended", async () => {
    const { log, events } = collect();
    new StandardInput(() => {
      throw new Error("EISDIR");
    }).start(events);
    expect(log).toEqual([]);
    await Promise.resolve();
    expect(log).toEqual(["ended"]);
  });
});
