/** What a defect of the program itself leaves behind: one line, an exit code, and no session at the service. */
import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { repositoryRoot, temporaryDirectory } from "../support/environment.ts";
import { start } from "../support/processes.ts";
import { noSessionsLeft, usePeopleStandIn, WEB } from "./people/people.ts";
import { PROMPT } from "./stand-in.ts";

const standIn = usePeopleStandIn();
/** The executable has no defect at hand; the sources get one, by a signal that they do not know. */
const defect = join(temporaryDirectory("defect"), "defect.ts");
writeFileSync(defect, 'process.on("SIGUSR2", () => { throw new Error("a defect\\nwith a stack"); });\n');

test.each([
  { words: ["shell", WEB], up: PROMPT },
  { words: ["forward", WEB, "-L", "0:8080", "--json"], up: '"event":"ready"' },
])("$words.0", async ({ words, up }) => {
  const child = start(
    [process.execPath, "--preload", defect, join(repositoryRoot, "src/main.ts"), ...words],
    {
      env: standIn.environment,
    },
  );
  await child.stdout.waitFor(up);
  child.kill("SIGUSR2");
  const { stderr, exitCode } = await child.finish();
  expect({ stderr, exitCode }).toEqual({
    stderr: "session-manager-plugin: unexpected error: Error: a defect\n",
    exitCode: 255,
  });
  await noSessionsLeft(standIn);
});
