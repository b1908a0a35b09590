/**
 * Notices that the process which started us is gone, so that a session does not outlive the AWS CLI that was killed.
 * Only watches and reports; ends nothing. Tunnels that scripts have put into the background live on unless told otherwise.
 */
import { readFileSync } from "node:fs";

/** How often the parent is looked at, in milliseconds. */
const POLL_MS = 500;

/** Whom to watch. */
export interface ParentWatchOptions {
  /** True: whoever the parent is. False: only the AWS CLI. */
  readonly force: boolean;
}

/** The parts that tests replace. */
export interface ParentWatchSystem {
  readonly parentId: () => number;
  /** The parent's command line, arguments apart; calls back with undefined when it cannot be told. May call at once. */
  readonly commandLine: (processId: number, done: (args: readonly string[] | undefined) => void) => void;
  /** Calls back every POLL_MS without keeping the process alive; the result cancels. */
  readonly every: (intervalMs: number, callback: () => void) => () => void;
}

/**
 * Calls `onDeath` once, within half a second, when the parent has died. The parent is the one of the moment of this
 * call; a parent that was gone before it could be recognised counts as somebody else's. Process 1 never dies, so with
 * it as the parent nothing is ever reported. Does not keep the process alive.
 * On Windows, where an orphan keeps its parent's number and that number is used again, nothing is reported.
 * @returns how to stop watching.
 */
export function watchParent(
  options: ParentWatchOptions,
  onDeath: () => void,
  system: ParentWatchSystem = realSystem,
): () => void {
  if (process.platform === "win32") return () => {};
  const parent = system.parentId();
  let stopped = false;
  let cancel = () => {};
  const stop = () => {
    stopped = true;
    cancel();
  };
  const watch = () => {
    if (stopped) return;
    // Whoever adopts orphans (process 1 or a nearer one), the number changes.
    cancel = system.every(POLL_MS, () => {
      if (system.parentId() === parent) return;
      stop();
      onDeath();
    });
  };
  if (options.force) watch();
  else {
    system.commandLine(parent, (args) => {
      if (args !== undefined && isAwsCli(args)) watch();
    });
  }
  return stop;
}

/** Whether a command line is the AWS CLI's: `aws …`, or a Python that runs it as a script or as a module. */
export function isAwsCli(args: readonly string[]): boolean {
  const [program = "", ...rest] = args;
  const name = baseName(program);
  if (name === "aws" || name === "aws.exe") return true;
  if (!/^(python|pypy)[0-9.]*$/i.test(name)) return false;
  for (let index = 0; index < rest.length; index++) {
    const argument = rest[index] ?? "";
    if (argument === "-m") return /^awscli(\.|$)/.test(rest[index + 1] ?? "");
    if (argument === "-c") return false;
    // Options of the interpreter that take a value.
    if (argument === "-W" || argument === "-X") index++;
    else if (!argument.startsWith("-")) return /^(aws(\.cmd|\.py)?|\.aws-wrapped)$/.test(baseName(argument));
  }
  return false;
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

const realSystem: ParentWatchSystem = {
  parentId: () => process.ppid,
  commandLine,
  every(intervalMs, callback) {
    const timer = setInterval(callback, intervalMs);
    timer.unref();
    return () => clearInterval(timer);
  },
};

function commandLine(processId: number, done: (args: readonly string[] | undefined) => void): void {
  if (process.platform === "linux") {
    let args: readonly string[] | undefined;
    try {
      args = readFileSync(`/proc/${processId}/cmdline`, "utf8").split("\0").slice(0, -1);
    } catch {
      // Gone already, or hidden from us.
    }
    done(args);
    return;
  }
  // Starting a program costs milliseconds: not while the session is being opened.
  const timer = setTimeout(() => {
    const child = process
      .getBuiltinModule("node:child_process")
      .execFile(
        "/bin/ps",
        ["-ww", "-o", "command=", "-p", String(processId)],
        { timeout: 2000, encoding: "utf8" },
        (error, stdout) => done(error === null ? stdout.trim().split(/\s+/) : undefined),
      );
    child.unref();
  }, POLL_MS);
  timer.unref();
}
