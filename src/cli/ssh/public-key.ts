/** Public keys as OpenSSH writes them into `.pub` files: read, checked, named by their fingerprint. Nothing secret. */
import { readFile } from "node:fs/promises";

import { codeOf } from "../messages.ts";
import { SshFileError } from "./errors.ts";

/** A public key. */
export interface PublicKey {
  /** Type and key as they stand in authorized_keys; no options, no comment, nothing that is not of the key. */
  readonly line: string;
  /** `SHA256:…`, as ssh shows it. */
  readonly fingerprint: string;
}

/** No `.pub` file comes near it. */
const MAX_CHARACTERS = 65_536;

const KEY =
  /^((?:ssh-(?:ed25519|rsa)|ecdsa-sha2-nistp(?:256|384|521)|sk-(?:ssh-ed25519|ecdsa-sha2-nistp256)@openssh\.com)(?:-cert-v01@openssh\.com)?) ([A-Za-z0-9+/]+={0,2})(?:\s.*)?$/;

/** Reads the one key of a file. @throws SshFileError */
export async function readPublicKey(path: string): Promise<PublicKey> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (cause) {
    const missing = codeOf(cause) === "ENOENT";
    const rule = missing
      ? "does not exist; a pair is made by: session-manager-plugin ssh-config --names --push-key"
      : `cannot be read: ${codeOf(cause) ?? String(cause)}`;
    throw new SshFileError(path, rule, { cause });
  }
  if (text.includes("PRIVATE KEY")) {
    throw new SshFileError(path, "is a private key, which stays here; name its public half, the .pub file");
  }
  const lines = text
    .slice(0, MAX_CHARACTERS)
    .split(/\r?\n/)
    .filter((line) => !/^\s*(?:#|$)/.test(line));
  const [line = ""] = lines;
  const key = lines.length === 1 ? parsePublicKey(line) : undefined;
  if (key === undefined) throw new SshFileError(path, "is no file with one public key of OpenSSH in it");
  return key;
}

/** A line of a `.pub` file; undefined when it is none. */
export function parsePublicKey(line: string): PublicKey | undefined {
  const [, type = "", base64 = ""] = KEY.exec(line) ?? [];
  const blob = Buffer.from(base64, "base64");
  // The key names its own type once more, behind the length of that name.
  const length = blob.length < 4 ? 0 : blob.readUInt32BE(0);
  if (type === "" || blob.toString("latin1", 4, 4 + length) !== type) return undefined;
  const digest = new Bun.CryptoHasher("sha256").update(blob).digest("base64").replace(/=+$/, "");
  return { line: `${type} ${base64}`, fingerprint: `SHA256:${digest}` };
}
