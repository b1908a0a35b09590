/** The agent's sending half, on a clock moved by hand: numbers, resending, pause, limits. */
import { describe, expect, test } from "bun:test";

import { MAX_STORED_MESSAGES, Outbox } from "../../../src/simulator/agent/outbox.ts";
import { parseFrame } from "./naive-client.ts";

interface Rig {
  readonly outbox: Outbox;
  /** Numbers in the order sent. */
  readonly sent: number[];
  readonly frames: Uint8Array[];
  now: number;
  buffered: number;
}

function rig(): Rig {
  const made: Rig = {
    sent: [],
    frames: [],
    now: 1_000,
    buffered: 0,
    outbox: new Outbox({
      send: (frame) => {
        made.frames.push(frame);
        made.sent.push(parseFrame(frame).sequence);
      },
      now: () => made.now,
      bufferedBytes: () => made.buffered,
    }),
  };
  return made;
}

const BYTE = new Uint8Array([97]);

describe("numbers", () => {
  test("count from 0, the first message alone has the flag, empty payloads are left out", () => {
    const { outbox, frames } = rig();
    outbox.send(1, BYTE);
    outbox.send(1, new Uint8Array(0));
    outbox.send(11, BYTE);
    const parsed = frames.map(parseFrame);
    expect(parsed.map(({ sequence, flags, payloadType }) => [sequence, flags, payloadType])).toEqual([
      [0, 1, 1],
      [1, 0, 11],
    ]);
  });
});

describe("resending", () => {
  test("only the oldest message, once its timeout has passed", () => {
    const made = rig();
    for (let i = 0; i < 3; i++) made.outbox.send(1, BYTE);
    made.now += 200;
    made.outbox.tick();
    expect(made.sent).toEqual([0, 1, 2]);
    made.now += 1;
    made.outbox.tick();
    made.outbox.tick();
    expect(made.sent).toEqual([0, 1, 2, 0]);
    // The second one has waited as long, but it is not looked at before the first is gone.
    made.outbox.acknowledged(0);
    made.now += 1_001;
    made.outbox.tick();
    expect(made.sent).toEqual([0, 1, 2, 0, 1]);
    expect(made.outbox.resentMessages).toBe(2);
  });

  test("the timeout follows the round trips: near them when steady, 1 s at most", () => {
    const made = rig();
    expect(made.outbox.timeoutMs).toBe(200);
    const roundTrip = (ms: number, number: number): void => {
      made.outbox.send(1, BYTE);
      made.now += ms;
      made.outbox.acknowledged(number);
    };
    roundTrip(20, 0);
    // 7/8 of 100 and 1/8 of 20; a variation of a quarter of 80, four times.
    expect(made.outbox.timeoutMs).toBeCloseTo(90 + 4 * 20, 6);
    for (let number = 1; number < 200; number++) roundTrip(20, number);
    expect(made.outbox.timeoutMs).toBeCloseTo(30, 1);
    for (let number = 200; number < 220; number++) roundTrip(5_000, number);
    expect(made.outbox.timeoutMs).toBe(1_000);
  });

  test("an acknowledgement of an unknown number changes nothing", () => {
    const made = rig();
    made.outbox.send(1, BYTE);
    made.outbox.acknowledged(7);
    expect(made.outbox.storedMessages).toBe(1);
    expect(made.outbox.timeoutMs).toBe(200);
  });

  test("beyond 100 000 messages one is sent once and forgotten", () => {
    let sent = 0;
    const outbox = new Outbox({ send: () => sent++, now: () => 0, bufferedBytes: () => 0 });
    for (let i = 0; i < MAX_STORED_MESSAGES + 2; i++) outbox.send(1, BYTE);
    expect(MAX_STORED_MESSAGES).toBe(100_000);
    expect(sent).toBe(MAX_STORED_MESSAGES + 2);
    expect(outbox.storedMessages).toBe(MAX_STORED_MESSAGES);
  });
});

describe("pause", () => {
  test("stores without sending, resends nothing, and afterwards goes through the oldest one by one", () => {
    const made = rig();
    made.outbox.pause();
    made.outbox.send(1, BYTE);
    made.outbox.send(1, BYTE);
    made.now += 5_000;
    made.outbox.tick();
    expect(made.sent).toEqual([]);
    let woken = 0;
    made.outbox.whenActive(() => woken++);
    made.outbox.unpause();
    made.outbox.unpause();
    expect(woken).toBe(1);
    made.outbox.tick();
    expect(made.sent).toEqual([0]);
  });
});

describe("window", () => {
  test("closes at 4 MiB and opens again after acknowledgements, or credit", () => {
    const made = rig();
    const payload = new Uint8Array(1024 * 1024 - 120);
    for (let i = 0; i < 4; i++) {
      expect(made.outbox.hasRoom).toBe(true);
      made.outbox.send(1, payload);
    }
    expect(made.outbox.hasRoom).toBe(false);
    let woken = 0;
    made.outbox.whenRoom(() => woken++);
    made.outbox.credit(1);
    expect(woken).toBe(1);
    expect(made.outbox.hasRoom).toBe(true);
    expect(made.outbox.storedMessages).toBe(4);
    // Its acknowledgement makes no second room.
    made.outbox.acknowledged(1);
    made.outbox.send(1, payload);
    expect(made.outbox.hasRoom).toBe(false);
  });

  test("48 MiB that wait at the gateway are all that it takes", () => {
    const made = rig();
    made.buffered = 48 * 1024 * 1024 - 1;
    expect(made.outbox.lineBusy).toBe(false);
    made.buffered += 1;
    expect(made.outbox.lineBusy).toBe(true);
  });
});
