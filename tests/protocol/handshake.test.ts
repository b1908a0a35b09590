import { describe, expect, test } from "bun:test";

import {
  ActionStatus,
  decodeChallenge,
  decodeHandshakeComplete,
  decodeHandshakeRequest,
  decodeHandshakeResponse,
  decodeMessage,
  encodeChallenge,
  encodeHandshakeComplete,
  encodeHandshakeRequest,
  encodeHandshakeResponse,
  parseKmsParameters,
  parseSessionTypeParameters,
  PayloadType,
} from "../../src/protocol/index.ts";
import { forSeeds } from "../support/seeded-random.ts";
import { recordedFrames } from "./recordings.ts";

/** Every recorded payload of a type. */
async function recorded(payloadType: number): Promise<string[]> {
  const payloads = (await recordedFrames())
    .map(({ frame }) => decodeMessage(frame))
    .filter((message) => message.type.endsWith("_stream_data") && message.payloadType === payloadType)
    .map((message) => Buffer.from(message.payload).toString("utf8"));
  expect(payloads.length).toBeGreaterThan(0);
  return payloads;
}

const bytes = (text: string): Uint8Array => Buffer.from(text);
const asText = (payload: Uint8Array): string => Buffer.from(payload).toString("utf8");

describe("recorded handshakes are read, and written again as they were", () => {
  test("HandshakeRequest", async () => {
    for (const payload of await recorded(PayloadType.handshakeRequest)) {
      expect(asText(encodeHandshakeRequest(decodeHandshakeRequest(bytes(payload))))).toBe(payload);
    }
  });

  test("HandshakeResponse", async () => {
    for (const payload of await recorded(PayloadType.handshakeResponse)) {
      const { clientVersion, actions } = decodeHandshakeResponse(bytes(payload));
      const processed = actions.map((action) => ({
        ...action,
        status: action.status as (typeof ActionStatus)[keyof typeof ActionStatus],
      }));
      expect(asText(encodeHandshakeResponse(clientVersion, processed))).toBe(payload);
    }
  });

  test("HandshakeComplete", async () => {
    for (const payload of await recorded(PayloadType.handshakeComplete)) {
      const { customerMessage } = decodeHandshakeComplete(bytes(payload));
      const durationNs = (JSON.parse(payload) as { HandshakeTimeToComplete: number }).HandshakeTimeToComplete;
      expect(asText(encodeHandshakeComplete(durationNs, customerMessage))).toBe(payload);
    }
  });

  test("the challenge, both ways", async () => {
    for (const payloadType of [PayloadType.encChallengeRequest, PayloadType.encChallengeResponse]) {
      for (const payload of await recorded(payloadType)) {
        expect(asText(encodeChallenge(decodeChallenge(bytes(payload))))).toBe(payload);
      }
    }
  });
});

describe("HandshakeRequest", () => {
  test("a session with encryption", () => {
    const request = decodeHandshakeRequest(
      bytes(
        '{"AgentVersion":"3.3.0.0","Unknown":1,"RequestedClientActions":[' +
          '{"ActionType":"SessionType","ActionParameters":{"SessionType":"Port","Properties":{"portNumber":"22"}}},' +
          '{"ActionType":"KMSEncryption","ActionParameters":{"KMSKeyId":"arn","Challenge":"YQ=="}}]}',
      ),
    );
    expect(request.agentVersion).toBe("3.3.0.0");
    expect(request.actions.map(({ actionType }) => actionType)).toEqual(["SessionType", "KMSEncryption"]);
    expect(parseSessionTypeParameters(request.actions[0]?.parameters)).toEqual({
      sessionType: "Port",
      properties: { portNumber: "22" },
    });
    expect(parseKmsParameters(request.actions[1]?.parameters)).toEqual({ keyId: "arn", challenge: "YQ==" });
  });

  test("no actions, or null", () => {
    for (const actions of ["", ',"RequestedClientActions":null', ',"RequestedClientActions":[]']) {
      expect(decodeHandshakeRequest(bytes(`{"AgentVersion":"1"${actions}}`)).actions).toEqual([]);
    }
  });

  const bad: [name: string, text: string, rule: string][] = [
    ["no JSON", "{", "is not JSON"],
    ["no version", '{"RequestedClientActions":[]}', "AgentVersion"],
    ["an endless version", `{"AgentVersion":"${"1".repeat(101)}"}`, "AgentVersion"],
    [
      "actions that are none",
      '{"AgentVersion":"1","RequestedClientActions":[7]}',
      "RequestedClientActions.0",
    ],
    [
      "too many actions",
      JSON.stringify({
        AgentVersion: "1",
        RequestedClientActions: Array.from({ length: 101 }, () => ({ ActionType: "x", ActionParameters: 1 })),
      }),
      "RequestedClientActions",
    ],
  ];
  for (const [name, text, rule] of bad) {
    test(`refused: ${name}`, () => {
      expect(() => decodeHandshakeRequest(bytes(text))).toThrow("invalid HandshakeRequest");
      expect(() => decodeHandshakeRequest(bytes(text))).toThrow(rule);
    });
  }

  test("parameters that are none are undefined", () => {
    for (const parameters of [null, undefined, 7, "Port", [], {}, { SessionType: 7, Properties: null }]) {
      expect(parseSessionTypeParameters(parameters)).toBeUndefined();
      expect(parseKmsParameters(parameters)).toBeUndefined();
    }
    expect(parseSessionTypeParameters({ SessionType: "Standard_Stream", Properties: null })).toEqual({
      sessionType: "Standard_Stream",
      properties: null,
    });
  });

  test("an empty challenge is none", () => {
    for (const Challenge of ["", null, undefined]) {
      expect(parseKmsParameters({ KMSKeyId: "arn", Challenge })).toEqual({ keyId: "arn" });
    }
  });
});

describe("HandshakeResponse", () => {
  test("repeats the errors of its actions", () => {
    const payload = encodeHandshakeResponse("1.3.0", [
      { actionType: "SessionType", status: ActionStatus.success, result: null, error: "" },
      { actionType: "A", status: ActionStatus.failed, result: null, error: "Failed to process action A: x" },
      { actionType: "B", status: ActionStatus.unsupported, result: null, error: "Unsupported action B" },
    ]);
    expect(asText(payload)).toBe(
      '{"ClientVersion":"1.3.0","ProcessedClientActions":[' +
        '{"ActionType":"SessionType","ActionStatus":1,"ActionResult":null,"Error":""},' +
        '{"ActionType":"A","ActionStatus":2,"ActionResult":null,"Error":"Failed to process action A: x"},' +
        '{"ActionType":"B","ActionStatus":3,"ActionResult":null,"Error":"Unsupported action B"}],' +
        '"Errors":["Failed to process action A: x","Unsupported action B"]}',
    );
    expect(decodeHandshakeResponse(payload).actions.map(({ status, error }) => [status, error])).toEqual([
      [1, ""],
      [2, "Failed to process action A: x"],
      [3, "Unsupported action B"],
    ]);
  });

  test("without actions, and with an error of null", () => {
    expect(
      decodeHandshakeResponse(bytes('{"ClientVersion":"1","ProcessedClientActions":null}')).actions,
    ).toEqual([]);
    const one =
      '{"ClientVersion":"1","ProcessedClientActions":[{"ActionType":"a","ActionStatus":1,"ActionResult":null,"Error":null}]}';
    expect(decodeHandshakeResponse(bytes(one)).actions).toEqual([
      { actionType: "a", status: 1, result: null, error: "" },
    ]);
    expect(() => decodeHandshakeResponse(bytes("{}"))).toThrow("invalid HandshakeResponse: ClientVersion");
  });
});

describe("HandshakeComplete", () => {
  test("a message, an empty one, none", () => {
    expect(decodeHandshakeComplete(encodeHandshakeComplete(5, "Hällo\n"))).toEqual({
      customerMessage: "Hällo\n",
    });
    expect(decodeHandshakeComplete(bytes('{"HandshakeTimeToComplete":1}'))).toEqual({ customerMessage: "" });
    expect(decodeHandshakeComplete(bytes('{"CustomerMessage":null}'))).toEqual({ customerMessage: "" });
    expect(() => decodeHandshakeComplete(bytes("[]"))).toThrow("invalid HandshakeComplete");
  });
});

describe("the challenge", () => {
  test("is base64 of any bytes", () => {
    forSeeds(100, (random) => {
      const challenge = random.bytes(random.int(200));
      expect(decodeChallenge(encodeChallenge(challenge))).toEqual(challenge);
    });
  });

  test("is bounded and must be there", () => {
    expect(() => decodeChallenge(bytes("{}"))).toThrow("invalid EncChallenge: Challenge");
    expect(() => decodeChallenge(bytes(`{"Challenge":"${"A".repeat(65_537)}"}`))).toThrow("Challenge");
  });
});

test("parameters without Properties are those of a session that has none", () => {
  expect(parseSessionTypeParameters({ SessionType: "Standard_Stream" })).toEqual({
    sessionType: "Standard_Stream",
    properties: null,
  });
});
