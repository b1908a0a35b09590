/**
 * Documents whose properties cannot be used (an account may have its own): a line that says what is wrong, and nothing
 * left open at the service.
 */
import { describe, expect, test } from "bun:test";

import type { SessionDocument } from "../../../src/simulator/index.ts";
import { run } from "../../support/processes.ts";
import { useStandIn } from "../stand-in.ts";
import { directly, forEachAwsCli, type Start } from "../starts.ts";

type Properties = NonNullable<SessionDocument["properties"]>;

const FORWARDING: Properties = { portNumber: "80", localPortNumber: "0", type: "LocalPortForwarding" };

/** Name, properties, and what the line says. */
const CASES: readonly (readonly [name: string, properties: Properties, expected: string])[] = [
  ["port 0", { ...FORWARDING, portNumber: "0" }, 'portNumber must be a number from 1 to 65535, not "0"'],
  [
    "port 65536",
    { ...FORWARDING, portNumber: "65536" },
    'portNumber must be a number from 1 to 65535, not "65536"',
  ],
  [
    "port abc",
    { ...FORWARDING, portNumber: "abc" },
    'portNumber must be a number from 1 to 65535, not "abc"',
  ],
  ["an empty port", { ...FORWARDING, portNumber: "" }, 'portNumber must be a number from 1 to 65535, not ""'],
  [
    "local port 65536",
    { ...FORWARDING, localPortNumber: "65536" },
    'localPortNumber must be a number from 0 to 65535, not "65536"',
  ],
  [
    "local port abc",
    { ...FORWARDING, localPortNumber: "abc" },
    'localPortNumber must be a number from 0 to 65535, not "abc"',
  ],
  [
    "a local port that is negative",
    { ...FORWARDING, localPortNumber: "-1" },
    'localPortNumber must be a number from 0 to 65535, not "-1"',
  ],
  [
    "a host with spaces",
    { ...FORWARDING, host: "db internal" },
    'host must not hold spaces, it is "db internal"',
  ],
  [
    "a host with a newline",
    { ...FORWARDING, host: "db\ninternal" },
    String.raw`host must not hold spaces, it is "db\ninternal"`,
  ],
  [
    "an unknown type",
    { ...FORWARDING, type: "RemotePortForwarding" },
    'type must be LocalPortForwarding or absent, not "RemotePortForwarding"',
  ],
  [
    "an unknown connection type",
    { ...FORWARDING, localConnectionType: "pipe" },
    'localConnectionType must be unix or empty, not "pipe"',
  ],
  [
    "a Unix socket without a path",
    { ...FORWARDING, localConnectionType: "unix" },
    "localUnixSocket must be a path when localConnectionType is unix",
  ],
  ["no properties at all", {}, "portNumber is missing"],
  ["standard streams to port 0", { portNumber: "0" }, 'portNumber must be a number from 1 to 65535, not "0"'],
];

const standIn = useStandIn({
  documents: Object.fromEntries(
    CASES.map(([name, properties]) => [documentName(name), { sessionType: "Port", properties }]),
  ),
});

function documentName(name: string): string {
  return `Bad-${name.replaceAll(/\W+/g, "-")}`;
}

/** Runs it; the session has ended at the service by the time the process has, or a moment later. */
async function expectRefusal(start: Start, name: string, expected: string): Promise<void> {
  const { command, env } = await start.prepare(standIn, { document: documentName(name) });
  const startedAt = performance.now();
  const { stdout, stderr, exitCode } = await run(command, { env });
  if (!start.viaAws) {
    expect(performance.now() - startedAt).toBeLessThan(2_000);
    expect(stderr).toBe("");
  }
  const sessionId = /SessionId: (\S+)/.exec(stdout)?.[1] ?? "";
  expect(stdout).toBe(
    `\nStarting session with SessionId: ${sessionId}\nCannot perform start session: invalid port session properties: ${expected}\n`,
  );
  expect(exitCode).toBe(start.exitCode(1));
  await standIn.sessionEnded(sessionId, 1_000);
  const { clientIds } = await standIn.session(sessionId);
  expect(clientIds).toHaveLength(1);
}

describe("bad properties", () => {
  test.each(CASES)("%s", async (name, _properties, expected) => {
    await expectRefusal(directly, name, expected);
  });

  forEachAwsCli("bad properties", (start) => {
    test("an unknown type", async () => {
      await expectRefusal(
        start,
        "an unknown type",
        'type must be LocalPortForwarding or absent, not "RemotePortForwarding"',
      );
    });
  });
});
