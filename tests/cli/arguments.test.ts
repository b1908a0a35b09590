/** Command lines are parsed strictly: nothing is guessed, nothing is dropped. */
import { describe, expect, test } from "bun:test";

import { parseCommandLine, wants } from "../../src/cli/arguments.ts";
import type { Command } from "../../src/cli/command.ts";
import { COMMANDS } from "../../src/cli/commands.ts";
import { UsageError } from "../../src/cli/errors.ts";

const command: Command = {
  meta: { name: "try", description: "Tries." },
  arguments: {
    target: { type: "positional", description: "the target" },
    port: { type: "positional", required: false, description: "the port" },
    listen: { type: "string", alias: "L", multiple: true, description: "tunnels" },
    region: { type: "string", description: "region" },
    quiet: { type: "boolean", alias: "q", description: "quiet" },
    json: { type: "boolean", description: "json" },
  },
  rest: "WORDS",
  examples: [],
  run: () => Promise.resolve(0),
};

function read(args: readonly string[]): unknown {
  const parsed = parseCommandLine(command, args);
  return {
    target: parsed.text("target"),
    port: parsed.text("port"),
    listen: parsed.list("listen"),
    region: parsed.text("region"),
    quiet: parsed.flag("quiet"),
    json: parsed.flag("json"),
    rest: parsed.rest,
  };
}

const nothing = {
  target: "t",
  port: undefined,
  listen: [],
  region: undefined,
  quiet: false,
  json: false,
  rest: undefined,
};

describe("understood", () => {
  test.each<[readonly string[], object]>([
    [["t"], {}],
    [["t", "22"], { port: "22" }],
    [["--region", "x", "t"], { region: "x" }],
    [["t", "--region=x"], { region: "x" }],
    [["t", "--region=--json"], { region: "--json" }],
    [["t", "-q", "--json"], { quiet: true, json: true }],
    [["t", "-q", "-q"], { quiet: true }],
    [["-L", "1:2", "t", "--listen", "3:4", "-L5:6"], { listen: ["1:2", "3:4", "5:6"] }],
    [["t", "--"], { rest: [] }],
    [["t", "--", "a b", "--region", "-q", "--", ""], { rest: ["a b", "--region", "-q", "--", ""] }],
  ])("%j", (args, expected) => {
    expect(read(args)).toEqual({ ...nothing, ...expected });
  });
});

describe("refused, naming the word", () => {
  test.each<[readonly string[], string]>([
    [[], "TARGET is missing"],
    [["--", "t"], "TARGET is missing"],
    [[""], "TARGET is empty"],
    [["t", "22", "more"], '"more" is one word too many'],
    [["t", "--nope"], "--nope"],
    [["t", "--nope=1"], "--nope"],
    [["t", "-x"], "-x"],
    [["t", "--no-quiet"], "--no-quiet"],
    [["t", "--region"], "--region"],
    [
      ["t", "--region", "--json"],
      "'--region' needs a value; one that begins with a dash is written behind =. See",
    ],
    [["t", "--region="], "--region has an empty value"],
    [["t", "--region", ""], "--region has an empty value"],
    [["t", "-L", ""], "--listen has an empty value"],
    [["t", "-L"], "--listen"],
    [["t", "--quiet=yes"], "--quiet"],
    [["t", "--region", "a", "--region", "b"], "--region is given 2 times"],
  ])("%j: %s", (args, text) => {
    expect(() => read(args)).toThrow(UsageError);
    expect(() => read(args)).toThrow(text);
    expect(() => read(args)).toThrow(/^try: [^\n]+$/);
  });

  test("words behind -- where none may be", () => {
    const { rest: _, ...without } = command;
    expect(() => parseCommandLine(without, ["t", "--", "word"])).toThrow(
      'nothing may follow --, "word" does',
    );
  });
});

describe("an option that may stand without its value", () => {
  const optional: Command = {
    ...command,
    arguments: { ...command.arguments, key: { type: "string", description: "key", implied: "~/own" } },
  };
  const keyOf = (...args: readonly string[]): unknown => {
    const parsed = parseCommandLine(optional, args);
    return [parsed.text("key"), parsed.text("target"), parsed.text("port")];
  };

  test.each<[readonly string[], readonly [string | undefined, string, string | undefined]]>([
    [["t"], [undefined, "t", undefined]],
    [
      ["--key", "t"],
      ["~/own", "t", undefined],
    ],
    [
      ["t", "--key"],
      ["~/own", "t", undefined],
    ],
    [
      ["--key", "--quiet", "t"],
      ["~/own", "t", undefined],
    ],
    [
      ["--key=x", "t"],
      ["x", "t", undefined],
    ],
    [
      ["--key", "/x", "t"],
      ["/x", "t", undefined],
    ],
    [
      ["--key", "~/x", "t"],
      ["~/x", "t", undefined],
    ],
    [
      ["--key", "../x", "t"],
      ["../x", "t", undefined],
    ],
    [
      ["--key", "C:\\x", "t"],
      ["C:\\x", "t", undefined],
    ],
    // No path: a target has a colon or a slash too.
    [
      ["--key", "tag:Role=a/b", "22"],
      ["~/own", "tag:Role=a/b", "22"],
    ],
    [
      ["--key", "~x", "22"],
      ["~/own", "~x", "22"],
    ],
  ])("%j", (args, read) => {
    expect(keyOf(...args)).toEqual(read);
  });

  test("no value behind =, and twice", () => {
    expect(() => keyOf("t", "--key=")).toThrow("--key has an empty value");
    expect(() => keyOf("t", "--key", "--key=x")).toThrow("--key is given 2 times");
  });
});

test("what counts before -- does not count behind it", () => {
  expect(wants(["t", "--help"], "--help", "-h")).toBe(true);
  expect(wants(["t", "-h", "--"], "--help", "-h")).toBe(true);
  expect(wants(["t", "--", "--help"], "--help", "-h")).toBe(false);
});

test("no option of any command has a name or letter twice, and the common ones mean the same everywhere", async () => {
  const meanings = new Map<string, string>();
  for (const load of COMMANDS.values()) {
    const { arguments: definitions, meta } = await load();
    const letters = Object.values(definitions).flatMap(({ alias }) => alias ?? []);
    expect({ command: meta.name, letters: letters.length }).toEqual({
      command: meta.name,
      letters: new Set(letters).size,
    });
    for (const [name, definition] of Object.entries(definitions)) {
      // One that may stand alone is a switch that can say more.
      const type = definition.implied === undefined ? definition.type : "boolean";
      if (type === "positional" || ["command", "shell", "port", "sessions"].includes(name)) continue;
      expect({ name, type: meanings.get(name) ?? type }).toEqual({ name, type });
      meanings.set(name, type ?? "string");
    }
  }
});
