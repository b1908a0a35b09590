/** Starts the executable with standard streams of any kinds at once, some of them on a terminal and others not. */
import { spawnSync } from "node:child_process";
import { closeSync, openSync, write } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

import { environment, executablePath, temporaryDirectory } from "../../support/environment.ts";
import { clearLater } from "../../support/leftovers.ts";
import { Output } from "../../support/output.ts";
import { start } from "../../support/processes.ts";
import { startPty } from "../../support/pty.ts";
import type { Streams } from "./table.ts";

/** The executable, whatever its streams are. */
export interface Started {
  readonly pid: number;
  readonly output: Output;
  /** What has come on a standard error that is no terminal; what comes on a terminal is in `output`. */
  errors(): Promise<string>;
  write(text: string): Promise<void>;
  endInput(): void;
  kill(signal: NodeJS.Signals): void;
  /** Waits for the end. */
  finish(): Promise<number>;
}

/** Starts it. @param variables the whole of its environment beside PATH and HOME */
export function startWith(
  { input, output, errors }: Streams,
  args: readonly string[],
  variables: Readonly<Record<string, string>>,
): Started {
  const command = [executablePath, ...args];
  const { PATH = "", HOME = "" } = environment();
  const wholeEnv = { PATH, HOME, ...variables };
  if (output === "pipe" && errors === "pipe" && input !== "terminal") {
    const child = start(command, { wholeEnv, stdin: input === "pipe" ? "pipe" : "ignore" });
    return {
      ...child,
      output: child.stdout,
      errors: () => Promise.resolve(child.stderr.text()),
      kill: (signal) => void child.kill(signal),
      finish: async () => (await child.finish()).exitCode,
    };
  }
  if (output === "terminal" && input === "terminal" && errors === "terminal") {
    const pty = startPty(command, { wholeEnv });
    return {
      ...pty,
      errors: () => Promise.resolve(""),
      write: (text) => Promise.resolve(pty.write(text)),
      // Ctrl-D.
      endInput: () => pty.write("\x04"),
      kill: (signal) => void pty.kill(signal),
      finish: () => pty.finish(),
    };
  }
  if (output === "bare terminal" && input === "pipe" && errors === "pipe")
    return startBare(command, wholeEnv);
  throw new Error("no starter has such streams");
}

const writeTo = promisify(write);

/** Only standard output is on a terminal, of 0 columns and 0 rows. */
function startBare(command: readonly string[], wholeEnv: Readonly<Record<string, string>>): Started {
  const directory = temporaryDirectory("streams");
  const [input, errors] = ["input", "errors"].map((name) => join(directory, name)) as [string, string];
  if (spawnSync("mkfifo", [input]).status !== 0) throw new Error("mkfifo failed");
  // Open for reading, too: to open one for writing only would wait for the reader.
  const fd = openSync(input, "r+");
  let open = true;
  const close = (): void => {
    if (open) closeSync(fd);
    open = false;
  };
  clearLater(close);
  const piped = `"$@" <${input} 2>&1 >&3 3>&- | cat >${errors}; exit \${PIPESTATUS[0]}`;
  const script = `stty rows 0 cols 0; { ${piped}; } 3>&1`;
  const pty = startPty(["bash", "-c", script, "bash", ...command], { wholeEnv });
  return {
    ...pty,
    errors: () => Bun.file(errors).text(),
    async write(text) {
      await writeTo(fd, text);
    },
    endInput: close,
    kill: (signal) => void pty.kill(signal),
    finish: () => pty.finish(),
  };
}
