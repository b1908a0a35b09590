/** Programs as a shell or the AWS CLI would find them on PATH, and what they answer when asked for their version. */
import { realpathSync } from "node:fs";
import { delimiter } from "node:path";

import type { Environment } from "../../host/index.ts";

/** A program that was found. */
export interface ProgramOnPath {
  readonly path: string;
  /** Where it really is, behind symbolic links. */
  readonly realPath: string;
}

/** Python programs take their time to start. */
const VERSION_TIMEOUT_MS = 8_000;
/** A program that prints more than this prints no version. */
const MAX_OUTPUT_BYTES = 64 * 1024;

/** All programs of that name, first one first; the same file under several names counts once. */
export function programsOnPath(name: string, environment: Environment): readonly ProgramOnPath[] {
  const programs: ProgramOnPath[] = [];
  const path = environment["PATH"] ?? "";
  for (const directory of path === "" ? [] : path.split(delimiter)) {
    // An empty entry means the working directory.
    const found = Bun.which(name, { PATH: directory === "" ? "." : directory });
    if (found === null) continue;
    const realPath = realPathOf(found);
    if (!programs.some((other) => other.realPath === realPath)) programs.push({ path: found, realPath });
  }
  return programs;
}

/** A path without symbolic links; as it is where it cannot be followed. */
export function realPathOf(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

/** What the program prints when it is started with `--version`; undefined when it does not end well, or in time. */
export async function askVersion(path: string, environment: Environment): Promise<string | undefined> {
  try {
    const child = Bun.spawn([path, "--version"], {
      env: environment,
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
      timeout: VERSION_TIMEOUT_MS,
      killSignal: "SIGKILL",
      maxBuffer: MAX_OUTPUT_BYTES,
    });
    const outputs = Promise.all([child.stdout.text(), child.stderr.text()]);
    if ((await child.exited) !== 0) return undefined;
    // What it started may hold the pipes open; what has been said by now is enough.
    const read = await Promise.race([outputs, new Promise<undefined>((resolve) => setTimeout(resolve, 500))]);
    return read?.join("").trim();
  } catch {
    return undefined;
  }
}
