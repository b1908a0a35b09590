/**
 * Commands for Windows agents, against a model of all that reads them before the program does. No Windows and no
 * PowerShell is at hand where this runs (Debian has no package of it): the model is what there is.
 */
import { describe, expect, test } from "bun:test";

import { windowsCommandLine, windowsShellLine } from "../../src/cli/windows-quoting.ts";
import { forSeeds, type SeededRandom } from "../support/seeded-random.ts";
import { parseCommandLine, runOnWindows, scriptOf } from "./windows-model.ts";

const PIECES = [
  ...[
    "'",
    '"',
    '""',
    '\\"',
    "\\",
    "\\\\",
    " ",
    "\t",
    "\n",
    "\r\n",
    "",
    "a",
    "é",
    "💥",
    "\u2018",
    "\u2019",
    "\u201b",
  ],
  ...[
    "$env:X",
    "$(id)",
    "`n",
    "{{x}}",
    "%PATH%",
    "%SSM_ARGUMENTS%",
    "--%",
    "|",
    "&",
    ";",
    "#",
    "<",
    ">",
    "^",
    "@(",
  ],
];

function randomWord(random: SeededRandom): string {
  return Array.from({ length: random.between(0, 7) }, () => random.pick(PIECES)).join("");
}

describe("the model follows Microsoft's own examples", () => {
  test.each<[string, string[]]>([
    ['p "a b c" d e', ["a b c", "d", "e"]],
    ['p "ab\\"c" "\\\\" d', ['ab"c', "\\", "d"]],
    ['p a\\\\\\b d"e f"g h', ["a\\\\\\b", "de fg", "h"]],
    ['p a\\\\\\"b c d', ['a\\"b', "c", "d"]],
    ['p a\\\\\\\\"b c" d e', ["a\\\\b c", "d", "e"]],
    ['p a"b"" c d', ['ab" c d']],
  ])("%s", (line, words) => {
    expect(parseCommandLine(line).slice(1)).toEqual(words);
  });
});

describe("a program", () => {
  test.each([
    [["a b", 'say "hi"', "", "it's", "C:\\dir with space\\", "%PATH%", "new\nline", "{{x}}", "--%"]],
    [[]],
  ])("with %j", (args) => {
    for (const tty of [false, true]) {
      const line = windowsCommandLine(["C:\\Program Files\\it's\\tool.exe", ...args], { tty });
      expect(runOnWindows(line, tty)).toEqual({
        program: "C:\\Program Files\\it's\\tool.exe",
        args,
        switches: tty ? [] : ["-NoProfile", "-NonInteractive", "-OutputFormat Text"],
      });
    }
  });

  test("any words arrive as they were given, and no placeholder stands in the line", () => {
    forSeeds(3_000, (random) => {
      const program = `p${randomWord(random)}`;
      const args = Array.from({ length: random.between(0, 5) }, () => randomWord(random));
      const tty = random.chance(0.5);
      const line = windowsCommandLine([program, ...args], { tty });
      expect(line).toMatch(/^[\w +/=-]+$/);
      expect(runOnWindows(line, tty)).toMatchObject({ program, args });
    });
  });

  test("too long for a command line of Windows is said before anything is started", () => {
    expect(windowsCommandLine(["p", "x".repeat(11_500)], { tty: false }).length).toBeLessThan(32_100);
    expect(() => windowsCommandLine(["p", "x".repeat(12_000)], { tty: false })).toThrow(
      /too long for a Windows target: 120\d\d characters, about 11500/,
    );
  });
});

test("a line of PowerShell stands in the script as it is, before what passes its exit code on", () => {
  const line = `Get-Item 'C:\\x' | % { "$_" } # {{comment}}`;
  expect(scriptOf(windowsShellLine(line, { tty: false })).split("\n")).toEqual([
    "$ProgressPreference = 'SilentlyContinue'",
    line,
    "if (-not $?) { if ($LASTEXITCODE) { exit $LASTEXITCODE }; exit 1 }",
  ]);
});
