import { describe, expect, test } from "bun:test";

import {
  decodeMessage,
  encodeMessage,
  FRAME_OVERHEAD_BYTES,
  HEADER_BYTES,
  InvalidMessageError,
  type Message,
} from "../../src/protocol/index.ts";
import { forSeeds, type SeededRandom } from "../support/seeded-random.ts";
import { naiveDecode, naiveEncode, type NaiveMessage } from "./naive-codec.ts";
import { recordedFrames } from "./recordings.ts";

const MAX_SAFE = BigInt(Number.MAX_SAFE_INTEGER);

function drawNumber(random: SeededRandom): bigint {
  return random.pick([
    0n,
    1n,
    127n,
    128n,
    0xffff_ffffn,
    0x1_0000_0000n,
    MAX_SAFE - 1n,
    MAX_SAFE,
    BigInt(random.uint32()),
    BigInt(random.uint32()) * BigInt(random.int(2 ** 21)),
  ]);
}

function drawUuid(random: SeededRandom): string {
  const hex = Buffer.from(random.bytes(16)).toString("hex");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

function draw(random: SeededRandom): NaiveMessage {
  const type = random.pick(["input_stream_data", "acknowledge", "x", "a b", "y".repeat(32)]);
  return {
    headerLength: HEADER_BYTES,
    type: type.padEnd(32, random.pick([" ", "\0"])),
    schemaVersion: random.pick([0, 1, 0xffff_ffff]),
    createdDate: drawNumber(random) || 1n,
    sequenceNumber: drawNumber(random),
    flags: drawNumber(random),
    messageId: drawUuid(random),
    payloadType: random.pick([0, 1, 12, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff]),
    payload: random.bytes(random.pick([0, 1, 31, 32, 33, 1024, random.int(3000)])),
  };
}

/** A valid frame with something changed. */
function changed(change: (frame: Buffer) => void, payload = "payload"): Uint8Array {
  const frame = Buffer.from(
    encodeMessage({
      type: "output_stream_data",
      schemaVersion: 1,
      createdDate: 1_700_000_000_000,
      sequenceNumber: 5,
      flags: 0,
      messageId: "00112233-4455-6677-8899-aabbccddeeff",
      payloadType: 1,
      payload: Buffer.from(payload),
    }),
  );
  change(frame);
  return frame;
}

/** The field that a frame is refused for; undefined when it is taken. */
function refusedFor(frame: Uint8Array): string | undefined {
  try {
    decodeMessage(frame);
    return undefined;
  } catch (error) {
    expect(error).toBeInstanceOf(InvalidMessageError);
    return (error as InvalidMessageError).field;
  }
}

describe("recorded frames", () => {
  test("decode and encode to the same bytes", async () => {
    const frames = await recordedFrames();
    expect(frames.length).toBeGreaterThan(150);
    for (const { name, frame } of frames) {
      expect([name, Buffer.from(encodeMessage(decodeMessage(frame))).toString("hex")]).toEqual([
        name,
        Buffer.from(frame).toString("hex"),
      ]);
    }
  });

  test("say the same to the naive codec", async () => {
    for (const { frame } of await recordedFrames()) {
      const message = decodeMessage(frame);
      const naive = naiveDecode(frame);
      expect({
        type: message.rawType,
        createdDate: BigInt(message.createdDate),
        sequenceNumber: BigInt(message.sequenceNumber),
        flags: BigInt(message.flags),
        messageId: message.messageId,
        payloadType: message.payloadType,
        payload: message.payload,
      }).toEqual({
        type: naive.type,
        createdDate: naive.createdDate,
        sequenceNumber: naive.sequenceNumber,
        flags: naive.flags,
        messageId: naive.messageId,
        payloadType: naive.payloadType,
        payload: naive.payload,
      });
    }
  });

  test("cut off anywhere they are refused with our own error, or hold less payload", async () => {
    const kinds = new Map<string, Uint8Array>();
    for (const { frame } of await recordedFrames()) {
      const message = decodeMessage(frame);
      kinds.set(`${message.type} ${message.payloadType}`, frame);
    }
    expect(kinds.size).toBeGreaterThan(10);
    for (const frame of kinds.values()) {
      for (let length = 0; length < frame.length; length++) {
        const field = refusedFor(frame.slice(0, length));
        expect(field).toBe(length < FRAME_OVERHEAD_BYTES ? "frame" : "PayloadDigest");
      }
    }
  });
});

describe("random messages", () => {
  test("are the same bytes for both codecs, and come back as they were", () => {
    forSeeds(2000, (random) => {
      const naive = draw(random);
      const message: Message & { rawType: string } = {
        rawType: naive.type,
        type: naive.type.replace(/[\0 ]+$/, ""),
        schemaVersion: naive.schemaVersion,
        createdDate: Number(naive.createdDate),
        sequenceNumber: Number(naive.sequenceNumber),
        flags: Number(naive.flags),
        messageId: naive.messageId,
        payloadType: naive.payloadType,
        payload: naive.payload,
      };
      const frame = encodeMessage(message);
      expect(Buffer.from(frame).equals(naiveEncode(naive))).toBe(true);
      const decoded = decodeMessage(frame);
      expect<Message>({ ...decoded, payload: new Uint8Array(decoded.payload) }).toEqual(message);
    });
  });

  test("padding is spaces unless told otherwise", () => {
    const frame = changed(() => {});
    expect(naiveDecode(frame).type).toBe("output_stream_data".padEnd(32));
  });

  test("a frame in the middle of a larger buffer is read in its own bounds", () => {
    const frame = changed(() => {});
    const larger = new Uint8Array(frame.length + 20).fill(0xff);
    larger.set(frame, 7);
    const message = decodeMessage(larger.subarray(7, 7 + frame.length));
    expect(Buffer.from(message.payload).toString()).toBe("payload");
    expect(message.messageId).toBe("00112233-4455-6677-8899-aabbccddeeff");
  });
});

describe("the type field", () => {
  test("is trimmed of spaces and NULs at both ends, and kept as it came", () => {
    for (const [raw, type] of [
      ["output_stream_data".padEnd(32, "\0"), "output_stream_data"],
      ["  \0 output_stream_data \0".padEnd(32), "output_stream_data"],
      ["a\0b".padEnd(32), "a\0b"],
    ] as const) {
      const message = decodeMessage(changed((frame) => frame.write(raw, 4, 32, "latin1")));
      expect([message.type, message.rawType]).toEqual([type, raw]);
    }
  });

  test("empty makes a frame invalid, whatever the padding", () => {
    expect(refusedFor(changed((frame) => frame.fill(0x20, 4, 36)))).toBe("MessageType");
    expect(refusedFor(changed((frame) => frame.fill(0, 4, 36)))).toBe("MessageType");
  });
});

describe("the message id", () => {
  test("has its halves swapped on the wire", () => {
    const frame = changed(() => {});
    expect(Buffer.from(frame.subarray(64, 80)).toString("hex")).toBe("8899aabbccddeeff0011223344556677");
  });
});

describe("validation", () => {
  test("HeaderLength: 0 and anything past the frame's end are refused", () => {
    expect(refusedFor(changed((frame) => frame.writeUInt32BE(0, 0)))).toBe("HeaderLength");
    expect(refusedFor(changed((frame) => frame.writeUInt32BE(0xffff_ffff, 0)))).toBe("HeaderLength");
    expect(refusedFor(changed((frame) => frame.writeUInt32BE(frame.length - 3, 0)))).toBe("HeaderLength");
  });

  test("a longer header moves the payload", () => {
    const payload = Buffer.from("moved");
    const naive: NaiveMessage = {
      headerLength: 150,
      type: "output_stream_data".padEnd(32),
      schemaVersion: 1,
      createdDate: 1n,
      sequenceNumber: 0n,
      flags: 0n,
      messageId: "00112233-4455-6677-8899-aabbccddeeff",
      payloadType: 1,
      payload,
    };
    const frame = Buffer.from(naiveEncode(naive));
    // The field at the usual place decides whether there is a digest to check.
    frame.writeUInt32BE(payload.length, 116);
    expect(Buffer.from(decodeMessage(frame).payload).toString()).toBe("moved");
    frame.writeUInt8(0x4d, frame.length - 1);
    expect(refusedFor(frame)).toBe("PayloadDigest");
  });

  test("a zero date is refused", () => {
    expect(refusedFor(changed((frame) => frame.fill(0, 40, 48)))).toBe("CreatedDate");
    expect(refusedFor(changed((frame) => frame.fill(0, 40, 48).writeUInt8(1, 47)))).toBeUndefined();
  });

  test("negative numbers and those past 2^53 - 1 are refused", () => {
    for (const [offset, field] of [
      [40, "CreatedDate"],
      [48, "SequenceNumber"],
      [56, "Flags"],
    ] as const) {
      for (const value of [-1n, -(2n ** 63n), 2n ** 53n, 2n ** 62n]) {
        expect(refusedFor(changed((frame) => frame.writeBigInt64BE(value, offset)))).toBe(field);
      }
      expect(refusedFor(changed((frame) => frame.writeBigInt64BE(MAX_SAFE, offset)))).toBeUndefined();
    }
  });

  test("a digest that does not match is refused, but only when PayloadLength is not 0", () => {
    expect(refusedFor(changed((frame) => frame.writeUInt8(0, 80)))).toBe("PayloadDigest");
    expect(refusedFor(changed((frame) => frame.writeUInt8(0, 111)))).toBe("PayloadDigest");
    expect(refusedFor(changed((frame) => frame.writeUInt8(0x50, 120)))).toBe("PayloadDigest");
    const unchecked = changed((frame) => {
      frame.writeUInt8(0, 80);
      frame.writeUInt32BE(0, 116);
    });
    expect(Buffer.from(decodeMessage(unchecked).payload).toString()).toBe("payload");
  });

  test("PayloadLength never bounds the payload", () => {
    for (const length of [1, 3, 8, 0xffff_ffff]) {
      const message = decodeMessage(changed((frame) => frame.writeUInt32BE(length, 116)));
      expect(Buffer.from(message.payload).toString()).toBe("payload");
    }
  });

  test("publication messages are exempt from the rules about type, date and digest", () => {
    for (const type of ["start_publication", "pause_publication"]) {
      const frame = changed((bytes) => {
        bytes.write(type.padEnd(32, "\0"), 4, 32, "latin1");
        bytes.fill(0, 40, 48);
        bytes.fill(0, 80, 112);
      });
      expect(decodeMessage(frame)).toMatchObject({ type, createdDate: 0 });
    }
  });

  test("errors name the field and the numbers, never the payload", () => {
    try {
      decodeMessage(changed((frame) => frame.writeUInt8(0, 80), "secret words"));
      throw new Error("was taken");
    } catch (error) {
      expect(error).toMatchObject({
        name: "InvalidMessageError",
        code: "PROTOCOL_INVALID_MESSAGE",
        field: "PayloadDigest",
        message: "invalid message: PayloadDigest does not match the payload of 12 bytes",
      });
    }
  });

  test("any bytes at all are taken or refused with our own error", () => {
    forSeeds(3000, (random) => {
      const frame = changed(() => {});
      for (let flips = random.between(1, 12); flips > 0; flips--) {
        frame[random.int(frame.length)] = random.int(256);
      }
      refusedFor(random.chance(0.3) ? random.bytes(random.int(400)) : frame);
    });
  });
});
