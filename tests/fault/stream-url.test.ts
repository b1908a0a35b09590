/**
 * Where the session's token goes: to AWS's message gateway and to this machine, and nowhere else. Checked where it
 * counts, at a listener that would have got it.
 */
import { describe, expect, test } from "bun:test";

import { executablePath } from "../support/environment.ts";
import { run } from "../support/processes.ts";
import { waitFor } from "../support/wait-for.ts";
import { SESSION_ID, startHostile } from "./hostile-gateway.ts";

const VARIABLE = "AWS_SSM_START_SESSION_RESPONSE";

/** A stranger's server: counts who connects, keeps what they say. */
function startStranger(): { readonly port: number; readonly heard: string[]; connections: number } {
  const stranger = { port: 0, heard: [] as string[], connections: 0 };
  const server = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open: () => void stranger.connections++,
      data: (_, bytes) => void stranger.heard.push(bytes.toString("latin1")),
    },
  });
  server.unref();
  stranger.port = server.port;
  return stranger;
}

async function startWith(
  streamUrl: string,
  env: Readonly<Record<string, string>> = {},
): Promise<{ readonly exitCode: number; readonly stdout: string; readonly stderr: string }> {
  const response = { SessionId: SESSION_ID, TokenValue: "the token", StreamUrl: streamUrl };
  return await run([executablePath, VARIABLE, "us-east-1", "StartSession", "", "{}", "http://127.0.0.1:1"], {
    env: {
      [VARIABLE]: JSON.stringify(response),
      SSM_PLUGIN_SKIP_CLIENT_CONFIGURE: "true",
      SSM_PLUGIN_CONNECT_TIMEOUT: "1s",
      ...env,
    },
  });
}

// Connections to this address arrive at 127.0.0.1, but it is not one of this machine's names.
const foreign = (port: number): string =>
  `ws://0.0.0.0:${port}/v1/data-channel/${SESSION_ID}?role=publish_subscribe`;

describe("a stream URL of a stranger", () => {
  test("is refused before anything is sent", async () => {
    const stranger = startStranger();
    const { exitCode, stdout, stderr } = await startWith(foreign(stranger.port));
    expect(stdout).toMatch(/\nCannot perform start session: .*0\.0\.0\.0.*\n$/);
    expect({ exitCode, stderr, connections: stranger.connections }).toEqual({
      exitCode: 1,
      stderr: "",
      connections: 0,
    });
  });

  test("is connected to when that is asked for: the one above would have got the token", async () => {
    const stranger = startStranger();
    const { exitCode } = await startWith(foreign(stranger.port), { SSM_PLUGIN_ALLOW_ANY_ENDPOINT: "true" });
    expect(exitCode).toBe(1);
    expect(stranger.connections).toBe(1);
    expect(stranger.heard.join("")).toStartWith(`GET /v1/data-channel/${SESSION_ID}`);
  });

  test("is refused when it comes from the environment as well", async () => {
    const stranger = startStranger();
    const url = `wss://ssmmessages.us-east-1.amazonaws.com/v1/data-channel/${SESSION_ID}`;
    const env = { SSM_PLUGIN_STREAM_ENDPOINT: `ws://0.0.0.0:${stranger.port}` };
    const { exitCode, stdout } = await startWith(url, env);
    expect(stdout).toMatch(/\nCannot perform start session: .*0\.0\.0\.0.*\n$/);
    expect([exitCode, stranger.connections]).toEqual([1, 0]);
  });

  test.each([
    "wss://ssmmessages.us-east-1.amazonaws.com.example.com/",
    "wss://ssmmessages.us-east-1.amazonaws.com@example.com/",
    "wss://example.com/ssmmessages.us-east-1.amazonaws.com",
    "wss://ssmmessages.s3.amazonaws.com/",
    "ws://ssmmessages.us-east-1.amazonaws.com/",
    "wss://ssmmessages.us-east-1.amazonaws.com:8443/",
    "https://ssmmessages.us-east-1.amazonaws.com/",
    "file:///etc/passwd",
    "wss://127.0.0.1.example.com/",
    "wss://localhost.example.com/",
    "wss://[::ffff:127.0.0.1]/",
    "",
  ])("is refused: %s", async (url) => {
    const { exitCode, stdout } = await startWith(url);
    expect(stdout).toMatch(/\nCannot perform start session: |^Cannot perform start session: /);
    expect(stdout).not.toContain("the token");
    expect(exitCode).toBe(1);
  });

  describe("after a resume", () => {
    test("is refused as well: the session is lost, its new token is not", async () => {
      const stranger = startStranger();
      const session = await startHostile({
        resumed: { TokenValue: "the new token", StreamUrl: foreign(stranger.port) },
      });
      session.connection.payload(1, "$ ");
      await session.child.stdout.waitFor("$ ");
      session.connection.socket.terminate();
      const { exitCode, stdout } = await session.child.finish();
      expect(stdout).toMatch(/\n\nSessionId: \S+ : .*the session could not be resumed: .*0\.0\.0\.0.*\n\n$/);
      expect(stdout).not.toContain("the new token");
      expect([exitCode, stranger.connections]).toEqual([1, 0]);
      expect(session.calls).toContain("ResumeSession");
    });

    test("is connected to when that is asked for", async () => {
      const stranger = startStranger();
      const session = await startHostile({
        resumed: { TokenValue: "the new token", StreamUrl: foreign(stranger.port) },
        env: { SSM_PLUGIN_ALLOW_ANY_ENDPOINT: "true" },
      });
      session.connection.payload(1, "$ ");
      await session.child.stdout.waitFor("$ ");
      session.connection.socket.terminate();
      await waitFor(() => stranger.connections > 0, { what: "the stranger to be connected to" });
      session.child.kill("SIGTERM");
      await session.child.finish();
    });
  });
});
