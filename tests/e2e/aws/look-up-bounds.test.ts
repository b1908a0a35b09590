/**
 * A look-up of credentials that fails or takes its time, with the compiled executable: the session starts all the same,
 * unsigned, within the bounds of 3 s, and of 15 s where programs, people or other services are asked.
 */
import { describe, expect, test } from "bun:test";
import { createServer } from "node:net";
import { join } from "node:path";

import { clearLater } from "../../support/leftovers.ts";
import { startPty } from "../../support/pty.ts";
import { waitFor } from "../../support/wait-for.ts";
import { isAlive } from "../sessions.ts";
import { PROMPT, useStandIn } from "../stand-in.ts";
import { command, type PluginStart, preparePlugin, startPlugin, withoutKeys } from "./plugin.ts";
import { createHome, type Home, keysOf, someCredentials } from "./profiles.ts";

const BASE = someCredentials("B");
const standIn = useStandIn({ furtherCredentials: [BASE] });

/** The rest of a start: the program, the connection, a command and the end, on a busy machine. */
const REST_MS = 2_000;

const at = (home: Home, more: Record<string, string | undefined> = {}): PluginStart => ({
  ...command("echo hello"),
  env: { ...withoutKeys(standIn.simulator), HOME: home.path, SSM_PLUGIN_LOG_LEVEL: "info", ...more },
});

/** Runs a command unsigned; how long that took, and why it was not signed. */
async function unsigned(start: PluginStart): Promise<{ tookMs: number; why: string | undefined }> {
  const session = await startPlugin(standIn.simulator, start);
  const startedAt = performance.now();
  const { stdout, stderr, exitCode } = await session.finish();
  const tookMs = performance.now() - startedAt;
  expect(stdout).toContain("hello\n");
  expect(exitCode).toBe(0);
  const { upgrades } = await standIn.simulator.call("stats");
  const own = upgrades.filter(({ sessionId }) => sessionId === session.sessionId);
  expect(own.map(({ signed, status }) => [signed, status])).toEqual([["none", 101]]);
  return { tookMs, why: /upgrade not signed reason="(\w+)"/.exec(stderr)?.[1] };
}

describe.concurrent("a session starts unsigned", () => {
  test("at once, where the program that should print keys fails", async () => {
    const home = createHome({ config: "[default]\ncredential_process = exit 3\n" });
    const { tookMs, why } = await unsigned(at(home));
    expect(why).toBe("CredentialSourceError");
    expect(tookMs).toBeLessThan(REST_MS);
  });

  test("after 3 s, where the metadata service sends one byte after the other", async () => {
    const server = createServer((socket) => {
      socket.on("error", () => {});
      socket.write("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
      const drip = setInterval(() => void socket.write("x"), 200);
      socket.on("close", () => clearInterval(drip));
      clearLater(() => void socket.destroy());
    });
    clearLater(() => void server.close());
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const { tookMs, why } = await unsigned(
      at(createHome(), {
        AWS_EC2_METADATA_DISABLED: undefined,
        AWS_EC2_METADATA_SERVICE_ENDPOINT: `http://127.0.0.1:${port}`,
      }),
    );
    expect(why).toBe("CredentialsTimeoutError");
    expect(tookMs).toBeGreaterThan(2_900);
    expect(tookMs).toBeLessThan(3_000 + REST_MS);
  });

  test.skipIf(process.env["SOAK"] === undefined)(
    "after 15 s, where a program never ends, and the program is ended",
    async () => {
      const home = createHome();
      const pidFile = join(home.path, "pid");
      home.write("config", `[default]\ncredential_process = echo $$ > '${pidFile}'; exec sleep 60\n`);
      const { tookMs, why } = await unsigned(at(home));
      expect(why).toBe("CredentialsTimeoutError");
      expect(tookMs).toBeGreaterThan(14_900);
      expect(tookMs).toBeLessThan(15_000 + REST_MS);
      const pid = Number(await Bun.file(pidFile).text());
      await waitFor(() => !isAlive(pid), { what: "the end of the program" });
    },
    30_000,
  );

  test.skipIf(process.env["SOAK"] === undefined)(
    "after 15 s, where nobody types the code of an MFA device; what is typed then is shown again",
    async () => {
      const home = createHome({
        config:
          "[profile ops]\nrole_arn = arn:aws:iam::111122223333:role/ops\nsource_profile = base\nmfa_serial = me\n",
        credentials: keysOf("base", BASE),
      });
      const { env } = at(home);
      const prepared = await preparePlugin(standIn.simulator, { profile: "ops", ...(env && { env }) });
      const terminal = startPty(prepared.command, prepared);
      await terminal.waitForOutput("Enter MFA code for me: ");
      const askedAt = performance.now();
      await terminal.waitForOutput(PROMPT, { timeoutMs: 18_000 });
      expect(performance.now() - askedAt).toBeGreaterThan(14_500);
      expect(terminal.output.text()).toContain('upgrade not signed reason="MfaNotAnsweredError"');
      terminal.write("exit\r");
      expect(await terminal.finish()).toBe(0);
      expect(terminal.lineSettings()?.echo ?? true).toBe(true);
    },
    30_000,
  );
});
