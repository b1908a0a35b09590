/** `wait`: until the tunnels of another process can be used, as its ready file says. */
import { type FSWatcher, watch } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, dirname, resolve } from "node:path";

import { standardOutput } from "../terminal/index.ts";
import { type Command, type CommandContext, COMMON_ARGUMENTS } from "./command.ts";
import { readDuration } from "./duration.ts";
import { UsageError } from "./errors.ts";
import { codeOf } from "./messages.ts";
import { ForwardEndedError, NotReadyError } from "./readiness/errors.ts";
import { readForwardState } from "./readiness/forward-state.ts";
import { isRunning } from "./readiness/process-identity.ts";
import { parseOwner } from "./readiness/ready-document.ts";

/** See the file's comment. */
export const wait: Command = {
  meta: { name: "wait", description: "Wait until the tunnels of a forward in the background are ready." },
  arguments: {
    "ready-file": { type: "string", description: "what that forward was given", valueHint: "FILE" },
    for: { type: "string", description: "for how long (30s)", valueHint: "DURATION" },
    json: { type: "boolean", description: "print the file when it is there; errors as JSON" },
    quiet: COMMON_ARGUMENTS.quiet,
  },
  examples: ["wait --ready-file /tmp/tunnel.json", "wait --ready-file /tmp/tunnel.json --for 2m --json"],
  run,
};

const DEFAULT_MS = 30_000;
/** Not every file system tells of changes, and nobody tells of a process that has ended. */
const LOOK_MS = 500;
/** A forward that is started together with `wait` has taken its place by then. */
const SETTLE_MS = 1_000;

async function run({ args, messages }: CommandContext): Promise<number> {
  const file = args.text("ready-file");
  if (file === undefined) {
    throw new UsageError("wait: --ready-file is missing, for example --ready-file /tmp/tunnel.json");
  }
  const timeoutMs =
    readDuration(args.text("for"), { option: "wait: --for", forms: "30s, 2m, 0 or inf" }) ?? DEFAULT_MS;
  const content = await waitForFile(resolve(file), timeoutMs);
  if (messages.json) standardOutput().write(Buffer.from(`${JSON.stringify(JSON.parse(content))}\n`));
  return 0;
}

/** The content of the file once it is complete and its process runs. @throws {NotReadyError | ForwardEndedError} */
async function waitForFile(path: string, timeoutMs: number): Promise<string> {
  const beganAtMs = Date.now();
  const deadlineMs = performance.now() + timeoutMs;
  const watched = new WatchedForward(path, beganAtMs);
  for (;;) {
    // Before the look: a change after it is not missed.
    const change = new NextChange(path);
    try {
      const found = await watched.look();
      if ("content" in found) return found.content;
      const remainingMs = deadlineMs - performance.now();
      if (remainingMs <= 0) throw new NotReadyError(path, timeoutMs / 1000, found.obstacle);
      await change.within(Math.min(remainingMs, LOOK_MS));
    } finally {
      change.stop();
    }
  }
}

/** What is there, or what is wrong with it. */
type Found = { readonly content: string } | { readonly obstacle: string };

/** The forward whose ready file is waited for. */
class WatchedForward {
  readonly #path: string;
  readonly #beganAtMs: number;
  /** Its process has been seen to run. */
  #seen = false;

  constructor(path: string, beganAtMs: number) {
    this.#path = path;
    this.#beganAtMs = beganAtMs;
  }

  /** @throws ForwardEndedError when there is no use in looking again */
  async look(): Promise<Found> {
    let content: string;
    try {
      content = await readFile(this.#path, "utf8");
    } catch (error) {
      const code = codeOf(error);
      return this.#lookAtState(code === "ENOENT" ? "is not there" : `cannot be read (${code})`);
    }
    const owner = parseOwner(content);
    if (owner === undefined) return { obstacle: "is no ready file" };
    if (isRunning(owner)) return { content };
    if (this.#seen) throw new ForwardEndedError(this.#path, `process ${owner.pid} is gone`);
    return this.#lookAtState(`is left from process ${owner.pid}, which has ended`);
  }

  #lookAtState(obstacle: string): Found {
    const state = readForwardState(this.#path);
    if (state === undefined) return { obstacle };
    const ended = state.failure ?? (isRunning(state) ? undefined : `process ${state.pid} is gone`);
    if (ended === undefined) {
      this.#seen = true;
      return { obstacle: "is not there, its forward is starting" };
    }
    // What has ended before this began may be of an earlier run, and the next one just about to start.
    const isOld = !this.#seen && state.atMs < this.#beganAtMs && Date.now() - this.#beganAtMs < SETTLE_MS;
    if (isOld) return { obstacle: `is not there, its forward has ended: ${ended}` };
    throw new ForwardEndedError(this.#path, ended);
  }
}

/** The next time that something happens to a file. */
class NextChange {
  readonly #changed = Promise.withResolvers<void>();
  #watcher: FSWatcher | undefined;

  constructor(path: string) {
    try {
      // Its directory, because the file itself is not there yet.
      this.#watcher = watch(dirname(path), (_, name) => {
        if (name === null || name.startsWith(basename(path))) this.#changed.resolve();
      });
      this.#watcher.on("error", () => {});
    } catch {
      // There is no directory yet, or no more watches are to be had: then it is looked at every LOOK_MS.
    }
  }

  async within(timeoutMs: number): Promise<void> {
    const timer = setTimeout(this.#changed.resolve, timeoutMs);
    await this.#changed.promise;
    clearTimeout(timer);
  }

  stop(): void {
    this.#watcher?.close();
  }
}
