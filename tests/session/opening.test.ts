/** How a session comes up, and how it fails to. */
import { describe, expect, test } from "bun:test";

import { decodeHandshakeResponse, PayloadType } from "../../src/protocol/index.ts";
import { endOf, expectNothingLeft } from "./expectations.ts";
import { FORWARDING, Rig } from "./rig.ts";

describe("coming up", () => {
  test("a first message of output means a plain shell", async () => {
    const rig = await new Rig().startShell();
    expect(rig.seen).toEqual(["started Standard_Stream"]);
    expect([rig.session.isRunning, rig.session.isTunnel]).toEqual([true, false]);
    expect(rig.streams.pair.text).toBe("$ ");
  });

  test("the handshake names the kind; the customer's message comes before anything of the kind", async () => {
    const rig = await new Rig().start();
    rig.agent.requestHandshake("Port", FORWARDING);
    await rig.settle();
    expect([rig.session.isRunning, rig.session.isTunnel]).toEqual([false, true]);
    rig.agent.completeHandshake("be careful");
    await rig.settle();
    expect(rig.seen).toEqual(["message be careful", "started Port", "listening 40000 multiplexed"]);
    const [response] = rig.agent.payloads(PayloadType.handshakeResponse);
    expect(decodeHandshakeResponse(response as Uint8Array)).toEqual({
      clientVersion: "1.2.3.4",
      actions: [{ actionType: "SessionType", status: 1, result: null, error: "" }],
    });
  });

  test("a first connection that fails ends the session at once, and the service is told", async () => {
    const rig = new Rig();
    void rig.session.run().then((end) => (rig.end = end));
    await rig.settle();
    rig.transport.end({ httpStatus: 403, error: new Error("status 403") });
    await rig.settle();
    expect(endOf(rig)).toBe("failed SESSION_CONNECT_FAILED: status 403");
    expect(rig.api.terminations).toBe(1);
    expectNothingLeft(rig);
  });

  test("a handshake that is begun and not finished fails after 30 s", async () => {
    const rig = await new Rig().start();
    rig.agent.requestHandshake("Port", FORWARDING);
    await rig.pass(29_999);
    expect(rig.end).toBeUndefined();
    await rig.pass(1);
    expect(endOf(rig)).toBe(
      "failed SESSION_HANDSHAKE_TIMEOUT: the agent did not finish the handshake within 30 s",
    );
    expect(rig.api.terminations).toBe(1);
    expectNothingLeft(rig);
  });

  test("a cut during the handshake is resumed, within the same 30 s", async () => {
    const rig = await new Rig().start();
    rig.agent.requestHandshake("Standard_Stream");
    await rig.pass(10_000);
    await rig.reconnect();
    await rig.pass(19_000);
    expect(rig.end).toBeUndefined();
    await rig.pass(1_000);
    expect(endOf(rig)).toStartWith("failed SESSION_HANDSHAKE_TIMEOUT");
    const done = await new Rig().start();
    done.agent.requestHandshake("Standard_Stream");
    await done.pass(10_000);
    await done.reconnect();
    done.agent.completeHandshake();
    await done.pass(60_000);
    expect(done.end).toBeUndefined();
    expect(done.session.isRunning).toBe(true);
  });

  test("HandshakeComplete long ago says nothing about silence: a quiet session lives on", async () => {
    const rig = await new Rig().startKind("NonInteractiveCommands");
    for (let minute = 0; minute < 60; minute++) {
      await rig.pass(60_000);
      rig.transport.pong();
    }
    expect(rig.end).toBeUndefined();
  });
});

describe("an agent that says nothing", () => {
  test("is taken for a shell after some seconds: its keyboard is started", async () => {
    const rig = await new Rig().start();
    await rig.pass(3_999);
    expect(rig.streams.uses).toEqual([]);
    await rig.pass(1);
    expect(rig.seen).toEqual(["started Standard_Stream"]);
    rig.streams.pair.send("cat\n");
    await rig.settle();
    expect(rig.agent.typed).toBe("cat\n");
    expect(rig.agent.inputs[0]?.payloadType).toBe(PayloadType.size);
    rig.agent.output("cat\n");
    await rig.settle();
    expect(rig.streams.pair.text).toBe("cat\n");
    expect(rig.seen).toHaveLength(1);
  });

  test("is waited for only while there is a connection", async () => {
    const rig = await new Rig().start();
    rig.agent.startPublication();
    await rig.pass(3_000);
    rig.transport.end();
    await rig.pass(20_000);
    expect(rig.seen).toEqual(["lost: the gateway closed the connection (code 1006)"]);
    rig.transport.opened();
    rig.transport.pong();
    await rig.pass(3_999);
    expect(rig.seen.at(-1)).toBe("restored");
    await rig.pass(1);
    expect(rig.seen.at(-1)).toBe("started Standard_Stream");
  });

  test("may shake hands later all the same: a port", async () => {
    const rig = await new Rig().start();
    await rig.pass(5_000);
    expect(rig.streams.uses).toEqual(["keyboard"]);
    rig.agent.requestHandshake("Port", FORWARDING);
    await rig.settle();
    // The keyboard is given back: Ctrl-C has to end a tunnel.
    expect(rig.streams.uses).toEqual(["keyboard", "none"]);
    expect(rig.session.isRunning).toBe(false);
    rig.streams.pair.resume();
    rig.streams.pair.send("typed into nothing");
    rig.agent.completeHandshake();
    await rig.pass(20);
    expect(rig.seen).toEqual(["started Standard_Stream", "started Port", "listening 40000 multiplexed"]);
    rig.connect().send("data");
    rig.streams.resize(1, 1);
    await rig.settle();
    expect(rig.agent.payloads(PayloadType.size)).toHaveLength(1);
    expect(rig.agent.typed).toContain("data");
    expect(rig.agent.typed).not.toContain("typed");
    expect(rig.session.signal("SIGINT")).toBe(false);
  });

  test("may shake hands later all the same: a shell, whose keyboard works", async () => {
    const rig = await new Rig().start();
    await rig.pass(5_000);
    rig.agent.requestHandshake("InteractiveCommands");
    await rig.settle();
    rig.agent.completeHandshake();
    await rig.pass(20);
    expect(rig.streams.uses).toEqual(["keyboard", "none", "keyboard"]);
    expect(rig.streams.pair.paused).toBe(false);
    rig.streams.pair.send("ls\n");
    rig.agent.output("file");
    await rig.settle();
    expect(rig.agent.typed).toBe("ls\n");
    expect(rig.streams.pair.text).toBe("file");
  });

  test("may shake hands later all the same: standard input as bytes", async () => {
    const rig = await new Rig().start();
    await rig.pass(5_000);
    rig.agent.requestHandshake("Port", { portNumber: "22" });
    await rig.settle();
    rig.agent.completeHandshake();
    await rig.pass(20);
    expect(rig.streams.uses).toEqual(["keyboard", "none", "bytes"]);
    expect(rig.streams.pair.paused).toBe(false);
  });

  test("and dies is noticed by its silence", async () => {
    const rig = await new Rig().start();
    await rig.pass(90_000);
    expect(rig.seen.at(-1)).toStartWith("lost: nothing came from the gateway for ");
    expect(rig.transports.length).toBeGreaterThan(1);
  });
});

describe("a handshake that cannot be answered with success", () => {
  const badProperties: [string, unknown, string][] = [
    ["no properties", null, "portNumber is missing"],
    ["no port", { type: "LocalPortForwarding" }, "portNumber is missing"],
    ["port 0", { ...FORWARDING, portNumber: "0" }, 'portNumber must be a number from 1 to 65535, not "0"'],
    [
      "port 65536",
      { ...FORWARDING, portNumber: "65536" },
      'portNumber must be a number from 1 to 65535, not "65536"',
    ],
    [
      "port abc",
      { ...FORWARDING, portNumber: "abc" },
      'portNumber must be a number from 1 to 65535, not "abc"',
    ],
    [
      "an empty port",
      { ...FORWARDING, portNumber: "" },
      'portNumber must be a number from 1 to 65535, not ""',
    ],
    ["local port 65536", { ...FORWARDING, localPortNumber: "65536" }, "localPortNumber must be a number"],
    ["a host with spaces", { ...FORWARDING, host: "a b" }, 'host must not hold spaces, it is "a b"'],
    ["an unknown type", { ...FORWARDING, type: "Carrier" }, 'not "Carrier"'],
    ["a path of nothing", { ...FORWARDING, localConnectionType: "unix" }, "localUnixSocket must be a path"],
    ["a list", ["80"], "must be an object of texts"],
  ];
  for (const [name, properties, reason] of badProperties) {
    test(`${name}: a clear line, an answer to the agent, and the end at the service`, async () => {
      const rig = await new Rig().start();
      rig.agent.requestHandshake("Port", properties);
      await rig.settle();
      expect(endOf(rig)).toStartWith("failed SESSION_PEER: ");
      expect(endOf(rig)).toContain(reason);
      const [response] = rig.agent.payloads(PayloadType.handshakeResponse);
      const [action] = decodeHandshakeResponse(response as Uint8Array).actions;
      expect(action?.status).toBe(2);
      expect(action?.error).toContain(reason);
      expect(rig.api.terminations).toBe(1);
      expect(rig.seen).toEqual([]);
      expect(rig.net.targets).toEqual([]);
      expectNothingLeft(rig);
    });
  }

  const sessionType = {
    actionType: "SessionType",
    parameters: { SessionType: "Standard_Stream", Properties: null },
  };
  const badActions: [string, Parameters<Rig["agent"]["requestActions"]>[0], string][] = [
    [
      "an unknown session type",
      [{ actionType: "SessionType", parameters: { SessionType: "Telepathy", Properties: null } }],
      'unknown session type "Telepathy"',
    ],
    ["no session type", [], "the agent names no session type"],
    [
      "a session type without a name",
      [{ actionType: "SessionType", parameters: {} }],
      "name no session type",
    ],
    ["an unknown action", [sessionType, { actionType: "Dance", parameters: {} }], "Unsupported action Dance"],
  ];
  for (const [name, actions, reason] of badActions) {
    test(`${name}: a clear line, an answer to the agent, and the end at the service`, async () => {
      const rig = await new Rig().start();
      rig.agent.requestActions(actions);
      await rig.settle();
      expect(endOf(rig)).toStartWith("failed SESSION_PEER: ");
      expect(endOf(rig)).toContain(reason);
      const [response] = rig.agent.payloads(PayloadType.handshakeResponse);
      expect(
        decodeHandshakeResponse(response as Uint8Array)
          .actions.map(({ error }) => error)
          .join(),
      ).toContain(reason);
      expect(rig.api.terminations).toBe(1);
      expectNothingLeft(rig);
    });
  }

  test("and an agent that is quicker to end the session: our reason, which says more", async () => {
    const rig = await new Rig().start();
    rig.agent.requestHandshake("Port", { ...FORWARDING, portNumber: "0" });
    rig.agent.closeChannel("Encountered error while initiating handshake.");
    await rig.settle();
    expect(endOf(rig)).toContain("portNumber must be a number");
    expectNothingLeft(rig);
  });

  test("no JSON at all: the same", async () => {
    const rig = await new Rig().start();
    rig.agent.send(PayloadType.handshakeRequest, "hello");
    await rig.settle();
    expect(endOf(rig)).toContain("invalid HandshakeRequest: is not JSON");
    expect(rig.api.terminations).toBe(1);
    expectNothingLeft(rig);
  });

  test("no room to listen: the session is ended at the service and has failed", async () => {
    const rig = new Rig();
    rig.net.failure = new Error("listen tcp 127.0.0.1:5432: bind: address already in use");
    await rig.startKind("Port", FORWARDING);
    expect(endOf(rig)).toBe("failed SESSION_LISTEN: listen tcp 127.0.0.1:5432: bind: address already in use");
    expect(rig.api.terminations).toBe(1);
    expectNothingLeft(rig);
  });
});
