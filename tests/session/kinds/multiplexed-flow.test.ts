/** Tunnels with many connections: half-closes, and readers that are slower than writers. */
import { describe, expect, test } from "bun:test";

import { SeededRandom } from "../../support/seeded-random.ts";
import { startTunnels } from "../smux-peer.ts";

const KIB = 1024;
const MIB = 1024 * KIB;

describe("a half-close", () => {
  test("is held back until the answer has been silent for the linger", async () => {
    const { rig, peer } = await startTunnels();
    const local = rig.connect();
    local.send("request");
    local.end();
    local.end();
    for (let part = 0; part < 5; part++) {
      await rig.pass(1_900);
      expect(peer.events).toEqual(["open 3"]);
      peer.write(3, `part ${part} `);
    }
    await rig.pass(1_900);
    expect(peer.events).toEqual(["open 3"]);
    await rig.pass(200);
    expect(peer.events).toEqual(["open 3", "fin 3"]);
    expect(local.text).toBe("part 0 part 1 part 2 part 3 part 4 ");
    expect(local.isClosed).toBe(false);
    peer.finish(3);
    await rig.settle();
    expect([local.isClosed, local.isReset]).toEqual([true, false]);
    expect(rig.clock.pending).toBeLessThanOrEqual(2);
  });

  test("is passed on at once where there is no linger: an answer would be cut off", async () => {
    const { rig, peer } = await startTunnels({ settings: { lingerMs: 0 } });
    const local = rig.connect();
    local.send("request");
    local.end();
    await rig.pass(50);
    expect(peer.events).toEqual(["open 3", "fin 3"]);
    expect(peer.received(3).toString()).toBe("request");
  });

  test("does not count the time in which nothing can be answered", async () => {
    const { rig, peer } = await startTunnels();
    const local = rig.connect();
    local.send("request");
    local.end();
    await rig.settle();
    await rig.pass(100);
    rig.transport.end();
    await rig.pass(1_800);
    rig.transport.opened();
    await rig.pass(1_900);
    expect(peer.events).toEqual(["open 3"]);
    rig.agent.pausePublication();
    await rig.pass(10_000);
    expect(peer.events).toEqual(["open 3"]);
    rig.agent.startPublication();
    await rig.pass(1_900);
    rig.agent.pausePublication();
    rig.agent.startPublication();
    await rig.pass(1_900);
    expect(peer.events).toEqual(["open 3"]);
    await rig.pass(2_200);
    expect(peer.events).toEqual(["open 3", "fin 3"]);
  });

  test("counts a round trip on top of the linger: an answer needs that to come", async () => {
    const { rig, peer } = await startTunnels({ settings: { lingerMs: 200 } });
    rig.agent.acknowledges = false;
    const local = rig.connect();
    for (let round = 0; round < 40; round++) {
      local.send("request");
      await rig.pass(150);
      rig.agent.acknowledge(Math.max(...rig.agent.arrivals));
    }
    expect(rig.session.stats.rttMs).toBeGreaterThan(140);
    local.end();
    await rig.pass(300);
    expect(peer.events).toEqual(["open 3"]);
    await rig.pass(200);
    expect(peer.events).toEqual(["open 3", "fin 3"]);
  });

  test("waits for what is still queued here, whenever that may leave", async () => {
    for (const blockedMs of [500, 1_900, 3_900, 5_000, 6_900]) {
      const { rig, peer } = await startTunnels();
      const local = rig.connect();
      rig.transport.bufferedBytes = 2 * MIB;
      local.send("request");
      local.end();
      await rig.pass(blockedMs);
      rig.transport.bufferedBytes = 0;
      await rig.pass(1_900);
      expect(peer.events).toEqual(["open 3"]);
      expect(peer.received(3).toString()).toBe("request");
      await rig.pass(300);
      expect(peer.events).toEqual(["open 3", "fin 3"]);
    }
  });

  test("of one that the destination has closed already means nothing", async () => {
    const { rig, peer } = await startTunnels();
    const local = rig.connect();
    local.stalled = true;
    await rig.settle();
    peer.write(3, "bye");
    peer.finish(3);
    await rig.settle();
    expect(peer.events).toEqual(["open 3", "fin 3"]);
    local.end();
    local.send("late");
    await rig.pass(5_000);
    expect(peer.events).toEqual(["open 3", "fin 3"]);
    expect(local.isClosed).toBe(false);
    local.take();
    await rig.settle();
    expect([local.isClosed, local.isReset]).toEqual([true, false]);
  });
});

describe("backpressure", () => {
  test("upload: a socket is paused at 128 KiB queued and goes on below 64 KiB", async () => {
    const { rig, peer } = await startTunnels();
    const [a, b] = [rig.connect(), rig.connect()];
    await rig.settle();
    rig.transport.bufferedBytes = 2 * MIB;
    const sent: Buffer[] = [];
    const random = new SeededRandom(3);
    for (let chunk = 0; chunk < 40; chunk++) {
      const bytes = Buffer.from(random.bytes(16 * KIB));
      sent.push(bytes);
      a.send(bytes);
      if (chunk === 6) expect(a.paused).toBe(false);
    }
    expect(a.paused).toBe(true);
    expect(b.paused).toBe(false);
    b.send("small");
    rig.transport.bufferedBytes = 0;
    await rig.pass(5_000);
    expect(a.paused).toBe(false);
    expect(a.pauses).toBeGreaterThan(1);
    expect(peer.received(3).equals(Buffer.concat(sent))).toBe(true);
    expect(peer.received(5).toString()).toBe("small");
  });

  test("upload: all sockets are paused at 16 MiB, new ones too, and go on at half of it", async () => {
    const { rig, peer } = await startTunnels({ settings: { payloadBytes: 32_768 } });
    rig.transport.bufferedBytes = 2 * MIB;
    const locals = Array.from({ length: 170 }, () => rig.connect());
    const block = Buffer.alloc(100 * KIB, 0x61);
    for (const local of locals) local.send(block);
    const paused = locals.filter((local) => local.paused);
    expect(paused).toHaveLength(locals.length);
    const late = rig.connect();
    expect(late.paused).toBe(true);
    late.send("late");
    rig.transport.bufferedBytes = 0;
    await rig.pass(10_000);
    expect([...locals, late].filter((local) => local.paused)).toEqual([]);
    let total = 0;
    for (const [index] of locals.entries()) total += peer.received(3 + 2 * index).length;
    expect(total).toBe(170 * 100 * KIB);
    expect(peer.received(3 + 2 * 170).toString()).toBe("late");
    rig.transport.bufferedBytes = 2 * MIB;
    for (const local of locals) local.send(block);
    expect(late.paused as boolean).toBe(true);
    rig.transport.bufferedBytes = 0;
    await rig.pass(10_000);
    expect(late.paused as boolean).toBe(false);
  });

  test("download: a slow reader pauses the connection only at the shared budget; the others go on until then", async () => {
    const { rig, peer } = await startTunnels({ settings: { inboundBudgetBytes: 100_000 } });
    const [slow, quick] = [rig.connect(), rig.connect()];
    await rig.settle();
    slow.stalled = true;
    let written = 0;
    let quickBytes = 0;
    while (!rig.transport.paused) {
      peer.write(3, Buffer.alloc(5_000, written % 251));
      written += 5_000;
      if (rig.transport.paused) break;
      peer.write(5, Buffer.alloc(1_000));
      quickBytes += 1_000;
      await rig.settle();
    }
    expect(written).toBeGreaterThanOrEqual(100_000);
    expect(quick.bytes).toBe(quickBytes);
    expect(slow.queuedBytes).toBeLessThanOrEqual(101_000);
    peer.write(5, "held back");
    await rig.settle();
    expect(quick.bytes).toBe(quickBytes);
    slow.take(slow.queuedBytes - 50_001);
    expect(rig.transport.paused).toBe(true);
    slow.take(1);
    await rig.settle();
    expect(rig.transport.paused as boolean).toBe(false);
    expect(quick.text.slice(-9)).toBe("held back");
    slow.stalled = false;
    slow.take();
    await rig.settle();
    expect(slow.bytes).toBe(written);
  });
});
