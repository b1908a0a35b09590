/** Recorded sessions played to ours: what our client sends equals what the recorded one sent. */
import { describe, expect, test } from "bun:test";

import { createCipher } from "../../src/encryption/index.ts";
import { decodeChallenge, decodeHandshakeResponse, PayloadType } from "../../src/protocol/index.ts";
import { comparable, type RecordedMessage, Recording } from "./recording.ts";
import { forEachStreamEvent, replay, type Replayed, type ReplayOptions } from "./replay.ts";

/** An opening frame without what differs from one connection to the next. */
function openingShape(text: string): Record<string, string> {
  const frame = JSON.parse(text) as Record<string, string>;
  return Object.fromEntries(
    Object.entries(frame).map(([key, value]) => [key, key === "MessageSchemaVersion" ? value : typeof value]),
  );
}

/** The same keys in the same order, on as many connections. */
function expectSameOpenings(replayed: Replayed, recording: Recording): void {
  const shapes = (texts: readonly string[]): string[] =>
    texts.map((text) => JSON.stringify(openingShape(text)));
  expect(shapes(replayed.openings)).toEqual(shapes(recording.openings.map(({ text }) => text)));
}

describe("shells and commands: the same messages, payloads and order", () => {
  const sessions: [string, ReplayOptions, string][] = [
    [
      "shell",
      {},
      "$ echo hello-$((40+2))\r\nhello-42\r\n$ printf '\\303\\251\\342\\202\\254\\n'\r\né€\r\n$ exit\r\n",
    ],
    ["shell-resize", { hasWindow: true }, "$ stty size\r\n31 97\r\n$ stty size\r\n40 120\r\n$ exit\r\n"],
    ["interactive-command", {}, "one\r\ntwo\r\n"],
    ["non-interactive-separate-output", {}, "out\nerr\nEXIT_CODE: 7"],
  ];
  for (const [name, options, output] of sessions) {
    test(name, async () => {
      const recording = new Recording(name);
      const replayed = await replay(recording, options);
      expect(replayed.inputs.map(comparable)).toEqual(recording.inputs.map(comparable));
      expect(recording.inputs.length).toBeGreaterThan(0);
      expect(replayed.acknowledged).toEqual(recording.acknowledged);
      expectSameOpenings(replayed, recording);
      expect(Buffer.from(replayed.rig.streams.pair.text, "latin1").toString()).toBe(output);
      expect(replayed.rig.end).toMatchObject({ kind: "closed", reason: "" });
      expect(replayed.rig.clock.pending).toBe(0);
    });
  }

  test("shell-kms, decrypted", async () => {
    const recording = new Recording("shell-kms");
    const kms = recording.frames.find(({ from }) => from === "kms");
    const dataKey = Buffer.from(kms?.plaintextKey ?? "", "base64");
    const recordedResponse = recording.inputs[0]?.message.payload as Uint8Array;
    const recordedResult = decodeHandshakeResponse(recordedResponse).actions[1]?.result as Record<
      string,
      string
    >;
    const asked: unknown[] = [];
    const agent = createCipher({ dataKey, role: "agent", noncePrefix: new Uint8Array(4) });
    const plain = ({ message }: RecordedMessage): unknown => {
      const { payloadType, payload } = message;
      if (payloadType === PayloadType.output) return Buffer.from(agent.decrypt(payload)).toString();
      if (payloadType === PayloadType.encChallengeResponse) {
        return Buffer.from(agent.decrypt(decodeChallenge(payload))).toString("hex");
      }
      if (payloadType === PayloadType.handshakeResponse) {
        // The recorded client sends a hash of nothing, and knows no acknowledgement of the challenge.
        return decodeHandshakeResponse(payload).actions.map(({ result, ...rest }) => ({
          ...rest,
          key: (result as Record<string, string> | null)?.["KMSCipherTextKey"],
        }));
      }
      return Buffer.from(payload).toString();
    };
    const client = createCipher({ dataKey, role: "agent", noncePrefix: new Uint8Array(4) });
    const replayed = await replay(recording, {
      typed: (payload) => client.decrypt(payload),
      world: {
        keys: {
          target: kms?.encryptionContext?.["aws:ssm:TargetId"] ?? "",
          generate: (keyId, context) => {
            asked.push([keyId, Object.keys(context)]);
            return Promise.resolve({
              plaintext: dataKey,
              ciphertext: Buffer.from(recordedResult["KMSCipherTextKey"] ?? "", "base64"),
            });
          },
          randomBytes: (count) => new Uint8Array(count).fill(3),
        },
      },
    });
    const types = (messages: readonly RecordedMessage[]): number[] =>
      messages.map(({ message }) => message.payloadType);
    expect(types(replayed.inputs)).toEqual(types(recording.inputs));
    expect(replayed.inputs.map(plain)).toEqual(recording.inputs.map(plain));
    expect(replayed.acknowledged).toEqual(recording.acknowledged);
    expect(replayed.rig.streams.pair.text).toBe("$ echo secret\r\nsecret\r\n$ exit\r\n");
    expect(replayed.rig.seen[0]).toBe("message This session is encrypted using AWS KMS.");
    expect(asked).toHaveLength(1);
  });
});

/** The streams in these messages: their bytes, and the order of SYN and FIN. */
function streams(messages: readonly RecordedMessage[]): { order: string[]; bytes: Record<number, string> } {
  const order: string[] = [];
  const bytes: Record<number, string> = {};
  forEachStreamEvent(messages, {
    opened: (streamId) => order.push(`SYN ${streamId}`),
    data: (streamId, data) => {
      bytes[streamId] = (bytes[streamId] ?? "") + Buffer.from(data).toString("latin1");
    },
    finished: (streamId) => order.push(`FIN ${streamId}`),
  });
  return { order, bytes };
}

/** Everything that is no tunnel data, in order. */
function control(messages: readonly RecordedMessage[]): unknown[] {
  return messages
    .filter(({ message }) => message.payloadType !== PayloadType.output)
    .map(comparable)
    .map(({ sequenceNumber: _, ...rest }) => rest);
}

describe("ports: the same bytes on each stream, the same order of SYN and FIN", () => {
  const settings = { lingerMs: 0 };

  test("port-mux", async () => {
    const recording = new Recording("port-mux");
    const replayed = await replay(recording, { settings });
    expect(streams(replayed.inputs)).toEqual(streams(recording.inputs));
    expect(streams(recording.inputs).order).toEqual(["SYN 3", "SYN 5", "FIN 3", "FIN 5"]);
    expect(control(replayed.inputs)).toEqual(control(recording.inputs));
    // The recorded client's acknowledgements were lost on purpose from the third on; ours come, and come again.
    expect(replayed.acknowledged).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expectSameOpenings(replayed, recording);
    expect(replayed.rig.session.stats.duplicateMessages).toBe(3);
  });

  for (const [name, earlier] of [
    ["port-mux-resume", undefined],
    ["port-mux-resume, typed during the cut", [400, 2_000]],
  ] as const) {
    test(name, async () => {
      const recording = new Recording("port-mux-resume");
      const replayed = await replay(recording, {
        settings,
        cutAtMs: 300,
        ...(earlier === undefined ? {} : { earlier }),
      });
      expect(streams(replayed.inputs)).toEqual(streams(recording.inputs));
      expect(streams(recording.inputs)).toEqual({ order: ["SYN 3"], bytes: { 3: "beforeafter" } });
      expect(control(replayed.inputs)).toEqual(control(recording.inputs));
      expect(replayed.acknowledged).toEqual(recording.acknowledged);
      expectSameOpenings(replayed, recording);
      const [first, second] = replayed.openings.map((text) => JSON.parse(text) as Record<string, string>);
      expect(second?.["ClientId"]).toBe(first?.["ClientId"] as string);
      expect(second?.["TokenValue"]).not.toBe(first?.["TokenValue"] as string);
      expect(replayed.rig.end).toEqual({ kind: "terminated", exitCode: undefined });
    });
  }

  test("ssh-stdio", async () => {
    const recording = new Recording("ssh-stdio");
    const replayed = await replay(recording, { settings });
    expect(replayed.inputs.map(comparable)).toEqual(recording.inputs.map(comparable));
    expect(replayed.acknowledged).toEqual(recording.acknowledged);
    expectSameOpenings(replayed, recording);
    expect(replayed.rig.streams.pair.text).toBe("SSH-2.0-test\r\n");
  });
});
