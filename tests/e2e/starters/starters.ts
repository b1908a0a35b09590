/** Runs a row of the table against a simulator: the session, the question before it, and the executable. */
import { expect } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { executablePath, temporaryDirectory } from "../../support/environment.ts";
import { run } from "../../support/processes.ts";
import { environmentOf } from "../aws/plugin.ts";
import { sessionIdIn } from "../sessions.ts";
import type { SessionRequest, StandIn } from "../stand-in.ts";
import { type Started, startWith } from "./streams.ts";
import { type Given, type Starter, type StarterName, STARTERS } from "./table.ts";

/** A session that a starter has started. */
export interface StarterSession extends Started {
  readonly given: Given;
  /** What nobody may be shown is in nothing that was printed or logged. */
  expectNoToken(): Promise<void>;
}

/** A command on a terminal of the target. */
export const interactive = (command: string): SessionRequest => ({
  document: "AWS-StartInteractiveCommand",
  parameters: { command },
});

/** Asks as the starter does, starts a session by the API and the executable for it, and waits for its first line. */
export async function startAs(
  name: StarterName,
  standIn: StandIn,
  request: SessionRequest,
  further: Readonly<Record<string, string>> = {},
): Promise<StarterSession> {
  const starter: Starter = STARTERS[name];
  const given = await give(standIn, request);
  const log = join(temporaryDirectory("log"), "log");
  const account = Object.entries(environmentOf(standIn.simulator)).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  );
  const variables = {
    ...(starter.bare === true ? {} : Object.fromEntries(account)),
    ...starter.variables?.(given),
    SSM_PLUGIN_LOG_LEVEL: "debug",
    SSM_PLUGIN_LOG_FILE: log,
    ...further,
  };
  if (starter.asks !== undefined) {
    const { args, answer } = starter.asks;
    const outcome = await run([executablePath, ...args], { env: variables });
    expect(outcome).toMatchObject({ stderr: "", exitCode: 0 });
    expect(outcome.stdout).toMatch(answer);
  }
  const started = startWith(starter.streams, starter.args(given), variables);
  expect(await sessionIdIn(started.output)).toBe(given.sessionId);
  return {
    ...started,
    given,
    async expectNoToken() {
      const logged = existsSync(log) ? readFileSync(log, "utf8") : "";
      expect(logged).toContain("session");
      expect(started.output.text() + (await started.errors()) + logged).not.toContain(given.tokenValue);
    },
  };
}

/** Starts a session by the API. */
export async function give(standIn: StandIn, request: SessionRequest): Promise<Given> {
  const { SessionId, TokenValue, StreamUrl } = JSON.parse(await standIn.startSession(request)) as Record<
    "SessionId" | "TokenValue" | "StreamUrl",
    string
  >;
  const { region, url } = standIn.simulator;
  return {
    sessionId: SessionId,
    tokenValue: TokenValue,
    streamUrl: StreamUrl,
    region,
    target: request.target ?? standIn.target,
    url,
  };
}
