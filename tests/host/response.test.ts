/** The JSON texts of the start arguments: spelling of keys, every wrong form, and no secret in any message. */
import { describe, expect, test } from "bun:test";

import { BadInputError, parseRequest, parseResponse } from "../../src/host/index.ts";

const GOOD = { SessionId: "alice-0123", StreamUrl: "wss://gateway.test/v1", TokenValue: "very-secret-token" };

describe("a StartSession response", () => {
  test.each([
    ["SSM's keys", GOOD],
    ["ECS's keys", { sessionId: GOOD.SessionId, streamUrl: GOOD.StreamUrl, tokenValue: GOOD.TokenValue }],
    ["odd keys", { SESSIONID: GOOD.SessionId, streamURL: GOOD.StreamUrl, tokenvalue: GOOD.TokenValue }],
    ["more keys", { ...GOOD, ResponseMetadata: { RetryAttempts: 0 }, __proto__: { x: 1 } }],
  ])("with %s is read", (_, response) => {
    expect(parseResponse(JSON.stringify(response))).toEqual({
      sessionId: GOOD.SessionId,
      streamUrl: GOOD.StreamUrl,
      tokenValue: GOOD.TokenValue,
    });
  });

  const bad: readonly (readonly [string, string, string])[] = [
    ["no JSON", "{not json very-secret-token", "is not JSON"],
    ["nothing", "", "is not JSON"],
    ["a list", "[]", "must be a JSON object"],
    ["null", "null", "must be a JSON object"],
    ["a text", '"very-secret-token"', "must be a JSON object"],
    ["no SessionId", JSON.stringify({ ...GOOD, SessionId: undefined }), "SessionId is missing"],
    ["no StreamUrl", JSON.stringify({ ...GOOD, StreamUrl: undefined }), "StreamUrl is missing"],
    ["no TokenValue", JSON.stringify({ ...GOOD, TokenValue: undefined }), "TokenValue is missing"],
    ["a number", JSON.stringify({ ...GOOD, SessionId: 7 }), "SessionId must be a text"],
    ["null inside", JSON.stringify({ ...GOOD, TokenValue: null }), "TokenValue must be a text"],
    ["an empty text", JSON.stringify({ ...GOOD, StreamUrl: "" }), "StreamUrl is empty"],
    ["an id with escapes", JSON.stringify({ ...GOOD, SessionId: "a\u001b[2J" }), "SessionId has characters"],
  ];
  test.each(bad.map((row) => [...row]))(
    "that is %s is refused by name, without the token",
    (_, text, rule) => {
      expect(() => parseResponse(text)).toThrow(BadInputError);
      expect(() => parseResponse(text)).toThrow(rule);
      try {
        parseResponse(text);
      } catch (error) {
        expect((error as Error).message).not.toContain("secret");
      }
    },
  );
});

describe("a response whose SessionId is the token", () => {
  const { TokenValue } = GOOD;
  const at = (path: string): string => `wss://gateway.test${path}?role=publish_subscribe`;
  const read = (SessionId: string, StreamUrl: string): string =>
    parseResponse(JSON.stringify({ SessionId, StreamUrl, TokenValue })).sessionId;

  test.each([
    ["the token", TokenValue, "/v1/data-channel/alice-0123", "alice-0123"],
    ["a text with the token", `x-${TokenValue}-x`, "/v1/data-channel/alice-0123", "alice-0123"],
    ["an encoded id", TokenValue, "/v1/data-channel/alice%40example.com-01", "alice@example.com-01"],
  ])("has the id of its stream URL: %s", (_, sessionId, path, id) => {
    expect(read(sessionId, at(path))).toBe(id);
  });

  test("and is longer than any session id is no matter", () => {
    const long = "A".repeat(3_000);
    const response = { SessionId: long, TokenValue: long, StreamUrl: at("/v1/data-channel/alice-0123") };
    expect(parseResponse(JSON.stringify(response)).sessionId).toBe("alice-0123");
  });

  test.each(["/v1", "/v1/data-channel/", "/v1/data-channel/%ff", `/v1/data-channel/${TokenValue}`, "/a b"])(
    "is refused where the stream URL names none: %s",
    (path) => {
      expect(() => read(TokenValue, at(path))).toThrow(
        "SessionId holds the token, and StreamUrl names no session",
      );
    },
  );
});

describe("a request", () => {
  test("gives its target, in any spelling of the key", () => {
    expect(parseRequest('{"Target":"i-1","DocumentName":"X"}')).toEqual({
      target: "i-1",
      separateOutput: false,
    });
    expect(parseRequest('{"target":"ecs:a_b_c"}').target).toBe("ecs:a_b_c");
    expect(
      parseRequest('{"Target":"i-1","Parameters":{"command":["x"],"separateOutputStream":["true"]}}'),
    ).toEqual({ target: "i-1", separateOutput: true });
    expect(parseRequest('{"Target":"i-1","Parameters":7}')).toEqual({ target: "i-1", separateOutput: false });
    expect(parseRequest("{}").target).toBe("");
  });

  test.each([
    ["i-1", "is not JSON"],
    ['{"Target":5}', "Target must be a text"],
    ["[1]", "must be a JSON object"],
  ])("%p is refused", (text, rule) => {
    expect(() => parseRequest(text)).toThrow(rule);
  });
});
