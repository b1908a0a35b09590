/** Sessions as objects of a program, against a stand-in in the same process. */
import { describe, expect, test } from "bun:test";

import {
  ConnectFailedError,
  type Kind,
  type KindContext,
  Session,
  type SessionEnd,
} from "session-manager-plugin";

import { SeededRandom } from "../support/seeded-random.ts";
import { waitFor, within } from "../support/wait-for.ts";
import {
  CLOSED,
  commandOptions,
  DENIED,
  failureOf,
  OFFLINE,
  readUntil,
  statusesOf,
  TARGET,
  textOf,
  useSimulator,
} from "./simulated.ts";

const simulated = useSimulator({ agent: { customerMessage: "welcome" } });

/** The options with the way to the stand-in. */
function here<Options extends object>(options: Options) {
  return { ...simulated.access, ...options };
}

/** A shell that is open. */
async function openShell(): Promise<Session> {
  const session = new Session(here({ target: TARGET }));
  await session.open();
  return session;
}

/** The id of a session that is open. */
function idOf(session: Session): string {
  if (session.id === undefined) throw new Error("the session has no id");
  return session.id;
}

describe("a command", () => {
  test("outputs apart, exit code, statuses in order, and what is known of the session", async () => {
    const before = Date.now();
    await using session = new Session(here(commandOptions("echo out; echo err >&2; exit 3")));
    const statuses = statusesOf(session);
    const messages: string[] = [];
    const ends: SessionEnd[] = [];
    session.on("message", (text) => messages.push(text));
    session.on("end", (end) => ends.push(end));
    expect(session).toMatchObject({ status: "created", id: undefined, kind: undefined, clientId: undefined });
    const opening = session.open();
    expect(session.status).toBe("connecting");
    await opening;
    expect(session).toMatchObject({ kind: "NonInteractiveCommands", agentVersion: "3.3.0.0" });
    expect(simulated.simulator.session(idOf(session)).target).toBe(TARGET);
    expect(session.clientId).toMatch(/^[0-9a-f]{8}-[0-9a-f-]{27}$/);
    expect(session.createdAt.getTime()).toBeWithin(before, Date.now() + 1);
    const [out, err, end] = await Promise.all([
      textOf(session.output),
      textOf(session.errorOutput),
      session.ended,
    ]);
    expect({ out, err }).toEqual({ out: "out\n", err: "err\n" });
    expect(end).toEqual({ ...CLOSED, exitCode: 3 });
    expect(session.status).toBe("terminated");
    expect(statuses).toEqual(["connecting", "connected", "terminated"]);
    expect(messages).toEqual(["welcome"]);
    expect(ends).toEqual([end]);
  });

  test("output can be read after the end", async () => {
    await using session = new Session(here(commandOptions("seq 1 20000")));
    await session.open();
    expect((await session.ended).exitCode).toBe(0);
    const lines = (await textOf(session.output)).split("\n");
    expect(lines.length).toBe(20_001);
    expect(lines.at(-2)).toBe("20000");
  });

  test("output that nobody wants is thrown away, the command goes on", async () => {
    // More than a session holds for readers that are late.
    await using session = new Session(here(commandOptions("head -c 3000000 /dev/zero; echo done >&2")));
    await session.open();
    await session.output.cancel();
    expect(await textOf(session.errorOutput)).toBe("done\n");
    expect((await session.ended).exitCode).toBe(0);
  });

  test("a reader that is late holds it back, and gets everything", async () => {
    await using session = new Session(here(commandOptions("head -c 3000000 /dev/zero | tr \\\\0 x")));
    await session.open();
    const { bytesToClient } = await waitFor(
      () => {
        const view = simulated.simulator.session(idOf(session));
        return view.bytesToClient > 1_500_000 && view;
      },
      { what: "more than a megabyte on its way" },
    );
    expect(bytesToClient).toBeGreaterThan(1_500_000);
    let ended = false;
    void session.ended.then(() => (ended = true));
    const reader = session.output.getReader();
    let bytes = 0;
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
      if (bytes === 0) expect(ended).toBe(false);
      expect(read.value.length).toBeLessThanOrEqual(64 * 1024);
      bytes += read.value.length;
    }
    expect(bytes).toBe(3_000_000);
    expect((await session.ended).exitCode).toBe(0);
  });

  test("signals reach it, input does not", async () => {
    await using session = new Session(
      here(commandOptions('trap "echo caught; exit 7" INT; echo up; while :; do sleep 0.05; done')),
    );
    await session.open();
    await readUntil(session.output, "up\n");
    expect(await failureOf(session.write("data"))).toMatchObject({ code: "LIBRARY_NO_INPUT" });
    expect(session.signal("SIGINT")).toBe(true);
    await readUntil(session.output, "caught\n");
    // What an agent tells of any command to which it has sent a signal.
    expect((await session.ended).exitCode).toBe(1);
    expect(session.signal("SIGINT")).toBe(false);
  });

  test("a lost connection: the output breaks off with the reason", async () => {
    await using session = new Session(here(commandOptions("echo up; sleep 60")));
    await session.open();
    await readUntil(session.output, "up\n");
    simulated.simulator.cut(idOf(session));
    const end = await session.ended;
    expect(end).toMatchObject({
      how: "lost",
      exitCode: undefined,
      error: { code: "SESSION_OUTPUT_INCOMPLETE" },
    });
    expect(session.status).toBe("failed");
    expect(await failureOf(textOf(session.output))).toBe(end.error);
  });
});

describe("a shell", () => {
  test("takes text and bytes, has a window, and ends by itself", async () => {
    await using session = new Session(here({ target: TARGET, size: { cols: 91, rows: 21 } }));
    await session.open();
    expect(session).toMatchObject({ kind: "Standard_Stream", agentVersion: undefined });
    await session.write("until stty size | grep 91; do sleep 0.01; done\n");
    await readUntil(session.output, "21 91\r\n");
    session.resize({ cols: 70, rows: 20 });
    await session.write(new TextEncoder().encode("until stty size | grep 70; do sleep 0.01; done; exit\n"));
    expect(await textOf(session.output)).toContain("20 70\r\n");
    expect(await session.ended).toEqual(CLOSED);
  });

  test("the end of the input ends it", async () => {
    await using session = await openShell();
    await session.write("echo be''gun\n");
    await readUntil(session.output, "begun\r\n");
    await session.endInput();
    expect(await session.ended).toEqual(CLOSED);
    expect(await failureOf(session.write("more"))).toMatchObject({ code: "LIBRARY_SESSION_STATE" });
  });

  test("is connected again after a cut, and loses nothing", async () => {
    await using session = await openShell();
    const statuses = statusesOf(session);
    simulated.simulator.cut(idOf(session));
    await session.write("echo still he''re; exit\n");
    expect(await textOf(session.output)).toContain("still here\r\n");
    await session.ended;
    expect(statuses).toEqual(["reconnecting", "connected", "terminated"]);
  });

  test("a reason of the service is told", async () => {
    await using session = await openShell();
    simulated.simulator.terminate(idOf(session), "Session timed out.");
    expect(await session.ended).toEqual({ ...CLOSED, reason: "Session timed out." });
  });
});

describe("writes", () => {
  test("wait for the session: bytes arrive in order, and never is much on its way", async () => {
    const bytes = new SeededRandom(5).bytes(3_000_000);
    const server = Bun.listen<{ hash: Bun.CryptoHasher; count: number }>({
      hostname: "127.0.0.1",
      port: 0,
      socket: {
        open(socket) {
          socket.data = { hash: new Bun.CryptoHasher("sha256"), count: 0 };
        },
        data(socket, part) {
          socket.data.hash.update(part);
          socket.data.count += part.length;
          if (socket.data.count < bytes.length) return;
          socket.write(socket.data.hash.digest("hex"));
          socket.end();
        },
      },
    });
    await using session = new Session(
      here({
        target: TARGET,
        document: "AWS-StartSSHSession",
        parameters: { portNumber: String(server.port) },
      }),
    );
    await session.open();
    const settled: number[] = [];
    const parts = [bytes.slice(0, 1_000_000), bytes.slice(1_000_000, 1_000_001), bytes.slice(1_000_001)];
    // All at once: their order is that of the calls. The arrays are free once a promise is resolved.
    const writes = parts.map(async (part, index) => {
      await session.write(part);
      part.fill(0);
      settled.push(index);
    });
    await Promise.resolve();
    expect(settled).toEqual([]);
    await Promise.all(writes);
    expect(settled).toEqual([0, 1, 2]);
    expect(await textOf(session.output)).toBe(new Bun.CryptoHasher("sha256").update(bytes).digest("hex"));
    await session.terminate();
    server.stop(true);
  });

  test("that wait when the session ends are rejected", async () => {
    await using session = await openShell();
    simulated.simulator.setAgentAway(idOf(session), true);
    const write = session.write(new Uint8Array(5_000_000));
    const failure = failureOf(write);
    await session.terminate();
    expect(await failure).toMatchObject({ code: "LIBRARY_SESSION_STATE" });
  });
});

describe("a session that somebody else has started", () => {
  test("is run from its three parameters; the region is the caller's or the URL's", async () => {
    const { SSMClient, StartSessionCommand } = await import("@aws-sdk/client-ssm");
    const { region, endpoint, credentials } = simulated.access;
    const client = new SSMClient({ region, endpoint, credentials });
    const {
      SessionId = "",
      StreamUrl = "",
      TokenValue = "",
    } = await client.send(
      new StartSessionCommand({
        Target: TARGET,
        DocumentName: "AWS-StartInteractiveCommand",
        Parameters: { command: ["echo from a response"] },
      }),
    );
    await using session = new Session(
      here({ sessionId: SessionId, streamUrl: StreamUrl, tokenValue: TokenValue }),
    );
    expect(session.id).toBe(SessionId);
    await session.open();
    expect(await textOf(session.output)).toBe("from a response\r\n");
    expect(await session.ended).toEqual(CLOSED);
  });

  test("whose id is the token goes by the id of its stream URL", () => {
    const tokenValue = "AAEAAHRva2Vu";
    const streamUrl = "wss://ssmmessages.us-east-1.amazonaws.com/v1/data-channel/s-1?role=publish_subscribe";
    expect(new Session(here({ sessionId: tokenValue, streamUrl, tokenValue })).id).toBe("s-1");
  });

  test("whose URL is a stranger's gets no connection, unless that is allowed", async () => {
    const given = {
      sessionId: "s-1",
      streamUrl: "wss://example.com/v1/data-channel/s-1",
      tokenValue: "secret",
    };
    const session = new Session(here(given));
    const opening = session.open();
    expect(await failureOf(opening)).toMatchObject({ code: "SESSION_CONNECT_FAILED" });
    const { error } = await session.ended;
    expect(error?.message).not.toContain("secret");
  });
});

describe("what does not come up", () => {
  test.each([
    ["a target that is offline", { target: OFFLINE }, "AWS_REFUSED", /TargetNotConnected/],
    ["a permission that is missing", { target: DENIED }, "AWS_ACCESS_DENIED", /ssm:StartSession/],
    ["an unknown document", { target: TARGET, document: "No-Such" }, "AWS_REFUSED", /InvalidDocument/],
  ])("%s: open() rejects, the end says the same, nothing is left", async (_, options, code, message) => {
    const session = new Session(here(options));
    const statuses = statusesOf(session);
    const failure = await session.open().catch((error: unknown) => error);
    expect(failure).toMatchObject({ code });
    expect((failure as Error).message).toMatch(message);
    expect(await session.ended).toEqual({
      how: "failed",
      reason: (failure as Error).message,
      exitCode: undefined,
      error: failure as Error & { code: string },
    });
    await Promise.resolve();
    expect(statuses).toEqual(["connecting", "failed"]);
  });

  test("a gateway that refuses, within the time that the settings give", async () => {
    simulated.simulator.setFaults({ upgrade: { answer: "refuse", status: 503, times: 0 } });
    try {
      await using session = new Session(here({ target: TARGET, settings: { reconnectForMs: 0 } }));
      expect(await failureOf(session.open())).toBeInstanceOf(ConnectFailedError);
    } finally {
      simulated.simulator.clearFaults();
    }
  });

  test.each([
    [{}, /^the option target is missing/, "LIBRARY_INVALID_OPTION"],
    [{ target: "" }, /^the option target is missing/, "LIBRARY_INVALID_OPTION"],
    [{ sessionId: "s-1", tokenValue: "t" }, /StreamUrl is missing/, "HOST_BAD_INPUT"],
    [{ sessionId: "s 1", streamUrl: "wss://x", tokenValue: "t" }, /SessionId/, "HOST_BAD_INPUT"],
    [{ target: TARGET, listen: { port: 65_536 } }, /listen.port must be/, "LIBRARY_INVALID_OPTION"],
  ])("options %j are refused at once", (options, message, code) => {
    try {
      new Session(options as never);
    } catch (error) {
      expect(error).toMatchObject({ code });
      expect((error as Error).message).toMatch(message);
      return;
    }
    throw new Error("they were not");
  });

  test("calls at the wrong time", async () => {
    const session = new Session(here({ target: TARGET }));
    const wrong = { code: "LIBRARY_SESSION_STATE" };
    expect(await failureOf(session.write("x"))).toMatchObject(wrong);
    expect(await failureOf(session.endInput())).toMatchObject(wrong);
    expect(() => session.connect()).toThrow("takes no connection");
    await session.open();
    expect(await failureOf(session.open())).toMatchObject(wrong);
    expect(() => session.connect()).toThrow("takes no connection");
    await session.terminate();
    expect(await failureOf(session.write("x"))).toMatchObject(wrong);
    expect(await failureOf(session.open())).toMatchObject(wrong);
  });
});

describe("terminate", () => {
  const TERMINATED = { ...CLOSED, how: "terminated" } as const;

  test("before open(): nothing was ever started", async () => {
    const calls = simulated.simulator.calls.length;
    const session = new Session(here({ target: TARGET }));
    expect(await session.terminate()).toEqual(TERMINATED);
    expect(session.status).toBe("terminated");
    expect(simulated.simulator.calls.length).toBe(calls);
  });

  test("while it is being started: the session is ended at the service", async () => {
    const session = new Session(here({ target: TARGET }));
    const opening = session.open();
    const failure = failureOf(opening);
    const ended = session.terminate();
    expect(await failure).toMatchObject({ code: "LIBRARY_SESSION_STATE" });
    expect(await within(ended, { what: "the end" })).toEqual(TERMINATED);
    await waitFor(() => simulated.simulator.openSessions().length === 0, { what: "its end at the service" });
  });

  test("a shell, twice: one end, at the service too", async () => {
    const session = await openShell();
    const [first, second] = await Promise.all([session.terminate(), session.terminate()]);
    expect(first).toEqual(TERMINATED);
    expect(second).toBe(first);
    expect(await textOf(session.output)).toEndWith("$ ");
    await waitFor(() => simulated.simulator.session(idOf(session)).status === "Terminated", {
      what: "its end at the service",
    });
  });

  test("leaving the block does it", async () => {
    let session: Session;
    {
      await using inner = await openShell();
      session = inner;
    }
    expect(session.status).toBe("terminated");
  });
});

test("a caller's kind of session takes the place of ours", async () => {
  const heard: string[] = [];
  const kind = (context: KindContext): Kind => ({
    isTunnel: false,
    ownsOutput: false,
    exitCode: undefined,
    start: () => void heard.push(`start ${context.sessionId === session.id}`),
    deliver: (_, payload) => void heard.push(new TextDecoder().decode(payload)),
    writable() {},
    signal: () => false,
    connectionLost: () => undefined,
    stop: () => false,
    close: () => Promise.resolve(void heard.push("close")),
  });
  await using session = new Session(
    here({ ...commandOptions("echo mine"), kinds: new Map([["NonInteractiveCommands", kind]]) }),
  );
  await session.open();
  expect(await session.ended).toEqual(CLOSED);
  expect(heard).toEqual(["start true", "mine\n", "EXIT_CODE: 0", "close"]);
  expect(await textOf(session.output)).toBe("");
});

test("the process is left alone: no handlers, no listeners, nothing printed", async () => {
  const names = ["SIGINT", "SIGTERM", "SIGHUP", "SIGWINCH", "SIGQUIT", "exit", "uncaughtException"] as const;
  const count = (): number[] => names.map((name) => process.listenerCount(name));
  const before = count();
  await using session = await openShell();
  expect(count()).toEqual(before);
  await session.terminate();
  expect(count()).toEqual(before);
});
