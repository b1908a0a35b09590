/**
 * Commands that go on in the background. The process that was started waits while a second one, with the same command
 * line and the same terminal, comes up: questions can still be asked, errors are still seen. Once the second one is
 * ready it leaves the terminal and the first one ends. (A process cannot be split in two here, as fork would do it.)
 */
import { closeSync, constants, openSync, writeSync } from "node:fs";

import {
  detach,
  type ProcessSignal,
  standardError,
  standardOutput,
  watchSignals,
} from "../terminal/index.ts";
import { UsageError } from "./errors.ts";
import { exitCodeOf } from "./forward/command/child-command.ts";
import { isInForeground } from "./forward/command/foreground.ts";

/** Names the descriptor by which the second process tells the first that it is ready. Nobody else sees it. */
const ROLE = "SESSION_MANAGER_PLUGIN_READY_FD";
/** What it writes there. */
const READY = "ready";

type Environment = Record<string, string | undefined>;

/** The second process's part. */
export interface Detachable {
  /**
   * It is ready: leaves the terminal, and lets the first process end. Everything printed so far is written.
   * @param logFile takes what is written to standard error from now on; absent: nobody does
   */
  ready(logFile?: string): Promise<void>;
}

/**
 * This process as the second one, or undefined: then it is the first and has to call {@link startDetached}. Takes the
 * variable out of the environment that says so.
 */
export function takeDetachable(environment: Environment): Detachable | undefined {
  const descriptor = Number(environment[ROLE]);
  delete environment[ROLE];
  if (!(descriptor >= 3)) return undefined;
  return {
    async ready(logFile = "/dev/null") {
      await Promise.all([standardOutput().drain(), standardError().drain()]);
      const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND | constants.O_NOFOLLOW;
      const log = openSync(logFile, flags, 0o600);
      detach(log);
      closeSync(log);
      writeSync(descriptor, READY);
      closeSync(descriptor);
    },
  };
}

/**
 * Starts this program a second time with the same arguments and waits until it is ready.
 * @param inherited further descriptors that it needs
 * @returns 0, or the exit code with which it has ended before; it has said why
 * @throws UsageError where it cannot be done
 */
export async function startDetached(
  name: string,
  environment: Environment,
  inherited: readonly number[] = [],
): Promise<number> {
  if (process.platform === "win32") throw new UsageError(`${name}: not on Windows; use Start-Process there`);
  const descriptor = [3, 4].find((candidate) => !inherited.includes(candidate)) ?? 5;
  const stdio: ("inherit" | "ignore" | "pipe" | number)[] = ["inherit", "inherit", "inherit"];
  for (const each of [...inherited, descriptor]) {
    while (stdio.length <= each) stdio.push("ignore");
    stdio[each] = each === descriptor ? "pipe" : each;
  }
  const child = Bun.spawn(ownCommandLine(), {
    env: { ...environment, [ROLE]: String(descriptor) },
    stdio: stdio as ["inherit", "inherit", "inherit"],
  });
  // What is typed at the terminal has reached both.
  const pass = (signal: ProcessSignal): void => {
    if ((signal === "SIGINT" || signal === "SIGQUIT") && isInForeground()) return;
    child.kill(signal);
  };
  const stopWatching = watchSignals(pass);
  const ready = await Bun.file(child.stdio[descriptor] as number).text();
  stopWatching();
  if (ready !== READY) {
    await child.exited;
    return exitCodeOf(child);
  }
  child.unref();
  return 0;
}

/** This program and its arguments; run from its sources, the runtime goes in front. */
function ownCommandLine(): string[] {
  const [, script = "", ...args] = process.argv;
  return script.startsWith("/$bunfs/") ? [process.execPath, ...args] : [process.execPath, script, ...args];
}
