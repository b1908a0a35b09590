/** Sessions that are to be encrypted. */
import { describe, expect, test } from "bun:test";

import { type Cipher, createCipher } from "../../src/encryption/index.ts";
import {
  decodeChallenge,
  decodeHandshakeResponse,
  encodeChallenge,
  PayloadType,
} from "../../src/protocol/index.ts";
import { endOf, expectNothingLeft } from "./expectations.ts";
import { BASIC_AGENT, FORWARDING, Rig } from "./rig.ts";

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

  test("and an agent that is quick to end what was refused: the end is the refusal all the same", async () => {
    const rig = await new Rig().start();
    rig.keys.failure = new Error("no permission");
    rig.agent.onInput = ({ payloadType }) => {
      if (payloadType === PayloadType.handshakeResponse)
        queueMicrotask(() => rig.agent.closeChannel("Encountered error while initiating handshake."));
    };
    rig.agent.requestActions(actions());
    await rig.settle();
    expect(endOf(rig)).toStartWith(
      "failed SESSION_PEER: Failed to process action KMSEncryption: no permission",
    );
    expectNothingLeft(rig);
  });

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

  test("and a tunnel, then data under another key: its connection ends, and nothing is thrown at anybody", async () => {
    const rig = await new Rig().start();
    rig.agent.requestActions(
      [
        { actionType: "SessionType", parameters: { SessionType: "Port", Properties: FORWARDING } },
        { actionType: "KMSEncryption", parameters: KMS },
      ],
      BASIC_AGENT,
    );
    await rig.settle();
    rig.agent.completeHandshake();
    await rig.pass(20);
    const local = rig.connect();
    rig.agent.output(Buffer.alloc(64, 1));
    local.send("data");
    local.closeByPeer(new Error("ECONNRESET"));
    await rig.pass(10_000);
    expect(endOf(rig)).toStartWith(
      "lost SESSION_PEER: data channel: encrypted message 2 cannot be decrypted",
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
