/** Every text that other programs match, byte for byte, as the compiled executable prints it. */
import { describe, expect, test } from "bun:test";
import { connect } from "node:net";
import { join } from "node:path";

import { version } from "../../package.json";
import { executablePath, temporaryDirectory } from "../support/environment.ts";
import { run, start as startProcess } from "../support/processes.ts";
import { waitFor } from "../support/wait-for.ts";
import { type SessionRequest, type StandIn, useStandIn } from "./stand-in.ts";
import { directly } from "./starts.ts";

const OLD_AGENT = "i-00000000000000001";

const targets = [{ id: "i-0123456789abcdef0" }, { id: OLD_AGENT, agentVersion: "2.3.68.0" }];
const standIn = useStandIn({ targets });

const TEXT =
  "\nThe Session Manager plugin was installed successfully. Use the AWS CLI to start a session.\n\n";

const unknown = (word: string): string =>
  `\nUnknown operation ${word}. \nUse session-manager-plugin --version to check the version.\n\n`;

describe("without a session", () => {
  const json = '{"SessionId":"s-1","TokenValue":"secret","StreamUrl":"wss://127.0.0.1:1/"}';
  test.each([
    [[], TEXT, 0],
    [["--version"], `${version}\n`, 0],
    [["StartSession"], unknown("StartSession"), 0],
    [["one", "two"], unknown("one"), 0],
    [["--version", "two"], unknown("--version"), 0],
    [[json, "us-east-1", "StopSession"], "Invalid Operation", 0],
    [["AWS_SSM_START_SESSION_RESPONSE", "us-east-1", "StopSession", "", "{}", ""], "Invalid Operation", 1],
  ] as const)("%j", async (args, stdout, exitCode) => {
    const outcome = await run([executablePath, ...args]);
    expect(outcome).toMatchObject({ stdout, stderr: "", exitCode });
  });

  test("the version is one that the AWS CLI accepts, above every official 1.2.x", async () => {
    const { stdout } = await run([executablePath, "--version"]);
    expect(stdout.trim()).toMatch(/^\d+(\.\d+){0,3}$/);
    expect(Bun.semver.order(stdout.trim(), "1.2.99999")).toBe(1);
    // The same that the session reports.
    const { command, env } = await directly.prepare(standIn, nonInteractive("true"));
    const { stdout: session } = await run(command, { env });
    const view = await standIn.session(sessionIn(session));
    expect(view.clientVersion).toBe(stdout.trim());
  });
});

function nonInteractive(command: string, parameters: Readonly<Record<string, string>> = {}): SessionRequest {
  return { document: "AWS-StartNonInteractiveCommand", parameters: { command, ...parameters } };
}

function sessionIn(text: string): string {
  return /SessionId: (\S+)/.exec(text)?.[1] ?? "";
}

const banner = (id: string): string => `\nStarting session with SessionId: ${id}\n`;
const end = (id: string): string => `\n\nExiting session with sessionId: ${id}.\n\n`;
const terminated = "Terminate signal received, exiting.\n";

/** One session with pipes: what is done with it while it runs, and all of its standard output. */
interface Case {
  readonly title: string;
  readonly request: SessionRequest;
  /** Ends the session, if it does not end by itself. `port` is the local one, `say` waits for a text. */
  readonly meanwhile?: (session: Running) => Promise<void>;
  readonly output: (sessionId: string, port: number) => string;
  readonly exitCode?: number;
  readonly env?: Readonly<Record<string, string>>;
}

interface Running {
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
const remotePort = String(server.port);
server.unref();

/** A port nobody listens on. */
const closed = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => undefined } });
const closedPort = String(closed.port);
closed.stop(true);

const socketPath = join(temporaryDirectory("socket"), "s");

const forwarding = (portNumber: string, localPortNumber: string, target?: string): SessionRequest => ({
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

const CASES: readonly Case[] = [
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

async function check(
  at: StandIn,
  { request, meanwhile, output, exitCode = 0, env = {} }: Case,
): Promise<void> {
  const prepared = await directly.prepare(at, request, env);
  const child = startProcess(prepared.command, { env: prepared.env });
  const sessionId = sessionIn(await child.stdout.waitFor(/SessionId: \S+\n/));
  let port = 0;
  if (/PortForwardingSession$/.test(request.document ?? "") && exitCode === 0) {
    port = Number((await child.stdout.waitFor(/Port \d+ opened/)).split(" ")[1]);
  }
  await meanwhile?.({
    standIn: at,
    sessionId,
    port,
    printed: (text) => child.stdout.waitFor(text),
    interrupt: () => child.kill("SIGINT"),
  });
  const outcome = await child.finish();
  expect(outcome.stdout).toBe(output(sessionId, port));
  expect(outcome.exitCode).toBe(exitCode);
  await at.sessionEnded(sessionId);
}

describe.concurrent("the output of a session", () => {
  for (const each of CASES) test(each.title, () => check(standIn, each));
});

describe.concurrent("a message of the agent for the customer", () => {
  const talkative = useStandIn({ agent: { customerMessage: "Please\nread \x1b[31mthis." } });
  const message = "Please\nread \ufffd[31mthis.\n";

  test("comes before the output of a command", () =>
    check(talkative, {
      title: "",
      request: nonInteractive("echo output"),
      output: (id) => `${banner(id)}${message}output\n${end(id)}`,
    }));

  test("comes before the line of a port", () =>
    check(talkative, {
      title: "",
      request: forwarding(remotePort, "0"),
      meanwhile: async ({ printed, interrupt }) => {
        await printed("connections...\n");
        interrupt();
      },
      output: (id, port) =>
        `${banner(id)}${message}Port ${port} opened for sessionId ${id}.\nWaiting for connections...\n` +
        `${terminated}${end(id)}`,
    }));
});
