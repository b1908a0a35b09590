/**
 * Full-screen programs through the real AWS CLI: what vi, less, top and tmux draw is compared, cell by cell with its
 * colours, with what they draw on a terminal of their own. A tmux server is the terminal in both cases.
 */
import { beforeAll, describe, expect } from "bun:test";
import { join } from "node:path";

import { temporaryDirectory } from "../support/environment.ts";
import { clearLater } from "../support/leftovers.ts";
import { needs } from "../support/programs.ts";
import { endTmuxServer, Screen } from "../support/screen.ts";
import { waitFor } from "../support/wait-for.ts";
import { useStandIn } from "./stand-in.ts";
import { forEachAwsCli } from "./starts.ts";

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
            clearLater(() => endTmuxServer(socket));
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
            COLS,
            ROWS,
          );
          const local = new Screen(
            { command: ["sh", "-c", inside("l")], env: { ...standIn.environment, ...SCREEN_ENVIRONMENT } },
            COLS,
            ROWS,
          );
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
