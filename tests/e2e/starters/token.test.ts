/**
 * The token of a session, which opens it for whoever has it, is in nothing that is printed or logged: not where a
 * script passes it as the session's id, not where the gateway repeats it, not in complaints about arguments.
 */
import { describe, expect, test } from "bun:test";

import { MessageType, PayloadType } from "../../../src/protocol/index.ts";
import { SESSION_ID, startHostile } from "../../fault/hostile-gateway.ts";
import { agentFrame } from "../../session/fake-agent.ts";
import { executablePath } from "../../support/environment.ts";
import { clearLater } from "../../support/leftovers.ts";
import { type Outcome, run } from "../../support/processes.ts";
import { connectTo, startEcho } from "../ports/peers.ts";
import { useStandIn } from "../stand-in.ts";
import { give, interactive, startAs } from "./starters.ts";

const SCRIPT = "a script of VS Code's AWS Toolkit that takes the token for the session id";
const standIn = useStandIn();

/** As long as the service's, which no session id may be. */
const TOKEN = `AAEAA${"dG9rZW4+/".repeat(70)}==`;

describe.concurrent("a session whose id in the response is the token", () => {
  test("is resumed, and ends, under the id of its stream URL", async () => {
    const session = await startAs(SCRIPT, standIn, interactive("echo up; read line; echo $line"));
    await session.output.waitFor("up\r\n");
    await standIn.simulator.call("cut", session.given.sessionId);
    await session.write("again\n");
    await session.output.waitFor("again\r\nagain\r\n");
    expect(await session.finish()).toBe(0);
    expect((await standIn.session(session.given.sessionId)).connects).toBe(2);
    expect(session.output.text()).toEndWith(
      `\n\nExiting session with sessionId: ${session.given.sessionId}.\n\n`,
    );
    await session.expectNoToken();
  });

  test("is terminated under it", async () => {
    const session = await startAs(SCRIPT, standIn, interactive("echo up; sleep 600"));
    await session.output.waitFor("up\r\n");
    session.kill("SIGTERM");
    expect(await session.finish()).toBe(0);
    await standIn.sessionEnded(session.given.sessionId);
    await session.expectNoToken();
  });

  test("has it in the lines of a port", async () => {
    const echo = startEcho();
    const session = await startAs(SCRIPT, standIn, {
      document: "AWS-StartPortForwardingSession",
      parameters: { portNumber: String(echo.port), localPortNumber: "0" },
    });
    const { sessionId } = session.given;
    const opened = await session.output.waitFor(/Port \d+ opened for sessionId \S+\n/);
    const port = Number(/\d+/.exec(opened)?.[0]);
    const peer = await connectTo({ port });
    peer.send("hello");
    await peer.received(5);
    session.kill("SIGINT");
    expect(await session.finish()).toBe(0);
    expect(session.output.text()).toBe(
      `\nStarting session with SessionId: ${sessionId}\nPort ${port} opened for sessionId ${sessionId}.\n` +
        `Waiting for connections...\n\nConnection accepted for session [${sessionId}]\n` +
        `Terminate signal received, exiting.\n\n\nExiting session with sessionId: ${sessionId}.\n\n`,
    );
    await session.expectNoToken();
  });

  test("has it in the line of a session that is gone", async () => {
    const session = await startAs(SCRIPT, standIn, interactive("echo up; sleep 600"));
    const { sessionId } = session.given;
    await session.output.waitFor("up\r\n");
    await standIn.simulator.call("setFaults", { resumeGone: true }, sessionId);
    await standIn.simulator.call("cut", sessionId);
    expect(await session.finish()).toBe(0);
    expect(session.output.text()).toEndWith(`\nSession: ${sessionId} timed out.\n`);
    await session.expectNoToken();
    await standIn.simulator.call("terminate", sessionId);
  });

  test("is run by the response alone", async () => {
    const given = await give(standIn, interactive("echo hello"));
    const { sessionId, streamUrl, tokenValue } = given;
    const outcome = await run(
      [executablePath, JSON.stringify({ sessionId: tokenValue, streamUrl, tokenValue })],
      {
        env: { ...standIn.environment, SSM_PLUGIN_LOG_LEVEL: "debug" },
      },
    );
    expect(outcome).toMatchObject({ stdout: "hello\r\n", exitCode: 0 });
    expect(outcome.stderr).not.toContain(tokenValue);
    await standIn.sessionEnded(sessionId);
  });

  test("and whose stream URL names no session is refused", async () => {
    const response = { sessionId: TOKEN, tokenValue: TOKEN, streamUrl: "wss://127.0.0.1:1/" };
    const outcome = await run([executablePath, JSON.stringify(response), "us-east-1", "StartSession"]);
    expect(outcome.stdout).toBe(
      "Cannot perform start session: the StartSession response: SessionId holds the token, and StreamUrl names no session\n",
    );
    expect(outcome).toMatchObject({ stderr: "", exitCode: 0 });
  });
});

describe.concurrent("a gateway that repeats the token", () => {
  const LOG = { SSM_PLUGIN_LOG_LEVEL: "debug", SSM_PLUGIN_LOG_FILE: "-" };

  /** Neither the token nor the beginning of it; where it stood is seen. */
  function expectHidden({ stdout, stderr }: Outcome, token: string): void {
    expect(stdout).toContain("(token)");
    expect(stdout + stderr).not.toContain(token);
  }

  test("in the reason of a refusal", async () => {
    const token = TOKEN.slice(0, 100);
    const server = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch: (request, self) => (self.upgrade(request) ? undefined : new Response("", { status: 404 })),
      websocket: { message: (socket) => socket.close(1008, `no such token: ${token}`) },
    });
    clearLater(() => server.stop(true));
    const streamUrl = `ws://127.0.0.1:${server.port}/v1/data-channel/s-0123?role=publish_subscribe`;
    const response = JSON.stringify({ sessionId: token, tokenValue: token, streamUrl });
    const args = [response, "us-east-1", "StartSession", "", "{}", `http://127.0.0.1:${server.port}`];
    const outcome = await run([executablePath, ...args], {
      env: { ...LOG, AWS_ACCESS_KEY_ID: "AKIAIOSFODNN7EXAMPLE", AWS_SECRET_ACCESS_KEY: "secret" },
    });
    expect(outcome.stdout).toMatch(
      /^\nStarting session with SessionId: s-0123\nCannot perform start session: .*no such token: \(token\)\)\n$/,
    );
    expectHidden(outcome, token);
  });

  test("in the reason of the end; after a resume the new one", async () => {
    const TokenValue = "AAEAAHRoZSBuZXcgdG9rZW4=";
    const server = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch: (request, self) => (self.upgrade(request) ? undefined : new Response("", { status: 404 })),
      websocket: { message: (socket) => void socket.sendBinary(closed(`${TokenValue} has expired`)) },
    });
    clearLater(() => server.stop(true));
    const StreamUrl = `ws://127.0.0.1:${server.port}/v1/data-channel/${SESSION_ID}?role=publish_subscribe`;
    const hostile = await startHostile({ resumed: { TokenValue, StreamUrl }, env: LOG });
    hostile.connection.payload(PayloadType.output, "$ ");
    await hostile.child.stdout.waitFor("$ ");
    hostile.connection.socket.terminate();
    const outcome = await hostile.child.finish();
    expect(outcome.stdout).toEndWith(`\n\nSessionId: ${SESSION_ID} : (token) has expired\n\n`);
    expectHidden(outcome, TokenValue);
  });
});

/** The end of a session, in binary. */
function closed(Output: string): Buffer<ArrayBuffer> {
  const payload = Buffer.from(JSON.stringify({ SessionId: SESSION_ID, Output }));
  return Buffer.from(agentFrame(MessageType.channelClosed, 0, PayloadType.none, payload));
}

describe.concurrent("arguments in the wrong places", () => {
  const streamUrl = "ws://127.0.0.1:1/v1/data-channel/s-1";
  const response = JSON.stringify({ sessionId: "s-1", tokenValue: TOKEN, streamUrl });

  test.each([
    ["the token as the region", [response, TOKEN, "StartSession"], 'it is "(token)"'],
    ["something with it as the region", [response, `${TOKEN} x`, "StartSession"], 'it is "(token) x"'],
    ["the response and too little else", [response, "us-east-1"], "\nUnknown operation {…}. \n"],
    ["the token as the operation", [response, "us-east-1", TOKEN], "Invalid Operation"],
  ] as const)("%s", async (_, args, says) => {
    const { stdout, stderr } = await run([executablePath, ...args]);
    expect(stdout).toContain(says);
    expect(stdout + stderr).not.toContain("dG9rZW4");
  });
});
