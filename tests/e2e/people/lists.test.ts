/** Lists and the question for a target on screens of two sizes, as a tmux server has them. */
import { expect, test } from "bun:test";

import type { TargetOptions } from "../../../src/simulator/index.ts";
import { executablePath } from "../../support/environment.ts";
import { needs } from "../../support/programs.ts";
import { Screen } from "../../support/screen.ts";
import { waitFor } from "../../support/wait-for.ts";
import { noSessionsLeft, people, peopleOnTerminal, startPeople, usePeopleStandIn, WEB } from "./people.ts";

const HOUR_MS = 3_600_000;
const hoursAgo = (hours: number): number => Date.now() - hours * HOUR_MS - 60_000;

const TARGETS: readonly TargetOptions[] = [
  { id: WEB, name: "web-1", lastPingMs: hoursAgo(5), ipAddress: "10.0.0.10" },
  {
    id: "i-0fedcba9876543210",
    name: "a-database-server-with-a-long-name-1",
    lastPingMs: hoursAgo(6),
    ipAddress: "10.0.0.100",
  },
  {
    id: "i-00000000000000aaa",
    name: "東京のサーバー",
    lastPingMs: hoursAgo(7),
    ipAddress: "2001:db8::10:100",
    platformName: "Ubuntu",
    platformVersion: "24.04",
  },
  {
    id: "mi-0123456789abcdef0",
    name: "office",
    connected: false,
    lastPingMs: hoursAgo(72),
    ipAddress: "192.168.7.7",
  },
];

const standIn = usePeopleStandIn({ targets: TARGETS });

/** A command on a screen, which stays when it has ended. */
function on(cols: number, rows: number, args: string, env: Readonly<Record<string, string>> = {}): Screen {
  const command = ["sh", "-c", `echo before; "$0" ${args}; echo "code $?"; exec sleep 600`, executablePath];
  return new Screen({ command, env: { ...standIn.environment, ...env } }, cols, rows);
}

/** The rows of a screen that have something on them. */
const rowsOf = (screen: Screen): readonly string[] => screen.text().trimEnd().split("\n");

/** What a command leaves on a screen between what was there before and the next command. */
async function shown(cols: number, rows: number, args: string): Promise<readonly string[]> {
  const screen = on(cols, rows, args);
  await screen.waitFor("code 0");
  const [before, ...lines] = rowsOf(screen);
  expect([before, lines.pop()]).toEqual(["before", "code 0"]);
  expect(screen.look()).not.toContain("\x1b");
  screen.close();
  return lines;
}

const NARROW = [
  "ID                    NAME                      STATE           IP",
  "i-0123456789abcdef0   web-1.example.internal    Online          10.0.0.10",
  "i-0fedcba9876543210   a-database-s…le.internal  Online          10.0.0.100",
  "i-00000000000000aaa   東京のサーバ…le.internal  Online          2001:db8::10:100",
  "mi-0123456789abcdef0  office                    ConnectionLost  192.168.7.7",
];
const WIDE = [
  "ID                    NAME                                                   STATE           PLATFORM           AGENT    IP                LAST PING",
  "i-0123456789abcdef0   web-1.example.internal                                 Online          Amazon Linux 2023  3.3.0.0  10.0.0.10         5 h ago",
  "i-0fedcba9876543210   a-database-server-with-a-long-name-1.example.internal  Online          Amazon Linux 2023  3.3.0.0  10.0.0.100        6 h ago",
  "i-00000000000000aaa   東京のサーバー.example.internal                        Online          Ubuntu 24.04       3.3.0.0  2001:db8::10:100  7 h ago",
  "mi-0123456789abcdef0  office                                                 ConnectionLost  Amazon Linux 2023  3.3.0.0  192.168.7.7       3 days ago",
];

needs("tmux").describe("targets", () => {
  test("80 × 24: the least important columns are left out, no address is cut", async () => {
    expect(await shown(80, 24, "targets")).toEqual(NARROW);
  });

  test("160 × 50: everything", async () => {
    expect(await shown(160, 50, "targets")).toEqual(WIDE);
  });

  test("40 × 12, and narrower than an id", async () => {
    const ids = NARROW.map((line) => line.split(" ", 1)[0] ?? "");
    const names = ["NAME", "web-1.exa…internal", "a-databas…internal", "東京のサ….internal", "office"];
    expect(await shown(40, 12, "targets")).toEqual(
      ids.map((id, index) => `${id.padEnd(20)}  ${names[index]}`),
    );
    expect(await shown(20, 12, "targets")).toEqual(ids);
    expect(await shown(10, 12, "targets")).toEqual([
      "ID",
      "i-012…def0",
      "i-0fe…3210",
      "i-000…0aaa",
      "mi-01…def0",
    ]);
  });

  test("--wide, and whatever is no terminal, has all of it", async () => {
    const { stdout } = await people(standIn, ["targets"]);
    expect(stdout).toBe(`${WIDE.join("\n")}\n`);
    const pty = peopleOnTerminal(standIn, ["targets", "--wide"], { cols: 80 });
    expect(await pty.finish()).toBe(0);
    expect(pty.output.text()).toBe(stdout.replaceAll("\n", "\r\n"));
  });

  test("a terminal that understands nothing but text, and one without colours", async () => {
    for (const env of [{ TERM: "dumb" }, { NO_COLOR: "1" }]) {
      const pty = peopleOnTerminal(standIn, ["targets"], { cols: 80, env });
      expect(await pty.finish()).toBe(0);
      expect(pty.output.text()).toBe(NARROW.map((line) => `${line}\r\n`).join(""));
    }
  });
});

needs("tmux").test("sessions: 80 × 24 and 160 × 50", async () => {
  const child = startPeople(standIn, ["exec", WEB, "--shell", "echo up; exec sleep 60"]);
  await child.stdout.waitFor("up\n");
  const steady = (lines: readonly string[]): readonly string[] =>
    lines.map((line) =>
      line.replace(/demo-user-[0-9a-f]{17}/, "ID".padEnd(27, ".")).replace(/\d+ s ago$/, "N s ago"),
    );
  expect(steady(await shown(80, 24, "sessions"))).toEqual([
    "ID                           TARGET               STATUS     STARTED",
    "ID.........................  i-0123456789abcdef0  Connected  N s ago",
  ]);
  expect(steady(await shown(160, 50, "sessions"))).toEqual([
    "ID                           TARGET               STATUS     OWNER                                     DOCUMENT                        STARTED",
    "ID.........................  i-0123456789abcdef0  Connected  arn:aws:iam::111122223333:user/demo-user  AWS-StartNonInteractiveCommand  N s ago",
  ]);
  child.kill("SIGTERM");
  await child.finish();
  await noSessionsLeft(standIn);
});

needs("tmux").describe("the question for a target", () => {
  const AT_80 = [
    "> i-0fedcba9876543210   a-database…e.internal  Online          10.0.0.100",
    "  i-0123456789abcdef0   web-1.exam…e.internal  Online          10.0.0.10",
    "  i-00000000000000aaa   東京のサー…e.internal  Online          2001:db8::10:100",
    "  mi-0123456789abcdef0  office                 ConnectionLost  192.168.7.7",
  ];
  const AT_160 = [
    "> i-0fedcba9876543210   a-database-server-with-a-long-name-1.example.internal  Online          Amazon Linux 2023  10.0.0.100",
    "  i-0123456789abcdef0   web-1.example.internal                                 Online          Amazon Linux 2023  10.0.0.10",
    "  i-00000000000000aaa   東京のサーバー.example.internal                        Online          Ubuntu 24.04       2001:db8::10:100",
    "  mi-0123456789abcdef0  office                                                 ConnectionLost  Amazon Linux 2023  192.168.7.7",
  ];
  const AT_30 = [
    "> i-0fedcba9876543210",
    "  i-0123456789abcdef0",
    "  i-00000000000000aaa",
    "  mi-0123456789abcdef0",
  ];
  const INPUT = "Target (4/4):";

  /** Waits until the whole screen is as it should be. */
  async function shows(screen: Screen, lines: readonly string[]): Promise<void> {
    const rows = (): readonly string[] => rowsOf(screen);
    await waitFor(() => rows().join("\n") === lines.join("\n"), {
      what: "the screen as it should be",
      timeoutMs: 10_000,
      intervalMs: 50,
      context: () => `${rows().join("\n")}\n--- instead of\n${lines.join("\n")}`,
    });
  }

  test("80 × 24, 160 × 50 and back: nothing is left of another size, nor of the question", async () => {
    const screen = on(80, 24, "shell");
    await shows(screen, [INPUT, ...AT_80]);
    expect(screen.look()).not.toContain("\x1b");
    for (const [cols, rows, lines] of [
      [160, 50, AT_160],
      [30, 24, AT_30],
      [160, 3, AT_160.slice(0, 2)],
      [80, 24, AT_80],
    ] as const) {
      screen.resize(cols, rows);
      await shows(screen, [INPUT, ...lines]);
    }
    screen.press("office");
    await shows(screen, ["Target (1/4): office", ...AT_80.slice(3).map((line) => line.replace(" ", ">"))]);
    screen.resize(20, 24);
    await shows(screen, ["…rget (1/4): office", "> mi-01234…9abcdef0"]);
    screen.resize(80, 24);
    screen.press("Escape");
    await shows(screen, ["before", "code 130"]);
    screen.close();
  });

  test("wide characters that are typed stand before the cursor", async () => {
    const screen = on(80, 24, "shell");
    await shows(screen, [INPUT, ...AT_80]);
    screen.press("東京x");
    await shows(screen, ["Target (0/4): 東京x"]);
    expect(screen.cursor).toEqual({ column: 19, row: 0 });
    screen.press("C-c");
    await shows(screen, ["before", "code 130"]);
    screen.close();
  });
});
