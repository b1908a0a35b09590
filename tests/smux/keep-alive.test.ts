/** NOPs and silence, on a clock driven by hand. */
import { describe, expect, test } from "bun:test";

import { client, hex, pullAll, thrownBy, words } from "./support.ts";

const keepAlive = { intervalMs: 10_000, timeoutMs: 30_000, startedAt: 1000 };
const NOP = hex("0103000000000000");

describe("without keep-alive", () => {
  test("nothing is ever due, and the peer's NOPs are welcome", () => {
    const { mux, events } = client();
    mux.tick(1e9);
    mux.receive(NOP, 1e9);
    expect([mux.nextWakeAt, mux.hasOutput, events.take()]).toEqual([undefined, false, []]);
  });
});

describe("keep-alive", () => {
  test("a NOP every interval, woken in time", () => {
    const { mux } = client({ keepAlive });
    const sentAt: number[] = [];
    for (let i = 0; i < 5; i++) {
      const now = mux.nextWakeAt ?? 0;
      mux.receive(NOP, now);
      mux.tick(now - 1);
      expect(mux.hasOutput).toBe(false);
      mux.tick(now);
      expect(pullAll(mux)).toEqual([NOP]);
      sentAt.push(now);
    }
    expect(sentAt).toEqual([11_000, 21_000, 31_000, 41_000, 51_000]);
  });

  test("NOPs that cannot go out do not pile up", () => {
    const { mux } = client({ keepAlive: { intervalMs: 10, startedAt: 0 } });
    for (let now = 0; now < 10_000; now += 10) mux.tick(now);
    mux.write(mux.open(), new Uint8Array(5));
    expect(words(mux.pull(100))).toEqual(["NOP 0", "SYN 3", "PSH 3 5"]);
  });

  test("silence ends it after the time-out, not before; any bytes count as life", () => {
    const { mux } = client({ keepAlive });
    mux.receive(hex("01"), 20_000);
    mux.receive(new Uint8Array(0), 40_000);
    mux.tick(49_999);
    expect(mux.nextWakeAt).toBe(50_000);
    const error = thrownBy(() => mux.tick(50_000));
    expect(error).toMatchObject({ code: "SMUX_KEEPALIVE_TIMEOUT", fatal: true });
    expect((error as Error).message).toContain("30000 ms");
    expect(thrownBy(() => mux.pull(100))).toBe(error);
  });

  test("without a time-out silence is no error", () => {
    const { mux } = client({ keepAlive: { intervalMs: 10_000, startedAt: 0 } });
    mux.tick(1e9);
    expect(words(mux.pull(100))).toEqual(["NOP 0"]);
    expect(mux.nextWakeAt).toBe(1e9 + 10_000);
  });

  test("nothing counts while suspended, and both begin anew afterwards", () => {
    const { mux } = client({ keepAlive });
    mux.suspendKeepAlive();
    mux.tick(500_000);
    expect([mux.nextWakeAt, mux.hasOutput]).toEqual([undefined, false]);
    mux.resumeKeepAlive(500_000);
    expect(mux.nextWakeAt).toBe(510_000);
    mux.resumeKeepAlive(505_000);
    expect(mux.nextWakeAt).toBe(510_000);
    mux.tick(529_999);
    expect(thrownBy(() => mux.tick(530_000))).toMatchObject({ code: "SMUX_KEEPALIVE_TIMEOUT" });
  });
});
