/** A recorded session of AWS's own client and agent with KMS: every encrypted payload of both directions opens. */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { type Cipher, createCipher } from "../../src/encryption/index.ts";
import { decodeMessage, MessageType, PayloadType } from "../../src/protocol/index.ts";
import { repositoryRoot } from "../support/environment.ts";

interface RecordedLine {
  readonly from: string;
  readonly hex?: string;
  readonly plaintextKey?: string;
}

const lines = readFileSync(join(repositoryRoot, "tests/fixtures/recordings/shell-kms.jsonl"), "utf8")
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line) as RecordedLine);
const dataKey = Buffer.from(
  lines.find((line) => line.plaintextKey !== undefined)?.plaintextKey ?? "",
  "base64",
);

/** Payloads of one kind from one end, in order and without those sent again. */
function payloads(messageType: string, payloadType: number): Uint8Array[] {
  const bySequence = new Map<number, Uint8Array>();
  for (const { hex } of lines) {
    if (hex === undefined) continue;
    const message = decodeMessage(Buffer.from(hex, "hex"));
    if (message.type === messageType && message.payloadType === payloadType)
      bySequence.set(message.sequenceNumber, message.payload);
  }
  return [...bySequence.values()];
}

function opened(cipher: Cipher, messages: readonly Uint8Array[]): string {
  return Buffer.concat(messages.map((message) => cipher.decrypt(message))).toString();
}

function challenge(messageType: string, payloadType: number): Buffer {
  const [payload] = payloads(messageType, payloadType);
  return Buffer.from(
    (JSON.parse(Buffer.from(payload ?? []).toString()) as { Challenge: string }).Challenge,
    "base64",
  );
}

describe("recorded session shell-kms", () => {
  const client = createCipher({ dataKey, role: "client", noncePrefix: Uint8Array.of(1, 2, 3, 4) });
  const agent = createCipher({ dataKey, role: "agent", noncePrefix: Uint8Array.of(5, 6, 7, 8) });

  test("the client reads what the agent wrote", () => {
    const output = payloads(MessageType.outputStreamData, PayloadType.output);
    expect(output.length).toBeGreaterThan(3);
    expect(opened(client, output)).toBe("$ echo secret\r\nsecret\r\n$ exit\r\n");
  });

  test("the agent reads what the client typed", () => {
    const input = payloads(MessageType.inputStreamData, PayloadType.output);
    expect(input.length).toBeGreaterThan(1);
    expect(opened(agent, input)).toBe("echo secret\rexit\r");
  });

  test("the challenge comes back with the same content under the other half of the key", () => {
    const asked = client.decrypt(challenge(MessageType.outputStreamData, PayloadType.encChallengeRequest));
    const answered = agent.decrypt(challenge(MessageType.inputStreamData, PayloadType.encChallengeResponse));
    expect(asked.length).toBeGreaterThan(0);
    expect(Buffer.from(answered)).toEqual(Buffer.from(asked));
  });
});
