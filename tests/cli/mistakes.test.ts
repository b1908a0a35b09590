/** What is said of words that a command does not know: what was meant, and a command line that is understood. */
import { describe, expect, test } from "bun:test";

import { findCommand, parseCommandLine } from "../../src/cli/arguments.ts";
import { COMMANDS, isCommandWord } from "../../src/cli/commands.ts";
import { UsageError } from "../../src/cli/errors.ts";
import { parseTunnelSpec } from "../../src/cli/forward/spec.ts";
import { asksForHelp } from "../../src/cli/mistakes.ts";
import { nearWords } from "../../src/cli/suggestion.ts";
import { splitCommand } from "../../src/simulator/agent/argv.ts";

async function commandOf(name: string): Promise<NonNullable<Awaited<ReturnType<typeof load>>>> {
  const command = await load(name);
  if (command === undefined) throw new Error(`no command ${name}`);
  return command;
}
const load = async (name: string) => await COMMANDS.get(name)?.();

/** What is said of a command line. */
async function said(line: string): Promise<string> {
  const [name = "", ...words] = wordsOf(line);
  const command = await commandOf(name);
  try {
    parseCommandLine(command, words);
  } catch (error) {
    if (error instanceof UsageError) return error.message;
    throw error;
  }
  throw new Error(`${line}: understood`);
}

function wordsOf(line: string): readonly string[] {
  const split = splitCommand(line);
  if (!("words" in split)) throw new Error(`${line}: no words`);
  return split.words;
}

describe("near words", () => {
  const commands = [...COMMANDS.keys(), "help"];
  test.each([
    ["exce", ["exec"]],
    ["EXEC", ["exec"]],
    ["fowrard", ["forward"]],
    ["target", ["targets"]],
    ["shel", ["shell"]],
    ["ssh", ["ssh-proxy", "ssh-config"]],
    ["execute", ["exec"]],
    ["man", ["man"]],
    ["StartSession", []],
    ["can", []],
    ["list", []],
    ["version", []],
    ["ex", []],
    ["", []],
  ])("of %j: %j", (word, near) => {
    expect(nearWords(word, commands)).toEqual(near);
    expect(isCommandWord(word)).toBe(near.length > 0);
  });
});

describe("the command is found", () => {
  test.each<[readonly string[], string | undefined, readonly string[], readonly string[]]>([
    [["exec", "t", "--", "x"], "exec", [], ["t", "--", "x"]],
    [["--profile", "exec", "exec", "t"], "exec", ["--profile", "exec"], ["t"]],
    [["--profile=p", "-q", "-v", "Targets", "--json"], "targets", ["--profile=p", "-q", "-v"], ["--json"]],
    [["-qv", "TARGETS"], "targets", ["-qv"], []],
    [["--json"], undefined, ["--json"], []],
    [["--", "exec"], undefined, ["--", "exec"], []],
    [["-h"], undefined, ["-h"], []],
  ])("in %j: %j", (args, name, before, after) => {
    expect(findCommand(args)).toEqual({ name, before, after });
  });

  test.each([
    [["-L", "1:2", "forward"], "-L is no option of all commands: a command's own options stand behind it"],
    [["--proflie", "p", "exec"], "there is no option --proflie for all commands; did you mean --profile?"],
    [["--version", "exec"], "--version stands alone"],
    [["-q", "--version"], "--version stands alone"],
  ])("not in %j: %s", (args, text) => {
    expect(() => findCommand(args)).toThrow(UsageError);
    expect(() => findCommand(args)).toThrow(text);
  });
});

describe("another command line is offered, which is understood", () => {
  test.each([
    ["exec demo ls", "exec demo -- ls"],
    ["exec demo ls -la --color", "exec demo -- ls -la --color"],
    ["exec demo --timeout 5s ls -- x", "exec demo --timeout 5s -- ls -- x"],
    ["exec demo 'ls -la | wc'", "exec demo --shell 'ls -la | wc'"],
    ["shell demo ls -la", "exec demo -- ls -la"],
    ["shell demo -- ls", "exec demo -- ls"],
    ["forward demo -L 1:2 psql -h x", "forward demo -L 1:2 -- psql -h x"],
    ["forward demo 8080:80 5432:db:5432", "forward demo -L 8080:80 -L 5432:db:5432"],
    ["forward demo 8080", "forward demo -L 8080:8080"],
    // Habits from ssh.
    ["forward -N -L 8080:80 demo", "forward -L 8080:80 demo"],
    ["forward -NTL 8080:80 demo", "forward -L 8080:80 demo"],
    ["forward -n -i key.pem -l root -L 8080:80 me@demo", "forward -L 8080:80 demo"],
    ["forward -fN -L 8080:80 demo", "forward -L 8080:80 demo --background"],
    ["forward -g -L 8080:80 demo", "forward -L '*:8080:80' demo"],
    ["forward -4 -L 8080:80 demo", "forward -L 127.0.0.1:8080:80 demo"],
    ["forward -6 -L 8080:80 demo", "forward -L '[::1]:8080:80' demo"],
    ["forward demo -p 8080", "forward demo -L 0:8080"],
    ["forward web -J me@demo:2222 -L 8080:80", "forward demo -L 8080:web:80"],
    ["shell web -J demo", "forward demo -L 0:web:22 -- ssh -p '{port}' '{host}'"],
    ["forward demo -W localhost:22", "ssh-proxy demo 22"],
    ["forward demo -W demo:22", "ssh-proxy demo 22"],
    ["forward demo -L 1:2 -E log", "forward demo -L 1:2 --log-file log"],
    ["shell demo -L 8080:80 -L 1:db:2", "forward demo -L 8080:80 -L 1:db:2"],
    ["exec -fN -L 8080:80 root@demo", "forward demo -L 8080:80"],
    ["shell -i key.pem root@demo", "shell demo"],
    ["shell demo -t", "shell demo"],
    ["shell demo -T -L 1:2", "forward demo -L 1:2"],
    ["exec -T demo -- ls", "exec demo -- ls"],
    ["ssh-proxy demo -p 2222", "ssh-proxy demo 2222"],
    ["exec demo -V", "--version"],
  ])("%s: %s", async (line, better) => {
    const text = await said(line);
    expect(text).toEndWith(`: session-manager-plugin ${better}`);
    const [name = "", ...words] = wordsOf(better);
    if (name === "--version") return;
    const parsed = parseCommandLine(await commandOf(name), words);
    for (const spec of parsed.list("listen")) parseTunnelSpec(spec);
  });

  const proxy = "-o 'ProxyCommand=session-manager-plugin ssh-proxy %h %p'";
  test.each([
    ["forward demo -D 1080", `-D is left to ssh: ssh -N -D 1080 ${proxy} demo`],
    [
      "forward me@demo -N -R 8080:localhost:80",
      `-R is left to ssh: ssh -N -R 8080:localhost:80 ${proxy} me@demo`,
    ],
    ["forward -fN demo -L 1:2 -D 1080", `-D is left to ssh: ssh -f -N -L 1:2 -D 1080 ${proxy} demo`],
    ["forward demo -W db:22", `-W is left to ssh: ssh -N -W db:22 ${proxy} demo`],
    ["shell demo -l root -p 2222", `-l is left to ssh: ssh -l root -p 2222 ${proxy} demo`],
    ["exec demo -A -- git pull", `-A is left to ssh: ssh -A ${proxy} demo git pull`],
    ["shell -X -C demo", `-X is left to ssh: ssh -X -C ${proxy} demo`],
    [
      "forward demo --profile 'a b' --region eu-central-1 -D 1080",
      "-D is left to ssh: ssh -N -D 1080 -o 'ProxyCommand=session-manager-plugin ssh-proxy --profile '\\''a b'\\'' --region eu-central-1 %h %p' demo",
    ],
  ])("%s is ssh's", async (line, text) => {
    expect(await said(line)).toBe(`${line.split(" ")[0]}: ${text}`);
  });

  test.each([
    ["exec demo --tiemout 5s -- ls", "exec: there is no option --tiemout; did you mean --timeout?"],
    ["targets --prof x", "targets: there is no option --prof; did you mean --profile?"],
    ["targets --jsno", "targets: there is no option --jsno; did you mean --json?"],
    ["exec --target demo -- ls", "exec: TARGET is a word of its own, without --target. See"],
    ["exec demo -Z -- ls", "exec: there is no option -Z. See: session-manager-plugin exec --help"],
    // Commands that nobody takes for ssh.
    ["targets -N", "targets: there is no option -N. See: session-manager-plugin targets --help"],
    ["targets x", 'targets: "x" is one word too many. See: session-manager-plugin targets --help'],
  ])("%s: %s", async (line, text) => {
    expect(await said(line)).toStartWith(text);
  });
});

test.each([
  ["exec", ["-h"], true],
  ["exec", ["demo", "--help"], true],
  ["exec", ["demo", "--", "ls", "-h"], false],
  ["exec", ["demo", "ls", "-h"], false],
  ["forward", ["demo", "-L", "1:2", "psql", "-h", "x"], false],
  ["shell", ["-N", "-h"], true],
])("help of %s %j: %j", async (name, words, asked) => {
  expect(asksForHelp(await commandOf(name), words)).toBe(asked);
});
