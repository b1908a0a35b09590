/**
 * The one call to KMS: the data key that encrypts a session. The SDK is loaded when it is made and not before.
 * What the key encrypts and with which context it is asked for is the session's business.
 */

import { clientOptions, DEFAULT_CALL_TIMEOUT_MS, type ServiceOptions } from "./client-options.ts";
import { KeyUnusableError, RefusedCallError } from "./errors.ts";
import { awsCodeOf, messageOf, readCall, toCallError } from "./service-errors.ts";

/** Bytes of a session's data key. */
const DATA_KEY_BYTES = 64;

const ACTION = "kms:GenerateDataKey";

/** Which data key is wanted. */
export interface DataKeyRequest {
  /** Id, ARN or alias of the KMS key, as the agent names it. */
  readonly keyId: string;
  /** Goes into the key's policy checks and must be the same at the agent's Decrypt. */
  readonly encryptionContext: Readonly<Record<string, string>>;
}

/** A data key. */
export interface DataKey {
  /** The 64 plain bytes. Secret. */
  readonly plaintext: Uint8Array;
  /** The same, encrypted by KMS; the agent decrypts it. */
  readonly ciphertext: Uint8Array;
}

/** KMS, as far as a session uses it. */
export interface Kms {
  /**
   * Rejects with an error of this room, whose text is fit for the user and for the agent: KeyUnusableError,
   * AccessDeniedError, ThrottledError and the like.
   */
  generateDataKey(request: DataKeyRequest): Promise<DataKey>;
}

/** What is wrong with a key, by AWS's name for it. */
const UNUSABLE: Readonly<Record<string, (said: string, region: string) => string>> = {
  DisabledException: () => "is disabled. Enable it, or choose another one in the Session Manager preferences",
  NotFoundException: (_, region) =>
    `does not exist in ${region}. Choose another one in the Session Manager preferences`,
  KMSInvalidStateException: (said) => `cannot be used in its present state: ${said}`,
  InvalidKeyUsageException: () =>
    "is not for encryption. A symmetric key for encryption and decryption is needed",
  InvalidGrantTokenException: (said) => `cannot be used: ${said}`,
};

/** Makes the client. KMS has an endpoint of its own: SSM's must not be passed in. */
export function createKms(options: ServiceOptions): Kms {
  return {
    async generateDataKey({ keyId, encryptionContext }) {
      const { profile, region, timeoutMs = DEFAULT_CALL_TIMEOUT_MS } = options;
      try {
        const { GenerateDataKeyCommand, KMSClient } = await import("@aws-sdk/client-kms");
        const client = new KMSClient(await clientOptions("kms", options));
        const { CiphertextBlob: ciphertext, Plaintext: plaintext } = await client.send(
          new GenerateDataKeyCommand({
            KeyId: keyId,
            NumberOfBytes: DATA_KEY_BYTES,
            EncryptionContext: { ...encryptionContext },
          }),
          { abortSignal: AbortSignal.timeout(timeoutMs) },
        );
        if (plaintext?.length !== DATA_KEY_BYTES || ciphertext === undefined || ciphertext.length === 0)
          throw new RefusedCallError({ action: ACTION }, "the answer has no data key of 64 bytes in it");
        return { plaintext, ciphertext };
      } catch (error) {
        const rule = UNUSABLE[awsCodeOf(error) ?? ""];
        if (rule !== undefined)
          throw new KeyUnusableError(readCall(error, ACTION), keyId, rule(messageOf(error), region), {
            cause: error,
          });
        throw toCallError(error, { action: ACTION, ...(profile === undefined ? {} : { profile }) });
      }
    },
  };
}
