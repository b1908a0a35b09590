/** What the README says of error codes, against the errors themselves. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { repositoryRoot } from "./support/environment.ts";

const CODE = /\bcode(?:: string)? ?[=:] ?"([A-Z][A-Z_]+)"/g;

function codesOfErrors(): Set<string> {
  const codes = new Set<string>();
  for (const file of new Bun.Glob("src/**/*.ts").scanSync({ cwd: repositoryRoot, absolute: true })) {
    for (const [, code = ""] of readFileSync(file, "utf8").matchAll(CODE)) codes.add(code);
  }
  return codes;
}

/** Codes, and beginnings of codes, in the first column; a shortened one continues the first of its row. */
function codesOfReadme(): { readonly whole: Set<string>; readonly prefixes: readonly string[] } {
  const readme = readFileSync(join(repositoryRoot, "README.md"), "utf8");
  const section = readme.slice(readme.indexOf("## Error codes"));
  const rows = section.slice(0, section.indexOf("\n## ", 1)).matchAll(/^\| (`.*?) +\|/gm);
  const whole = new Set<string>();
  const prefixes: string[] = [];
  for (const [, cell = ""] of rows) {
    const words = [...cell.matchAll(/`([^`]+)`/g)].map(([, word = ""]) => word);
    const [first = ""] = words;
    for (const word of words) {
      if (word.endsWith("…")) prefixes.push(word.slice(0, -1));
      else if (word.startsWith("…"))
        whole.add(first.slice(0, first.indexOf("_", first.indexOf("_") + 1)) + word.slice(1));
      else whole.add(word);
    }
  }
  return { whole, prefixes };
}

test("the README's table has every error code, and no other", () => {
  const codes = codesOfErrors();
  const { whole, prefixes } = codesOfReadme();
  const missing = [...codes].filter(
    (code) => !whole.has(code) && !prefixes.some((prefix) => code.startsWith(prefix)),
  );
  const unknown = [...whole].filter((code) => !codes.has(code));
  expect({ missing, unknown }).toEqual({ missing: [], unknown: [] });
  expect(prefixes.filter((prefix) => ![...codes].some((code) => code.startsWith(prefix)))).toEqual([]);
});
