/** The real AWS CLIs of this machine, unmodified, against the stand-in. */
import { describe, expect, test } from "bun:test";
import { chmodSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";

import { startSimulator } from "../../src/simulator/index.ts";
import { searchPath, temporaryDirectory } from "../support/environment.ts";
import { type Outcome, run } from "../support/processes.ts";
import { awsClis, needs } from "../support/programs.ts";
import { OFFLINE, ONLINE } from "./channel-client.ts";
import { fakeAgent } from "./fake-agent.ts";

/** A plugin that prints its arguments, and says that it is new enough for a response by environment variable. */
function argumentPrinter(): string {
  const directory = temporaryDirectory("plugin");
  const path = join(directory, "session-manager-plugin");
  writeFileSync(
    path,
    '#!/bin/sh\n[ "$1" = --version ] && echo 1.2.999.0 && exit\nprintf "%s\\n" "$@"\nenv | grep ^AWS_SSM_START_SESSION_RESPONSE\nexit 0\n',
  );
  chmodSync(path, 0o755);
  return directory;
}

if (awsClis().length === 0) needs("aws").test("the AWS CLI", () => undefined);

describe.each(awsClis().map((cli) => [cli.version, cli.path] as const))("aws %s", (_version, path) => {
  test("describes, starts sessions and shows errors", async () => {
    const simulator = await startSimulator({ startAgent: fakeAgent().startAgent });
    try {
      const aws = async (...args: string[]): Promise<Outcome> =>
        // CLIs before 2.13 do not look at AWS_ENDPOINT_URL.
        await run([path, "ssm", ...args, "--endpoint-url", simulator.url, "--output", "json"], {
          env: { ...simulator.environment, PATH: `${argumentPrinter()}${delimiter}${searchPath()}` },
          timeoutMs: 30_000,
        });
      const [described, started, offline] = await Promise.all([
        aws("describe-instance-information", "--filters", "Key=PingStatus,Values=Online"),
        aws("start-session", "--target", ONLINE),
        aws("start-session", "--target", OFFLINE),
      ]);
      const list = JSON.parse(described.stdout) as { InstanceInformationList: { InstanceId: string }[] };
      expect(list.InstanceInformationList.map(({ InstanceId }) => InstanceId)).toEqual([ONLINE]);
      const [session] = simulator.sessions;
      expect(started.stdout).toContain(session?.sessionId ?? "none");
      expect(started.stdout).toContain(`{"Target": "${ONLINE}"}`);
      expect(started.stdout).toContain(`StartSession\n`);
      expect(started.exitCode).toBe(0);
      expect(offline.stderr).toContain(
        `(TargetNotConnected) when calling the StartSession operation: ${OFFLINE} is not connected.`,
      );
      expect(simulator.counters.errors).toEqual({ TargetNotConnected: 1 });
    } finally {
      await simulator.stop();
    }
  }, 60_000);
});
