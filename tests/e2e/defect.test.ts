/** What a defect of the program itself leaves behind: one line, an exit code, and no session at the service. */
import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { repositoryRoot, temporaryDirectory } from "../support/environment.ts";
import { start } from "../support/processes.ts";
import { noSessionsLeft, usePeopleStandIn, WEB } from "./people/people.ts";
import { PROMPT } from "./stand-in.ts";
import { directly } from "./starts.ts";

const standIn = usePeopleStandIn();
/** The executable has no defect at hand; the sources get one, by a signal that they do not know. */
const defect = join(temporaryDirectory("defect"), "defect.ts");
writeFileSync(
  defect,
  'process.on("SIGUSR2", () => { throw new Error(`a defect${process.env["DEFECT"] ?? ""}\\nwith a stack`); });\n',
);

test("does not show the token of a session", async () => {
  const { command, env } = await directly.prepare(standIn, { target: WEB });
  const { TokenValue } = JSON.parse(env["AWS_SSM_START_SESSION_RESPONSE"] ?? "") as { TokenValue: string };
  const child = start(
    [process.execPath, "--preload", defect, join(repositoryRoot, "src/main.ts"), ...command.slice(1)],
    { env: { ...env, DEFECT: ` with ${TokenValue} in it` } },
  );
  await child.stdout.waitFor(PROMPT);
  child.kill("SIGUSR2");
  const { stderr, exitCode } = await child.finish();
  expect({ stderr, exitCode }).toEqual({
    stderr: "session-manager-plugin: unexpected error: Error: a defect with (token) in it\n",
    exitCode: 1,
  });
  await noSessionsLeft(standIn);
});

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
