/**
 * A command under a real pseudo-terminal, as a person would run it. The terminal's output is collected from the
 * start; the command and all that it started are killed when the test file ends.
 */

import { environment, repositoryRoot } from "./environment.ts";
import { clearLater, killSession } from "./leftovers.ts";
import { Output, type OutputWait } from "./output.ts";
import { exitStatus, type StartOptions } from "./processes.ts";
import { within } from "./wait-for.ts";

/** How to start a command under a terminal. */
export interface PtyOptions extends Omit<StartOptions, "stdin"> {
  /** 80 unless told. */
  readonly cols?: number;
  /** 24 unless told. */
  readonly rows?: number;
}

/** The settings of a terminal line that raw mode changes (termios), as booleans. */
export interface LineSettings {
  /** Typed characters are shown by the line itself. */
  readonly echo: boolean;
  /** Input comes line by line. */
  readonly canonical: boolean;
  /** Ctrl-C, Ctrl-Z and Ctrl-\ become signals. */
  readonly signals: boolean;
  /** A typed carriage return becomes a newline. */
  readonly crToNl: boolean;
  /** Ctrl-S and Ctrl-Q stop and start the output. */
  readonly flowControl: boolean;
  /** Output is processed (newline becomes carriage return and newline). */
  readonly outputProcessing: boolean;
}

/** Bits of termios; they differ between the systems. */
const BITS =
  process.platform === "darwin"
    ? { ECHO: 0x8, ICANON: 0x100, ISIG: 0x80, ICRNL: 0x100, IXON: 0x200, OPOST: 0x1 }
    : { ECHO: 0o10, ICANON: 0o2, ISIG: 0o1, ICRNL: 0o400, IXON: 0o2000, OPOST: 0o1 };

/** A command that runs, or has run, under a terminal. */
export interface PtyProcess {
  readonly pid: number;
  /** Everything the terminal has shown so far. */
  readonly output: Output;
  /** Resolves with the exit code once the command is gone and the terminal has shown everything. */
  readonly exited: Promise<number>;
  /** Types. `\r` is the Enter key, `\x03` Ctrl-C, `\x04` Ctrl-D. */
  write(data: string | Uint8Array): void;
  /** Changes the window's size; the command gets SIGWINCH. */
  resize(cols: number, rows: number): void;
  /** Waits for a text or pattern in the output; see {@link Output.waitFor}. */
  waitForOutput(pattern: string | RegExp, wait?: OutputWait): Promise<string>;
  /** Types, then waits for a text or pattern in what comes after. The echo of the typed text counts too. */
  writeAndWait(data: string, pattern: string | RegExp, timeoutMs?: number): Promise<string>;
  /** How the line is set now; undefined when the terminal is closed. */
  lineSettings(): LineSettings | undefined;
  /** Signals the command by its id; false when it has already gone. SIGTERM unless told. */
  kill(signal?: NodeJS.Signals): boolean;
  /** Waits for the exit code. @throws Error with the output when it does not come in time; the command is killed. */
  finish(timeoutMs?: number): Promise<number>;
  /** Closes the terminal: the command gets SIGHUP, as when a window is closed. */
  close(): void;
}

/** Starts a command under a new terminal. Programs are looked up on the built PATH (dist/ first). */
export function startPty(command: readonly string[], options: PtyOptions = {}): PtyProcess {
  const env = options.wholeEnv ?? environment(options.env);
  const [program = ""] = command;
  const resolved = program.includes("/") ? program : Bun.which(program, { PATH: env["PATH"] ?? "" });
  if (resolved === null) throw new Error(`no program named "${program}" on PATH ${env["PATH"]}`);

  const output = new Output("the terminal");
  const { promise: shown, resolve: allShown } = Promise.withResolvers<void>();
  const child = Bun.spawn([resolved, ...command.slice(1)], {
    cwd: options.cwd ?? repositoryRoot,
    env: { ...env },
    // Given inline, so that the child leads a session whose controlling terminal this is. A Bun.Terminal made
    // beforehand is only a file descriptor to the child: no job control, no Ctrl-C, no SIGHUP.
    terminal: {
      cols: options.cols ?? 80,
      rows: options.rows ?? 24,
      data: (_terminal, bytes) => output.add(new Uint8Array(bytes)),
      exit: () => allShown(),
    },
  });
  const { terminal } = child;
  if (terminal === undefined) throw new Error("the child has no terminal");
  clearLater(() => {
    killSession(child.pid);
    if (!terminal.closed) terminal.close();
  });

  const exited = (async () => {
    await child.exited;
    // What the command wrote last may still be on its way through the terminal, and a child of the command may hold
    // the terminal open for good.
    await Promise.race([shown, Bun.sleep(200)]);
    return exitStatus(child);
  })();

  return {
    pid: child.pid,
    output,
    exited,
    write(data) {
      terminal.write(typeof data === "string" ? data : new Uint8Array(data));
    },
    resize(cols, rows) {
      terminal.resize(cols, rows);
    },
    waitForOutput: (pattern, wait) => output.waitFor(pattern, wait),
    async writeAndWait(data, pattern, timeoutMs) {
      const from = output.length;
      terminal.write(data);
      return await output.waitFor(pattern, { from, ...(timeoutMs === undefined ? {} : { timeoutMs }) });
    },
    lineSettings() {
      if (terminal.closed) return undefined;
      const { localFlags, inputFlags, outputFlags } = terminal;
      return {
        echo: (localFlags & BITS.ECHO) !== 0,
        canonical: (localFlags & BITS.ICANON) !== 0,
        signals: (localFlags & BITS.ISIG) !== 0,
        crToNl: (inputFlags & BITS.ICRNL) !== 0,
        flowControl: (inputFlags & BITS.IXON) !== 0,
        outputProcessing: (outputFlags & BITS.OPOST) !== 0,
      };
    },
    kill(signal = "SIGTERM") {
      if (child.exitCode !== null || child.signalCode !== null) return false;
      child.kill(signal);
      return true;
    },
    async finish(timeoutMs = 20_000) {
      try {
        return await within(exited, {
          what: `the end of ${command.join(" ").slice(0, 200)}`,
          timeoutMs,
          context: () => `the terminal so far ends with: ${JSON.stringify(output.text().slice(-2_000))}`,
        });
      } catch (error) {
        killSession(child.pid);
        throw error;
      }
    },
    close() {
      if (!terminal.closed) terminal.close();
    },
  };
}

let newSettings: Promise<LineSettings | undefined> | undefined;

/**
 * The settings of every new terminal. Those of one in which a program has been started may be the program's already,
 * however soon they are read.
 */
export function newTerminalSettings(): Promise<LineSettings | undefined> {
  newSettings ??= (async () => {
    const pty = startPty(["true"]);
    await pty.finish();
    return pty.lineSettings();
  })();
  return newSettings;
}
