/** Home directories with AWS's configuration files in them, one for each test that needs its own. */
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

import type { SimulatorCredentials } from "../../../src/simulator/index.ts";
import { temporaryDirectory } from "../../support/environment.ts";

/** A home directory of a test. */
export interface Home {
  readonly path: string;
  /** Writes `~/.aws/NAME`. */
  write(name: string, text: string): void;
  /** Writes a program that prints a text, and returns its path. */
  program(name: string, prints: string): string;
}

/** Makes one, with these files in `~/.aws`. */
export function createHome(files: Readonly<Record<string, string>> = {}): Home {
  const path = temporaryDirectory("home");
  const home: Home = {
    path,
    write(name, text) {
      const file = join(path, ".aws", name);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, text, { mode: 0o600 });
    },
    program(name, prints) {
      const file = join(path, name);
      writeFileSync(file, `#!/bin/sh\ncat <<'TEXT'\n${prints}\nTEXT\n`);
      chmodSync(file, 0o755);
      return file;
    },
  };
  for (const [name, text] of Object.entries(files)) home.write(name, text);
  return home;
}

/** A section of the credentials file. */
export function keysOf(profile: string, credentials: SimulatorCredentials): string {
  const { accessKeyId, secretAccessKey, sessionToken } = credentials;
  return [
    `[${profile}]`,
    `aws_access_key_id = ${accessKeyId}`,
    `aws_secret_access_key = ${secretAccessKey}`,
    ...(sessionToken === undefined ? [] : [`aws_session_token = ${sessionToken}`]),
    "",
  ].join("\n");
}

/** Credentials of the usual form. @param letter makes one pair different from another */
export function someCredentials(letter: string): SimulatorCredentials {
  return {
    accessKeyId: `ASIA${letter.repeat(16)}`,
    secretAccessKey: letter.toLowerCase().repeat(40),
    sessionToken: `token-${letter}`,
  };
}
