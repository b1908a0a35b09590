/**
 * Whatever a broken or hostile agent or gateway sends, a channel neither throws nor grows: fuzzed frames, floods
 * without acks, numbers out of all order, acks for what was never sent.
 */
import { describe, expect, test } from "bun:test";

import { DataChannel } from "../../src/channel/index.ts";
import { encodeHandshakeRequest, encodeMessage, MessageType } from "../../src/protocol/index.ts";
import { acknowledgeFrame, closedFrame, gatewayFrame, nextId, outputFrame } from "../channel/frames.ts";
import { recordingEvents } from "../channel/recording-events.ts";
import { forSeeds, type SeededRandom } from "../support/seeded-random.ts";

const ROUNDS = process.env["SOAK"] === undefined ? 400 : 20_000;

/** A channel that counts instead of remembering. */
function open() {
  const counts = { sent: 0, delivered: 0, closed: 0, notices: 0 };
  const { events } = recordingEvents({
    send: () => void counts.sent++,
    deliver: () => void counts.delivered++,
    closed: () => void counts.closed++,
    notice: () => void counts.notices++,
  });
  const channel = new DataChannel({ clientVersion: "1.3.0", epochMs: 1e12, createId: nextId, events });
  channel.connected(0);
  return { channel, counts };
}

/** A frame that is valid, or nearly. */
function draw(random: SeededRandom): Uint8Array {
  const numbers = [0, 1, 2, 5, 100, 32_768, 32_769, 1_000_000, 2 ** 32, 2 ** 53 - 1];
  const json = [
    "{",
    "null",
    "[]",
    '{"AgentVersion":7}',
    '{"AgentVersion":"x","RequestedClientActions":[{}]}',
    '{"AcknowledgedMessageType":"x","AcknowledgedMessageId":"y","AcknowledgedMessageSequenceNumber":-1}',
    '{"Challenge":"AAAA"}',
    `{"Output":${JSON.stringify("x".repeat(100))}}`,
    "[".repeat(5000),
  ];
  const frame = Buffer.from(
    encodeMessage({
      type: random.pick([
        MessageType.outputStreamData,
        MessageType.outputStreamData,
        MessageType.acknowledge,
        MessageType.startPublication,
        MessageType.pausePublication,
        MessageType.inputStreamData,
        MessageType.agentSessionState,
        "",
        "💥",
      ]),
      schemaVersion: 1,
      createdDate: random.pick([0, 1, 1e12]),
      sequenceNumber: random.pick(numbers) + random.int(3),
      flags: random.int(5),
      messageId: nextId(),
      payloadType: random.int(15),
      payload: random.chance(0.5) ? Buffer.from(random.pick(json)) : random.bytes(random.int(300)),
    }),
  );
  switch (random.int(6)) {
    case 0:
      for (let flips = random.between(1, 8); flips > 0; flips--) {
        frame[random.int(frame.length)] = random.int(256);
      }
      return frame;
    case 1:
      return frame.subarray(0, random.int(frame.length + 1));
    case 2:
      frame.writeUInt32BE(random.pick([0, 1, 115, 117, frame.length, 0xffff_ffff]), 0);
      return frame;
    case 3:
      // Negative, or past what a number can hold.
      frame.writeUInt32BE(random.pick([0x8000_0000, 0xffff_ffff, 0x0020_0000]), random.pick([40, 48, 56]));
      return frame;
    default:
      return frame;
  }
}

describe("hostile input", () => {
  test(`any frames in any order (${ROUNDS} seeds of 200 frames)`, () => {
    forSeeds(ROUNDS, (random) => {
      const { channel, counts } = open();
      let now = 0;
      for (let step = 0; step < 200; step++) {
        now += random.int(50);
        channel.receive(draw(random), now);
        if (random.chance(0.1)) channel.tick(now);
        if (random.chance(0.05)) channel.write(10, new Uint8Array(4), now);
        if (random.chance(0.02)) channel.disconnected(now);
        if (random.chance(0.02)) channel.connected(now);
        const at = channel.nextWakeAt;
        expect(at === undefined || Number.isFinite(at)).toBe(true);
      }
      const stats = channel.stats;
      expect(stats.reorderMessages).toBeLessThanOrEqual(200);
      expect(stats.unackedMessages + stats.heldMessages).toBeLessThanOrEqual(220);
      // Floods do not flood the log.
      expect(counts.notices).toBeLessThan(100);
    });
  });

  test("after garbage of every kind an honest session goes on as if nothing had been", () => {
    forSeeds(50, (random) => {
      const { channel, counts } = open();
      for (let step = 0; step < 100; step++) {
        const frame = draw(random);
        // All but sequenced data, which would be the agent's own mistake.
        if (frame[4] !== 0x6f) channel.receive(frame, step);
      }
      channel.receive(gatewayFrame("start_publication"), 200);
      const before = counts.sent;
      channel.receive(outputFrame(0, 1, "$ "), 200);
      expect([counts.sent - before, counts.delivered]).toEqual([1, 1]);
      channel.receive(closedFrame(), 201);
      expect(counts.closed).toBe(1);
    });
  });

  test("a million messages out of order do not grow beyond the buffer", () => {
    const { channel, counts } = open();
    // One frame, renumbered: hashing a million payloads is not what is tested.
    const frame = Buffer.from(outputFrame(1, 1, "x"));
    for (let number = 1_000_000; number > 0; number--) {
      frame.writeUInt32BE(number, 52);
      channel.receive(frame, 1);
    }
    expect(channel.stats).toMatchObject({ reorderMessages: 32_768, reorderBytes: 32_768 });
    expect(channel.stats.refusedMessages).toBe(1_000_000 - 32_768);
    // Only what is kept is acknowledged.
    expect(counts.sent).toBe(32_768);
    frame.writeUInt32BE(0, 52);
    channel.receive(frame, 2);
    expect(counts.delivered).toBe(32_769);
    expect(channel.stats).toMatchObject({ reorderMessages: 0, reorderBytes: 0 });
  }, 30_000);

  test("payloads ahead of order are bounded in bytes", () => {
    const { channel } = open();
    const payload = new Uint8Array(1024 * 1024);
    for (let number = 1; number < 100; number++) channel.receive(outputFrame(number, 1, payload), 1);
    expect(channel.stats).toMatchObject({ reorderMessages: 32, reorderBytes: 32 * 1024 * 1024 });
  });

  test("numbers at the end of all numbers are refused, and the next in order is still taken", () => {
    const { channel, counts } = open();
    for (const number of [2 ** 53 - 1, 2 ** 53 - 2, 1_000_000, 32_769]) {
      channel.receive(outputFrame(number, 1, "x"), 1);
    }
    expect([counts.sent, channel.stats.reorderMessages]).toEqual([0, 0]);
    channel.receive(outputFrame(0, 1, "x"), 1);
    expect(counts.delivered).toBe(1);
  });

  test("a hundred thousand acks for what was never sent, and repeated ones, change nothing", () => {
    const { channel } = open();
    channel.openInput(0);
    channel.write(1, new Uint8Array(100), 0);
    channel.write(1, new Uint8Array(100), 0);
    const stray = acknowledgeFrame(7);
    for (let count = 0; count < 50_000; count++) channel.receive(stray, 1);
    expect(channel.stats.unackedMessages).toBe(2);
    const real = acknowledgeFrame(1);
    for (let count = 0; count < 50_000; count++) channel.receive(real, 1);
    expect(channel.stats).toMatchObject({ unackedMessages: 1, unackedBytes: 100 });
    const { windowBytes } = channel.stats;
    expect(windowBytes).toBeLessThanOrEqual(65_536 + 100);
  });

  test("handshakes without end are answered once", () => {
    const { channel, counts } = open();
    const request = encodeHandshakeRequest({
      agentVersion: "3.3.0.0",
      actions: [{ actionType: "SessionType", parameters: { SessionType: "Port", Properties: {} } }],
    });
    for (let number = 0; number < 1000; number++) channel.receive(outputFrame(number, 5, request), 1);
    expect(counts.sent).toBe(1000 + 1);
    expect(channel.stats).toMatchObject({ sentMessages: 1, heldMessages: 0 });
  });

  test("challenges without end, while nothing can be sent, are answered a few times", () => {
    const { channel } = open();
    channel.setCipher({ encrypt: (bytes) => bytes, decrypt: (bytes) => bytes });
    channel.receive(gatewayFrame("pause_publication"), 1);
    for (let number = 0; number < 1000; number++) {
      channel.receive(outputFrame(number, 8, '{"Challenge":"AAAA"}'), 1);
    }
    expect(channel.stats.receivedMessages).toBe(1000);
    channel.receive(gatewayFrame("start_publication"), 2);
    expect(channel.stats.sentMessages).toBe(16);
  });

  test("pauses without end are one pause", () => {
    const { channel } = open();
    channel.openInput(0);
    const pause = gatewayFrame("pause_publication");
    for (let count = 0; count < 10_000; count++) channel.receive(pause, count);
    expect([channel.sendRoom, channel.nextWakeAt]).toEqual([0, 10_000]);
  });
});
