import { describe, expect, test } from "bun:test";

import { z } from "zod";

import {
  InvalidPayloadError,
  MAX_JSON_BRACKETS,
  MAX_JSON_PAYLOAD_BYTES,
  parseJsonPayload,
  parseJsonText,
  toJsonPayload,
} from "../../src/protocol/index.ts";

const schema = z.object({ name: z.string(), list: z.array(z.number()).optional() });

describe("JSON payloads", () => {
  test("come back as they were, in UTF-8", () => {
    const value = { name: "é 💥", list: [1] };
    expect(Buffer.from(toJsonPayload(value)).toString("utf8")).toBe(JSON.stringify(value));
    expect(parseJsonPayload("Test", schema, toJsonPayload(value))).toEqual(value);
  });

  test("what is wrong is said without the content", () => {
    const cases: [text: string, message: string][] = [
      ["{secret", "invalid Test: is not JSON"],
      ['{"name":7}', "invalid Test: name: expected string, received number"],
      ['{"name":"a","list":[1,"secret"]}', "invalid Test: list.1: expected number, received string"],
      ['"secret"', "invalid Test: expected object, received string"],
    ];
    for (const [text, message] of cases) {
      expect(() => parseJsonText("Test", schema, text)).toThrow(message);
      try {
        parseJsonText("Test", schema, text);
      } catch (error) {
        expect(error).toBeInstanceOf(InvalidPayloadError);
        expect(error).toMatchObject({ code: "PROTOCOL_INVALID_PAYLOAD", payload: "Test" });
        expect(`${(error as Error).message} ${(error as Error).cause}`).not.toContain("secret");
      }
    }
  });

  test("a refinement without an issue of its own path is named too", () => {
    const odd = z.object({ a: z.number() }).refine(() => false, "is never right");
    expect(() => parseJsonText("Odd", odd, '{"a":1}')).toThrow("invalid Odd: is never right");
  });

  test("beyond 16 MiB nothing is parsed", () => {
    const payload = Buffer.alloc(MAX_JSON_PAYLOAD_BYTES + 1, 0x20);
    expect(() => parseJsonPayload("Test", schema, payload)).toThrow("at most 16777216 are read");
  });

  test("more than 10 000 objects and arrays are not parsed, however they lie; those in texts do not count", () => {
    const parse = (text: string) => () => parseJsonText("Test", z.unknown(), text);
    const most = MAX_JSON_BRACKETS;
    for (const text of [
      "[".repeat(most + 1),
      `[${"[],".repeat(most)}0]`,
      `{"a\\"":[${"{},".repeat(most)}0]}`,
    ]) {
      expect(parse(text)).toThrow(`invalid Test: has more than ${most} objects and arrays`);
    }
    for (const text of [
      `[${"[],".repeat(most - 1)}0]`,
      JSON.stringify({ a: "[".repeat(2 * most) }),
      JSON.stringify({ a: '\\"[\\'.repeat(2 * most) }),
    ]) {
      expect(parse(text)).not.toThrow();
    }
  });
});
