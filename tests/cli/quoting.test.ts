/** Arguments survive the one command line that a document takes. */
import { describe, expect, test } from "bun:test";

import { unixCommandLine } from "../../src/cli/quoting.ts";
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
