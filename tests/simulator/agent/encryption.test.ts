/** The agent's half of encrypted sessions, with a client that does the cryptography by itself. */
import { describe, expect, test } from "bun:test";
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";

import type { AgentKms } from "../../../src/simulator/contract.ts";
import { waitFor } from "../../support/wait-for.ts";
import { NaiveClient, type NaiveOptions } from "./naive-client.ts";

const KEY_ID = "arn:aws:kms:us-east-1:111122223333:key/k";
const SHELL = { sessionType: "Standard_Stream" } as const;
const dataKey = randomBytes(64);
const BLOB = Buffer.from("blob").toString("base64");

/** KMS that opens the one blob in a context that the test looks at. */
function kmsThat(see: (context: Readonly<Record<string, string>>) => void = () => undefined): AgentKms {
  return {
    targetId: "i-1",
    decrypt(ciphertext, context) {
      if (Buffer.from(ciphertext).toString() !== "blob") throw new Error("wrong blob");
      see(context);
      return dataKey;
    },
  };
}

/** As the client: the first half of the key opens. */
function open(message: Uint8Array): Buffer {
  const bytes = Buffer.from(message);
  const decipher = createDecipheriv("aes-256-gcm", dataKey.subarray(0, 32), bytes.subarray(0, 12));
  decipher.setAuthTag(bytes.subarray(-16));
  return Buffer.concat([decipher.update(bytes.subarray(12, -16)), decipher.final()]);
}

/** As the client: the second half of the key closes. */
function close(plain: Uint8Array | string): Buffer {
  const nonce = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", dataKey.subarray(32), nonce);
  return Buffer.concat([nonce, cipher.update(Buffer.from(plain)), cipher.final(), cipher.getAuthTag()]);
}

/** Starts a session and answers its HandshakeRequest; `result` may differ from what a right client sends. */
async function answered(
  result: (challenge: string | undefined) => unknown,
  naive: NaiveOptions = {},
): Promise<NaiveClient> {
  const client = new NaiveClient(SHELL, {
    handshake: false,
    kms: kmsThat(),
    ...naive,
    options: { encryption: { keyId: KEY_ID }, ...naive.options },
  });
  await client.see("AgentVersion", 5);
  const [, kms] = (JSON.parse(client.text(5)) as { RequestedClientActions: unknown[] })
    .RequestedClientActions;
  const { KMSKeyId, Challenge } = (kms as { ActionParameters: Record<string, string> }).ActionParameters;
  expect(KMSKeyId).toBe(KEY_ID);
  client.send(
    6,
    JSON.stringify({
      ClientVersion: "1.3.0",
      ProcessedClientActions: [
        { ActionType: "SessionType", ActionStatus: 1, ActionResult: null, Error: "" },
        { ActionType: "KMSEncryption", ActionStatus: 1, ActionResult: result(Challenge), Error: "" },
      ],
      Errors: null,
    }),
  );
  return client;
}

const acknowledged = { KMSCipherTextKey: BLOB, ChallengeAcknowledgement: true };

async function challengeOf(client: NaiveClient): Promise<Buffer> {
  await client.see("Challenge", 8);
  return open(Buffer.from((JSON.parse(client.text(8)) as { Challenge: string }).Challenge, "base64"));
}

const challengeResponse = (plain: Uint8Array): string =>
  JSON.stringify({ Challenge: close(plain).toString("base64") });

describe.concurrent("an encrypted session at the agent", () => {
  test("shell: challenge, message, output and input encrypted, sizes not", async () => {
    let context: Readonly<Record<string, string>> = {};
    let asked: string | undefined;
    const client = await answered(
      (challenge) => {
        asked = challenge;
        return acknowledged;
      },
      { kms: kmsThat((seen) => (context = seen)) },
    );
    client.send(9, challengeResponse(await challengeOf(client)));
    await client.see("This session is encrypted using AWS KMS.", 7);
    expect(Buffer.from(asked ?? "", "base64").length).toBe(16);
    expect(context).toEqual({
      "aws:ssm:SessionId": "session-1",
      "aws:ssm:TargetId": "i-1",
      "aws:ssm:RandomChallenge": asked ?? "",
    });
    // Until the shell takes its first input it does not acknowledge.
    const typed = client.send(1, close("stty -echo; echo hel''lo; stty size; exit\n"));
    const output = (): string =>
      [...client.messages.values()]
        .filter(({ payloadType }) => payloadType === 1)
        .map(({ payload }) => open(payload).toString())
        .join("");
    const repeat = setInterval(() => client.deliver(typed), 20);
    try {
      await client.finish();
    } finally {
      clearInterval(repeat);
    }
    expect(output()).toContain("hello\r\n");
  });

  test("a client that does not know the challenge is taken, unless it is required", async () => {
    let context: Readonly<Record<string, string>> = {};
    const old = await answered(() => ({ KMSCipherTextKey: BLOB }), {
      kms: kmsThat((seen) => (context = seen)),
    });
    old.send(9, challengeResponse(await challengeOf(old)));
    await old.see("encrypted", 7);
    expect(Object.keys(context)).toEqual(["aws:ssm:SessionId", "aws:ssm:TargetId"]);

    const refused = await answered(() => ({ KMSCipherTextKey: BLOB }), {
      options: { encryption: { keyId: KEY_ID, requireChallenge: true } },
    });
    expect(await refused.finish()).toBe(
      "Encountered error while initiating handshake. " +
        "client does not support required encryption context random challenge",
    );
  });

  test("a challenge that comes back otherwise ends the session", async () => {
    for (const answer of [
      () => challengeResponse(randomBytes(64)),
      // In the clear, that is: not encrypted by whoever has the key.
      (challenge: Buffer) => JSON.stringify({ Challenge: challenge.toString("base64") }),
    ]) {
      const client = await answered(() => acknowledged);
      client.send(9, answer(await challengeOf(client)));
      expect(await client.finish()).toContain("Encryption challenge does not match.");
    }
  });

  test("a data key that KMS does not open, or none, ends the session", async () => {
    const wrong = await answered(() => ({ ...acknowledged, KMSCipherTextKey: "QUJD" }));
    expect(await wrong.finish()).toContain("Fetching data key failed: ");
    const none = await answered(() => null);
    expect(await none.finish()).toContain("the client sent no encrypted data key");
  });

  test("input that cannot be decrypted is not acknowledged", async () => {
    const client = await answered(() => acknowledged);
    client.send(9, challengeResponse(await challengeOf(client)));
    await client.see("encrypted", 7);
    const sequence = client.nextSequence;
    const repeat = setInterval(() => client.send(1, "in the clear", sequence), 10);
    try {
      await waitFor(() => client.logs.some((line) => line.startsWith("input-undecryptable")), {
        what: "the agent's complaint",
      });
    } finally {
      clearInterval(repeat);
    }
    expect(client.acknowledged).not.toContain(sequence);
    // Nothing is lost by it: the right message in its place is taken.
    client.send(1, close("exit\n"), sequence);
    await client.acked(sequence);
    await client.finish();
  });
});
