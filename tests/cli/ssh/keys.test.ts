/** Keys that are made and read here, against OpenSSH's own programs. */
import { describe, expect, test } from "bun:test";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { createKeyPair } from "../../../src/cli/ssh/key-pair.ts";
import { readPublicKey } from "../../../src/cli/ssh/public-key.ts";
import { temporaryDirectory } from "../../support/environment.ts";
import { run } from "../../support/processes.ts";
import { needs } from "../../support/programs.ts";

const directory = temporaryDirectory("keys");

/** Writes a file and gives its path. */
function file(name: string, text: string): string {
  const path = join(directory, name);
  writeFileSync(path, text);
  chmodSync(path, 0o600);
  return path;
}

needs("ssh-keygen").describe("a pair that is made here", () => {
  test("is one to ssh-keygen, and never the same", async () => {
    const pair = createKeyPair();
    const path = file("made", pair.privateKey);
    const [made, shown] = await Promise.all([
      run(["ssh-keygen", "-y", "-f", path]),
      run(["ssh-keygen", "-l", "-f", file("made.pub", pair.publicKey)]),
    ]);
    expect(made).toMatchObject({ stdout: pair.publicKey, stderr: "", exitCode: 0 });
    const key = await readPublicKey(join(directory, "made.pub"));
    expect(shown.stdout).toBe(`256 ${key.fingerprint} session-manager-plugin (ED25519)\n`);
    expect(createKeyPair().privateKey).not.toBe(pair.privateKey);
  });

  test.each(["ed25519", "rsa", "ecdsa"])(
    "a public key of type %s is read as it is, without its comment",
    async (type) => {
      const path = join(directory, type);
      await run(["ssh-keygen", "-q", "-t", type, "-N", "", "-C", "me; $(touch x) 'y'", "-f", path]);
      const { line, fingerprint } = await readPublicKey(`${path}.pub`);
      expect(`${line} me; $(touch x) 'y'\n`).toBe(readFileSync(`${path}.pub`, "utf8"));
      expect((await run(["ssh-keygen", "-l", "-f", path])).stdout).toContain(` ${fingerprint} `);
      await expect(readPublicKey(path)).rejects.toThrow(
        /is a private key, which stays here; name its public half/,
      );
    },
  );
});

describe("what is no public key", () => {
  const good = createKeyPair().publicKey;
  test.each([
    ["", /one public key/],
    ["hello\n", /one public key/],
    [good + good, /one public key/],
    [`command="x" ${good}`, /one public key/],
    [good.replace("AAAA", "BBBB"), /one public key/],
    ["ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIA==\n", /one public key/],
    ["ssh-dss AAAAB3NzaC1kc3M=\n", /one public key/],
  ])("%j", async (text, says) => {
    await expect(readPublicKey(file("bad.pub", text))).rejects.toThrow(says);
  });

  test("a file that is not there", async () => {
    await expect(readPublicKey(join(directory, "none.pub"))).rejects.toThrow(
      /none\.pub does not exist; a pair is made by/,
    );
  });
});
