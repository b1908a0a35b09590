/**
 * Tests that need a program which not every machine has. Where it is missing they are skipped under a name that says
 * so; with CI_REQUIRE_PROGRAMS=1 they fail instead, so that a pipeline cannot go green by testing nothing.
 */

import { describe, test } from "bun:test";
import { realpathSync } from "node:fs";
import { delimiter } from "node:path";

import { searchPath } from "./environment.ts";

/** What `test` and `describe` look like when a program may be missing. */
export interface Needing {
  /** Like `test` of bun:test. @param timeoutMs limit of this test. */
  test(name: string, body: () => void | Promise<void>, timeoutMs?: number): void;
  /** Like `describe` of bun:test; when a program is missing the body is not run at all. */
  describe(name: string, body: () => void): void;
  /** The programs that are missing; empty when everything is there. */
  readonly missing: readonly string[];
}

/** One AWS CLI on this machine. */
export interface AwsCli {
  readonly path: string;
  /** `1.45.6`, `2.9.19`. */
  readonly version: string;
}

/** Where programs lie that are not on everybody's PATH. */
const SYSTEM_DIRECTORIES = ["/usr/sbin", "/sbin", "/usr/local/sbin"];

/** The absolute path of a program, or undefined. System directories such as /usr/sbin (sshd) are searched too. */
export function findProgram(name: string): string | undefined {
  return Bun.which(name, { PATH: [searchPath(), ...SYSTEM_DIRECTORIES].join(delimiter) }) ?? undefined;
}

/**
 * `needs("ssh", "sshd").test("…", …)`: runs the test where all the programs are, skips it by name where one is
 * missing, fails it there when CI_REQUIRE_PROGRAMS is 1.
 */
export function needs(...programs: readonly string[]): Needing {
  return needing(programs.filter((program) => findProgram(program) === undefined));
}

/**
 * The same for a condition of another kind, such as "a newer aws".
 * @param what is named in the skipped test; undefined says that nothing is missing.
 */
export function needsThat(what: string | undefined): Needing {
  return needing(what === undefined ? [] : [what]);
}

function needing(missing: readonly string[]): Needing {
  if (missing.length === 0) return { test, describe, missing };
  const reason = `missing: ${missing.join(", ")}`;
  const register = (name: string): void => {
    if (process.env["CI_REQUIRE_PROGRAMS"] === "1") {
      test(`${name} [${reason}]`, () => {
        throw new Error(`${reason}, and CI_REQUIRE_PROGRAMS=1 does not allow that`);
      });
    } else {
      test.skip(`${name} [${reason}]`, () => undefined);
    }
  };
  return { test: register, describe: register, missing };
}

let awsFound: readonly AwsCli[] | undefined;

/**
 * The AWS CLIs on PATH, first one first, each once: different paths to the same file count as one. One that does not
 * start is left out.
 */
export function awsClis(): readonly AwsCli[] {
  awsFound ??= findAwsClis();
  return awsFound;
}

function findAwsClis(): readonly AwsCli[] {
  const found: AwsCli[] = [];
  const seen = new Set<string>();
  for (const directory of searchPath().split(delimiter)) {
    const path = Bun.which("aws", { PATH: directory });
    if (path === null) continue;
    const real = realpathSync(path);
    if (seen.has(real)) continue;
    seen.add(real);
    const version = awsVersion(path);
    if (version !== undefined && !found.some((other) => other.version === version))
      found.push({ path, version });
  }
  return found;
}

/** `aws-cli/2.9.19 Python/3.11.2 …`; on stderr in old versions. */
function awsVersion(path: string): string | undefined {
  try {
    const child = Bun.spawnSync([path, "--version"], {
      env: { PATH: searchPath(), HOME: "/nonexistent", LC_ALL: "C.UTF-8" },
      timeout: 20_000,
    });
    return /aws-cli\/(\d[\w.]*)/.exec(`${child.stdout}${child.stderr}`)?.[1];
  } catch {
    return undefined;
  }
}
