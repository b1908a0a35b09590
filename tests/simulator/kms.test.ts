/** The stand-in's KMS as the SDK sees it: keys, data keys, contexts, refusals. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";

import { DecryptCommand, GenerateDataKeyCommand, KMSClient } from "@aws-sdk/client-kms";

import { DEFAULT_KMS_KEY, type Simulator, startSimulator } from "../../src/simulator/index.ts";

const OFF = "arn:aws:kms:us-east-1:111122223333:key/off";
const DENIED = "arn:aws:kms:us-east-1:111122223333:key/denied";

let simulator: Simulator;
let kms: KMSClient;

beforeAll(async () => {
  simulator = await startSimulator({
    kmsKeys: { [DEFAULT_KMS_KEY]: "Enabled", [OFF]: "Disabled", [DENIED]: "Enabled" },
    denied: [{ operation: "GenerateDataKey", target: DENIED }],
  });
  const { region, url, credentials } = simulator;
  kms = new KMSClient({ region, endpoint: url, credentials });
});

afterAll(async () => {
  kms.destroy();
  await simulator.stop();
});

const generate = (KeyId: string, EncryptionContext: Record<string, string> = {}) =>
  kms.send(new GenerateDataKeyCommand({ KeyId, NumberOfBytes: 64, EncryptionContext }));

async function refusal(call: Promise<unknown>): Promise<string> {
  return await call.then(
    () => "none",
    (error: unknown) => (error instanceof Error ? `${error.name}: ${error.message}` : "?"),
  );
}

describe("the stand-in's KMS", () => {
  test("opens a data key in its own context only", async () => {
    const { Plaintext, CiphertextBlob, KeyId } = await generate(DEFAULT_KMS_KEY, { one: "1", two: "2" });
    expect(KeyId).toBe(DEFAULT_KMS_KEY);
    expect(Plaintext?.length).toBe(64);
    const open = (EncryptionContext: Record<string, string>) =>
      kms.send(new DecryptCommand({ CiphertextBlob, EncryptionContext }));
    const opened = await open({ two: "2", one: "1" });
    expect(opened.Plaintext).toEqual(Plaintext as Uint8Array<ArrayBuffer>);
    for (const context of [{}, { one: "1" }, { one: "1", two: "3" }, { one: "1", two: "2", three: "3" }])
      expect(await refusal(open(context))).toStartWith("InvalidCiphertextException");
  });

  test("opens nothing that was changed", async () => {
    const { CiphertextBlob = new Uint8Array() } = await generate(DEFAULT_KMS_KEY);
    for (const at of [0, 20, CiphertextBlob.length - 1]) {
      const changed = Uint8Array.from(CiphertextBlob, (byte, index) => (index === at ? byte ^ 1 : byte));
      expect(await refusal(kms.send(new DecryptCommand({ CiphertextBlob: changed })))).toStartWith(
        "InvalidCiphertextException",
      );
    }
  });

  test("takes a key by its id, and makes another data key each time", async () => {
    const id = DEFAULT_KMS_KEY.split("/").at(-1) ?? "";
    const [one, other] = await Promise.all([generate(id), generate(id)]);
    expect(Buffer.from(one.Plaintext ?? []).equals(other.Plaintext ?? new Uint8Array())).toBe(false);
  });

  test("refuses as KMS does", async () => {
    expect(await refusal(generate(OFF))).toBe(`DisabledException: ${OFF} is disabled.`);
    expect(await refusal(generate("none"))).toBe("NotFoundException: Key 'none' does not exist");
    expect(await refusal(generate(DENIED))).toMatch(
      /^AccessDeniedException: User: \S+ is not authorized to perform: kms:GenerateDataKey on resource: /,
    );
  });

  test("checks the signature", async () => {
    const { region, url } = simulator;
    const stranger = new KMSClient({
      region,
      endpoint: url,
      credentials: { accessKeyId: "AKIAAAAAAAAAAAAAAAAA", secretAccessKey: "s" },
    });
    expect(
      await refusal(stranger.send(new GenerateDataKeyCommand({ KeyId: DEFAULT_KMS_KEY, NumberOfBytes: 64 }))),
    ).toStartWith("UnrecognizedClientException");
    stranger.destroy();
  });
});
