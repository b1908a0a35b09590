/**
 * Full-screen programs through the real AWS CLI: what vi, less, top and tmux draw is compared, cell by cell with its
 * colours, with what they draw on a terminal of their own. A tmux server is the terminal in both cases.
 */
import { beforeAll, describe, expect } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";

import { environment, temporaryDirectory } from "../support/environment.ts";
import { clearLater } from "../support/leftovers.ts";
import { findProgram, needs } from "../support/programs.ts";
import { waitFor } from "../support/wait-for.ts";
import { useStandIn } from "./stand-in.ts";
import { type CommandLine, forEachAwsCli } from "./starts.ts";

const COLS = 97;
const ROWS = 29;

const files = temporaryDirectory("screens");
const text = join(files, "text");

/** What programs need to draw the same in both places. */
const SCREEN_ENVIRONMENT = { LESS: "-M", VIMINIT: "", EXINIT: "", TERM: "xterm-256color", HOME: files };

const standIn = useStandIn({ agent: { environment: SCREEN_ENVIRONMENT } });

beforeAll(async () => {
  const lines = Array.from({ length: 200 }, (_, line) => `line ${line + 1} äöü € ${"·".repeat(line % 90)}`);
  await Bun.write(text, `${lines.join("\n")}\n`);
});

/** A terminal that is a window of a tmux server of its own. */
class Screen {
  readonly #socket = join(temporaryDirectory("tmux"), "socket");

  /** Starts a command in it. */
  constructor({ command, env }: CommandLine) {
    clearLater(() => this.close());
    const line = command.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(" ");
    // The window stays when its command has ended, so that the screen it leaves behind can be seen.
    const settings = "set -g remain-on-exit on ; set -g status off ; set -g default-terminal xterm-256color";
    this.#tmux(
      ["-f", "/dev/null", "start-server", ";", ...settings.split(" "), ";"].concat([
        ...["new-session", "-d", "-x", String(COLS), "-y", String(ROWS), `exec ${line}`],
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

  close(): void {
    endServer(this.#socket);
  }

  #tmux(args: readonly string[], env: Record<string, string> = environment()): string {
    const { exitCode, stdout, stderr } = Bun.spawnSync([tmux, "-u", "-S", this.#socket, ...args], { env });
    if (exitCode !== 0) throw new Error(`tmux ${args[0]}: ${stderr.toString()}`);
    return stdout.toString();
  }
}

const tmux = findProgram("tmux") ?? "tmux";

/** Ends a tmux server and all that runs in it; nothing when there is none. */
function endServer(socket: string): void {
  if (existsSync(socket)) Bun.spawnSync([tmux, "-S", socket, "kill-server"], { env: environment() });
}

interface Program {
  readonly name: string;
  readonly command: string;
  /** On the screen once it has drawn. */
  readonly drawn: RegExp;
  /** Pressed one after the other, each until the screens are alike. */
  readonly keys: readonly (readonly string[])[];
  /** The last one ends it. */
  readonly quit: readonly (readonly string[])[];
  /** What differs from run to run is made alike. */
  readonly steady?: (screen: string) => string;
}

const PROGRAMS: readonly Program[] = [
  {
    name: "vi",
    command: `vi -u NONE -n ${text}`,
    drawn: /line 1 äöü[^]*line 20/,
    keys: [["C-f"], ["G"], ["1", "G"], ["o", "new text ä", "Escape"], [":set nu", "Enter"]],
    quit: [[":q!", "Enter"]],
  },
  {
    name: "less",
    command: `less ${text}`,
    drawn: /line 1 äöü[^]*lines 1-\d+/,
    keys: [["Space"], ["/line 150", "Enter"], ["b"], ["G"]],
    quit: [["q"]],
  },
  {
    name: "top",
    // One process that never changes, no refresh while we look.
    command: "top -d 600 -p 1",
    drawn: /PID +USER[^]*\n +1 /,
    keys: [["1"], ["m"]],
    quit: [["q"]],
    steady: (screen) => screen.replace(/[\d.,: ]+/g, "").replace(/users?/g, "user"),
  },
  {
    name: "tmux",
    // What it draws is compared, so its panes show something that fits whenever they are made larger or smaller.
    command: `tmux -u -f /dev/null -S SOCKET start-server ';' set -g automatic-rename off ';' set -g default-command "head -n 5 ${text}; exec sleep 600" ';' set -g status-right '' ';' new-session`,
    drawn: /line 1 äöü[^]*line 5 äöü[^]*\[0\]/,
    keys: [
      ["C-b", "%"],
      ["C-b", '"'],
      ["C-b", "o"],
      ["C-b", "Space"],
      ["C-b", "z"],
      ["C-b", "z"],
      ["C-b", "["],
      ["q"],
    ],
    quit: [["C-b", "&"], ["y"]],
  },
];

/** The rows that differ, escape sequences readable. */
function differences(remote: string, local: string): string {
  const localRows = local.split("\n");
  const rows = remote.split("\n").flatMap((row, index) => {
    const other = localRows[index] ?? "";
    return row === other
      ? []
      : [`row ${index + 1}: ${JSON.stringify(row)}\n at home: ${JSON.stringify(other)}`];
  });
  return rows.length === 0 ? `nothing differs, and nothing has changed:\n${remote}` : rows.join("\n");
}

describe.concurrent("full-screen programs", () => {
  needs("tmux").describe("on a tmux server's terminal", () => {
    forEachAwsCli("programs", (start) => {
      for (const program of PROGRAMS) {
        needs(program.name).test(`${program.name} draws the same as at home, and quits`, async () => {
          const { steady = (screen: string) => screen } = program;
          const inside = (name: string): string => {
            const socket = join(files, `${name}-${start.name.replaceAll(/\W/g, "")}`);
            // A server lives on when the session of its client is ended.
            clearLater(() => endServer(socket));
            return program.command.replace("SOCKET", socket);
          };
          const remote = new Screen(
            await start.prepare(standIn, {
              document: "AWS-StartInteractiveCommand",
              // The size of the other terminal comes with the session.
              parameters: {
                command: `echo up; until [ "$(stty size)" = "${ROWS} ${COLS}" ]; do sleep 0.05; done; ${inside("r")}`,
              },
            }),
          );
          const local = new Screen({
            command: ["sh", "-c", inside("l")],
            env: { ...standIn.environment, ...SCREEN_ENVIRONMENT },
          });
          let last = "";
          /** The screen has changed since the last time, and in the same way in both places. */
          const alike = async (when: string): Promise<void> => {
            const changed = (): string | false => {
              const screen = steady(remote.look());
              return screen !== last && screen === steady(local.look()) && screen;
            };
            last = await waitFor(changed, {
              what: `the same screen ${when}`,
              timeoutMs: 10_000,
              intervalMs: 50,
              context: () => differences(steady(remote.look()), steady(local.look())),
            });
          };
          await Promise.all([remote.waitFor(program.drawn), local.waitFor(program.drawn)]);
          await alike("at the start");
          expect(remote.isAlternate).toBe(local.isAlternate);
          for (const keys of program.keys) {
            for (const screen of [remote, local]) screen.press(...keys);
            await alike(`after ${keys.join(" ")}`);
          }
          for (const screen of [remote, local]) screen.resize(70, 20);
          await alike("after a resize");
          for (const [step, keys] of program.quit.entries()) {
            if (step > 0) await alike("while it quits");
            for (const screen of [remote, local]) screen.press(...keys);
          }
          await remote.waitFor(/Exiting session with sessionId: \S+\.\n/);
          expect(remote.isAlternate).toBe(false);
          remote.close();
          local.close();
        });
      }
    });
  });
});
