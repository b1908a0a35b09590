/**
 * Loads every source file. A file that no test loads would be absent from the coverage report instead of counting as
 * uncovered; and loading a file must never start anything.
 */

import { expect, test } from "bun:test";
import { join } from "node:path";

import { repositoryRoot } from "./support/environment.ts";

/** It runs the program when it is loaded. */
const ENTRY = "main.ts";

const files = [...new Bun.Glob("**/*.ts").scanSync({ cwd: join(repositoryRoot, "src") })]
  .filter((file) => file !== ENTRY)
  .toSorted();

test("every source file loads", async () => {
  const failures: string[] = [];
  for (const file of files) {
    try {
      await import(join(repositoryRoot, "src", file));
    } catch (error) {
      failures.push(`${file}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  expect(failures).toEqual([]);
});
