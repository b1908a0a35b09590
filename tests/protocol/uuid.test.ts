import { describe, expect, test } from "bun:test";

import { isUuid, readMessageId, writeMessageId } from "../../src/protocol/index.ts";
import { forSeeds } from "../support/seeded-random.ts";

const ID = "00112233-4455-6677-8899-aabbccddeeff";

describe("message ids", () => {
  test("the last eight bytes come first", () => {
    const bytes = new Uint8Array(20);
    writeMessageId(bytes, 2, ID);
    expect(Buffer.from(bytes).toString("hex")).toBe("00008899aabbccddeeff00112233445566770000");
    expect(readMessageId(bytes, 2)).toBe(ID);
  });

  test("any bytes are some id and come back, whatever the case", () => {
    forSeeds(500, (random) => {
      const bytes = random.bytes(16);
      const id = readMessageId(bytes, 0);
      expect(isUuid(id)).toBe(true);
      const swapped = Buffer.concat([bytes.subarray(8), bytes.subarray(0, 8)]).toString("hex");
      expect(id.replaceAll("-", "")).toBe(swapped);
      const written = new Uint8Array(16);
      writeMessageId(written, 0, random.chance(0.5) ? id : id.toUpperCase());
      expect<Uint8Array>(written).toEqual(bytes);
    });
  });

  test("what is a UUID", () => {
    for (const good of [ID, ID.toUpperCase(), "00000000-0000-0000-0000-000000000000"]) {
      expect(isUuid(good)).toBe(true);
    }
    for (const bad of [
      "",
      ID.slice(1),
      `${ID}0`,
      ID.replace("f", "g"),
      ID.replaceAll("-", ""),
      `{${ID}}`,
      `${ID}\n`,
    ]) {
      expect(isUuid(bad)).toBe(false);
    }
  });
});
