/**
 * Targets that are restarted, frozen or left idle under a session, as the executable tells of them: tunnels come back
 * or end with a reason, a person can leave at any moment, and nothing hangs for ever.
 */
import { afterEach, describe, expect, test } from "bun:test";

import { waitFor } from "../support/wait-for.ts";
import { people, peopleOnTerminal, startForward, startPeople } from "./people/people.ts";
import { connectTo, startEcho } from "./ports/peers.ts";
import { forward, openTunnel } from "./ports/tunnels.ts";
import { startOnTerminal, startShell } from "./sessions.ts";
import { useStandIn } from "./stand-in.ts";
import { directly } from "./starts.ts";

const WEB = "i-0123456789abcdef0";
const standIn = useStandIn({ targets: [{ id: WEB, name: "web-1" }] });
const idle = useStandIn({ targets: [{ id: WEB }], idleTimeoutMs: 700 });
const echo = startEcho();

/** The wait of a minute, for tests. */
const QUICK = { SSM_PLUGIN_ANSWER_TIMEOUT: "600ms" };

afterEach(async () => {
  await standIn.simulator.call("setTargetOnline", WEB, true);
});

describe("the target of a forward restarts", () => {
  test.each([
    ["its agent forgets the session, which only the service knows", false],
    ["its session is ended", true],
  ])("%s: connections are reset, another session comes by itself on the same port", async (_, told) => {
    const tunnels = await startForward(standIn, ["-L", `0:${echo.port}`], QUICK);
    const [port = 0] = tunnels.ports;
    const peer = await connectTo({ port });
    peer.send("before");
    await peer.received(6);
    await standIn.simulator.call("setTargetOnline", WEB, false, told);
    peer.send("during");
    await tunnels.stdout.waitFor(/"event":"session-ended".*"resetConnections":1/);
    await waitFor(() => peer.wasReset, { what: "the reset" });
    await tunnels.stdout.waitFor(/"event":"session-ended".*is not connected/);
    if (!told) expect(tunnels.stdout.text()).toContain('"event":"target-silent"');
    await standIn.simulator.call("setTargetOnline", WEB, true);
    await tunnels.stdout.waitFor('"event":"session-restarted"', { timeoutMs: 15_000 });
    const again = await connectTo({ port });
    again.send("after");
    await again.received(5);
    again.reset();
    await tunnels.end();
  });
});

test("the target of the AWS CLI's tunnel restarts: it ends with a reason", async () => {
  const tunnel = await openTunnel(standIn, directly, forward(echo.port), { env: QUICK });
  const peer = await tunnel.connect();
  peer.send("before");
  await peer.received(6);
  await standIn.simulator.call("setTargetOnline", WEB, false);
  peer.send("during");
  const { stdout, stderr, exitCode } = await tunnel.finish();
  await standIn.simulator.call("setTargetOnline", WEB, true);
  await waitFor(() => peer.wasReset, { what: "the reset" });
  expect(stdout).toEndWith(`Session: ${tunnel.sessionId} timed out.\n`);
  expect(stderr).toContain("The target has acknowledged nothing for ");
  expect(exitCode).toBe(1);
});

describe("an agent that is frozen", () => {
  test("is told of, and ~. leaves the shell", async () => {
    const session = await startShell(standIn, directly, { env: QUICK });
    await standIn.simulator.call("setAgentAway", session.sessionId, true);
    session.write("x");
    await session.waitForOutput("The target has acknowledged nothing for ");
    session.write("\r~.");
    await session.waitForOutput("Exiting session");
    expect(await session.finish()).toBe(0);
  });

  test("and that wakes goes on where it was", async () => {
    const session = await startShell(standIn, directly, { env: QUICK });
    await standIn.simulator.call("setAgentAway", session.sessionId, true, false);
    session.write("echo one; ");
    await session.waitForOutput("Connection lost (the target has acknowledged nothing");
    await standIn.simulator.call("setAgentAway", session.sessionId, false);
    session.write("echo t''wo\r");
    await session.waitForOutput(/one\r\ntwo\r\n/);
    session.write("exit\r");
    await session.waitForOutput("Exiting session");
    expect(session.output.text()).toContain("The target answers again");
  });
});

describe("an idle time-out while a connection is open names the setting that keeps the session", () => {
  test("forward", async () => {
    const tunnels = await startForward(idle, ["-L", `0:${echo.port}`]);
    const peer = await connectTo({ port: tunnels.ports[0] ?? 0 });
    peer.send("x");
    await peer.received(1);
    await tunnels.stdout.waitFor('"event":"session-idle"');
    expect(tunnels.stdout.text()).toMatch(
      /timed out\.\), 1 open connection was reset, the next connection starts another; --keepalive keeps/,
    );
    await waitFor(() => peer.wasReset, { what: "the reset" });
    await tunnels.end();
  });

  test("ssh-proxy", async () => {
    // Its standard input stays open.
    const child = startPeople(idle, ["ssh-proxy", WEB, String(echo.port)]);
    expect((await child.finish()).stderr).toContain(
      "timed out.; --keepalive keeps one from its idle time-out",
    );
    const kept = await people(idle, ["ssh-proxy", "--help"]);
    expect(kept.stdout).toContain("--keepalive");
  });

  test("the AWS CLI's tunnel, where a person sees it", async () => {
    const session = await startOnTerminal(idle, directly, forward(echo.port));
    await session.waitForOutput("SSM_PLUGIN_KEEPALIVE=true keeps");
    await session.finish();
  });
});

test("the status says when the last byte moved", async () => {
  const terminal = peopleOnTerminal(standIn, ["forward", WEB, "-L", `0:${echo.port}`], { cols: 160 });
  await terminal.waitForOutput("● up");
  const port = Number(/127\.0\.0\.1:(\d+)/.exec(terminal.output.text())?.[1]);
  const peer = await connectTo({ port });
  peer.send("x");
  await peer.received(1);
  await terminal.waitForOutput(/last byte \d+ s ago/, { timeoutMs: 20_000 });
  peer.reset();
  terminal.write("\x03");
  await terminal.finish();
});
