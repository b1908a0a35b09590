/** The four port documents, through the real AWS CLIs and directly: bytes both ways, and AWS's lines around them. */
import { describe, expect, test } from "bun:test";
import { statSync } from "node:fs";
import { join } from "node:path";

import { temporaryDirectory } from "../../support/environment.ts";
import { SeededRandom } from "../../support/seeded-random.ts";
import { waitFor } from "../../support/wait-for.ts";
import { executableOf, sessionIdIn, startOnTerminal, startWithPipes } from "../sessions.ts";
import { useStandIn } from "../stand-in.ts";
import { directly, forEachStart } from "../starts.ts";
import { connectTo, expectReset, sha256, startEcho, startServer } from "./peers.ts";
import { acceptedLine, endLines, forward, openedLines, openTunnel } from "./tunnels.ts";

const standIn = useStandIn({ agent: { deniedHosts: ["denied.example"] } });
const echo = startEcho();
const data = new SeededRandom(4).bytes(1_500_000);

describe("ports", () => {
  forEachStart("ports", (start) => {
    test("AWS-StartPortForwardingSession: two connections one after another, and AWS's lines, byte for byte", async () => {
      const env = { SSM_PLUGIN_LINGER: "100ms" };
      const tunnel = await openTunnel(standIn, start, forward(echo.port), { env });
      for (let round = 0; round < 2; round++) {
        const peer = await tunnel.connect();
        peer.send(data);
        await peer.received(data.length);
        expect(peer.sha256()).toBe(sha256(data));
        peer.end();
        await peer.whenEnded();
      }
      const { sessionId, port } = tunnel;
      expect(await tunnel.stop()).toBe(
        openedLines(sessionId, port) + acceptedLine(sessionId) + endLines(sessionId),
      );
    });

    test("AWS-StartPortForwardingSessionToRemoteHost", async () => {
      const tunnel = await openTunnel(standIn, start, {
        document: "AWS-StartPortForwardingSessionToRemoteHost",
        parameters: { host: "127.0.0.1", portNumber: String(echo.port), localPortNumber: "0" },
      });
      const peer = await tunnel.connect();
      peer.send(data);
      await peer.received(data.length);
      expect(peer.sha256()).toBe(sha256(data));
      await tunnel.stop();
    });

    test("AWS-StartPortForwardingSessionToSocket: a private socket, gone at the end", async () => {
      const path = join(temporaryDirectory("socket"), "db.sock");
      const session = await startWithPipes(standIn, start, {
        document: "AWS-StartPortForwardingSessionToSocket",
        parameters: { portNumber: String(echo.port), localUnixSocket: path },
      });
      const { sessionId } = session;
      const opened = `Unix socket ${path} opened for sessionId ${sessionId}.\nWaiting for connections...\n`;
      await session.stdout.waitFor(opened);
      expect((statSync(path).mode & 0o777).toString(8)).toBe("600");
      const peer = await connectTo({ path });
      peer.send(data);
      await peer.received(data.length);
      expect(peer.sha256()).toBe(sha256(data));
      process.kill(await executableOf(session.pid), "SIGINT");
      const { stdout, exitCode } = await session.finish();
      expect(exitCode).toBe(0);
      expect(stdout).toBe(
        `\nStarting session with SessionId: ${sessionId}\n${opened}${acceptedLine(sessionId)}${endLines(sessionId)}`,
      );
      expect(statSync(path, { throwIfNoEntry: false })).toBeUndefined();
      await standIn.sessionEnded(sessionId);
    });

    test("AWS-StartSSHSession: standard input and output are the connection, behind AWS's one line", async () => {
      const server = startServer();
      const session = await startWithPipes(standIn, start, {
        document: "AWS-StartSSHSession",
        parameters: { portNumber: String(server.port) },
      });
      const peer = await server.peer(0);
      peer.send("SSH-2.0-test\r\n");
      await session.stdout.waitFor("SSH-2.0-test\r\n");
      // Every byte, the lone newline that a terminal would make a carriage return among them.
      const input = Uint8Array.of(10, ...data.subarray(0, 500_000));
      await session.write("\n");
      await peer.received(1);
      await session.write(input.subarray(1));
      await peer.received(input.length);
      expect(peer.sha256()).toBe(sha256(input));
      peer.send(data);
      peer.end();
      const { stdoutBytes, exitCode } = await session.finish();
      const head = Buffer.from(
        `\nStarting session with SessionId: ${session.sessionId}\nSSH-2.0-test\r\n`,
        "latin1",
      );
      expect(exitCode).toBe(0);
      expect(Buffer.from(stdoutBytes.subarray(0, head.length)).toString("latin1")).toBe(
        head.toString("latin1"),
      );
      expect(sha256(stdoutBytes.subarray(head.length))).toBe(sha256(data));
      await standIn.sessionEnded(session.sessionId);
    });

    test("Ctrl-C at a terminal ends a tunnel with AWS's lines", async () => {
      const session = await startOnTerminal(standIn, start, forward(echo.port));
      await session.waitForOutput("Waiting for connections...");
      const signalledAt = performance.now();
      session.write("\x03");
      expect(await session.finish()).toBe(0);
      expect(performance.now() - signalledAt).toBeLessThan(3_000);
      const lines = session.output.text().replaceAll("\r\n", "\n").replaceAll("^C", "");
      expect(lines.endsWith(endLines(session.sessionId))).toBe(true);
      await standIn.sessionEnded(session.sessionId);
    });
  });

  test("a host that the agent cannot reach: the connection is reset, AWS's line says so, the tunnel goes on", async () => {
    const tunnel = await openTunnel(standIn, directly, {
      document: "AWS-StartPortForwardingSessionToRemoteHost",
      parameters: { host: "denied.example", portNumber: String(echo.port), localPortNumber: "0" },
    });
    for (let round = 0; round < 2; round++) {
      await expectReset(tunnel.connect());
    }
    const failed = "\nConnection to destination port failed, check SSM Agent logs.\n";
    const { sessionId, port } = tunnel;
    expect(await tunnel.stop()).toBe(
      openedLines(sessionId, port) + acceptedLine(sessionId) + failed + failed + endLines(sessionId),
    );
  });

  test("AWS-StartSSHSession: the end of standard input waits for the answer, then ends the session", async () => {
    const server = startServer({ ended: () => {} });
    const session = await startWithPipes(
      standIn,
      directly,
      { document: "AWS-StartSSHSession", parameters: { portNumber: String(server.port) } },
      { env: { SSM_PLUGIN_LINGER: "1.2s" } },
    );
    const peer = await server.peer(0);
    await session.write("question");
    session.endInput();
    await peer.received(8);
    // The answer comes in three parts, each within the linger of the one before, all together beyond it.
    for (const part of ["one ", "two ", "three"]) {
      await Bun.sleep(500);
      peer.send(part);
      await session.stdout.waitFor(part);
    }
    const { stdout, exitCode } = await session.finish();
    expect(exitCode).toBe(0);
    expect(stdout).toBe(`\nStarting session with SessionId: ${session.sessionId}\none two three`);
    await standIn.sessionEnded(session.sessionId);
  });

  test("a tunnel ends when its session is terminated from elsewhere: what came has arrived, a cut looks like none of its ends", async () => {
    for (const reason of ["", "Idle time-out of the account."]) {
      const tunnel = await openTunnel(standIn, directly, forward(echo.port));
      const peer = await tunnel.connect();
      peer.send("last words");
      await peer.received(10);
      await standIn.simulator.call("terminate", tunnel.sessionId, reason);
      const { stdout, exitCode } = await tunnel.finish();
      expect(exitCode).toBe(0);
      expect(await sessionIdIn(tunnel.stdout)).toBe(tunnel.sessionId);
      expect(
        stdout.endsWith(
          reason === ""
            ? `\n\nExiting session with sessionId: ${tunnel.sessionId}.\n\n`
            : `\n\nSessionId: ${tunnel.sessionId} : ${reason}\n\n`,
        ),
      ).toBe(true);
      await waitFor(() => peer.closed, { what: "the end of the connection" });
      expect(peer.wasReset).toBe(true);
      expect(peer.text).toBe("last words");
    }
  });
});
