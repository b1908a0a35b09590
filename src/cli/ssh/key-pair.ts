/**
 * A key pair for logins to which the public half is pushed: made anew each time, Ed25519, without a passphrase, in
 * OpenSSH's own format, which every ssh since 2014 reads.
 */
import { generateKeyPairSync, randomBytes } from "node:crypto";

/** Both halves as the text of their files. */
export interface KeyPairText {
  /** Secret. */
  readonly privateKey: string;
  readonly publicKey: string;
}

const TYPE = Buffer.from("ssh-ed25519");
const MAGIC = Buffer.from("openssh-key-v1\0");
const COMMENT = "session-manager-plugin";
/** Of the cipher `none`. */
const BLOCK_BYTES = 8;
const LINE_CHARACTERS = 70;

/** Makes one. */
export function createKeyPair(): KeyPairText {
  const { x = "", d = "" } = generateKeyPairSync("ed25519").privateKey.export({ format: "jwk" });
  const [publicBytes, seed] = [Buffer.from(x, "base64url"), Buffer.from(d, "base64url")];
  const publicBlob = Buffer.concat([framed(TYPE), framed(publicBytes)]);
  // The same number twice shows a reader that it has deciphered well.
  const check = randomBytes(4);
  const secret = [check, check, publicBlob, framed(Buffer.concat([seed, publicBytes])), framed(COMMENT)];
  const file = Buffer.concat([
    MAGIC,
    framed("none"),
    framed("none"),
    framed(""),
    number(1),
    framed(publicBlob),
    framed(padded(Buffer.concat(secret))),
  ]);
  const lines = file.toString("base64").match(new RegExp(`.{1,${LINE_CHARACTERS}}`, "g")) ?? [];
  return {
    privateKey: [
      "-----BEGIN OPENSSH PRIVATE KEY-----",
      ...lines,
      "-----END OPENSSH PRIVATE KEY-----",
      "",
    ].join("\n"),
    publicKey: `ssh-ed25519 ${publicBlob.toString("base64")} ${COMMENT}\n`,
  };
}

function framed(content: string | Buffer): Buffer {
  const bytes = Buffer.from(content);
  return Buffer.concat([number(bytes.length), bytes]);
}

function number(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** Filled up with 1, 2, 3, … */
function padded(bytes: Buffer): Buffer {
  const missing = (BLOCK_BYTES - (bytes.length % BLOCK_BYTES)) % BLOCK_BYTES;
  return Buffer.concat([bytes, Buffer.from(Array.from({ length: missing }, (_, index) => index + 1))]);
}
