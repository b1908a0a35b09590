/**
 * The window at work: a bulk upload through a simulated bottleneck, on simulated time.
 */
import { describe, expect, test } from "bun:test";

import { BottleneckUpload, type PathOptions } from "./bottleneck.ts";

const MB = 1_000_000;
/** A message of 1024 bytes has a frame of 1144. */
const PAYLOAD_SHARE = 1024 / 1144;

/** Payload bytes a second over the next stretch of time. */
function rate(upload: BottleneckUpload, durationMs: number): number {
  const before = upload.takenBytes;
  upload.run(durationMs);
  return ((upload.takenBytes - before) / durationMs) * 1000;
}

describe("20 MB/s and 20 ms", () => {
  test("are used to 90 % and more from half a second on", () => {
    const upload = new BottleneckUpload({ bytesPerSecond: 20 * MB, roundTripMs: 20 });
    upload.run(500);
    expect(rate(upload, 1500)).toBeGreaterThan(0.9 * 20 * MB * PAYLOAD_SHARE);
    expect(upload.channel.stats).toMatchObject({ resentMessages: 0, timeouts: 0 });
    expect(upload.channel.stats.rttMs).toBeLessThan(40);
  });

  test("a small request beside the bulk takes less than 5 times its idle time, from the first moment on", () => {
    const upload = new BottleneckUpload({ bytesPerSecond: 20 * MB, roundTripMs: 20 });
    for (let count = 0; count < 200; count++) {
      upload.run(10);
      upload.request();
    }
    upload.run(500);
    expect(upload.requests.length).toBe(200);
    const longestMs = Math.max(
      ...upload.requests.map((request) => request.tookMs ?? Number.POSITIVE_INFINITY),
    );
    const idle = new BottleneckUpload({ bytesPerSecond: 20 * MB, roundTripMs: 20, bulk: false });
    idle.request();
    idle.run(500);
    expect(longestMs).toBeLessThan(5 * (idle.requests[0]?.tookMs ?? 0));
  });

  test("a minute of it leaves the queue as short as it was", () => {
    const upload = new BottleneckUpload({ bytesPerSecond: MB, roundTripMs: 20 });
    upload.run(60_000);
    expect(upload.channel.stats.minRttMs).toBeLessThan(22);
    expect(upload.channel.stats.rttMs).toBeLessThan(35);
    expect(upload.takenBytes / 60).toBeGreaterThan(0.95 * MB * PAYLOAD_SHARE);
  });

  test("with payloads of 32 KiB as well", () => {
    const upload = new BottleneckUpload({
      bytesPerSecond: 20 * MB,
      roundTripMs: 20,
      payloadBytes: 32 * 1024,
    });
    upload.run(500);
    expect(rate(upload, 2000)).toBeGreaterThan(18 * MB);
  });
});

describe("other paths", () => {
  test("100 ms: 6 MB/s and more within a second", () => {
    const upload = new BottleneckUpload({ bytesPerSecond: 50 * MB, roundTripMs: 100 });
    upload.run(1000);
    expect(rate(upload, 1000)).toBeGreaterThan(6 * MB);
  });

  test("100 ms and a narrow bottleneck: used, without a standing queue", () => {
    const upload = new BottleneckUpload({ bytesPerSecond: 7.5 * MB, roundTripMs: 100 });
    upload.run(2000);
    expect(rate(upload, 2000)).toBeGreaterThan(0.95 * 7.5 * MB * PAYLOAD_SHARE);
    expect(upload.channel.stats.rttMs).toBeLessThan(140);
    expect(upload.channel.stats.resentMessages).toBe(0);
  });

  const loopbacks: [string, Partial<PathOptions>][] = [
    ["exact time stamps", {}],
    ["time stamps of 1 ms", { clockStepMs: 1 }],
    ["acks in bunches of 2 ms", { ackBunchMs: 2, clockStepMs: 1 }],
    ["acks in bunches of 8 ms", { ackBunchMs: 8 }],
  ];
  for (const [name, options] of loopbacks) {
    test(`loopback, ${name}: the window does not collapse`, () => {
      const upload = new BottleneckUpload({ bytesPerSecond: 40 * MB, roundTripMs: 0.1, ...options });
      upload.run(150);
      expect(rate(upload, 250)).toBeGreaterThan(0.9 * 40 * MB * PAYLOAD_SHARE);
      expect(upload.channel.stats.resentMessages).toBe(0);
    });
  }

  test("a slow destination: small window, few resends", () => {
    const upload = new BottleneckUpload({ bytesPerSecond: 100_000, roundTripMs: 20 });
    upload.run(5000);
    expect(rate(upload, 10_000)).toBeGreaterThan(0.9 * 100_000 * PAYLOAD_SHARE);
    expect(upload.channel.stats.unackedBytes).toBeLessThan(32 * 1024);
    expect(upload.channel.stats.resentMessages).toBeLessThan(40);
  });

  test("a route that becomes longer and shorter again is used again within seconds", () => {
    const path = { bytesPerSecond: 4 * MB, roundTripMs: 20 };
    const upload = new BottleneckUpload(path);
    upload.run(1000);
    path.roundTripMs = 100;
    upload.run(5000);
    expect(rate(upload, 1000)).toBeGreaterThan(0.9 * 4 * MB * PAYLOAD_SHARE);
    path.roundTripMs = 20;
    upload.run(15_000);
    expect(rate(upload, 1000)).toBeGreaterThan(0.9 * 4 * MB * PAYLOAD_SHARE);
    expect(upload.channel.stats.rttMs).toBeLessThan(40);
  });

  test("after an idle time there is no burst", () => {
    const upload = new BottleneckUpload({ bytesPerSecond: 20 * MB, roundTripMs: 20 });
    upload.run(500);
    upload.bulk = false;
    upload.run(3000);
    const before = upload.frames;
    upload.bulk = true;
    upload.fill();
    expect((upload.frames - before) * 1024).toBeLessThanOrEqual(64 * 1024 + 2048);
    upload.run(500);
    expect(rate(upload, 500)).toBeGreaterThan(0.9 * 20 * MB * PAYLOAD_SHARE);
  });
});

describe("a destination that does not read", () => {
  test("stops us under the cap; nothing floods it, and everything goes on when it reads", () => {
    const upload = new BottleneckUpload({ bytesPerSecond: 60 * MB, roundTripMs: 40 });
    upload.run(800);
    upload.reading = false;
    upload.run(1000);
    const stats = upload.channel.stats;
    expect(stats.unackedBytes).toBeLessThanOrEqual(2 * 1024 * 1024);
    expect(stats.unackedBytes).toBeGreaterThan(1024 * 1024);
    expect(upload.channel.sendRoom).toBe(0);
    const frames = upload.frames;
    upload.run(120_000);
    // A message a second, to see whether it is there again.
    expect(upload.frames - frames).toBeLessThan(150);
    upload.readAgain();
    expect(rate(upload, 500)).toBeGreaterThan(6 * MB);
    expect(upload.channel.stats.resentMessages).toBeLessThan(200);
    upload.bulk = false;
    upload.run(5000);
    expect(upload.channel.stats.unackedMessages).toBe(0);
  });
});
