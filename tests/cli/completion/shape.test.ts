/** What completion makes of the commands' definitions, and that every script holds all of it. */
import { describe, expect, test } from "bun:test";

import type { Command } from "../../../src/cli/command.ts";
import { COMMANDS } from "../../../src/cli/commands.ts";
import { SCRIPTS } from "../../../src/cli/completion/completion.ts";
import { shapeOf, wordsOf } from "../../../src/cli/completion/shape.ts";
import { linesOf } from "../../../src/cli/completion/targets.ts";
import { findProgram, needs } from "../../support/programs.ts";

const sample: Command = {
  meta: { name: "sample", description: 'It\'s a [sample]: "x" $HOME `id`.' },
  arguments: {
    target: { type: "positional", required: false, description: "a target" },
    profile: { type: "string", description: "a profile" },
    form: { type: "string", description: "a form", valueHint: "text|json" },
    level: { type: "enum", description: "a level", options: ["low", "high"] },
    "ready-file": { type: "string", alias: "f", description: "a file", valueHint: "FILE", multiple: true },
    quiet: { type: "boolean", alias: "q", description: "say 'nothing' [at all]: no" },
    region: { type: "string", description: "a region", valueHint: "REGION" },
  },
  rest: "COMMAND",
  examples: [],
  run: () => Promise.resolve(0),
};

test("values are known by type, hint and name", () => {
  const { options, positionals, takesCommand } = shapeOf(sample);
  expect(positionals).toEqual([{ name: "TARGET", values: "targets" }]);
  expect(Object.fromEntries(options.map(({ long, value }) => [long, value?.values]))).toEqual({
    profile: "profiles",
    form: ["text", "json"],
    level: ["low", "high"],
    "ready-file": "files",
    quiet: undefined,
    region: "nothing",
    help: undefined,
  });
  expect(options.map(wordsOf)).toContainEqual(["--ready-file", "-f"]);
  expect(options.find(({ long }) => long === "ready-file")?.repeatable).toBe(true);
  expect(takesCommand).toBe(true);
});

describe.each(Object.entries(SCRIPTS))("the script for %s", (shell, script) => {
  test("names every command and option there is", async () => {
    const commands = await Promise.all(Array.from(COMMANDS.values(), async (load) => shapeOf(await load())));
    const text = script(commands, ["session-manager-plugin"]);
    for (const { name, options } of commands) {
      expect(text).toContain(name);
      for (const { long } of options) expect(text).toContain(shell === "fish" ? `-l ${long}` : `--${long}`);
    }
    expect(text).not.toMatch(/undefined|\[object/);
  });

  needs(shell).test("is understood by the shell, whatever stands in descriptions", async () => {
    const child = Bun.spawn([findProgram(shell) ?? shell, "-n"], {
      stdin: new Blob([script([shapeOf(sample)], ["session-manager-plugin", "ssm"])]),
      stderr: "pipe",
    });
    expect(await child.stderr.text()).toBe("");
    expect(await child.exited).toBe(0);
  });
});

describe("the lines of targets", () => {
  const node = (
    InstanceId: string,
    ComputerName: string,
    PingStatus: "Online" | "ConnectionLost" = "Online",
  ) => ({
    InstanceId,
    ComputerName,
    PingStatus,
  });

  test("are names and ids, those that are online first", () => {
    expect(linesOf([node("i-2", "b", "ConnectionLost"), node("i-1", "a")])).toBe(
      "a\ti-1, Online\ni-1\ta, Online\nb\ti-2, ConnectionLost\ni-2\tb, ConnectionLost\n",
    );
  });

  test("hold nothing that a shell or terminal would act on", () => {
    const names = ["$(id)", "a b", "x\x1b]0;t\x07y", "-rf", "`id`", "*", "~root", "a;b"];
    const lines = linesOf(names.map((name, index) => node(`i-${index}`, name)))
      .trimEnd()
      .split("\n");
    expect(lines.map((line) => line.split("\t")[0]).toSorted()).toEqual(
      names.map((_, index) => `i-${index}`),
    );
    expect(lines.join("")).not.toMatch(/[\x00-\x08\x0b-\x1f\x7f]/);
  });

  test("name a name of several targets once", () => {
    expect(linesOf([node("i-1", "twin"), node("i-2", "twin")]).match(/^twin\t/gm)).toHaveLength(1);
  });
});
