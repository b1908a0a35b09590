import { describe, expect, test } from "bun:test";

import {
  decodeAgentSessionState,
  decodeChannelClosed,
  decodeExitCode,
  decodeFlag,
  decodeMessage,
  decodeOpenDataChannel,
  decodeSize,
  encodeAgentSessionState,
  encodeChannelClosed,
  encodeExitCode,
  encodeFlag,
  encodeOpenDataChannel,
  encodeSize,
  FlagValue,
  PayloadType,
} from "../../src/protocol/index.ts";
import { recordedFrames, recordedLines } from "./recordings.ts";

const bytes = (text: string): Uint8Array => Buffer.from(text);
const asText = (payload: Uint8Array): string => Buffer.from(payload).toString("utf8");

describe("recorded payloads are read, and written again as they were", () => {
  test("the client's opening frames", async () => {
    const opening = (await recordedLines()).flatMap(({ from, text }) =>
      from === "client" && text !== undefined ? [text] : [],
    );
    expect(opening.length).toBeGreaterThan(7);
    for (const text of opening) expect(encodeOpenDataChannel(decodeOpenDataChannel(text))).toBe(text);
  });

  test("channel_closed, agent_session_state, Size, Flag and ExitCode", async () => {
    const counts = { closed: 0, state: 0, size: 0, flag: 0, exit: 0 };
    for (const { frame } of await recordedFrames()) {
      const { type, payloadType, payload } = decodeMessage(frame);
      if (type === "channel_closed") {
        counts.closed++;
        const raw = JSON.parse(asText(payload)) as Record<string, string>;
        expect(
          asText(
            encodeChannelClosed({
              ...decodeChannelClosed(payload),
              messageId: raw["MessageId"] ?? "",
              destinationId: raw["DestinationId"] ?? "",
              createdDate: Date.parse(raw["CreatedDate"] ?? ""),
            }),
          ),
        ).toBe(asText(payload));
      } else if (type === "agent_session_state") {
        counts.state++;
        const { state, sessionId } = decodeAgentSessionState(payload);
        expect(asText(encodeAgentSessionState(state as "Connected", sessionId))).toBe(asText(payload));
      } else if (type === "input_stream_data" && payloadType === PayloadType.size) {
        counts.size++;
        const { cols, rows } = decodeSize(payload);
        expect(asText(encodeSize(cols, rows))).toBe(asText(payload));
      } else if (payloadType === PayloadType.flag) {
        counts.flag++;
        expect(encodeFlag(decodeFlag(payload))).toEqual(Buffer.from(payload));
      } else if (payloadType === PayloadType.exitCode) {
        counts.exit++;
        expect(asText(encodeExitCode(decodeExitCode(payload)))).toBe(asText(payload));
      }
    }
    for (const count of Object.values(counts)) expect(count).toBeGreaterThan(0);
  });
});

describe("opening frame", () => {
  test("an agent's names no version; a broken one is refused without its token", () => {
    expect(decodeOpenDataChannel('{"RequestId":"r","TokenValue":"t","ClientId":"c"}').clientVersion).toBe("");
    expect(() => decodeOpenDataChannel('{"TokenValue":"secret"}')).toThrow(
      "invalid opening frame: RequestId",
    );
    expect(() => decodeOpenDataChannel("secret")).toThrow("invalid opening frame: is not JSON");
  });
});

describe("channel_closed", () => {
  test("may leave everything out", () => {
    expect(decodeChannelClosed(bytes("{}"))).toEqual({ sessionId: "", output: "" });
    expect(decodeChannelClosed(bytes('{"SessionId":null,"Output":null}'))).toEqual({
      sessionId: "",
      output: "",
    });
    expect(() => decodeChannelClosed(bytes('{"Output":7}'))).toThrow("invalid channel_closed: Output");
  });
});

describe("agent_session_state", () => {
  test("needs its fields", () => {
    expect(() => decodeAgentSessionState(bytes("{}"))).toThrow("invalid agent_session_state: SessionState");
  });
});

describe("Size", () => {
  test("is whole numbers of 16 bits", () => {
    expect(asText(encodeSize(300, 100))).toBe('{"cols":300,"rows":100}');
    expect(decodeSize(bytes('{"rows":0,"cols":65535}'))).toEqual({ cols: 65_535, rows: 0 });
    for (const bad of [
      '{"cols":-1,"rows":1}',
      '{"cols":65536,"rows":1}',
      '{"cols":1.5,"rows":1}',
      '{"cols":1}',
      "7",
    ]) {
      expect(() => decodeSize(bytes(bad))).toThrow("invalid Size");
    }
  });
});

describe("Flag", () => {
  test("is a big-endian u32", () => {
    expect(encodeFlag(FlagValue.terminateSession)).toEqual(Buffer.from([0, 0, 0, 2]));
    for (const value of [0, 1, 3, 0x0102_0304, 0xffff_ffff])
      expect(decodeFlag(encodeFlag(value))).toBe(value);
    for (const length of [0, 3, 5]) expect(() => decodeFlag(new Uint8Array(length))).toThrow("4 are needed");
  });
});

describe("ExitCode", () => {
  test("reads what agents write, and nothing else", () => {
    for (const code of [0, 1, 127, 255, -1, 2_147_483_647]) {
      expect(decodeExitCode(encodeExitCode(code))).toBe(code);
    }
    expect(decodeExitCode(bytes(" EXIT_CODE:3\n"))).toBe(3);
    for (const bad of [
      "",
      "7",
      "EXIT_CODE: ",
      "EXIT_CODE: x",
      "EXIT_CODE: 1.5",
      "EXIT_CODE: 12345678901",
      "exit_code: 1",
    ]) {
      expect(() => decodeExitCode(bytes(bad))).toThrow("invalid ExitCode");
    }
  });
});
