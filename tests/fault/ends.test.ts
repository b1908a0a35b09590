/**
 * How a session ends that cannot go on: AWS's line where there is one, an exit code that is not 0, local connections
 * reset rather than left open and dead, and before all that whatever had been received.
 */
import { describe, expect, test } from "bun:test";

import type { FaultsPatch } from "../../src/simulator/index.ts";
import { type SessionRequest, useStandIn } from "../e2e/stand-in.ts";
import { type Outcome, run } from "../support/processes.ts";
import { waitFor, within } from "../support/wait-for.ts";
import { cut, prepareSession, SOAK, startSession, startTunnel, type Tunnel } from "./tunnel.ts";

const standIn = useStandIn();

/** A server that greets, and sends a number of bytes when it is asked for them. */
const server = Bun.listen<{ left: number }>({
  hostname: "127.0.0.1",
  port: 0,
  socket: {
    open(socket) {
      socket.data = { left: 0 };
      socket.write("hello");
    },
    data(socket, asked) {
      socket.data.left += Number(asked.toString());
      send(socket);
    },
    drain: (socket) => send(socket),
  },
});
server.unref();

function send(socket: Bun.Socket<{ left: number }>): void {
  const taken = socket.write(new Uint8Array(socket.data.left));
  if (taken > 0) socket.data.left -= taken;
}

/** A local program at a tunnel. */
interface Visitor {
  readonly socket: Bun.Socket;
  readonly receivedBytes: number;
  /** How the connection ended: the error's code, or "" for an orderly end. */
  readonly ended: Promise<string>;
}

async function visit({ address }: Tunnel): Promise<Visitor> {
  const greeted = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<string>();
  let receivedBytes = 0;
  const socket = await Bun.connect({
    ...address,
    socket: {
      data(_, bytes) {
        receivedBytes += bytes.length;
        greeted.resolve();
      },
      end: () => ended.resolve(""),
      close: (_, error) => ended.resolve((error as NodeJS.ErrnoException | undefined)?.code ?? ""),
      error: (_, error) => ended.resolve((error as NodeJS.ErrnoException).code ?? error.name),
    },
  });
  await within(greeted.promise, { what: "the server's greeting" });
  return {
    socket,
    get receivedBytes() {
      return receivedBytes;
    },
    ended: ended.promise,
  };
}

/** Starts a tunnel with a visitor, lets something happen to it and waits for its end. */
async function lose(
  happen: (tunnel: Tunnel) => Promise<unknown>,
  env: Readonly<Record<string, string>> = {},
): Promise<{
  readonly outcome: Outcome;
  readonly ended: string;
  readonly sessionId: string;
  readonly ms: number;
}> {
  const tunnel = await startTunnel(standIn, { hostname: "127.0.0.1", port: server.port }, { env });
  const visitor = await visit(tunnel);
  const startedMs = performance.now();
  await happen(tunnel);
  const outcome = await tunnel.finish();
  const ms = performance.now() - startedMs;
  expect(outcome.stderr).toBe("");
  const ended = await within(visitor.ended, { what: "the end of the local connection" });
  return { outcome, ended, sessionId: tunnel.sessionId, ms };
}

const forSession = (sessionId: string, patch: FaultsPatch): Promise<null> =>
  standIn.simulator.call("setFaults", patch, sessionId);

describe.concurrent("a tunnel", () => {
  test("whose session ends while it is away", async () => {
    const { outcome, ended, sessionId } = await lose(async ({ sessionId }) => {
      await forSession(sessionId, { upgrade: { answer: "refuse", status: 503, times: 1 } });
      await cut(standIn, sessionId);
      await standIn.simulator.call("terminate", sessionId);
    });
    expect(outcome.stdout).toEndWith(`Session: ${sessionId} timed out.\n`);
    expect([outcome.exitCode, ended]).toEqual([1, "ECONNRESET"]);
  });

  test("that is not brought back in time", async () => {
    const { outcome, ended, sessionId, ms } = await lose(
      async ({ sessionId }) => {
        await forSession(sessionId, { upgrade: { answer: "refuse", status: 503, times: 0 } });
        await cut(standIn, sessionId);
      },
      { SSM_PLUGIN_RECONNECT_FOR: "2s" },
    );
    expect(outcome.stdout).toMatch(new RegExp(`\n\nSessionId: ${sessionId} : connection lost: .*503.*\n\n$`));
    expect([outcome.exitCode, ended]).toEqual([1, "ECONNRESET"]);
    expect(ms).toBeGreaterThan(1_900);
    expect(ms).toBeLessThan(8_000);
    await standIn.simulator.call("terminate", sessionId);
  });

  test("that is not to be brought back", async () => {
    const { outcome, ended, sessionId } = await lose(({ sessionId }) => cut(standIn, sessionId), {
      SSM_PLUGIN_RECONNECT_FOR: "0",
    });
    expect(outcome.stdout).toMatch(new RegExp(`\n\nSessionId: ${sessionId} : connection lost: .*\n\n$`));
    expect([outcome.exitCode, ended]).toEqual([1, "ECONNRESET"]);
    await standIn.simulator.call("terminate", sessionId);
  });

  test("that is closed gives its visitors first what it has received, however slowly they read", async () => {
    const tunnel = await startTunnel(standIn, { hostname: "127.0.0.1", port: server.port });
    const visitor = await visit(tunnel);
    visitor.socket.pause();
    const bytes = 8_000_000;
    visitor.socket.write(String(bytes));
    // Each message of at most 1024 bytes has a header of 120, and acknowledgements come on top.
    const sentBytes = async (): Promise<number> => (await standIn.session(tunnel.sessionId)).bytesToClient;
    await waitFor(async () => (await sentBytes()) > bytes * (1 + 120 / 1024), {
      what: "everything to be sent",
      timeoutMs: 20_000,
    });
    await standIn.simulator.call("terminate", tunnel.sessionId, "enough");
    await Bun.sleep(SOAK ? 5_000 : 500);
    visitor.socket.resume();
    expect(await within(visitor.ended, { what: "the end", timeoutMs: 15_000 })).toBe("");
    expect(visitor.receivedBytes).toBe(bytes + "hello".length);
    const { exitCode, stdout } = await tunnel.finish();
    expect(stdout).toEndWith(`\n\nSessionId: ${tunnel.sessionId} : enough\n\n`);
    expect(exitCode).toBe(0);
  });
});

describe("a resume that is refused for good", () => {
  test("says why", async () => {
    const { outcome, sessionId } = await lose(async ({ sessionId }) => {
      await standIn.simulator.call("setFaults", {
        api: { ResumeSession: { type: "AccessDeniedException", status: 400, message: "not you", times: 1 } },
      });
      await cut(standIn, sessionId);
    });
    expect(outcome.exitCode).toBe(1);
    expect(outcome.stdout).toContain(`\n\nSessionId: ${sessionId} : `);
    expect(outcome.stdout).toMatch(/the session could not be resumed: .*not you/);
    await standIn.simulator.call("terminate", sessionId);
  });
});

describe("a presigned stream URL", () => {
  const presigning = useStandIn({ presignedStreamUrls: true });

  test("cannot be resumed, and that is said", async () => {
    const session = await startSession(presigning, {
      document: "AWS-StartInteractiveCommand",
      parameters: { command: "echo up; sleep 60" },
    });
    await session.stdout.waitFor("up\r\n");
    await cut(presigning, session.sessionId);
    const { exitCode, stdout } = await session.finish();
    expect(stdout).toMatch(/ : .*; a session with a presigned URL cannot be resumed\n\n$/);
    expect(exitCode).toBe(1);
    await presigning.simulator.call("terminate", session.sessionId);
  });
});

describe.concurrent("a non-interactive command whose connection is cut", () => {
  const printing = (then: string): SessionRequest => ({
    document: "AWS-StartNonInteractiveCommand",
    parameters: { command: `sh -c "echo half of it; ${then}"`, separateOutputStream: "true" },
  });

  test.each([
    [{}, 1],
    [{ SSM_PLUGIN_PROPAGATE_EXIT_CODE: "true" }, 255],
  ] as const)("%j: %i, what has come is printed, and the sentence", async (env, exitCode) => {
    const session = await startSession(standIn, printing("sleep 60"), { env });
    await session.stdout.waitFor("half of it\n");
    await cut(standIn, session.sessionId, { code: 1000, reason: "Bye" });
    const outcome = await session.finish(8_000);
    expect(outcome.stdout).toBe(
      `\nStarting session with SessionId: ${session.sessionId}\nhalf of it\n` +
        `\n\nSessionId: ${session.sessionId} : connection lost while the command ran; output is incomplete\n\n`,
    );
    expect(outcome.exitCode).toBe(exitCode);
    // The command does not live on at the other side.
    await standIn.sessionEnded(session.sessionId);
  });
});

describe("a time for reconnecting that is none", () => {
  test.each(["soon", "15", "-1s", "1h30m"])(
    "%s is refused by name, and nothing is connected to",
    async (value) => {
      const { upgrades } = await standIn.simulator.call("stats");
      const { sessionId, command, env } = await prepareSession(
        standIn,
        {},
        {
          env: { SSM_PLUGIN_RECONNECT_FOR: value },
        },
      );
      expect(await run(command, { env })).toMatchObject({
        exitCode: 1,
        stderr: "",
        stdout:
          "Cannot perform start session: SSM_PLUGIN_RECONNECT_FOR must be a duration such as 90s, 15m, 8h, 0 or inf, " +
          `it is "${value}"\n`,
      });
      expect((await standIn.simulator.call("stats")).upgrades).toHaveLength(upgrades.length);
      await standIn.simulator.call("terminate", sessionId);
    },
  );
});
