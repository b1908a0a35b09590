/** After `finished` nothing of a session keeps the process alive: no timer, no socket, no child. */
import { expect, test } from "bun:test";
import { join } from "node:path";

import { start } from "../../support/processes.ts";

test("a process that has run every kind of session ends by itself, soon", async () => {
  const child = start([process.execPath, join(import.meta.dir, "one-of-each.ts")], { stdin: "ignore" });
  await child.stdout.waitFor("all finished");
  const outcome = await child.finish(1_000);
  expect([outcome.stderr, outcome.stdout, outcome.exitCode]).toEqual(["", "all finished\n", 0]);
});
