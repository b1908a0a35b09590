/** The signature of the connection with the compiled executable: header, query, none, and what no credentials cost. */
import { describe, expect, test } from "bun:test";

import type { UpgradeRecord } from "../../../src/simulator/index.ts";
import { clearLater } from "../../support/leftovers.ts";
import { startWithPipes } from "../sessions.ts";
import { PROMPT, type StandIn, useStandIn } from "../stand-in.ts";
import { forEachAwsCli } from "../starts.ts";
import { command, type PluginStart, runPlugin, startPlugin, withoutKeys } from "./plugin.ts";

const strict = useStandIn({ requireSignedUpgrade: true });
const lasting = useStandIn({ requireSignedUpgrade: true, temporaryCredentials: false });
const presigned = useStandIn({ requireSignedUpgrade: true, presignedStreamUrls: true });
const standIn = useStandIn();

async function upgradesOf(of: StandIn, sessionId: string): Promise<UpgradeRecord[]> {
  const { upgrades } = await of.simulator.call("stats");
  return upgrades.filter((upgrade) => upgrade.sessionId === sessionId);
}

const shape = (upgrades: readonly UpgradeRecord[]): unknown[] =>
  upgrades.map(({ signed, status, headers }) => [
    signed,
    status,
    /SignedHeaders=([^,]*)/.exec(headers["authorization"] ?? "")?.[1],
  ]);

describe.concurrent("the connection", () => {
  forEachAwsCli("the connection", (start) => {
    test("is signed", async () => {
      const session = await startWithPipes(strict, start, command("echo hello"));
      expect((await session.finish()).stdout).toContain("hello\n");
      expect(shape(await upgradesOf(strict, session.sessionId))).toEqual([
        ["header", 101, "host;x-amz-date;x-amz-security-token"],
      ]);
    });
  });

  test("is signed, cell numbers with plus, slash, equals and percent signs included, and again after a cut", async () => {
    const session = await startPlugin(strict.simulator);
    await session.stdout.waitFor(PROMPT);
    await strict.simulator.call("cut", session.sessionId);
    await session.write("echo a''gain\nexit\n");
    expect((await session.finish()).stdout).toContain("again\r\n");
    const upgrades = await upgradesOf(strict, session.sessionId);
    const signed = ["header", 101, "host;x-amz-date;x-amz-security-token"];
    expect(shape(upgrades)).toEqual([signed, signed]);
    for (const { url } of upgrades) expect(url).toMatch(/&cell-number=AA\/[\w-]+%2B%25A==$/);
  });

  test("is signed without a token when the credentials are lasting ones", async () => {
    const { sessionId } = await runPlugin(lasting.simulator, command("echo hello"));
    expect(shape(await upgradesOf(lasting, sessionId))).toEqual([["header", 101, "host;x-amz-date"]]);
  });

  test("with a presigned URL has no header, and is not resumed", async () => {
    const session = await startPlugin(presigned.simulator);
    await session.stdout.waitFor(PROMPT);
    expect(shape(await upgradesOf(presigned, session.sessionId))).toEqual([["query", 101, undefined]]);
    await presigned.simulator.call("cut", session.sessionId);
    const { stdout, exitCode } = await session.finish();
    expect(stdout).toEndWith("; a session with a presigned URL cannot be resumed\n\n");
    expect(exitCode).toBe(1);
    await presigned.simulator.call("terminate", session.sessionId);
  });

  test("is not signed when that is asked; the session can be resumed all the same", async () => {
    const session = await startPlugin(standIn.simulator, {
      env: { SSM_PLUGIN_SKIP_CLIENT_CONFIGURE: "true" },
    });
    await session.stdout.waitFor(PROMPT);
    await standIn.simulator.call("cut", session.sessionId);
    await session.write("echo a''gain\nexit\n");
    expect((await session.finish()).stdout).toContain("again\r\n");
    const unsigned = ["none", 101, undefined];
    expect(shape(await upgradesOf(standIn, session.sessionId))).toEqual([unsigned, unsigned]);
  });

  test("that must be signed and is not says why", async () => {
    const { stdout, sessionId } = await runPlugin(strict.simulator, {
      env: { SSM_PLUGIN_SKIP_CLIENT_CONFIGURE: "true" },
    });
    expect(stdout).toContain("HTTP status 403");
    expect(stdout).toEndWith("The connection was not signed: SSM_PLUGIN_SKIP_CLIENT_CONFIGURE=true\n");
    await strict.sessionEnded(sessionId);
  });
});

/** Time that a start may take longer for having no credentials; the metadata service is refused at once. */
const UNNOTICED_MS = 300;
/** The same where the metadata service never answers: one second for each of its two versions. */
const BOUNDED_MS = 3_500;

describe("without any credentials", () => {
  const bare = (endpoint: string | undefined): PluginStart => ({
    ...command("echo hello"),
    env: {
      ...withoutKeys(standIn.simulator),
      AWS_EC2_METADATA_DISABLED: endpoint === undefined ? "true" : undefined,
      AWS_EC2_METADATA_SERVICE_ENDPOINT: endpoint,
      SSM_PLUGIN_LOG_LEVEL: "info",
    },
  });

  /** Milliseconds from the start to the end, and what the log says of the signature. */
  async function measure(start: PluginStart): Promise<{ tookMs: number; log: string }> {
    const session = await startPlugin(standIn.simulator, start);
    const startedMs = performance.now();
    const { stdout, stderr } = await session.finish();
    expect(stdout).toContain("hello\n");
    expect(shape(await upgradesOf(standIn, session.sessionId))).toEqual([["none", 101, undefined]]);
    return { tookMs: performance.now() - startedMs, log: stderr };
  }

  test("the start is not delayed noticeably where nothing is configured, and the log says that it is unsigned", async () => {
    const closed = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
    const dead = `http://127.0.0.1:${closed.port}`;
    closed.stop(true);
    // The quickest of three each: other programs may slow down any one of them.
    const tookMs = { none: Infinity, refused: Infinity };
    for (let round = 0; round < 3; round++) {
      for (const [name, endpoint] of [
        ["none", undefined],
        ["refused", dead],
      ] as const) {
        const { tookMs: took, log } = await measure(bare(endpoint));
        expect(log).toContain('upgrade not signed reason="NoCredentialsError"');
        tookMs[name] = Math.min(tookMs[name], took);
      }
    }
    expect(tookMs.refused - tookMs.none).toBeLessThan(UNNOTICED_MS);
  });

  test("a metadata service that never answers is given up in time", async () => {
    const silent = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
    clearLater(() => silent.stop(true));
    const { tookMs } = await measure(bare(`http://127.0.0.1:${silent.port}`));
    expect(tookMs).toBeLessThan(BOUNDED_MS);
  });
});
