/** The live status of `forward` on screens of two sizes, as a tmux server has them: what is seen, and what is left. */
import { expect, test } from "bun:test";

import { executablePath, temporaryDirectory } from "../../support/environment.ts";
import { needs } from "../../support/programs.ts";
import { Screen } from "../../support/screen.ts";
import { waitFor } from "../../support/wait-for.ts";
import { noSessionsLeft, peopleOnTerminal, usePeopleStandIn, WEB } from "./people.ts";

const standIn = usePeopleStandIn();
const SOCKET = "./東京-db.sock";
const LONG = "a-database-with-a-long-name.eu-central-1.rds.internal";
const TUNNELS = [
  "-L",
  "127.0.0.1:0:80",
  "-L",
  `127.0.0.1:0:${LONG}:5432`,
  "-L",
  `${SOCKET}:db.internal:6379`,
];

const PROMPT = /^bash-\S+[#$]$/m;

/** Tunnels on a screen, which stays when they have ended. `env` is a prefix for the command line. */
function on(cols: number, rows: number, env = "", tunnels: readonly string[] = TUNNELS): Screen {
  const directory = temporaryDirectory("tunnels");
  const words = [executablePath, "forward", WEB, ...tunnels];
  const command = [
    "sh",
    "-c",
    `cd ${directory}; trap : INT; echo before; ${env} "$@"; echo "code $?"; exec sleep 600`,
    "sh",
    ...words,
  ];
  return new Screen({ command, env: standIn.environment }, cols, rows);
}

const rowsOf = (screen: Screen): readonly string[] => screen.text().trimEnd().split("\n");

/** The lines of the tunnels once they, and nothing else but what was there before, are on the screen; ports alike. */
async function picture(screen: Screen, lines = 3): Promise<readonly string[]> {
  let shown: readonly string[] = [];
  const isWhole = (): boolean => {
    // What was there before may have left the window upwards.
    shown = rowsOf(screen).filter((row, index) => index > 0 || row !== "before");
    return (
      shown.length === lines && shown.every((row) => /^(127\.0\.0\.1:\d+|\.\/東京-db\.sock)( |$)/.test(row))
    );
  };
  await waitFor(isWhole, {
    what: "the status",
    timeoutMs: 10_000,
    intervalMs: 50,
    context: () => screen.text(),
  });
  return shown.map((row) =>
    row
      .replace(/(127\.0\.0\.1):\d+( *)/, (all, address: string) => `${address}:PORT`.padEnd(all.length))
      .trimEnd(),
  );
}

needs("tmux").describe("the status", () => {
  test("80 × 24: addresses whole, round trip and rate left out, long names cut in the middle", async () => {
    const screen = on(80, 24);
    const rows = await picture(screen);
    for (const row of rows) expect(Bun.stringWidth(row)).toBeLessThan(80);
    expect(rows[0]).toMatch(/^127\.0\.0\.1:PORT +→ port 80 +● up  0 open/);
    expect(rows[1]).toMatch(/^127\.0\.0\.1:PORT +→ a-d\S*…\S*:5432 +● up  0 open/);
    expect(rows[2]).toStartWith(`${SOCKET}   → db.internal:6379 `);
    // Columns stand below one another.
    const columns = rows.map((row) => Bun.stringWidth(row.slice(0, row.indexOf("→"))));
    expect(new Set(columns).size).toBe(1);
    expect(rows.join("\n")).not.toMatch(/rtt|\/s/);
    screen.close();
  });

  test("160 × 50: everything", async () => {
    const screen = on(160, 50, "", ["-L", "127.0.0.1:0:80", "-L", `127.0.0.1:0:${LONG}:5432`]);
    const rows = await picture(screen, 2);
    const numbers = "● up  0 open  ↑ 0 B  ↓ 0 B  0 B/s";
    expect(rows[0]).toMatch(new RegExp(`^127\\.0\\.0\\.1:PORT +→ port 80 +${numbers}`));
    expect(rows[1]).toMatch(new RegExp(`^127\\.0\\.0\\.1:PORT +→ ${LONG}:5432  ${numbers}`));
    await screen.waitFor(/rtt \d+\.\d ms/);
    screen.close();
  });

  test("colours say the state, and none are there with NO_COLOR", async () => {
    const colored = on(80, 24);
    await picture(colored);
    expect(colored.look()).toMatch(/\x1b\[32m● up\x1b\[39m/);
    colored.close();
    const plain = on(80, 24, "NO_COLOR=1");
    await picture(plain);
    expect(plain.look()).not.toContain("\x1b");
    expect(plain.text()).toContain("● up");
    plain.close();
  });

  test("resizing leaves nothing of earlier pictures, nor does the end", async () => {
    const screen = on(160, 50);
    await picture(screen);
    for (const [cols, rows, end] of [
      [60, 24, /↓ 0 B$/],
      [18, 10, /(:PORT|sock)$/],
      [130, 12, /rtt \d+\.\d ms$/],
      [40, 40, /● up$/],
      [90, 24, /↓ 0 B$/],
    ] as const) {
      screen.resize(cols, rows);
      await waitFor(
        () =>
          end.test(
            screen
              .text()
              .replaceAll(/(127\.0\.0\.1):\d+/g, "$1:PORT")
              .trimEnd(),
          ),
        {
          what: `the picture of ${cols} columns`,
          context: () => screen.text(),
        },
      );
      const shown = await picture(screen);
      for (const row of shown) {
        expect(row).toMatch(end);
        expect(Bun.stringWidth(row)).toBeLessThan(cols);
      }
    }
    screen.press("C-c");
    await screen.waitFor("code 130");
    const rows = rowsOf(screen).filter((row) => row !== "before");
    expect(rows).toHaveLength(4);
    for (const row of rows.slice(0, 3)) expect(row).toContain("✗ ended");
    screen.close();
  });

  test("messages stand above it, and are kept", async () => {
    const screen = on(80, 24, "", ["-L", "127.0.0.1:0:9"]);
    const [line = ""] = await picture(screen, 1);
    const port = /127\.0\.0\.1:(\d+)/.exec(screen.text())?.[1];
    expect(line).toContain("● up");
    const peer = await Bun.connect({ hostname: "127.0.0.1", port: Number(port), socket: { data() {} } });
    peer.write("x");
    await screen.waitFor(/could not reach[^●]*● up/);
    const rows = rowsOf(screen);
    expect(rows.slice(0, 2)).toEqual(["before", expect.stringContaining("could not reach")]);
    expect(rows.at(-1)).toContain("● up");
    expect(rows.filter((row) => row.includes("● up"))).toHaveLength(1);
    screen.close();
  });

  test("more tunnels than rows: as many as there is room for, and how many more", async () => {
    const screen = on(80, 4, "", Array.from({ length: 6 }, () => ["-L", "127.0.0.1:0:80"]).flat());
    await screen.waitFor("… 4 more");
    expect(rowsOf(screen).filter((row) => row.includes("→ port 80"))).toHaveLength(2);
    screen.resize(80, 24);
    await waitFor(() => rowsOf(screen).filter((row) => row.includes("→ port 80")).length === 6, {
      what: "all tunnels",
    });
    expect(screen.text()).not.toContain("more");
    screen.close();
  });

  test("Ctrl-Z leaves the lines to be read, and fg draws them again", async () => {
    const tunnels = TUNNELS.slice(0, 2).join(" ");
    const command = ["bash", "--norc", "--noprofile", "-i"];
    const screen = new Screen({ command, env: standIn.environment }, 80, 24);
    await screen.waitFor(PROMPT);
    screen.press(`${executablePath} forward ${WEB} ${tunnels}`, "Enter");
    await screen.waitFor("● up");
    screen.press("C-z");
    await screen.waitFor(/● up[^\n]*\n[^●]*Stopped/);
    screen.press("fg", "Enter");
    await screen.waitFor(/fg\n[^]*● up[^\n]*$/m);
    screen.press("C-c");
    await waitFor(() => PROMPT.test(rowsOf(screen).at(-1) ?? ""), { what: "the shell's prompt" });
    screen.close();
  });
});

test("a terminal that understands nothing but text gets lines, and no escape at all", async () => {
  const pty = peopleOnTerminal(standIn, ["forward", WEB, "-L", "127.0.0.1:0:80"], { env: { TERM: "dumb" } });
  await pty.waitForOutput(/Listening on 127\.0\.0\.1:\d+ for port 80\r\n/);
  pty.write("\x03");
  expect(await pty.finish()).toBe(130);
  expect(pty.output.text()).not.toContain("\x1b");
});

test("nothing is left behind", () => noSessionsLeft(standIn));
