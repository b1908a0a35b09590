/** Arguments survive the one command line that a document takes. */
import { describe, expect, test } from "bun:test";

import { unixCommandLine, windowsCommandLine } from "../../src/cli/quoting.ts";
import { splitCommand } from "../../src/simulator/agent/argv.ts";
import { forSeeds, type SeededRandom } from "../support/seeded-random.ts";

const PIECES = [
  "'",
  '"',
  "\\",
  " ",
  "\n",
  "\t",
  "$HOME",
  "`id`",
  "{",
  "{{",
  "}}",
  "{{x}}",
  "#",
  "a",
  "é",
  "💥",
  "",
  ";",
  "|",
  "*",
  "-",
];

function randomWords(random: SeededRandom): string[] {
  return Array.from({ length: random.between(1, 6) }, () =>
    Array.from({ length: random.between(0, 9) }, () => random.pick(PIECES)).join(""),
  );
}

describe("Linux and macOS", () => {
  test("any words come back from the agent's splitting, without placeholders in the line", () => {
    forSeeds(3_000, (random) => {
      const words = randomWords(random);
      const line = unixCommandLine(words);
      expect(line).not.toMatch(/\{\{|\}\}/);
      expect(splitCommand(line)).toEqual({ words });
    });
  });

  test("a shell understands the line the same", async () => {
    const words = ["a b", "c'd", 'e"f', "$HOME", "`id`", "{{x}}", "\\", "new\nline", "", "*"];
    const line = unixCommandLine(["printf", "%s\\0", ...words]);
    const output = await new Response(Bun.spawn(["/bin/sh", "-c", line], { stdout: "pipe" }).stdout).text();
    expect(output.split("\0").slice(0, -1)).toEqual(words);
  });
});

/** The literal texts of PowerShell, as its own rules read them: `'…'` with doubled quotes, joined by `+` in brackets. */
function readPowerShellWords(line: string): string[] {
  const end = line.indexOf("; if ($null -ne $LASTEXITCODE)");
  const words: string[] = [];
  const literal = /'((?:[^'\u2018-\u201b]|(['\u2018-\u201b])\2)*)'/uy;
  let at = "& ".length;
  const readLiteral = (): string => {
    literal.lastIndex = at;
    const match = literal.exec(line);
    if (match === null) throw new Error(`no literal at ${at} of ${line}`);
    at = literal.lastIndex;
    return (match[1] ?? "").replace(/(['\u2018-\u201b])\1/gu, "$1");
  };
  while (at < end) {
    if (line[at] === "(") {
      at++;
      let word = readLiteral();
      while (line[at] === "+") {
        at++;
        word += readLiteral();
      }
      if (line[at] !== ")") throw new Error(`no bracket at ${at} of ${line}`);
      at++;
      words.push(word);
    } else words.push(readLiteral());
    if (at < end && line[at++] !== " ") throw new Error(`no space before ${at} of ${line}`);
  }
  return words;
}

describe("Windows", () => {
  test.each<[readonly string[], string]>([
    [["whoami"], "& 'whoami'"],
    [["a b", "it's"], "& 'a b' 'it''s'"],
    [["{{x}}"], "& ('{'+'{x}'+'}')"],
    [["$env:X", "`t"], "& '$env:X' '`t'"],
    [["\u2019"], "& '\u2019\u2019'"],
  ])("%j", (words, line) => {
    expect(windowsCommandLine(words)).toBe(`${line}; if ($null -ne $LASTEXITCODE) { exit $LASTEXITCODE }`);
  });

  test("any words are literals of PowerShell, without placeholders in the line", () => {
    forSeeds(2_000, (random) => {
      const words = [...randomWords(random), random.pick(["\u2018", "x\u201by", "''"])];
      const line = windowsCommandLine(words);
      expect(line).not.toMatch(/\{\{|\}\}/);
      expect(readPowerShellWords(line)).toEqual(words);
    });
  });
});
