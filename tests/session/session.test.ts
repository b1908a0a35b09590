import { describe, expect, test } from "bun:test";

import { type Cipher, createCipher } from "../../src/encryption/index.ts";
import {
  decodeChallenge,
  decodeFlag,
  decodeHandshakeResponse,
  encodeChallenge,
  FlagValue,
  PayloadType,
} from "../../src/protocol/index.ts";
import { apiError } from "./fakes.ts";
import { BASIC_AGENT, FORWARDING, OLD_AGENT, Rig } from "./rig.ts";

/** The end as `kind code: message`. */
function endOf(rig: Rig): string | undefined {
  const { end } = rig;
  if (end === undefined) return undefined;
  return end.kind === "failed" || end.kind === "lost"
    ? `${end.kind} ${end.error.code}: ${end.error.message}`
    : end.kind;
}

/** The session is over and has left nothing behind. */
function expectNothingLeft(rig: Rig): void {
  expect(rig.end).toBeDefined();
  expect(rig.clock.pending).toBe(0);
  for (const transport of rig.transports) expect(transport.isOver).toBe(true);
}

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
    await rig.settle();
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

describe("ending from this side", () => {
  const ways: [string, string, boolean][] = [
    ["3.3.0.0", "by the flag", true],
    ["2.3.722.1", "by the flag", true],
    [OLD_AGENT, "by the API", false],
    ["3.3", "by the API", false],
  ];
  for (const [agentVersion, name, byFlag] of ways) {
    test(`a tunnel, agent ${agentVersion}: ${name}`, async () => {
      const rig = await new Rig().startKind("Port", FORWARDING, agentVersion);
      rig.session.terminate();
      rig.session.terminate();
      await rig.settle();
      const flags = rig.agent.payloads(PayloadType.flag).map(decodeFlag);
      expect(flags).toEqual(byFlag ? [FlagValue.terminateSession] : []);
      expect(rig.net.stopped).toBeGreaterThan(0);
      rig.agent.closeChannel("ignored");
      await rig.settle();
      expect(rig.api.terminations).toBe(byFlag ? 0 : 1);
      expect(rig.end).toEqual({ kind: "terminated", exitCode: undefined });
      expectNothingLeft(rig);
    });
  }

  test("a flag that shows no effect is followed by the API, and no more than 3 s pass in any case", async () => {
    const rig = await new Rig().startKind("Port", FORWARDING);
    rig.api.onTerminate = () => new Promise(() => {});
    const local = rig.connect();
    local.stalled = true;
    // Something that is never read, so that the flush takes its full time, too.
    rig.agent.output(Uint8Array.of(1, 2, 1, 0, 3, 0, 0, 0, 0x61));
    await rig.pass(10);
    expect(local.text).toBe("a");
    const startedAtMs = rig.clock.now();
    rig.session.terminate();
    await rig.pass(999);
    expect(rig.api.terminations).toBe(0);
    await rig.pass(1);
    expect(rig.api.terminations).toBe(1);
    await rig.pass(10_000);
    expect(rig.end?.kind).toBe("terminated");
    expect(rig.endedAtMs - startedAtMs).toBe(2_500);
    expect(local.isReset).toBe(true);
    expectNothingLeft(rig);
  });

  test("by an API that fails or never answers ends all the same", async () => {
    for (const onTerminate of [
      () => Promise.reject(apiError("AccessDenied", false)),
      () => new Promise<void>(() => {}),
    ]) {
      const rig = await new Rig().startShell();
      rig.api.onTerminate = onTerminate;
      rig.session.terminate();
      await rig.pass(2_000);
      expect(rig.end?.kind).toBe("terminated");
      expectNothingLeft(rig);
    }
  });

  test("uses the API while the connection is away", async () => {
    const rig = await new Rig().startKind("Port", FORWARDING);
    rig.transport.end();
    rig.session.terminate();
    await rig.settle();
    expect(rig.agent.payloads(PayloadType.flag)).toEqual([]);
    expect(rig.api.terminations).toBe(1);
    expectNothingLeft(rig);
  });

  test("before the session has come up: nothing starts any more", async () => {
    const rig = await new Rig().start();
    const answer = Promise.withResolvers<void>();
    rig.api.onTerminate = () => answer.promise;
    rig.session.terminate();
    rig.agent.requestHandshake("Port", FORWARDING);
    await rig.settle();
    rig.agent.completeHandshake();
    await rig.pass(1_000);
    expect(rig.seen).toEqual([]);
    expect(rig.net.targets).toEqual([]);
    answer.resolve();
    await rig.settle();
    expect(rig.end?.kind).toBe("terminated");
    expectNothingLeft(rig);
  });

  test("before the first connection is up", async () => {
    const rig = new Rig();
    void rig.session.run().then((end) => (rig.end = end));
    await rig.settle();
    rig.session.terminate();
    await rig.settle();
    expect(rig.end?.kind).toBe("terminated");
    expectNothingLeft(rig);
  });

  test("before a silent shell was opened: it is not opened any more", async () => {
    const rig = await new Rig().start();
    rig.api.onTerminate = () => new Promise(() => {});
    await rig.pass(3_000);
    rig.session.terminate();
    await rig.pass(1_500);
    expect(rig.streams.uses).toEqual([]);
    await rig.pass(500);
    expectNothingLeft(rig);
  });
});

describe("the end from the other side", () => {
  test("delivers what came before it, also out of order, and carries the reason", async () => {
    const rig = await new Rig().startShell();
    rig.agent.sendAs(3, PayloadType.output, "c");
    rig.agent.sendAs(2, PayloadType.output, "b");
    rig.agent.sendAs(1, PayloadType.output, "a");
    rig.agent.closeChannel("idle time-out");
    rig.agent.sendAs(4, PayloadType.output, "after the end");
    await rig.settle();
    expect(rig.streams.pair.text).toBe("$ abc");
    expect(rig.end).toEqual({ kind: "closed", reason: "idle time-out", exitCode: undefined });
    expect(rig.api.terminations).toBe(0);
    expectNothingLeft(rig);
  });

  test("before the session has come up", async () => {
    const rig = await new Rig().start();
    rig.agent.requestHandshake("Port", FORWARDING);
    rig.agent.closeChannel("Encountered error while initiating handshake.");
    await rig.settle();
    expect(endOf(rig)).toBe("closed");
    expectNothingLeft(rig);
  });

  test("after output that came too early to have a reader: no hang", async () => {
    const rig = await new Rig().start();
    rig.agent.requestHandshake("NonInteractiveCommands");
    rig.agent.output("early");
    rig.agent.closeChannel();
    await rig.settle();
    expect(endOf(rig)).toBe("closed");
    expectNothingLeft(rig);
  });

  test("output between handshake and its completion is kept for the reader to come", async () => {
    const rig = await new Rig().start();
    rig.agent.requestHandshake("NonInteractiveCommands");
    rig.agent.output("early ");
    await rig.settle();
    rig.agent.completeHandshake();
    rig.agent.output("late");
    rig.agent.closeChannel();
    await rig.settle();
    expect(rig.streams.pair.text).toBe("early late");
    expectNothingLeft(rig);
  });

  test("during a resume: the session is gone", async () => {
    const rig = await new Rig().startShell();
    rig.api.onResume = () => Promise.resolve(undefined);
    rig.transport.end();
    await rig.settle();
    expect(endOf(rig)).toStartWith("lost SESSION_GONE");
    expect(rig.api.terminations).toBe(0);
    expectNothingLeft(rig);
  });

  test("reconnecting for too long: the session is lost", async () => {
    const rig = await new Rig({ settings: { reconnectForMs: 60_000 } }).startShell();
    rig.api.onResume = () => Promise.reject(apiError("unreachable", true));
    rig.transport.end();
    await rig.pass(60_000);
    expect(endOf(rig)).toStartWith("lost SESSION_CONNECTION_LOST: connection lost: ");
    expectNothingLeft(rig);
  });
});

describe("encryption that is asked for", () => {
  const KMS = { KMSKeyId: "key-1", Challenge: "Y2hhbGxlbmdl" };
  const actions = (parameters: unknown = KMS): Parameters<Rig["agent"]["requestActions"]>[0] => [
    { actionType: "SessionType", parameters: { SessionType: "Standard_Stream", Properties: null } },
    { actionType: "KMSEncryption", parameters },
  ];
  const agentCipher = (rig: Rig): Cipher =>
    createCipher({ dataKey: rig.keys.plaintext, role: "agent", noncePrefix: new Uint8Array(4) });

  test("is agreed on with a key bound to session, target and challenge; input and output are encrypted", async () => {
    const rig = await new Rig().start();
    const cipher = agentCipher(rig);
    rig.agent.requestActions(actions());
    await rig.settle();
    expect(rig.keys.asked).toEqual([
      {
        keyId: "key-1",
        context: {
          "aws:ssm:SessionId": "session",
          "aws:ssm:TargetId": rig.keys.target,
          "aws:ssm:RandomChallenge": "Y2hhbGxlbmdl",
        },
      },
    ]);
    const [response] = rig.agent.payloads(PayloadType.handshakeResponse);
    expect(decodeHandshakeResponse(response as Uint8Array).actions[1]).toEqual({
      actionType: "KMSEncryption",
      status: 1,
      result: {
        KMSCipherTextKey: Buffer.from("encrypted key").toString("base64"),
        ChallengeAcknowledgement: true,
      },
      error: "",
    });
    rig.agent.send(PayloadType.encChallengeRequest, encodeChallenge(cipher.encrypt(Buffer.from("riddle"))));
    await rig.settle();
    const [answer] = rig.agent.payloads(PayloadType.encChallengeResponse);
    expect(Buffer.from(cipher.decrypt(decodeChallenge(answer as Uint8Array))).toString()).toBe("riddle");
    rig.agent.completeHandshake();
    await rig.pass(20);
    rig.agent.output(cipher.encrypt(Buffer.from("secret")));
    rig.streams.pair.send("typed");
    await rig.settle();
    expect(rig.streams.pair.text).toBe("secret");
    expect(rig.agent.typed).not.toContain("typed");
    const [typed] = rig.agent.payloads(PayloadType.output);
    expect(Buffer.from(cipher.decrypt(typed as Uint8Array)).toString()).toBe("typed");
  });

  test("without a challenge is not answered with one", async () => {
    const rig = await new Rig().start();
    rig.agent.requestActions(actions({ KMSKeyId: "key-1" }));
    await rig.settle();
    expect(Object.keys(rig.keys.asked[0]?.context ?? {})).toEqual(["aws:ssm:SessionId", "aws:ssm:TargetId"]);
    const [response] = rig.agent.payloads(PayloadType.handshakeResponse);
    const [, action] = decodeHandshakeResponse(response as Uint8Array).actions;
    expect(Object.keys(action?.result as object)).toEqual(["KMSCipherTextKey"]);
  });

  const obstacles: [string, (rig: Rig) => void, string][] = [
    [
      "KMS refuses",
      (rig) => (rig.keys.failure = new Error("no permission for kms:GenerateDataKey")),
      "no permission",
    ],
    ["the AWS CLI is too old", (rig) => (rig.keys.refusal = "upgrade your AWS CLI"), "upgrade your AWS CLI"],
    ["the key is no key", (rig) => (rig.keys.plaintext = new Uint8Array(3)), "3"],
  ];
  for (const [name, arrange, reason] of obstacles) {
    test(`and impossible because ${name}: the end, with that reason`, async () => {
      const rig = await new Rig().start();
      arrange(rig);
      rig.agent.requestActions(actions());
      await rig.settle();
      expect(endOf(rig)).toStartWith("failed SESSION_PEER: Failed to process action KMSEncryption: ");
      expect(endOf(rig)).toContain(reason);
      const [response] = rig.agent.payloads(PayloadType.handshakeResponse);
      const [, action] = decodeHandshakeResponse(response as Uint8Array).actions;
      expect([action?.status, action?.error.includes(reason)]).toEqual([2, true]);
      expectNothingLeft(rig);
    });
  }

  test("and a KMS that never answers: the handshake's time is up", async () => {
    const rig = await new Rig().start();
    const answer = Promise.withResolvers<never>();
    rig.keys.generate = () => answer.promise;
    rig.agent.requestActions(actions());
    await rig.pass(30_000);
    expect(endOf(rig)).toStartWith("failed SESSION_HANDSHAKE_TIMEOUT");
    answer.reject(new Error("too late"));
    await rig.settle();
    expectNothingLeft(rig);
    const late = await new Rig().start();
    const key = Promise.withResolvers<{ plaintext: Uint8Array; ciphertext: Uint8Array }>();
    late.keys.generate = () => key.promise;
    late.agent.requestActions(actions());
    await late.pass(30_000);
    key.resolve({ plaintext: late.keys.plaintext, ciphertext: new Uint8Array(1) });
    await late.settle();
    expect(late.agent.payloads(PayloadType.handshakeResponse)).toEqual([]);
    expectNothingLeft(late);
  });

  test("and data that is not encrypted: the end, and nothing is thrown at whoever comes later", async () => {
    const rig = await new Rig().start();
    rig.api.onTerminate = () => new Promise(() => {});
    rig.agent.requestActions(actions());
    rig.agent.output("plain");
    rig.agent.output("more");
    rig.agent.acknowledge(0);
    rig.transport.end();
    rig.streams.resize(1, 1);
    rig.session.terminate();
    await rig.pass(10_000);
    expect(endOf(rig)).toStartWith(
      "failed SESSION_PEER: data channel: encrypted message 1 cannot be decrypted",
    );
    expectNothingLeft(rig);
  });

  test("and a shell that runs, then data under another key: lost, and nothing is thrown at whoever comes later", async () => {
    const rig = await new Rig().start();
    rig.agent.requestActions(actions());
    await rig.settle();
    rig.agent.completeHandshake();
    await rig.pass(20);
    rig.agent.output(Buffer.alloc(64, 1));
    rig.agent.output("more");
    rig.streams.pair.send("typed");
    rig.streams.resize(1, 1);
    rig.session.signal("SIGINT");
    await rig.pass(10_000);
    expect(endOf(rig)).toStartWith(
      "lost SESSION_PEER: data channel: encrypted message 2 cannot be decrypted",
    );
    expect(rig.api.terminations).toBe(1);
    expectNothingLeft(rig);
  });
});

describe("a cut", () => {
  test("is survived: what was unacknowledged is sent again, in order and once, and the user is told", async () => {
    const rig = await new Rig().startShell();
    rig.agent.acknowledges = false;
    rig.streams.pair.send("one ");
    rig.streams.pair.send("two ");
    await rig.settle();
    rig.transport.end({ code: 1000, reason: "Bye" });
    await rig.settle();
    rig.streams.pair.send("three");
    await rig.settle();
    rig.agent.acknowledges = true;
    rig.transport.opened();
    await rig.pass(100);
    expect(rig.agent.typed).toBe("one two three");
    expect(rig.agent.arrivals.filter((sequenceNumber) => sequenceNumber === 1).length).toBeGreaterThan(1);
    expect(rig.seen.slice(1)).toEqual([
      "lost: the gateway closed the connection (code 1000: Bye)",
      "restored",
    ]);
    expect(rig.session.stats.resentMessages).toBeGreaterThan(0);
  });

  test("is followed by the acknowledgements that it may have swallowed", async () => {
    const rig = await new Rig().startShell();
    rig.agent.output("a");
    rig.agent.output("b");
    await rig.reconnect();
    expect(rig.agent.acknowledged).toEqual([0, 1, 2, 0, 1, 2]);
  });

  test("every hour for a day loses nothing", async () => {
    const rig = await new Rig().startShell();
    let typed = "";
    for (let hour = 0; hour < 24; hour++) {
      for (let minute = 0; minute < 60; minute++) {
        await rig.pass(60_000);
        rig.transport.pong();
      }
      typed += `${hour} `;
      rig.transport.end({ code: 1000, reason: "Bye" });
      rig.streams.pair.send(`${hour} `);
      await rig.settle();
      rig.transport.opened();
      rig.agent.output(`${hour};`);
      await rig.pass(10);
    }
    expect(rig.agent.typed).toBe(typed);
    expect(rig.streams.pair.text).toBe("$ " + typed.replaceAll(" ", ";"));
    expect(rig.transports).toHaveLength(25);
  });

  test("while local readers are slow waits for them", async () => {
    const rig = await new Rig({ settings: { inboundBudgetBytes: 1_000 } }).startShell();
    rig.streams.pair.stalled = true;
    rig.agent.output(Buffer.alloc(2_000));
    await rig.pass(120_000);
    expect(rig.transport.terminated).toBe(true);
    expect(rig.api.resumes).toBe(0);
    expect(rig.transports).toHaveLength(1);
    rig.streams.pair.stalled = false;
    rig.streams.pair.take();
    await rig.settle();
    expect(rig.transports).toHaveLength(2);
    rig.transport.opened();
    rig.agent.output("on");
    await rig.settle();
    expect(rig.streams.pair.text.slice(-2)).toBe("on");
  });
});

describe("an agent out of its mind", () => {
  test("sends rubbish: neither the end of the session nor acknowledged", async () => {
    const rig = await new Rig().startShell();
    for (const frame of [
      new Uint8Array(0),
      new Uint8Array(119),
      new Uint8Array(500),
      Buffer.alloc(200, 0xff),
    ]) {
      rig.transport.message(frame);
    }
    rig.transport.message("text where binary is due");
    rig.agent.output("still here");
    await rig.settle();
    expect(rig.agent.acknowledged).toEqual([0, 1]);
    expect(rig.streams.pair.text).toBe("$ still here");
  });

  test("shakes hands twice: the second time is ignored", async () => {
    const rig = await new Rig().startKind("InteractiveCommands");
    rig.agent.requestHandshake("Port", FORWARDING);
    rig.agent.completeHandshake("again");
    rig.agent.output("still here");
    await rig.pass(60_000);
    expect(rig.seen.slice(0, 1)).toEqual(["started InteractiveCommands"]);
    expect(rig.net.targets).toEqual([]);
    expect(rig.streams.pair.text).toBe("still here");
    expect(rig.agent.payloads(PayloadType.handshakeResponse)).toHaveLength(1);
  });

  test("shakes hands in the middle of a shell: an end, not a hang", async () => {
    const rig = await new Rig().startShell();
    rig.agent.requestHandshake("InteractiveCommands");
    await rig.settle();
    rig.agent.completeHandshake();
    await rig.pass(30_000);
    expect(endOf(rig)).toStartWith("failed SESSION_HANDSHAKE_TIMEOUT");
    expectNothingLeft(rig);
  });
});

test("the basic agent's version is one that does not multiplex", async () => {
  const rig = await new Rig().startKind("Port", FORWARDING, BASIC_AGENT);
  expect(rig.seen.at(-1)).toBe("listening 40000 basic");
});
