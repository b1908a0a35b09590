/** The certificates of the fixtures, for stand-ins and proxies that speak TLS. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { repositoryRoot } from "../../support/environment.ts";

const directory = join(repositoryRoot, "tests/fixtures/certificates");

/** The authority that has signed the others, as a path. */
export const AUTHORITY = join(directory, "ca.pem");

/** An authority that has signed none of them. */
export const OTHER_AUTHORITY = join(directory, "unrelated-ca.pem");

/** A certificate with its key: for this machine, for another host, or one that has expired. */
export function certificate(name: "server" | "other-host" | "expired"): { cert: string; key: string } {
  const read = (file: string): string => readFileSync(join(directory, file), "utf8");
  return { cert: read(`${name}.pem`), key: read(`${name}.key`) };
}
