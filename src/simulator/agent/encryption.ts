/**
 * The agent's half of an encrypted session: what it asks for in the handshake, the data key it gets decrypted, the
 * challenge that proves that both have the same one, and the payloads afterwards. It sends nothing itself.
 */
import { randomBytes } from "node:crypto";

import { type Cipher, createCipher, NONCE_PREFIX_BYTES } from "../../encryption/index.ts";
import { ActionType, decodeChallenge, encodeChallenge, PayloadType } from "../../protocol/index.ts";
import type { RequestedAction } from "../../protocol/index.ts";
import type { AgentKms, AgentOptions, AgentTask } from "../contract.ts";

/** What the agent says to the user of an encrypted session. */
export const ENCRYPTED_MESSAGE = "This session is encrypted using AWS KMS.";

/** Said to a client that must acknowledge the random challenge and does not. */
const CHALLENGE_REQUIRED = "client does not support required encryption context random challenge";

/** Bytes of the challenge in the encryption context, and of the one under the new keys. */
const CONTEXT_CHALLENGE_BYTES = 16;
const KEY_CHALLENGE_BYTES = 64;

/** Payload types that are encrypted from the agent to the client. */
const ENCRYPTED_OUTPUT: ReadonlySet<number> = new Set([
  PayloadType.output,
  PayloadType.stdErr,
  PayloadType.exitCode,
]);

/** The key that a session is to be encrypted with; undefined: none. Ports never are. */
export function encryptionKeyId(task: AgentTask, options: AgentOptions): string | undefined {
  return task.sessionType === "Port" ? undefined : (task.kmsKeyId ?? options.encryption?.keyId);
}

/** Everything an encryption is made from. */
export interface EncryptionParts {
  readonly keyId: string;
  readonly sessionId: string;
  readonly options: AgentOptions["encryption"];
  readonly kms: AgentKms;
}

/** Encryption of one session at the agent. */
export class AgentEncryption {
  readonly #parts: EncryptionParts;
  /** Base64; empty for an agent that sends none. */
  readonly #contextChallenge: string;
  readonly #keyChallenge = randomBytes(KEY_CHALLENGE_BYTES);
  #dataKey: Uint8Array | undefined;
  #outbound: Cipher | undefined;
  /** One of its own: a cipher that has failed to decrypt is good for nothing more, and the agent goes on. */
  #inbound: Cipher | undefined;

  constructor(parts: EncryptionParts) {
    this.#parts = parts;
    this.#contextChallenge =
      parts.options?.challenge === false ? "" : randomBytes(CONTEXT_CHALLENGE_BYTES).toString("base64");
  }

  /** The action for the HandshakeRequest. */
  get action(): RequestedAction {
    return {
      actionType: ActionType.kmsEncryption,
      parameters: {
        KMSKeyId: this.#parts.keyId,
        ...(this.#contextChallenge === "" ? {} : { Challenge: this.#contextChallenge }),
      },
    };
  }

  /**
   * Takes the client's result of the action: the data key. Returns the EncChallengeRequest.
   * @throws Error with the reason for which the handshake fails
   */
  accept(result: unknown): Uint8Array {
    const { sessionId, kms, options } = this.#parts;
    const blob = member(result, "KMSCipherTextKey");
    if (typeof blob !== "string" || blob === "") throw new Error("the client sent no encrypted data key");
    const acknowledged = this.#contextChallenge !== "" && member(result, "ChallengeAcknowledgement") === true;
    if (options?.requireChallenge === true && !acknowledged) throw new Error(CHALLENGE_REQUIRED);
    this.#dataKey = this.#decryptKey(Buffer.from(blob, "base64"), {
      "aws:ssm:SessionId": sessionId,
      "aws:ssm:TargetId": kms.targetId,
      ...(acknowledged ? { "aws:ssm:RandomChallenge": this.#contextChallenge } : {}),
    });
    this.#outbound = newCipher(this.#dataKey);
    this.#inbound = newCipher(this.#dataKey);
    return encodeChallenge(this.#outbound.encrypt(this.#keyChallenge));
  }

  /** Whether an EncChallengeResponse proves that the client has the key. */
  proves(payload: Uint8Array): boolean {
    try {
      const answer = this.#inbound?.decrypt(decodeChallenge(payload));
      return answer !== undefined && this.#keyChallenge.equals(answer);
    } catch {
      return false;
    }
  }

  /** A payload for the client as it goes on the wire. */
  outbound(payloadType: number, payload: Uint8Array): Uint8Array {
    return this.#outbound !== undefined && ENCRYPTED_OUTPUT.has(payloadType)
      ? this.#outbound.encrypt(payload)
      : payload;
  }

  /** A payload of the client as it was before encryption. @throws DecryptionError */
  inbound(payloadType: number, payload: Uint8Array): Uint8Array {
    if (this.#inbound === undefined || payloadType !== PayloadType.output) return payload;
    try {
      return this.#inbound.decrypt(payload);
    } catch (error) {
      if (this.#dataKey !== undefined) this.#inbound = newCipher(this.#dataKey);
      throw error;
    }
  }

  #decryptKey(blob: Uint8Array, context: Readonly<Record<string, string>>): Uint8Array {
    try {
      return this.#parts.kms.decrypt(blob, context);
    } catch (error) {
      const { name, message } = error as Error;
      const type = member(error, "type");
      const said = `${typeof type === "string" ? type : name}: ${message}`;
      throw new Error(
        `Fetching data key failed: Unable to retrieve data key, Error when decrypting data key ${said}`,
        { cause: error },
      );
    }
  }
}

function newCipher(dataKey: Uint8Array): Cipher {
  return createCipher({ dataKey, role: "agent", noncePrefix: randomBytes(NONCE_PREFIX_BYTES) });
}

function member(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null
    ? (value as Readonly<Record<string, unknown>>)[name]
    : undefined;
}
