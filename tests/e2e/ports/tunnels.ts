/** Port sessions of the compiled executable as tests drive them. */
import { expect } from "bun:test";
import { readdirSync, readlinkSync } from "node:fs";

import type { StartOptions } from "../../support/processes.ts";
import { executableOf, type PipedSession, processEnded, startWithPipes } from "../sessions.ts";
import type { SessionRequest, StandIn } from "../stand-in.ts";
import type { Start } from "../starts.ts";
import { connectTo, type Peer, type PeerHandlers } from "./peers.ts";

/** A port of the target, forwarded to a local one; any free one unless told. */
export function forward(port: number, localPort = 0): SessionRequest {
  return {
    document: "AWS-StartPortForwardingSession",
    parameters: { portNumber: String(port), localPortNumber: String(localPort) },
  };
}

/** The lines that a tunnel prints until it listens, a TCP port. */
export function openedLines(sessionId: string, port: number): string {
  return `\nStarting session with SessionId: ${sessionId}\nPort ${port} opened for sessionId ${sessionId}.\nWaiting for connections...\n`;
}

/** What follows at the first connection. */
export function acceptedLine(sessionId: string): string {
  return `\nConnection accepted for session [${sessionId}]\n`;
}

/** What a tunnel prints when a signal ends it. */
export function endLines(sessionId: string): string {
  return `Terminate signal received, exiting.\n\n\nExiting session with sessionId: ${sessionId}.\n\n`;
}

/** A tunnel that listens on a TCP port. */
export interface Tunnel extends PipedSession {
  readonly port: number;
  /** The process of the executable itself. */
  readonly executablePid: number;
  connect(handlers?: PeerHandlers): Promise<Peer>;
  /** Ends it by a signal; it ends within 3 s, with the usual lines, and so does its session. */
  stop(signal?: NodeJS.Signals, exitCode?: number): Promise<string>;
}

/** Starts a tunnel and waits until it listens. */
export async function openTunnel(
  standIn: StandIn,
  start: Start,
  request: SessionRequest,
  options: StartOptions = {},
): Promise<Tunnel> {
  const session = await startWithPipes(standIn, start, request, options);
  const { sessionId, stdout } = session;
  const opened = await stdout.waitFor(
    /Port \d+ opened for sessionId \S+\.\n(Waiting for connections\.\.\.\n)?/,
  );
  const port = Number(/\d+/.exec(opened)?.[0]);
  const executablePid = await executableOf(session.pid);
  return {
    ...session,
    port,
    executablePid,
    connect: (handlers) => connectTo({ port }, handlers),
    async stop(signal = "SIGINT", exitCode = 0) {
      const signalledAt = performance.now();
      process.kill(executablePid, signal);
      await processEnded(executablePid);
      expect(performance.now() - signalledAt).toBeLessThan(3_000);
      const outcome = await session.finish();
      expect({ exitCode: outcome.exitCode, stderr: start.viaAws ? "" : outcome.stderr }).toEqual({
        exitCode: start.exitCode(exitCode),
        stderr: "",
      });
      expect(outcome.stdout.endsWith(endLines(sessionId))).toBe(true);
      await standIn.sessionEnded(sessionId);
      return outcome.stdout;
    },
  };
}

/** Sockets that a process holds, of all kinds; only where there is a /proc. */
export function socketsOf(pid: number): number {
  let count = 0;
  for (const fd of readdirSync(`/proc/${pid}/fd`)) {
    try {
      if (readlinkSync(`/proc/${pid}/fd/${fd}`).startsWith("socket:")) count++;
    } catch {
      // Closed while we looked.
    }
  }
  return count;
}
