import { describe, expect, test } from "bun:test";

import { ChannelLimitError } from "../../src/channel/errors.ts";
import type { NoticeFields } from "../../src/channel/events.ts";
import { HeldMessages } from "../../src/channel/held-messages.ts";
import { Notices } from "../../src/channel/notices.ts";
import { RecentAcks } from "../../src/channel/recent-acks.ts";
import { forSeeds } from "../support/seeded-random.ts";

describe("held messages", () => {
  test("come out in order, as copies", () => {
    const held = new HeldMessages(100, 10);
    // A Buffer's slice is a view: the copy must not be made with it.
    const payload = Buffer.from("abc");
    held.push(1, payload, false);
    held.push(10, new Uint8Array([1]), false);
    payload.fill(0);
    expect(held.length).toBe(2);
    expect(held.bytes).toBe(4);
    expect(Buffer.from(held.first?.payload ?? []).toString()).toBe("abc");
    held.shift();
    expect(held.first?.payloadType).toBe(10);
    held.shift();
    held.shift();
    expect([held.first, held.length, held.bytes]).toEqual([undefined, 0, 0]);
  });

  test("a later one takes the place of the newest of its type only", () => {
    const held = new HeldMessages(10, 3);
    held.push(3, new Uint8Array(4), true);
    held.push(3, new Uint8Array(6), true);
    expect([held.length, held.bytes]).toEqual([1, 6]);
    held.push(1, new Uint8Array(1), false);
    held.push(3, new Uint8Array(2), true);
    expect([held.length, held.bytes]).toEqual([3, 9]);
    held.push(3, new Uint8Array(3), true);
    expect([held.length, held.bytes]).toEqual([3, 10]);
  });

  test("are bounded in bytes and in number, and a refusal takes nothing", () => {
    const held = new HeldMessages(10, 2);
    held.push(1, new Uint8Array(6), false);
    expect(() => held.push(1, new Uint8Array(5), false)).toThrow(ChannelLimitError);
    expect(() => held.push(1, new Uint8Array(11), true)).toThrow("maxHeldBytes = 10");
    held.push(1, new Uint8Array(4), false);
    expect(() => held.push(1, new Uint8Array(0), false)).toThrow("maxHeldMessages = 2");
    expect([held.length, held.bytes]).toEqual([2, 10]);
    held.clear();
    expect([held.length, held.bytes]).toEqual([0, 0]);
  });
});

describe("recent acks", () => {
  test("agree with a list that forgets its head", () => {
    forSeeds(200, (random) => {
      const capacity = random.int(8);
      const ring = new RecentAcks(capacity);
      const list: { sequenceNumber: number; id: string; at: number }[] = [];
      let now = 0;
      for (let number = 0; number < 40; number++) {
        now += random.int(100);
        const id = `${String(number).padStart(8, "0")}-1111-4222-8333-444444444444`;
        ring.add(number, id, now);
        list.push({ sequenceNumber: number, id, at: now });
        if (list.length > capacity) list.shift();
        const since = now - random.int(300);
        const seen: string[] = [];
        ring.forEachSince(since, (sequenceNumber, id) => seen.push(`${sequenceNumber} ${id}`));
        expect(seen).toEqual(
          list.filter(({ at }) => at >= since).map(({ sequenceNumber, id }) => `${sequenceNumber} ${id}`),
        );
      }
    });
  });
});

describe("notices", () => {
  test("a flood becomes a few lines, with the count", () => {
    const lines: { event: string; fields: NoticeFields | undefined }[] = [];
    const notices = new Notices((event, fields) => lines.push({ event, fields }));
    for (let count = 0; count < 100_000; count++) notices.notice("message_invalid", { bytes: count });
    notices.notice("other");
    expect(lines.length).toBe(5 + 14 + 1);
    expect(lines.slice(4, 7)).toEqual([
      { event: "message_invalid", fields: { bytes: 4 } },
      { event: "message_invalid", fields: { bytes: 7, count: 8 } },
      { event: "message_invalid", fields: { bytes: 15, count: 16 } },
    ]);
    expect(lines.at(-1)).toEqual({ event: "other", fields: {} });
  });
});
