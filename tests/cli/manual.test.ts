/** The manual page: made from the definitions, whole, and understood by the programs that show it. */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { COMMANDS } from "../../src/cli/commands.ts";
import { manualPage } from "../../src/cli/manual/page.ts";
import { roffText } from "../../src/cli/manual/roff.ts";
import { VARIABLES } from "../../src/host/index.ts";
import { repositoryRoot } from "../support/environment.ts";
import { run } from "../support/processes.ts";
import { needs } from "../support/programs.ts";

const commands = await Promise.all(Array.from(COMMANDS.values(), (load) => load()));
const page = manualPage({ commands, version: "1.2.3", date: "2026-01-31" });

describe("text for roff", () => {
  test.each([
    ["--log-file", "\\-\\-log\\-file"],
    [".hidden", "\\&.hidden"],
    ["'quoted' \"too\"", "\\(aqquoted\\(aq \\(dqtoo\\(dq"],
    ["a\\b ~. `x` ^", "a\\eb \\(ti. \\(gax\\(ga \\(ha"],
    ["two\n  lines", "two lines"],
    ["↑ 💥", "\\[u2191] \\[u1F4A5]"],
  ])("%j", (text, roff) => {
    expect(roffText(text)).toBe(roff);
  });
});

describe("the page", () => {
  test("names every command, option, argument, variable and example", () => {
    const wanted = [
      ...commands.flatMap(({ meta, arguments: definitions, examples }) => [
        meta.name,
        meta.description,
        ...Object.entries(definitions).flatMap(([name, { type, description = "" }]) => [
          type === "positional" ? name.toUpperCase() : `--${name}`,
          description,
        ]),
        ...examples.map((example) => `session-manager-plugin ${example}`),
      ]),
      ...VARIABLES.flatMap(({ name, meaning }) => [name, meaning]),
    ];
    expect(wanted.filter((text) => !page.includes(roffText(text)))).toEqual([]);
    expect(page).not.toMatch(/undefined|[^\x20-\x7e\n]/);
  });

  test("tells the same exit codes as the README", () => {
    const readme = readFileSync(join(repositoryRoot, "README.md"), "utf8");
    const table = /\| code +\| when[\s\S]*?\n\n/.exec(readme)?.[0] ?? "";
    const codes = [...table.matchAll(/^\| ([\d, ]+?) +\|/gm)].flatMap(([, cell = ""]) => cell.split(", "));
    expect(codes.length).toBeGreaterThan(4);
    const status = /\.SH "EXIT STATUS"([\s\S]*?)\.SH/.exec(page)?.[1] ?? "";
    const told = [...status.matchAll(/\\fB(\d[\d, ]*)\\fR/g)].flatMap(([, cell = ""]) => cell.split(", "));
    expect(told.toSorted()).toEqual(codes.toSorted());
  });

  needs("mandoc").test("has nothing that mandoc warns of", async () => {
    // Long lines are a matter of style, and a page that is made is not read as it stands.
    const { stdout, stderr } = await run(["mandoc", "-T", "lint", "-W", "warning"], { input: page });
    expect(stdout + stderr).toBe("");
    const shown = await run(["mandoc", "-T", "ascii", "-O", "width=200"], { input: page });
    expect(shown.stdout.replace(/.\x08/g, "")).toContain(
      "session-manager-plugin exec [TARGET] [OPTIONS] [-- COMMAND ARG",
    );
  });
});
