/**
 * Starts the stand-in in a process of its own and speaks to it, so that a test's or measurement's own process is
 * not slowed down by it, and so that it can be stopped by a signal as a whole.
 */
import { join } from "node:path";

import type {
  CallRecord,
  Counters,
  Cut,
  FaultsPatch,
  SessionView,
  SimulatedTarget,
  SimulatorCredentials,
  UpgradeRecord,
} from "../../src/simulator/index.ts";
import { environment, repositoryRoot } from "../support/environment.ts";
import { clearLater, killSession, sessionMembers } from "../support/leftovers.ts";
import { exitStatus } from "../support/processes.ts";
import { within } from "../support/wait-for.ts";
import type { ProcessOptions } from "./process.ts";

/** Commands that the process understands, with what each is given and answers. */
export interface Commands {
  setFaults: (patch: FaultsPatch, sessionId?: string) => null;
  clearFaults: () => null;
  cut: (sessionId: string, how?: Cut) => boolean;
  stopReading: (sessionId: string, forMs: number) => boolean;
  setAgentAway: (sessionId: string, away: boolean, told?: boolean) => null;
  setTargetOnline: (targetId: string, online: boolean, told?: boolean) => null;
  terminate: (sessionId: string, reason?: string) => null;
  sessions: () => readonly SessionView[];
  openSessions: () => readonly SessionView[];
  stats: () => {
    readonly counters: Counters;
    readonly upgrades: readonly UpgradeRecord[];
    readonly calls: readonly CallRecord[];
  };
  memory: () => { readonly rssBytes: number };
  freeze: (forMs: number) => null;
  stop: () => null;
}

/** One line to the process. */
export type ProcessRequest = {
  readonly [Name in keyof Commands]: {
    readonly id: number;
    readonly command: Name;
    readonly arguments: Parameters<Commands[Name]>;
  };
}[keyof Commands];

/** What the process says when it listens. */
interface Greeting {
  readonly pid: number;
  readonly url: string;
  readonly port: number;
  readonly region: string;
  readonly credentials: SimulatorCredentials;
  readonly environment: Readonly<Record<string, string>>;
  readonly unset: readonly string[];
  readonly seed: number;
  readonly targets: readonly SimulatedTarget[];
}

/** A stand-in in another process. */
export interface SpawnedSimulator extends Greeting {
  /** Carries a command out there. @throws Error with the stand-in's own message */
  call<Name extends keyof Commands>(
    command: Name,
    ...given: Parameters<Commands[Name]>
  ): Promise<ReturnType<Commands[Name]>>;
  /** Everything it has written to standard error: nothing, when all is well. */
  readonly errors: () => string;
  /** Sends it a signal: SIGSTOP makes a gateway that neither reads nor answers, until SIGCONT. */
  kill(signal: NodeJS.Signals): boolean;
  /** Stops it and waits until the process is gone. May be called again. */
  stop(): Promise<void>;
}

/** Starts the stand-in in a process of its own. It ends with the test file at the latest. */
export async function spawnSimulator(options: ProcessOptions = {}): Promise<SpawnedSimulator> {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "process.ts"), JSON.stringify(options)], {
    cwd: repositoryRoot,
    env: environment(),
    stdin: "pipe",
    stdout: "pipe",
    stderr: "pipe",
    detached: true,
  });
  const forget = clearLater(() => killSession(child.pid));
  const waiting = new Map<number, PromiseWithResolvers<unknown>>();
  const greeted = Promise.withResolvers<Greeting>();
  greeted.promise.catch(() => undefined);
  let nextId = 1;
  let errors = "";

  const answer = (line: string): void => {
    const value = JSON.parse(line) as Greeting | { id: number; result?: unknown; error?: string };
    if (!("id" in value)) return greeted.resolve(value);
    const call = waiting.get(value.id);
    waiting.delete(value.id);
    if (value.error === undefined) call?.resolve(value.result);
    else call?.reject(new Error(value.error));
  };
  const ended = (async () => {
    await Promise.all([
      forEachLine(child.stdout, answer),
      forEachLine(child.stderr, (line) => (errors += `${line}\n`)),
      child.exited,
    ]);
    const error = new Error(`the stand-in has ended (${exitStatus(child)}): ${errors.slice(-2_000)}`);
    greeted.reject(error);
    for (const call of waiting.values()) call.reject(error);
    waiting.clear();
  })();

  const greeting = await within(greeted.promise, {
    what: "the stand-in to listen",
    timeoutMs: 15_000,
    context: () => errors,
  });
  let stopping: Promise<void> | undefined;
  return {
    ...greeting,
    async call(command, ...given) {
      const id = nextId++;
      const pending = Promise.withResolvers<unknown>();
      waiting.set(id, pending);
      child.stdin.write(`${JSON.stringify({ id, command, arguments: given })}\n`);
      await child.stdin.flush();
      // The process answers each command with that command's own result.
      return (await pending.promise) as never;
    },
    errors: () => errors,
    kill(signal) {
      if (child.exitCode !== null || child.signalCode !== null) return false;
      child.kill(signal);
      return true;
    },
    stop() {
      stopping ??= (async () => {
        await child.stdin.end();
        await within(ended, { what: "the end of the stand-in", timeoutMs: 15_000, context: () => errors });
        if (sessionMembers(child.pid).length === 0) forget();
      })();
      return stopping;
    },
  };
}

async function forEachLine(stream: ReadableStream<Uint8Array>, take: (line: string) => void): Promise<void> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stream) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) if (line !== "") take(line);
  }
  if (rest !== "") take(rest);
}
