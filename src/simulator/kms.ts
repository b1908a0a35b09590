/**
 * The stand-in's KMS: keys, data keys and their decryption. A data key's blob is encrypted under a secret of this run
 * together with the encryption context, so that only the same context opens it, as with the real one.
 */
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";

import { ApiError } from "./errors.ts";
import { accessDenied, isDenied } from "./permissions.ts";
import type { RequestOf } from "./requests.ts";
import type { World } from "./world.ts";

type Context = Readonly<Record<string, string>>;

const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const ALGORITHM = "aes-256-gcm";
/** Under which all blobs of this process are encrypted. */
const SECRET = randomBytes(32);

/** A data key in both forms. @throws ApiError as KMS refuses */
export function generateDataKey(world: World, request: RequestOf<"GenerateDataKey">): unknown {
  const keyId = usableKey(world, "GenerateDataKey", request.KeyId);
  const bytes = request.NumberOfBytes ?? (request.KeySpec === "AES_128" ? 16 : 32);
  const plaintext = randomBytes(bytes);
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(ALGORITHM, SECRET, nonce).setAAD(bound(request.EncryptionContext ?? {}));
  const name = Buffer.from(keyId, "utf8");
  const content = Buffer.concat([Uint8Array.of(name.length), name, plaintext]);
  const blob = Buffer.concat([nonce, cipher.update(content), cipher.final(), cipher.getAuthTag()]);
  return {
    KeyId: keyId,
    Plaintext: plaintext.toString("base64"),
    CiphertextBlob: blob.toString("base64"),
  };
}

/** Opens a blob. @throws ApiError InvalidCiphertextException for another context or blob; as KMS refuses */
export function decryptDataKey(world: World, blob: Uint8Array, context: Context): Uint8Array {
  let content: Buffer;
  try {
    const tagAt = blob.length - TAG_BYTES;
    const decipher = createDecipheriv(ALGORITHM, SECRET, blob.subarray(0, NONCE_BYTES));
    decipher.setAAD(bound(context)).setAuthTag(blob.subarray(tagAt));
    content = Buffer.concat([decipher.update(blob.subarray(NONCE_BYTES, tagAt)), decipher.final()]);
  } catch {
    throw new ApiError("InvalidCiphertextException", "");
  }
  const nameEnd = 1 + (content[0] ?? 0);
  usableKey(world, "Decrypt", content.toString("utf8", 1, nameEnd));
  return content.subarray(nameEnd);
}

/** The Decrypt call. */
export function decrypt(world: World, request: RequestOf<"Decrypt">): unknown {
  const blob = Buffer.from(request.CiphertextBlob, "base64");
  const plaintext = decryptDataKey(world, blob, request.EncryptionContext ?? {});
  return { Plaintext: Buffer.from(plaintext).toString("base64") };
}

/** The key's ARN. */
function usableKey(world: World, operation: string, keyId: string): string {
  const found = [...world.kmsKeys].find(([arn]) => arn === keyId || arn.endsWith(`/${keyId}`));
  if (found === undefined) throw new ApiError("NotFoundException", `Key '${keyId}' does not exist`);
  const [arn, state] = found;
  if (isDenied(world, operation, arn)) throw accessDenied(`kms:${operation}`, arn);
  if (state === "Disabled") throw new ApiError("DisabledException", `${arn} is disabled.`);
  if (state === "PendingDeletion")
    throw new ApiError("KMSInvalidStateException", `${arn} is pending deletion.`);
  return arn;
}

/** A context as bytes, whatever the order of its members. */
function bound(context: Context): Buffer {
  return Buffer.from(
    JSON.stringify(Object.entries(context).toSorted(([one], [other]) => (one < other ? -1 : 1))),
    "utf8",
  );
}
