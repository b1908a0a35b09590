/**
 * Agrees on the keys of an encrypted session: asks for a data key and turns it into the channel's cipher and the
 * answer for the agent. The keys live here and in the cipher only; nothing of them is logged.
 */
import { createCipher, NONCE_PREFIX_BYTES } from "../encryption/index.ts";
import type { DataKeySource } from "./seams.ts";

/** What comes out: how to encrypt, and what to tell the agent. */
export interface AgreedKey {
  readonly cipher: ReturnType<typeof createCipher>;
  /** ActionResult of the KMSEncryption action. */
  readonly actionResult: Readonly<Record<string, unknown>>;
}

/**
 * Gets a data key for a session. The encryption context binds it to session and target, and to the agent's challenge
 * where there is one, which the agent checks when it decrypts the key.
 * Rejects with an error whose text is fit for the user and for the agent.
 */
export async function agreeOnKey(
  source: DataKeySource,
  sessionId: string,
  request: { readonly keyId: string; readonly challenge?: string },
): Promise<AgreedKey> {
  if (source.refusal !== undefined) throw new Error(source.refusal);
  const { challenge } = request;
  const key = await source.generate(request.keyId, {
    "aws:ssm:SessionId": sessionId,
    "aws:ssm:TargetId": source.target,
    ...(challenge === undefined ? {} : { "aws:ssm:RandomChallenge": challenge }),
  });
  return {
    cipher: createCipher({
      dataKey: key.plaintext,
      role: "client",
      noncePrefix: source.randomBytes(NONCE_PREFIX_BYTES),
    }),
    actionResult: {
      KMSCipherTextKey: Buffer.from(key.ciphertext).toString("base64"),
      ...(challenge === undefined ? {} : { ChallengeAcknowledgement: true }),
    },
  };
}
