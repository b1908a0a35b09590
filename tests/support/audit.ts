/**
 * Asks the registry for known vulnerabilities of what is shipped (`bun audit`), and decides what its answer means: a
 * high or critical one is a failure, a registry that cannot be asked is not.
 */

import { repositoryRoot } from "./environment.ts";

/** How `bun audit` ended. */
export interface AuditRun {
  /** Null: it was ended because its time was up. */
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** What it means. */
export interface AuditVerdict {
  /** Only `vulnerable` is a failure. */
  readonly verdict: "clean" | "vulnerable" | "not asked";
  /** For people. */
  readonly text: string;
}

const TIMEOUT_MS = 20_000;
const SERIOUS = new Set(["high", "critical"]);

/**
 * Audits the dependencies, without those that are for development only.
 * @param env of the child; this process's unless told
 */
export async function audit(
  env: Readonly<Record<string, string | undefined>> = process.env,
  timeoutMs = TIMEOUT_MS,
): Promise<AuditVerdict> {
  const child = Bun.spawn([process.execPath, "audit", "--prod", "--audit-level=high", "--json"], {
    cwd: repositoryRoot,
    env: { ...env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    timeout: timeoutMs,
    killSignal: "SIGKILL",
  });
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return judgeAudit({ exitCode: child.exitCode, stdout, stderr });
}

/** Decides by exit code and answer. Pure. */
export function judgeAudit({ exitCode, stdout, stderr }: AuditRun): AuditVerdict {
  const answer = readAnswer(stdout);
  if (exitCode === null) return { verdict: "not asked", text: "the registry did not answer in time" };
  if (answer === undefined) {
    const said = stderr.trim().split("\n", 1)[0] ?? "";
    return { verdict: "not asked", text: said === "" ? `it ended with ${exitCode} and no answer` : said };
  }
  // Advisories of lesser severity are in the answer too; the exit code leaves them out.
  if (exitCode === 0) return { verdict: "clean", text: "no high or critical vulnerability is known" };
  const serious = answer.filter(({ severity }) => SERIOUS.has(severity));
  const listed = (serious.length > 0 ? serious : answer).map(
    ({ name, severity, title, versions, url }) => `${name} ${versions}: ${severity}: ${title} ${url}`,
  );
  return { verdict: "vulnerable", text: listed.join("\n") };
}

interface Advisory {
  readonly name: string;
  readonly severity: string;
  readonly title: string;
  readonly versions: string;
  readonly url: string;
}

/** The registry's answer: advisories by package. Undefined for anything else. */
function readAnswer(stdout: string): readonly Advisory[] | undefined {
  let value: unknown;
  try {
    value = JSON.parse(stdout);
  } catch {
    return undefined;
  }
  if (!isObject(value) || !Object.values(value).every(Array.isArray)) return undefined;
  return Object.entries(value as Record<string, unknown[]>).flatMap(([name, advisories]) =>
    advisories.filter(isObject).map((advisory) => ({
      name,
      severity: String(advisory["severity"]),
      title: String(advisory["title"]),
      versions: String(advisory["vulnerable_versions"]),
      url: String(advisory["url"]),
    })),
  );
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
