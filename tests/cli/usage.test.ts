/** Help: made from the definitions, with examples that the parser itself understands. */
import { describe, expect, test } from "bun:test";

import { parseCommandLine } from "../../src/cli/arguments.ts";
import { COMMANDS } from "../../src/cli/commands.ts";
import { parseTunnelSpec } from "../../src/cli/forward/spec.ts";
import { commandHelp, programHelp } from "../../src/cli/usage.ts";
import { splitCommand } from "../../src/simulator/agent/argv.ts";

describe.each([...COMMANDS.keys()])("%s", (name) => {
  test("has a help that fits a terminal and names every argument", async () => {
    const command = await COMMANDS.get(name)?.();
    if (command === undefined) throw new Error("gone");
    const help = commandHelp(command);
    expect(help).toStartWith(`Usage: session-manager-plugin ${name}`);
    expect(help).toEndWith("\n");
    expect(help.split("\n").filter((line) => line.length > 120)).toEqual([]);
    expect(help).not.toMatch(/\x1b|undefined/);
    for (const [argument, { type }] of Object.entries(command.arguments)) {
      expect(help).toContain(type === "positional" ? argument.toUpperCase() : `--${argument}`);
    }
  });

  test("has examples that can be copied", async () => {
    const command = await COMMANDS.get(name)?.();
    if (command === undefined) throw new Error("gone");
    expect(command.examples.length).toBeGreaterThan(0);
    for (const example of command.examples) {
      // As a shell splits it; comments and redirections are not for the command.
      const split = splitCommand(example.replace(/ >> \S+/, "").replace(/ +# .*/, ""));
      const [word = "", ...rest] = "words" in split ? split.words : [];
      const named = await COMMANDS.get(word)?.();
      if (named === undefined) throw new Error(`${example}: no such command`);
      const parsed = parseCommandLine(named, rest);
      for (const spec of parsed.list("listen")) parseTunnelSpec(spec);
    }
  });
});

test("the program's help names every command", async () => {
  const commands = await Promise.all([...COMMANDS.values()].map((load) => load()));
  const help = programHelp(commands);
  for (const name of COMMANDS.keys()) expect(help).toContain(`\n  ${name} `);
  expect(help.split("\n").filter((line) => line.length > 130)).toEqual([]);
});
