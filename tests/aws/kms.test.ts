/** The call to KMS: what is sent, what comes back, and what is said when the key cannot be used. */
import { describe, expect, test } from "bun:test";

import {
  AccessDeniedError,
  createKms,
  KeyUnusableError,
  RefusedCallError,
  ThrottledError,
} from "../../src/aws/index.ts";
import {
  type Answer,
  failureOf,
  fakeAws,
  jsonError,
  restoreEnvironmentAfterEach,
  useEnvironment,
} from "./support.ts";

restoreEnvironmentAfterEach();

const KEY = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd";
const encryptionContext = {
  "aws:ssm:SessionId": "s-1",
  "aws:ssm:TargetId": "i-1",
  "aws:ssm:RandomChallenge": "Y2hhbGxlbmdl",
};
const credentials = { accessKeyId: "AKIA1", secretAccessKey: "s" };

function kmsThatAnswers(answer: Answer) {
  const aws = fakeAws(() => answer);
  // By variable: KMS never gets the endpoint that the AWS CLI names for SSM.
  useEnvironment({ AWS_ENDPOINT_URL_KMS: aws.url, AWS_MAX_ATTEMPTS: "1" });
  return { aws, kms: createKms({ region: "eu-west-1", credentials }) };
}

describe("data key", () => {
  const plain = new Uint8Array(64).fill(7);

  test("is asked for with key, context and size, and comes back as bytes", async () => {
    const { aws, kms } = kmsThatAnswers({
      body: { KeyId: KEY, Plaintext: Buffer.from(plain).toString("base64"), CiphertextBlob: "AQIDBA==" },
    });
    const key = await kms.generateDataKey({ keyId: KEY, encryptionContext });
    expect(Buffer.from(key.plaintext)).toEqual(Buffer.from(plain));
    expect([...key.ciphertext]).toEqual([1, 2, 3, 4]);
    expect(aws.requests[0]?.operation).toBe("GenerateDataKey");
    expect(JSON.parse(aws.requests[0]?.body ?? "")).toEqual({
      KeyId: KEY,
      NumberOfBytes: 64,
      EncryptionContext: encryptionContext,
    });
    expect(aws.requests[0]?.headers.get("authorization")).toContain("/eu-west-1/kms/aws4_request");
  });

  test("of another size, or none, is no answer", async () => {
    for (const body of [
      {},
      { Plaintext: "AAAA", CiphertextBlob: "AQ==" },
      { Plaintext: Buffer.from(plain).toString("base64") },
      { Plaintext: Buffer.from(plain).toString("base64"), CiphertextBlob: "" },
    ]) {
      const error = await failureOf(
        kmsThatAnswers({ body }).kms.generateDataKey({ keyId: KEY, encryptionContext }),
      );
      expect(error).toBeInstanceOf(RefusedCallError);
      expect(error.message).toContain("no data key of 64 bytes");
    }
  });

  for (const [code, status, said, type, retryable, text] of [
    [
      "NotFoundException",
      400,
      "Key not found",
      KeyUnusableError,
      false,
      `the KMS key ${KEY} does not exist in eu-west-1`,
    ],
    ["DisabledException", 400, "disabled", KeyUnusableError, false, `the KMS key ${KEY} is disabled`],
    [
      "KMSInvalidStateException",
      400,
      "is pending deletion.",
      KeyUnusableError,
      false,
      "in its present state: is pending deletion",
    ],
    ["InvalidKeyUsageException", 400, "x", KeyUnusableError, false, "is not for encryption"],
    [
      "AccessDeniedException",
      400,
      "User x is not authorized",
      AccessDeniedError,
      false,
      "AWS denied kms:GenerateDataKey: User x",
    ],
    [
      "ThrottlingException",
      400,
      "Rate exceeded",
      ThrottledError,
      true,
      "AWS is throttling kms:GenerateDataKey",
    ],
  ] as const) {
    test(`${code}: one line with what to do`, async () => {
      const { kms } = kmsThatAnswers(jsonError(status, code, said));
      const error = await failureOf(kms.generateDataKey({ keyId: KEY, encryptionContext }));
      expect(error).toBeInstanceOf(type);
      expect(error.message).toContain(text);
      expect(error.message).not.toContain("\n");
      expect(error.retryable).toBe(retryable);
    });
  }
});
