/**
 * Sessions whose whole standard output is known byte for byte, and what is done with each while it runs. Only data and
 * helpers for it; literals.test.ts runs them.
 */
import { connect } from "node:net";
import { join } from "node:path";

import { temporaryDirectory } from "../support/environment.ts";
import { waitFor } from "../support/wait-for.ts";
import type { SessionRequest, StandIn } from "./stand-in.ts";

/** A target whose agent knows no multiplexed ports. */
export const OLD_AGENT = "i-00000000000000001";

export function nonInteractive(
  command: string,
  parameters: Readonly<Record<string, string>> = {},
): SessionRequest {
  return { document: "AWS-StartNonInteractiveCommand", parameters: { command, ...parameters } };
}

export const banner = (id: string): string => `\nStarting session with SessionId: ${id}\n`;
export const end = (id: string): string => `\n\nExiting session with sessionId: ${id}.\n\n`;
export const terminated = "Terminate signal received, exiting.\n";

/** One session with pipes: what is done with it while it runs, and all of its standard output. */
export interface Case {
  readonly title: string;
  readonly request: SessionRequest;
  /** Ends the session, if it does not end by itself. `port` is the local one, `say` waits for a text. */
  readonly meanwhile?: (session: Running) => Promise<void>;
  readonly output: (sessionId: string, port: number) => string;
  readonly exitCode?: number;
  readonly env?: Readonly<Record<string, string>>;
}

export interface Running {
  readonly standIn: StandIn;
  readonly sessionId: string;
  readonly port: number;
  readonly printed: (text: string | RegExp) => Promise<string>;
  readonly interrupt: () => void;
}

/** A server that answers each connection with a greeting, and what it was asked. */
const server = Bun.listen({
  hostname: "127.0.0.1",
  port: 0,
  socket: {
    open: (socket) => void socket.write("hello"),
    data: (socket, data) => void socket.write(data),
  },
});
export const remotePort = String(server.port);
server.unref();

/** A port nobody listens on. */
const closed = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => undefined } });
const closedPort = String(closed.port);
closed.stop(true);

const socketPath = join(temporaryDirectory("socket"), "s");

export const forwarding = (portNumber: string, localPortNumber: string, target?: string): SessionRequest => ({
  document: "AWS-StartPortForwardingSession",
  parameters: { portNumber, localPortNumber },
  ...(target === undefined ? {} : { target }),
});

/** Connects, says something, waits for the server's greeting and leaves. @throws Error without a greeting */
async function visit(
  at: { readonly port: number; readonly host: string } | { readonly path: string },
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const socket = connect(at);
  // The agent of a basic session dials again only when there is something to send.
  socket.once("connect", () => socket.write("x"));
  socket.once("data", () => resolve());
  socket.once("error", reject);
  socket.once("close", () => reject(new Error("closed without a greeting")));
  try {
    await promise;
  } finally {
    socket.destroy();
  }
}

export const CASES: readonly Case[] = [
  {
    title: "a normal end",
    request: nonInteractive("echo output"),
    output: (id) => `${banner(id)}output\n${end(id)}`,
  },
  {
    title: "everything of a command with separate output",
    request: nonInteractive(`sh -c "echo out; exit 3"`, { separateOutputStream: "true" }),
    output: (id) => `${banner(id)}out\nEXIT_CODE: 3${end(id)}`,
  },
  {
    title: "a command that cannot start",
    request: nonInteractive("/no/such/program", { separateOutputStream: "true" }),
    output: (id) =>
      `${banner(id)}EXIT_CODE: 1fork/exec /no/such/program: no such file or directory${end(id)}`,
  },
  {
    title: "an end with a reason",
    request: { document: "AWS-StartInteractiveCommand", parameters: { command: "echo up; sleep 60" } },
    meanwhile: async ({ standIn: { simulator }, sessionId, printed }) => {
      await printed("up\r\n");
      await simulator.call("terminate", sessionId, "Your session timed out due to inactivity.");
    },
    output: (id) => `${banner(id)}up\r\n\n\nSessionId: ${id} : Your session timed out due to inactivity.\n\n`,
  },
  {
    title: "a session that is gone when it is to be resumed",
    request: { document: "AWS-StartInteractiveCommand", parameters: { command: "echo up; read line" } },
    meanwhile: async ({ standIn: { simulator }, sessionId, printed }) => {
      await printed("up\r\n");
      await simulator.call("setFaults", { resumeGone: true }, sessionId);
      await simulator.call("cut", sessionId);
      await simulator.call("terminate", sessionId);
    },
    output: (id) => `${banner(id)}up\r\nSession: ${id} timed out.\n`,
    exitCode: 1,
  },
  {
    title: "a multiplexed port, two connections, Ctrl-C",
    request: forwarding(remotePort, "0"),
    meanwhile: async ({ port, printed, interrupt }) => {
      await visit({ port, host: "127.0.0.1" });
      await visit({ port, host: "127.0.0.1" });
      await printed("]\n");
      interrupt();
    },
    output: (id, port) =>
      `${banner(id)}Port ${port} opened for sessionId ${id}.\nWaiting for connections...\n` +
      `\nConnection accepted for session [${id}]\n${terminated}${end(id)}`,
  },
  {
    title: "a Unix socket",
    request: {
      document: "AWS-StartPortForwardingSessionToSocket",
      parameters: { portNumber: remotePort, localUnixSocket: socketPath },
    },
    meanwhile: async ({ printed, interrupt }) => {
      await printed("connections...\n");
      await visit({ path: socketPath });
      await printed("]\n");
      interrupt();
    },
    output: (id) =>
      `${banner(id)}Unix socket ${socketPath} opened for sessionId ${id}.\nWaiting for connections...\n` +
      `\nConnection accepted for session [${id}]\n${terminated}${end(id)}`,
  },
  {
    title: "a destination that refuses",
    request: forwarding(closedPort, "0"),
    meanwhile: async ({ port, printed, interrupt }) => {
      await visit({ port, host: "127.0.0.1" }).catch(() => undefined);
      await printed("SSM Agent logs.\n");
      interrupt();
    },
    output: (id, port) =>
      `${banner(id)}Port ${port} opened for sessionId ${id}.\nWaiting for connections...\n` +
      `\nConnection accepted for session [${id}]\n` +
      `\nConnection to destination port failed, check SSM Agent logs.\n${terminated}${end(id)}`,
  },
  {
    title: "a basic port of an old agent, two connections, Ctrl-C",
    request: forwarding(remotePort, "0", OLD_AGENT),
    meanwhile: async ({ port, printed, interrupt }) => {
      await visit({ port, host: "127.0.0.1" });
      // Refused until the first one has ended on our side too.
      const again = (): Promise<true> => visit({ port, host: "127.0.0.1" }).then(() => true);
      await waitFor(again, { what: "a second connection" });
      await printed(/accepted[^]*accepted/);
      interrupt();
    },
    output: (id, port) =>
      `${banner(id)}Port ${port} opened for sessionId ${id}.\n` +
      `Connection accepted for session ${id}.\nConnection accepted for session ${id}.\n` +
      `${terminated}${end(id)}`,
  },
  {
    title: "a local port that is taken",
    request: forwarding("22", remotePort),
    output: (id) =>
      `${banner(id)}Cannot perform start session: listen tcp 127.0.0.1:${remotePort}: bind: address already in use\n`,
    exitCode: 1,
  },
  {
    title: "AWS-StartSSHSession",
    request: { document: "AWS-StartSSHSession", parameters: { portNumber: remotePort } },
    meanwhile: async ({ printed, interrupt }) => {
      await printed("hello");
      interrupt();
    },
    output: (id) => `${banner(id)}hello`,
  },
];
