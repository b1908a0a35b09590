/** A terminal whose screen can be looked at: a window of a tmux server of its own, gone after the test file. */
import { existsSync } from "node:fs";
import { join } from "node:path";

import { environment, temporaryDirectory } from "./environment.ts";
import { clearLater } from "./leftovers.ts";
import { findProgram } from "./programs.ts";
import { waitFor } from "./wait-for.ts";

const tmux = findProgram("tmux") ?? "tmux";

/** What runs in the terminal. */
export interface ScreenCommand {
  readonly command: readonly string[];
  /** Added to the built environment; undefined takes a variable out. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** See the file's comment. */
export class Screen {
  readonly #socket = join(temporaryDirectory("tmux"), "socket");

  /** Starts a command in it. */
  constructor({ command, env }: ScreenCommand, cols: number, rows: number) {
    clearLater(() => this.close());
    const line = command.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(" ");
    // The window stays when its command has ended, so that the screen it leaves behind can be seen.
    const settings = "set -g remain-on-exit on ; set -g status off ; set -g default-terminal xterm-256color";
    this.#tmux(
      ["-f", "/dev/null", "start-server", ";", ...settings.split(" "), ";"].concat([
        ...["new-session", "-d", "-x", String(cols), "-y", String(rows), `exec ${line}`],
      ]),
      environment({ ...env, TMUX: undefined }),
    );
  }

  /** The screen's cells with their colours, one line for each row. */
  look(): string {
    return this.#tmux(["capture-pane", "-p", "-e"]);
  }

  /** The same without colours. */
  text(): string {
    return this.#tmux(["capture-pane", "-p"]);
  }

  /** Presses keys, in tmux's names (`Enter`, `C-b`, `q`). */
  press(...keys: readonly string[]): void {
    this.#tmux(["send-keys", ...keys]);
  }

  resize(cols: number, rows: number): void {
    this.#tmux(["resize-window", "-x", String(cols), "-y", String(rows)]);
  }

  async waitFor(shown: string | RegExp): Promise<void> {
    await waitFor(() => (typeof shown === "string" ? this.text().includes(shown) : shown.test(this.text())), {
      what: `${shown} on the screen`,
      timeoutMs: 10_000,
      intervalMs: 50,
      context: () => this.text(),
    });
  }

  /** Whether a full-screen program has the alternate screen. */
  get isAlternate(): boolean {
    return this.#tmux(["display-message", "-p", "#{alternate_on}"]).trim() === "1";
  }

  /** Where the cursor is, from 0. */
  get cursor(): { readonly column: number; readonly row: number } {
    const [column = 0, row = 0] = this.#tmux(["display-message", "-p", "#{cursor_x} #{cursor_y}"])
      .split(" ")
      .map(Number);
    return { column, row };
  }

  close(): void {
    endTmuxServer(this.#socket);
  }

  #tmux(args: readonly string[], env: Record<string, string> = environment()): string {
    const { exitCode, stdout, stderr } = Bun.spawnSync([tmux, "-u", "-S", this.#socket, ...args], { env });
    if (exitCode !== 0) throw new Error(`tmux ${args[0]}: ${stderr.toString()}`);
    return stdout.toString();
  }
}

/** Ends a tmux server and all that runs in it; nothing when there is none. */
export function endTmuxServer(socket: string): void {
  if (existsSync(socket)) Bun.spawnSync([tmux, "-S", socket, "kill-server"], { env: environment() });
}
