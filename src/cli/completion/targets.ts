/**
 * The words that scripts of shells cannot know: targets, from a short-lived cache or within two seconds from AWS, and
 * profiles. Nobody is asked for anything, and nothing is ever said: a shell that completes must not be disturbed.
 */
import { chmod, mkdir, readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { isAbsolute, join } from "node:path";

import { loadSharedFiles, nonEmpty, profileFromEnvironment, profileSettings } from "../../aws/index.ts";
import { type Environment, harmlessLine, noLog, openAccess } from "../../host/index.ts";
import { isRegion } from "../account.ts";
import { nameOf, type Node } from "../target.ts";

/** Which account is meant. */
export interface Account {
  readonly environment: Environment;
  /** Empty: none was named. */
  readonly profile: string;
  /** Undefined: none was named. */
  readonly region: string | undefined;
  /** Empty: none was named. */
  readonly endpoint: string;
}

/** How long targets are taken from the cache. */
const FRESH_MS = 60_000;
/** How long nobody is asked again after a failure. */
const FAILED_MS = 10_000;
/** Longer nobody waits for a key that was pressed. */
const ASK_TIMEOUT_MS = 2_000;
/** More targets than this are of no use to anybody. */
const MAX_TARGETS = 500;
/** Words that no shell expands, takes apart or takes for an option. */
const PLAIN = /^[\w.@+][\w.@%+:/-]*$/;

/** A word, a tab and a description in each line: ids and names of targets. Never rejects. */
export async function targetLines(account: Account): Promise<string> {
  try {
    const file = await cacheFile(account);
    const kept = file === undefined ? undefined : await readCache(file);
    if (kept !== undefined && kept.ageMs >= 0 && kept.ageMs < FRESH_MS) return kept.text;
    const asked = await ask(account);
    const text = asked ?? kept?.text ?? "";
    if (file !== undefined) await writeCache(file, text, asked === undefined);
    return text;
  } catch {
    return "";
  }
}

/** The names of the profiles, a line each. Never rejects. */
export async function profileLines(environment: Environment): Promise<string> {
  try {
    const { profiles } = await loadSharedFiles(environment);
    return [...profiles.keys()]
      .filter((name) => PLAIN.test(name))
      .map((name) => `${name}\n`)
      .join("");
  } catch {
    return "";
  }
}

/** Lines of nodes: those that are online first. Words that a shell would take apart are left out. */
export function linesOf(nodes: readonly Node[]): string {
  const sorted = [...nodes].sort(
    (a, b) =>
      Number(b.PingStatus === "Online") - Number(a.PingStatus === "Online") ||
      nameOf(a).localeCompare(nameOf(b)),
  );
  const entries = sorted.flatMap((node) => {
    const { InstanceId: id = "", PingStatus: state = "", PlatformName: platform = "" } = node;
    const name = nameOf(node);
    const about = (other: string): string =>
      harmlessLine([other, state, platform].filter(Boolean).join(", "));
    return [
      [name, about(id)],
      [id, about(name)],
    ] as const;
  });
  const lines = entries
    .filter(([word]) => PLAIN.test(word))
    .map(([word, about]) => `${word}\t${about.replaceAll("\t", " ")}\n`);
  // A name of several targets is one word.
  return [...new Map(lines.map((line) => [line.slice(0, line.indexOf("\t")), line])).values()].join("");
}

/** Undefined: AWS did not answer, or not in time. */
async function ask({ environment, profile, region: named, endpoint }: Account): Promise<string | undefined> {
  const late = Promise.withResolvers<undefined>();
  const timer = setTimeout(late.resolve, ASK_TIMEOUT_MS);
  try {
    const asking = (async () => {
      const region = named ?? (await profileSettings(environment, profile)).region;
      if (region === undefined || !isRegion(region)) return undefined;
      const askMfa = (): Promise<never> => Promise.reject(new Error("nobody is to be asked"));
      const access = await openAccess({
        environment,
        region,
        profile,
        endpoint,
        target: "",
        askMfa,
        log: noLog,
      });
      return linesOf(await access.ssm.describeInstances([], MAX_TARGETS));
    })();
    return await Promise.race([asking, late.promise]);
  } catch {
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}

/** The file for an account; undefined where there is no place for one. */
async function cacheFile({ environment, profile, region, endpoint }: Account): Promise<string | undefined> {
  const home = nonEmpty(environment["HOME"]);
  const named =
    nonEmpty(environment["XDG_CACHE_HOME"]) ?? (home === undefined ? undefined : join(home, ".cache"));
  if (named === undefined || !isAbsolute(named)) return undefined;
  const settings = await profileSettings(environment, profile).catch(
    () => ({}) as { readonly region?: string },
  );
  // Whatever decides who is asked, and as whom. Not kept but as a hash.
  const key = [
    nonEmpty(profile) ?? profileFromEnvironment(environment) ?? "",
    region ?? settings.region ?? "",
    endpoint,
    environment["AWS_ENDPOINT_URL_SSM"] ?? "",
    environment["AWS_ENDPOINT_URL"] ?? "",
    environment["AWS_ACCESS_KEY_ID"] ?? "",
    environment["AWS_CONFIG_FILE"] ?? "",
    environment["AWS_SHARED_CREDENTIALS_FILE"] ?? "",
  ].join("\n");
  const name = new Bun.CryptoHasher("sha256").update(key).digest("hex").slice(0, 32);
  return join(named, "session-manager-plugin", `targets-${name}`);
}

async function readCache(
  file: string,
): Promise<{ readonly text: string; readonly ageMs: number } | undefined> {
  try {
    const { mtimeMs } = await stat(file);
    return { text: plainLines(await readFile(file, "utf8")), ageMs: Date.now() - mtimeMs };
  } catch {
    return undefined;
  }
}

/** Whoever has written the file: bash would execute what a word holds. */
function plainLines(text: string): string {
  return text
    .split("\n")
    .filter((line) => PLAIN.test(line.split("\t", 1)[0] ?? ""))
    .map((line) => `${line}\n`)
    .join("");
}

/** For the user alone; whole or not at all. A place that cannot be written to is done without. */
async function writeCache(file: string, text: string, failed: boolean): Promise<void> {
  const unfinished = `${file}.${process.pid}`;
  try {
    const directory = join(file, "..");
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await writeFile(unfinished, text, { mode: 0o600, flag: "wx" });
    await chmod(unfinished, 0o600);
    if (failed) {
      const asIfWritten = new Date(Date.now() - FRESH_MS + FAILED_MS);
      await utimes(unfinished, asIfWritten, asIfWritten);
    }
    await rename(unfinished, file);
  } catch {
    await rm(unfinished, { force: true }).catch(() => undefined);
  }
}
