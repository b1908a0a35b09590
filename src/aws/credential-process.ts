/**
 * Credentials that a program prints: the profile's credential_process. Starts it and reads its JSON.
 * Its output is never logged; what it says on standard error is shown only when it fails, as the AWS CLI does.
 */

import { z } from "zod";

import type { FoundKeys } from "./credential-sources.ts";
import { CredentialSourceError } from "./errors.ts";

const schema = z.object({
  Version: z.literal(1),
  AccessKeyId: z.string().min(1),
  SecretAccessKey: z.string().min(1),
  SessionToken: z.string().nullish(),
  Expiration: z.string().nullish(),
});

/** A program that prints more than this prints something else. */
const MAX_OUTPUT_BYTES = 1024 * 1024;

/**
 * Runs the command with the system's shell, as AWS's SDKs do, and reads what it prints.
 * @param source what it is called in messages
 * @param signal ends the program when nobody waits for it any more
 * @throws CredentialSourceError
 */
export async function runCredentialProcess(
  source: string,
  command: string,
  signal: AbortSignal,
): Promise<FoundKeys> {
  const shell =
    process.platform === "win32" ? ["cmd.exe", "/d", "/s", "/c", command] : ["/bin/sh", "-c", command];
  const child = Bun.spawn(shell, {
    // Without it the child gets the environment of this process's start, a session's token included.
    env: process.env,
    // The terminal belongs to the session; a program that has to ask opens /dev/tty.
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    signal,
    killSignal: "SIGKILL",
    maxBuffer: MAX_OUTPUT_BYTES,
  });
  const [output, errors] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  if (child.exitCode !== 0) throw new CredentialSourceError(source, failure(child, errors));
  return read(source, output);
}

function failure(
  { exitCode, signalCode }: Pick<Bun.Subprocess, "exitCode" | "signalCode">,
  errors: string,
): string {
  const how = exitCode === null ? `it was ended by ${signalCode}` : `it ended with exit code ${exitCode}`;
  const said = errors
    .trim()
    .split(/\s*\n\s*/)
    .join(" | ")
    .slice(0, 300);
  return said === "" ? how : `${how}: ${said}`;
}

function read(source: string, output: string): FoundKeys {
  let value: unknown;
  try {
    value = JSON.parse(output);
  } catch {
    // The cause would repeat the output.
    throw new CredentialSourceError(source, "it printed no JSON");
  }
  const parsed = schema.safeParse(value);
  if (!parsed.success) {
    const fields = [...new Set(parsed.error.issues.map(({ path }) => path.join(".") || "its JSON"))].join(
      ", ",
    );
    throw new CredentialSourceError(source, `what it printed has no good ${fields}`);
  }
  const { AccessKeyId, SecretAccessKey, SessionToken, Expiration } = parsed.data;
  const expiration = Expiration === undefined || Expiration === null ? undefined : new Date(Expiration);
  if (expiration !== undefined && Number.isNaN(expiration.getTime()))
    throw new CredentialSourceError(source, "what it printed has no good Expiration");
  return {
    accessKeyId: AccessKeyId,
    secretAccessKey: SecretAccessKey,
    sessionToken: SessionToken ?? undefined,
    expiration,
  };
}
