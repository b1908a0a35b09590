/** Agents too old to multiplex: one connection at a time, in raw bytes. */
import { describe, expect, test } from "bun:test";

import { SeededRandom } from "../../support/seeded-random.ts";
import { startWithPipes } from "../sessions.ts";
import { type SessionRequest, useStandIn } from "../stand-in.ts";
import { directly, forEachStart } from "../starts.ts";
import { expectReset, Pattern, sha256, startServer } from "./peers.ts";
import { endLines, forward, openTunnel } from "./tunnels.ts";

/** Agents that do not multiplex; the second does not know the TerminateSession flag either. */
const BASIC = { id: "i-00000000000000001", agentVersion: "3.0.196.0" };
const ANCIENT = { id: "i-00000000000000002", agentVersion: "2.3.722.0" };

const standIn = useStandIn({ targets: [BASIC, ANCIENT] });
const LINGER = { SSM_PLUGIN_LINGER: "100ms" };

function basic(port: number, target = BASIC.id): SessionRequest {
  return { ...forward(port), target };
}

function opened(sessionId: string, port: number): string {
  return `\nStarting session with SessionId: ${sessionId}\nPort ${port} opened for sessionId ${sessionId}.\n`;
}

describe("an old agent", () => {
  forEachStart("old agents", (start) => {
    test("a greeting, then connections one after another, and AWS's lines of this kind", async () => {
      const server = startServer({
        opened: (peer) => peer.send("220 ready\r\n"),
        data: (peer, bytes) => peer.send(bytes),
      });
      const tunnel = await openTunnel(standIn, start, basic(server.port), { env: LINGER });
      // The agent has dialled, and the greeting came before anybody was there to read it.
      await server.peer(0);
      const data = new SeededRandom(6).bytes(300_000);
      for (let round = 0; round < 3; round++) {
        const peer = await tunnel.connect();
        if (round === 0) await peer.until("the greeting", () => peer.text === "220 ready\r\n");
        // Later connections are dialled at their first data, and greeted then.
        peer.send(data);
        await peer.received(11 + data.length);
        expect(sha256(Buffer.from(peer.text, "latin1"))).toBe(
          sha256(Buffer.concat([Buffer.from("220 ready\r\n"), data])),
        );
        peer.end();
        await peer.whenClosed();
        const atServer = await server.peer(round);
        await atServer.whenClosed();
        expect(atServer.sha256()).toBe(sha256(data));
      }
      const accepted = `Connection accepted for session ${tunnel.sessionId}.\n`;
      expect(await tunnel.stop()).toBe(
        opened(tunnel.sessionId, tunnel.port) + accepted.repeat(3) + endLines(tunnel.sessionId),
      );
    });
  });

  test("a second connection is refused at once, the first goes on", async () => {
    const server = startServer({ data: (peer, bytes) => peer.send(bytes) });
    const tunnel = await openTunnel(standIn, directly, basic(server.port), { env: LINGER });
    const first = await tunnel.connect();
    first.send("one");
    await first.received(3);
    for (let round = 0; round < 5; round++) await expectReset(tunnel.connect());
    first.send(" two");
    await first.received(7);
    expect(first.text).toBe("one two");
    first.reset();
    // Its end reaches the agent, and after that the next one is taken.
    await (await server.peer(0)).whenClosed();
    const next = await tunnel.connect();
    next.send("three");
    await next.received(5);
    expect(next.text).toBe("three");
    await tunnel.stop();
  });

  test("much data is exact both ways", async () => {
    const up = new Pattern(7, 6_000_000);
    const down = new Pattern(8, 6_000_000);
    const server = startServer({ opened: (peer) => peer.sendFrom(down.source()) });
    const tunnel = await openTunnel(standIn, directly, basic(server.port), { env: LINGER });
    const peer = await tunnel.connect();
    peer.sendFrom(up.source());
    const atServer = await server.peer(0);
    await Promise.all([peer.received(down.totalBytes, 20_000), atServer.received(up.totalBytes, 20_000)]);
    expect(peer.sha256()).toBe(down.sha256());
    expect(atServer.sha256()).toBe(up.sha256());
    await tunnel.stop();
  });

  test("a local half-close waits for the answer", async () => {
    const server = startServer({ ended: () => {} });
    const tunnel = await openTunnel(standIn, directly, basic(server.port), {
      env: { SSM_PLUGIN_LINGER: "1s" },
    });
    const peer = await tunnel.connect();
    peer.send("question");
    peer.end();
    const atServer = await server.peer(0);
    await atServer.received(8);
    await Bun.sleep(300);
    atServer.send("answer");
    await peer.received(6);
    await peer.whenClosed();
    expect(peer.text).toBe("answer");
    await atServer.whenEnded();
    await tunnel.stop();
  });

  test("a destination that refuses ends the session with the agent's words", async () => {
    const server = startServer();
    server.stop();
    const session = await startWithPipes(standIn, directly, basic(server.port));
    const { stdout, exitCode } = await session.finish();
    expect(exitCode).toBe(0);
    const { sessionId } = session;
    expect(stdout).toContain(
      `\n\nSessionId: ${sessionId} : Unable to connect to specified port: dial tcp 127.0.0.1:${server.port}: connect: connection refused\n\n`,
    );
    await standIn.sessionEnded(sessionId);
  });

  test.each([
    [BASIC.id, 0],
    [ANCIENT.id, 1],
  ])("%s is told of the end by the flag or by the API (%p calls)", async (target, calls) => {
    const server = startServer();
    const before = (await standIn.simulator.call("stats")).counters.calls["TerminateSession"] ?? 0;
    const tunnel = await openTunnel(standIn, directly, basic(server.port, target));
    const peer = await tunnel.connect();
    peer.send("open");
    await (await server.peer(0)).received(4);
    await tunnel.stop();
    const after = (await standIn.simulator.call("stats")).counters.calls["TerminateSession"] ?? 0;
    expect(after - before).toBe(calls);
  });
});
