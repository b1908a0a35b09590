import { describe, expect, test } from "bun:test";

import { z } from "zod";

import {
  type Acknowledgement,
  decodeAcknowledge,
  decodeMessage,
  encodeAcknowledge,
  InvalidPayloadError,
} from "../../src/protocol/index.ts";
import { forSeeds, type SeededRandom } from "../support/seeded-random.ts";
import { recordedFrames } from "./recordings.ts";

/** The oracle: what an acknowledge payload is, as a schema. */
const schema = z.object({
  AcknowledgedMessageType: z.string().min(1),
  AcknowledgedMessageId: z.string().regex(/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i),
  AcknowledgedMessageSequenceNumber: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER),
});

function byOracle(payload: Uint8Array): Acknowledgement | undefined {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(payload).toString("utf8"));
  } catch {
    return undefined;
  }
  const parsed = schema.safeParse(value);
  if (!parsed.success) return undefined;
  return {
    messageType: parsed.data.AcknowledgedMessageType,
    messageId: parsed.data.AcknowledgedMessageId,
    sequenceNumber: parsed.data.AcknowledgedMessageSequenceNumber,
  };
}

function byHand(payload: Uint8Array): Acknowledgement | undefined {
  try {
    return decodeAcknowledge(payload);
  } catch (error) {
    expect(error).toBeInstanceOf(InvalidPayloadError);
    return undefined;
  }
}

const ID = "0f5f4da2-5784-48d9-ac9e-a229d7c94d1a";

function json(changes: Record<string, unknown> = {}): string {
  return JSON.stringify({
    AcknowledgedMessageType: "input_stream_data",
    AcknowledgedMessageId: ID,
    AcknowledgedMessageSequenceNumber: 7,
    IsSequentialMessage: true,
    ...changes,
  });
}

describe("acknowledge payload", () => {
  test("is written as AWS's client and agent write it", async () => {
    let count = 0;
    for (const { frame } of await recordedFrames()) {
      const message = decodeMessage(frame);
      if (message.type !== "acknowledge") continue;
      count++;
      const ack = decodeAcknowledge(message.payload);
      expect(byOracle(message.payload)).toEqual(ack);
      expect(Buffer.from(encodeAcknowledge(ack)).toString()).toBe(Buffer.from(message.payload).toString());
    }
    expect(count).toBeGreaterThan(50);
  });

  test("comes back as it was, for every number", () => {
    for (const sequenceNumber of [0, 1, 9, 10, 2 ** 32, Number.MAX_SAFE_INTEGER]) {
      const ack = { messageType: "output_stream_data", messageId: ID, sequenceNumber };
      expect(decodeAcknowledge(encodeAcknowledge(ack))).toEqual(ack);
      expect(byOracle(encodeAcknowledge(ack))).toEqual(ack);
    }
  });

  const layouts: [name: string, text: string][] = [
    ["the usual", json()],
    [
      "other order",
      `{"IsSequentialMessage":false,"AcknowledgedMessageSequenceNumber":7,"AcknowledgedMessageId":"${ID}","AcknowledgedMessageType":"x"}`,
    ],
    ["spaces and newlines", JSON.stringify(JSON.parse(json()), null, 2)],
    ["extra keys", json({ Extra: { deep: [1] } })],
    ["without IsSequentialMessage", json({ IsSequentialMessage: undefined })],
    ["an odd type", json({ AcknowledgedMessageType: 'a "quoted" 💥 type' })],
    ["an upper-case id", json({ AcknowledgedMessageId: ID.toUpperCase() })],
    ["a number in exponents", json().replace(":7,", ":7e2,")],
    ["a key twice", json().replace("}", ',"AcknowledgedMessageSequenceNumber":8}')],
    ["a BOM", `\uFEFF${json()}`],
    ["an empty type", json({ AcknowledgedMessageType: "" })],
    ["no type", json({ AcknowledgedMessageType: undefined })],
    ["a number as type", json({ AcknowledgedMessageType: 3 })],
    ["no id", json({ AcknowledgedMessageId: undefined })],
    ["an id that is none", json({ AcknowledgedMessageId: `${ID.slice(0, 35)}g` })],
    [
      "an id with its dashes elsewhere",
      json({ AcknowledgedMessageId: "0f5f4da25784-48d9-ac9e-a229-d7c94d1a" }),
    ],
    ["an id of dashes", json({ AcknowledgedMessageId: "-".repeat(36) })],
    ["a negative number", json({ AcknowledgedMessageSequenceNumber: -1 })],
    ["a fraction", json({ AcknowledgedMessageSequenceNumber: 1.5 })],
    ["2^53", json({ AcknowledgedMessageSequenceNumber: 2 ** 53 })],
    ["a long number", json().replace(":7,", `:${"9".repeat(16)},`)],
    ["a longer number", json().replace(":7,", `:${"9".repeat(40)},`)],
    ["a text as number", json({ AcknowledgedMessageSequenceNumber: "7" })],
    ["null", "null"],
    ["a list", "[]"],
    ["a text", '"x"'],
    ["nothing", ""],
    ["half of it", json().slice(0, 90)],
    ["something behind it", `${json()}x`],
    ["NULs", "\0\0\0"],
  ];
  for (const [name, text] of layouts) {
    test(`says the same as the schema: ${name}`, () => {
      const payload = Buffer.from(text);
      expect(byHand(payload)).toEqual(byOracle(payload));
    });
  }

  test("says the same as the schema after random damage", () => {
    const words = ["{", "}", '"', ":", ",", "0", "9", "-", "\\", " ", "true", "null", "e5", ".5", "\0", "é"];
    forSeeds(3000, (random: SeededRandom) => {
      let text = random.chance(0.5) ? json() : JSON.stringify(JSON.parse(json()), null, 1);
      for (let changes = random.between(1, 3); changes > 0; changes--) {
        const at = random.int(text.length + 1);
        text = text.slice(0, at) + random.pick(words) + text.slice(at + random.int(3));
      }
      // No JSON, but harmless: read by hand, a number may begin with zeros.
      if (/:0\d/.test(text)) return;
      const payload = Buffer.from(text);
      expect([text, byHand(payload)]).toEqual([text, byOracle(payload)]);
    });
  });

  test("a view into a larger buffer is read in its own bounds", () => {
    const payload = Buffer.from(`xx${json()}yy`);
    expect(decodeAcknowledge(payload.subarray(2, -2)).sequenceNumber).toBe(7);
  });

  test("of more than 4096 bytes is not even looked at", () => {
    expect(() => decodeAcknowledge(Buffer.from(json({ Extra: "x".repeat(4096) })))).toThrow(
      "at most 4096 are read",
    );
  });

  test("its errors hold no content", () => {
    expect(() => decodeAcknowledge(Buffer.from("{secret"))).toThrow("invalid acknowledge: is not JSON");
    expect(() => decodeAcknowledge(Buffer.from('"secret"'))).toThrow("invalid acknowledge: is no object");
  });
});
