/** The joined rooms: a tunnel through the stand-in in this very process, with a cut in the middle. */
import { expect, test } from "bun:test";

import { hostLog, noLog, openAccess, openHost } from "../../src/host/index.ts";
import { Session, type SessionObserver } from "../../src/session/index.ts";
import { startSimulator } from "../../src/simulator/index.ts";
import { waitFor, within } from "../support/wait-for.ts";

const quiet: SessionObserver = {
  started() {},
  customerMessage() {},
  listening() {},
  connectionAccepted() {},
  destinationFailed() {},
  connectionLost() {},
  connectionRestored() {},
};

test("a tunnel carries bytes, survives a cut with fresh keys, and ends at the service", async () => {
  const echo = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: { data: (socket, data) => void socket.write(data) },
  });
  const simulator = await startSimulator({ agent: { pacing: false }, requireSignedUpgrade: true });
  try {
    const target = simulator.targets[0]?.id ?? "";
    const common = {
      environment: {},
      region: simulator.region,
      profile: "",
      target,
      endpoint: simulator.url,
      credentials: simulator.credentials,
    };
    const access = await openAccess({ ...common, log: noLog });
    const parameters = await access.ssm.startSession({
      target,
      documentName: "AWS-StartPortForwardingSession",
      parameters: { portNumber: [String(echo.port)] },
    });
    const host = await openHost({ ...common, access, version: "1.3.0" });
    const listening = Promise.withResolvers<number>();
    const restored = Promise.withResolvers<void>();
    const session = new Session(parameters, host.world, {
      ...quiet,
      listening: ({ port }) => listening.resolve(port),
      connectionRestored: () => restored.resolve(),
    });
    const ended = session.run();
    const port = await within(listening.promise, { what: "the listener" });
    let received = "";
    const socket = await Bun.connect({
      hostname: "127.0.0.1",
      port,
      socket: { data: (_, data) => void (received += data.toString()) },
    });
    socket.write("before");
    await waitFor(() => received === "before", { what: "the echo" });
    expect(simulator.cut(parameters.sessionId)).toBe(true);
    socket.write(" after");
    await within(restored.promise, { what: "the connection" });
    await waitFor(() => received === "before after", { what: "the echo after the cut" });
    session.terminate();
    expect(await within(ended, { what: "the end" })).toEqual({ kind: "terminated", exitCode: undefined });
    expect(simulator.openSessions()).toEqual([]);
  } finally {
    echo.stop(true);
    await simulator.stop();
  }
});

test("a stream URL that is not AWS's is refused before anything is sent", async () => {
  const host = await openHost({
    environment: {},
    version: "1.3.0",
    region: "us-east-1",
    profile: "",
    target: "",
    endpoint: "http://127.0.0.1:9",
    credentials: { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "secret" },
  });
  const session = new Session(
    { sessionId: "s", streamUrl: "wss://evil.test/?token=secret", tokenValue: "secret" },
    host.world,
    quiet,
  );
  const end = await within(session.run(), { what: "the end" });
  expect(end.kind).toBe("failed");
  expect(end.kind === "failed" && end.error.message).toContain("evil.test");
  expect(JSON.stringify(end)).not.toContain("secret");
});

test("settings that cannot be used are errors before a session begins", async () => {
  const options = { version: "1", region: "us-east-1", profile: "", target: "", endpoint: "" };
  expect(openHost({ ...options, environment: { SSM_PLUGIN_LINGER: "never" } })).rejects.toThrow(
    "SSM_PLUGIN_LINGER",
  );
  expect(openHost({ ...options, environment: { AWS_CA_BUNDLE: "/no/such/bundle.pem" } })).rejects.toThrow(
    "bundle.pem",
  );
});

test("nothing is logged unless it is asked for", async () => {
  expect(await hostLog({}, () => {})).toBe(noLog);
});
