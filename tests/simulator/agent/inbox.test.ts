/** The agent's receiving half: what is taken, kept, acknowledged, and what a blocked reader does. */
import { describe, expect, test } from "bun:test";

import {
  type Handled,
  Inbox,
  MAX_AHEAD_MESSAGES,
  MAX_HELD_BYTES,
  MAX_HELD_FRAMES,
} from "../../../src/simulator/agent/inbox.ts";
import { Outbox } from "../../../src/simulator/agent/outbox.ts";
import { forSeeds } from "../../support/seeded-random.ts";
import { acknowledgement, buildFrame, parseFrame } from "./naive-client.ts";

class Rig {
  readonly taken: string[] = [];
  readonly acknowledged: number[] = [];
  readonly acknowledgedIds: string[] = [];
  readonly output: Uint8Array[] = [];
  readonly logs: string[] = [];
  closed = 0;
  handled: Handled = "taken";
  readonly outbox = new Outbox({
    send: (frame) => void this.output.push(frame),
    now: () => 0,
    bufferedBytes: () => 0,
  });
  readonly inbox = new Inbox(
    this.outbox,
    (frame) => {
      const body = JSON.parse(parseFrame(frame).payload.toString()) as {
        AcknowledgedMessageSequenceNumber: number;
        AcknowledgedMessageId: string;
      };
      this.acknowledged.push(body.AcknowledgedMessageSequenceNumber);
      this.acknowledgedIds.push(body.AcknowledgedMessageId);
    },
    {
      payload: (_type, payload) => {
        if (this.handled !== "refused") this.taken.push(Buffer.from(payload).toString());
        return this.handled;
      },
      channelClosed: () => {
        this.closed += 1;
      },
      log: (event) => void this.logs.push(event),
    },
  );

  receive(...frames: readonly Buffer[]): void {
    for (const frame of frames) this.inbox.receive(new Uint8Array(frame));
  }
}

function data(sequence: number, payload = String(sequence), digest = true): Buffer {
  return buildFrame({ type: "input_stream_data", sequence, payloadType: 1, payload, digest });
}

describe("order", () => {
  test("in order: taken, then acknowledged with its id", () => {
    const rig = new Rig();
    const frame = data(0, "a");
    rig.receive(frame);
    expect(rig.taken).toEqual(["a"]);
    expect(rig.acknowledgedIds).toEqual([parseFrame(frame).id]);
  });

  test("ahead: acknowledged at once, taken when its turn has come; behind: acknowledged again", () => {
    const rig = new Rig();
    rig.receive(data(2), data(1));
    expect(rig.taken).toEqual([]);
    expect(rig.acknowledged).toEqual([2, 1]);
    rig.receive(data(0));
    expect(rig.taken).toEqual(["0", "1", "2"]);
    expect(rig.acknowledged).toEqual([2, 1, 0]);
    rig.receive(data(1));
    expect(rig.taken).toEqual(["0", "1", "2"]);
    expect(rig.acknowledged).toEqual([2, 1, 0, 1]);
  });

  test("whatever the order and the repetitions, each is taken once", () => {
    forSeeds(200, (random) => {
      const rig = new Rig();
      const count = random.between(1, 60);
      const numbers = Array.from({ length: count }, (_, index) => index);
      const sent = random.shuffle([...numbers, ...numbers.filter(() => random.chance(0.5))]);
      rig.receive(...sent.map((number) => data(number)));
      expect(rig.taken).toEqual(numbers.map(String));
      expect(rig.acknowledged.length).toBe(sent.length);
    });
  });

  test("refused: neither acknowledged nor passed over", () => {
    const rig = new Rig();
    rig.handled = "refused";
    rig.receive(data(0), data(1));
    expect(rig.acknowledged).toEqual([1]);
    rig.handled = "taken";
    rig.receive(data(0));
    expect(rig.taken).toEqual(["0", "1"]);
    expect(rig.acknowledged).toEqual([1, 0]);
  });

  test("100 000 messages are kept ahead, one more is not even acknowledged", () => {
    const rig = new Rig();
    const frame = data(0);
    for (let number = 1; number <= MAX_AHEAD_MESSAGES + 1; number++) {
      const copy = Buffer.from(frame);
      copy.writeBigInt64BE(BigInt(number), 48);
      rig.inbox.receive(copy);
    }
    expect(MAX_AHEAD_MESSAGES).toBe(100_000);
    expect(rig.acknowledged.at(-1)).toBe(MAX_AHEAD_MESSAGES);
    rig.receive(frame);
    expect(rig.taken.length).toBe(MAX_AHEAD_MESSAGES + 1);
  });
});

describe("validation", () => {
  test("a wrong digest is not noticed", () => {
    const rig = new Rig();
    rig.receive(data(0, "damaged", false));
    expect(rig.taken).toEqual(["damaged"]);
    expect(rig.acknowledged).toEqual([0]);
  });

  test("broken frames and unknown types are ignored", () => {
    const rig = new Rig();
    const noHeader = data(0);
    noHeader.writeUInt32BE(0, 0);
    const farHeader = data(0);
    farHeader.writeUInt32BE(100_000, 0);
    const negative = data(0);
    negative.writeBigInt64BE(-1n, 48);
    const untyped = data(0);
    untyped.fill(0x20, 4, 36);
    const undated = buildFrame({ type: "input_stream_data", sequence: 0, payloadType: 1, date: 0 });
    rig.receive(noHeader, farHeader, negative, untyped, undated, data(0).subarray(0, 119), Buffer.alloc(0));
    expect(rig.logs).toEqual(new Array(7).fill("frame-invalid"));
    rig.receive(buildFrame({ type: "no_such_type" }));
    expect(rig.logs.at(-1)).toBe("message-type-unknown");
    expect([rig.taken.length, rig.acknowledged.length]).toEqual([0, 0]);
  });

  test("a type padded with NULs and a longer header are read", () => {
    const rig = new Rig();
    const padded = data(0, "nul");
    padded.fill(0, 4 + "input_stream_data".length, 36);
    rig.receive(padded);
    const long = Buffer.concat([data(1, "").subarray(0, 120), Buffer.alloc(4), Buffer.from("long")]);
    long.writeUInt32BE(120, 0);
    rig.receive(long);
    expect(rig.taken).toEqual(["nul", "long"]);
  });

  test("channel_closed is passed on", () => {
    const rig = new Rig();
    rig.receive(buildFrame({ type: "channel_closed", payload: "{}" }));
    expect(rig.closed).toBe(1);
  });
});

describe("pause", () => {
  const pause = buildFrame({ type: "pause_publication", date: 0 });

  test("is ended by start_publication, by input and by an acknowledgement, even of nothing", () => {
    const nothing = acknowledgement({
      type: "output_stream_data",
      sequence: 99,
      flags: 0,
      payloadType: 1,
      id: crypto.randomUUID(),
      payload: Buffer.alloc(0),
    });
    for (const end of [buildFrame({ type: "start_publication", date: 0 }), data(0), data(9), nothing]) {
      const rig = new Rig();
      rig.receive(pause);
      expect(rig.outbox.paused).toBe(true);
      rig.receive(end);
      expect(rig.outbox.paused).toBe(false);
    }
  });
});

describe("a blocked reader", () => {
  test("acknowledges nothing and works nothing off until it goes on", () => {
    const rig = new Rig();
    rig.handled = "blocked";
    rig.receive(data(0));
    rig.handled = "taken";
    rig.receive(data(1), data(3), data(0), buildFrame({ type: "pause_publication", date: 0 }));
    expect(rig.inbox.blocked).toBe(true);
    expect(rig.taken).toEqual(["0"]);
    expect(rig.acknowledged).toEqual([]);
    expect(rig.outbox.paused).toBe(false);
    rig.inbox.resume(true);
    expect(rig.taken).toEqual(["0", "1"]);
    expect(rig.acknowledged).toEqual([0, 1, 3, 0]);
    expect(rig.outbox.paused).toBe(true);
  });

  test("may block again on what it held, also on messages from ahead", () => {
    const rig = new Rig();
    rig.handled = "blocked";
    rig.receive(data(1), data(0));
    expect(rig.acknowledged).toEqual([1]);
    rig.inbox.resume(true);
    expect(rig.taken).toEqual(["0", "1"]);
    expect(rig.inbox.blocked).toBe(true);
    rig.receive(data(2));
    rig.inbox.resume(true);
    expect(rig.taken).toEqual(["0", "1", "2"]);
    rig.inbox.resume(true);
    expect(rig.acknowledged).toEqual([1, 0, 2]);
  });

  test("does not acknowledge what failed after all", () => {
    const rig = new Rig();
    rig.handled = "blocked";
    rig.receive(data(0));
    rig.inbox.resume(false);
    expect(rig.acknowledged).toEqual([]);
    rig.handled = "taken";
    rig.receive(data(0));
    expect(rig.acknowledged).toEqual([0]);
  });

  test("lets acknowledgements make room in the window, though it works them off later", () => {
    const rig = new Rig();
    for (let i = 0; i < 4; i++) rig.outbox.send(1, new Uint8Array(1024 * 1024));
    rig.handled = "blocked";
    rig.receive(data(0));
    expect(rig.outbox.hasRoom).toBe(false);
    rig.receive(acknowledgement(parseFrame(rig.output[0] ?? new Uint8Array())));
    expect(rig.outbox.hasRoom).toBe(true);
    expect(rig.outbox.storedMessages).toBe(4);
    rig.inbox.resume(true);
    expect(rig.outbox.storedMessages).toBe(3);
  });

  test("holds a bounded amount; the rest is lost and must be sent again", () => {
    const rig = new Rig();
    rig.handled = "blocked";
    rig.receive(data(0));
    rig.handled = "taken";
    const mebibyte = data(0, "x".repeat(1024 * 1024));
    const count = MAX_HELD_BYTES / (1024 * 1024);
    for (let number = 1; number <= count; number++) {
      mebibyte.writeBigInt64BE(BigInt(number), 48);
      rig.receive(mebibyte);
    }
    expect(rig.logs).toEqual(["frame-lost-while-blocked"]);
    rig.inbox.resume(true);
    expect(rig.acknowledged.length).toBe(count);
  });

  test("holds a bounded number of frames", () => {
    const rig = new Rig();
    rig.handled = "blocked";
    rig.receive(data(0));
    const small = data(0);
    for (let i = 0; i < MAX_HELD_FRAMES; i++) rig.inbox.receive(small);
    expect(rig.logs).toEqual([]);
    rig.inbox.receive(small);
    expect(rig.logs).toEqual(["frame-lost-while-blocked"]);
  });
});

test("what arrives from inside of a handler has its turn behind it", () => {
  const taken: string[] = [];
  const sent: number[] = [];
  const outbox = new Outbox({ send: () => undefined, now: () => 0, bufferedBytes: () => 0 });
  const inbox: Inbox = new Inbox(outbox, (frame) => void sent.push(frame.length), {
    payload: (_type, payload) => {
      const text = Buffer.from(payload).toString();
      if (text === "0") inbox.receive(data(1));
      taken.push(text);
      return "taken";
    },
    channelClosed: () => undefined,
    log: () => undefined,
  });
  inbox.receive(data(0));
  expect(taken).toEqual(["0", "1"]);
});
