import { describe, expect, test } from "bun:test";

import {
  ChannelCipherError,
  type ChannelEvents,
  ChannelLimitError,
  type ChannelLimits,
  DataChannel,
} from "../../src/channel/index.ts";
import {
  decodeAcknowledge,
  decodeChallenge,
  type DecodedMessage,
  decodeHandshakeResponse,
  decodeMessage,
  encodeChallenge,
  encodeHandshakeComplete,
  encodeHandshakeRequest,
  encodeMessage,
  encodeSize,
} from "../../src/protocol/index.ts";
import { acknowledgeFrame, closedFrame, gatewayFrame, nextId, outputFrame } from "./frames.ts";
import { recordingEvents } from "./recording-events.ts";

const EPOCH_MS = 1_700_000_000_000;

/** A connected channel, what it did, and what it sent in readable form. */
function open(
  options: { events?: Partial<ChannelEvents>; limits?: Partial<ChannelLimits>; connect?: boolean } = {},
) {
  const { events, recorded } = recordingEvents(options.events);
  const channel = new DataChannel({
    clientVersion: "1.3.0",
    epochMs: EPOCH_MS,
    createId: nextId,
    events,
    ...(options.limits === undefined ? {} : { limits: options.limits }),
  });
  if (options.connect ?? true) channel.connected(0);
  return {
    channel,
    recorded,
    /** What was sent since the last call: `ack 0`, `#0 type 1 text`. */
    sent: (): string[] => recorded.sent.splice(0).map((frame) => describeFrame(decodeMessage(frame))),
    delivered: (): string[] =>
      recorded.delivered
        .splice(0)
        .map(({ payloadType, payload }) => `${payloadType} ${Buffer.from(payload).toString("latin1")}`),
    notices: (): string[] => recorded.notices.map(({ event }) => event),
  };
}

function describeFrame(message: DecodedMessage): string {
  if (message.type === "acknowledge") return `ack ${decodeAcknowledge(message.payload).sequenceNumber}`;
  return `#${message.sequenceNumber} type ${message.payloadType} ${Buffer.from(message.payload).toString("latin1")}`;
}

const text = (words: string): Uint8Array => Buffer.from(words);

function requestPayload(...more: { actionType: string; parameters: unknown }[]): Uint8Array {
  return encodeHandshakeRequest({
    agentVersion: "3.3.0.0",
    actions: [
      { actionType: "SessionType", parameters: { SessionType: "Standard_Stream", Properties: null } },
      ...more,
    ],
  });
}

const KMS = { actionType: "KMSEncryption", parameters: { KMSKeyId: "key", Challenge: "YQ==" } };

describe("receiving", () => {
  test("acknowledges before it hands on", () => {
    const order: string[] = [];
    const { channel } = open({
      events: { send: () => order.push("ack"), deliver: () => order.push("deliver") },
    });
    channel.receive(outputFrame(0, 1, "a"), 1);
    expect(order).toEqual(["ack", "deliver"]);
  });

  test("puts messages in order, acknowledging each on arrival and again when it comes again", () => {
    const { channel, sent, delivered } = open();
    channel.receive(outputFrame(2, 11, "c"), 1);
    channel.receive(outputFrame(1, 1, "b"), 1);
    expect([sent(), delivered()]).toEqual([["ack 2", "ack 1"], []]);
    channel.receive(outputFrame(0, 1, "a"), 1);
    expect([sent(), delivered()]).toEqual([["ack 0"], ["1 a", "1 b", "11 c"]]);
    channel.receive(outputFrame(1, 1, "b"), 1);
    channel.receive(outputFrame(3, 12, "EXIT_CODE: 0"), 1);
    channel.receive(outputFrame(4, 99, "?"), 1);
    expect([sent(), delivered()]).toEqual([
      ["ack 1", "ack 3", "ack 4"],
      ["12 EXIT_CODE: 0", "99 ?"],
    ]);
    expect(channel.stats).toMatchObject({
      receivedMessages: 5,
      duplicateMessages: 1,
      reorderedMessages: 2,
      reorderMessages: 0,
    });
  });

  test("acknowledges in the layout of AWS's client, with the message's id", () => {
    const { channel, recorded } = open();
    const frame = outputFrame(0, 1, "a");
    channel.receive(frame, 1234.4);
    const ack = decodeMessage(recorded.sent[0] as Uint8Array);
    expect(ack).toMatchObject({
      type: "acknowledge",
      schemaVersion: 1,
      createdDate: EPOCH_MS + 1234,
      sequenceNumber: 0,
      flags: 3,
      payloadType: 0,
    });
    expect(Buffer.from(ack.payload).toString()).toBe(
      `{"AcknowledgedMessageType":"output_stream_data","AcknowledgedMessageId":"${decodeMessage(frame).messageId}",` +
        '"AcknowledgedMessageSequenceNumber":0,"IsSequentialMessage":true}',
    );
  });

  test("what finds no room ahead of order is not acknowledged", () => {
    const { channel, sent, delivered, notices } = open({ limits: { maxReorderMessages: 2 } });
    for (const number of [3, 2, 1, 0, 3]) channel.receive(outputFrame(number, 1, `${number}`), 1);
    expect(sent()).toEqual(["ack 2", "ack 1", "ack 0", "ack 3"]);
    expect(delivered()).toEqual(["1 0", "1 1", "1 2", "1 3"]);
    expect(channel.stats.refusedMessages).toBe(1);
    expect(notices()).toEqual(["message_refused"]);
  });

  test("invalid and unknown frames are noticed, and nothing else", () => {
    const { channel, recorded, notices } = open();
    const corrupt = outputFrame(0, 1, "abc");
    corrupt[121] = 0;
    channel.receive(corrupt, 1);
    channel.receive(new Uint8Array(0), 1);
    channel.receive(gatewayFrame("acknowledge", text("{")), 1);
    channel.receive(gatewayFrame("agent_session_state", text("{}")), 1);
    channel.receive(gatewayFrame("input_stream_data", text("me?")), 1);
    channel.receive(gatewayFrame("b\u0007d", text("")), 1);
    expect(recorded.notices).toEqual([
      { event: "message_invalid", fields: { field: "PayloadDigest", bytes: 123 } },
      { event: "message_invalid", fields: { field: "frame", bytes: 0 } },
      { event: "message_invalid", fields: { field: "acknowledge", bytes: 1 } },
      { event: "message_ignored", fields: { type: "agent_session_state" } },
      { event: "message_ignored", fields: { type: "input_stream_data" } },
      { event: "message_ignored", fields: { type: "b?d" } },
    ]);
    expect(notices().length).toBe(6);
    expect([recorded.sent, recorded.delivered, recorded.ready, recorded.closed]).toEqual([[], [], [], []]);
    expect(channel.stats.invalidMessages).toBe(3);
  });

  test("frames that come while the transport is gone count; their acks follow after the reconnect", () => {
    const { channel, sent, delivered } = open();
    channel.disconnected(1);
    channel.receive(outputFrame(0, 1, "late"), 2);
    channel.receive(outputFrame(0, 1, "late"), 2);
    expect([sent(), delivered()]).toEqual([[], ["1 late"]]);
    channel.connected(10);
    expect(sent()).toEqual(["ack 0"]);
  });

  test("a tiny payload does not keep the memory of its frame", () => {
    const { channel, recorded } = open();
    const header = 1_000_000;
    const frame = new Uint8Array(header + 5);
    frame.set(outputFrame(0, 1, "x").subarray(0, 120));
    new DataView(frame.buffer).setUint32(0, header);
    frame[header + 4] = 0x78;
    channel.receive(frame, 1);
    expect(recorded.delivered[0]?.payload).toEqual(new Uint8Array([0x78]));
    expect(recorded.delivered[0]?.payload.buffer.byteLength).toBeLessThan(20_000);
  });
});

describe("after a reconnect", () => {
  test("the latest acknowledgements are repeated, before anything is sent again", () => {
    const { channel, sent } = open({ limits: { reackMessages: 3, reackAgeMs: 1000 } });
    channel.receive(outputFrame(0, 1, "a"), 0);
    channel.write(1, text("x"), 0);
    for (let number = 1; number < 6; number++) channel.receive(outputFrame(number, 1, "b"), 500 * number);
    sent();
    channel.disconnected(50_000);
    channel.connected(60_000);
    expect(sent()).toEqual(["ack 3", "ack 4", "ack 5", "#0 type 1 x"]);
  });

  test("only those of the last moments before the cut", () => {
    const { channel, sent } = open({ limits: { reackAgeMs: 1000 } });
    for (let number = 0; number < 6; number++) channel.receive(outputFrame(number, 1, "b"), 500 * number);
    sent();
    channel.disconnected(50_000);
    channel.connected(60_000);
    expect(sent()).toEqual(["ack 3", "ack 4", "ack 5"]);
  });
});

describe("a plain shell", () => {
  test("is ready with its first message, and takes input from then on", () => {
    const order: string[] = [];
    const { channel, sent, recorded } = open({
      events: {
        ready: (info) => order.push(`ready ${JSON.stringify(info)}`),
        deliver: () => order.push("deliver"),
        writable: () => order.push("writable"),
      },
    });
    channel.write(3, encodeSize(80, 24), 0);
    expect([channel.sendRoom, recorded.sent.length, channel.nextWakeAt]).toEqual([0, 0, undefined]);
    channel.receive(outputFrame(0, 1, "$ "), 5);
    expect(order).toEqual(['ready {"customerMessage":"","handshake":false}', "deliver", "writable"]);
    expect(sent()).toEqual(["ack 0", '#0 type 3 {"cols":80,"rows":24}']);
    channel.write(1, text("ls\r"), 6);
    expect(sent()).toEqual(["#1 type 1 ls\r"]);
    expect(channel.agent).toBeUndefined();
  });

  test("may answer inside `ready` and `deliver`", () => {
    const { channel, sent } = open({
      events: {
        ready: () => channel.write(3, encodeSize(1, 2), 5),
        deliver: () => channel.write(1, text("yes"), 5),
      },
    });
    channel.receive(outputFrame(0, 1, "sure?"), 5);
    expect(sent()).toEqual(["ack 0", '#0 type 3 {"cols":1,"rows":2}', "#1 type 1 yes"]);
  });

  test("that is silent gets its input when the session says so, and is ready when it speaks", () => {
    const { channel, recorded, sent } = open();
    channel.write(3, encodeSize(80, 24), 0);
    channel.openInput(3000);
    expect(sent()).toEqual(['#0 type 3 {"cols":80,"rows":24}']);
    expect(channel.sendRoom).toBe(64 * 1024 - 21);
    expect([recorded.writable, recorded.ready]).toEqual([1, []]);
    channel.receive(outputFrame(0, 1, "x"), 4000);
    expect(recorded.ready).toEqual([{ customerMessage: "", handshake: false }]);
  });
});

describe("a session with a handshake", () => {
  test("holds input until the agent is ready, and a moment longer", () => {
    const { channel, recorded, sent } = open();
    channel.write(3, encodeSize(80, 24), 0);
    channel.receive(outputFrame(0, 5, requestPayload()), 10);
    const [ack, response] = sent();
    expect(ack).toBe("ack 0");
    expect(response).toStartWith('#0 type 6 {"ClientVersion":"1.3.0"');
    expect(recorded.requests).toEqual([
      { agentVersion: "3.3.0.0", sessionType: "Standard_Stream", properties: null },
    ]);
    expect(recorded.ready).toEqual([]);
    channel.openInput(11);
    expect(channel.sendRoom).toBe(0);
    channel.receive(acknowledgeFrame(0), 12);
    channel.receive(outputFrame(1, 7, encodeHandshakeComplete(1, "Welcome")), 20);
    expect(recorded.ready).toEqual([{ customerMessage: "Welcome", handshake: true }]);
    expect(sent()).toEqual(["ack 1"]);
    expect([channel.sendRoom, channel.nextWakeAt]).toEqual([0, 30]);
    channel.tick(29.9);
    expect(sent()).toEqual([]);
    channel.tick(30);
    expect(sent()).toEqual(['#1 type 3 {"cols":80,"rows":24}']);
    expect(recorded.writable).toBe(1);
    expect(channel.agent?.abilities.terminateFlag).toBe(true);
  });

  test("the wake-up is the earlier of the two things to wait for", () => {
    const { channel } = open();
    channel.receive(outputFrame(0, 5, requestPayload()), 0);
    expect(channel.nextWakeAt).toBe(200);
    channel.receive(outputFrame(1, 7, encodeHandshakeComplete(1, "")), 20);
    expect(channel.nextWakeAt).toBe(30);
    channel.tick(30);
    expect(channel.nextWakeAt).toBe(200);
  });

  test("a refused or unreadable request is answered and noticed", () => {
    const refusing = open({ events: { handshakeRequested: () => "not today" } });
    refusing.channel.receive(outputFrame(0, 5, requestPayload()), 0);
    expect(refusing.recorded.notices).toEqual([
      {
        event: "handshake_refused",
        fields: { error: "Failed to process action SessionType: not today" },
      },
    ]);
    expect(refusing.sent()[1]).toContain('"ActionStatus":2');
    const garbled = open();
    garbled.channel.receive(outputFrame(0, 5, "{"), 0);
    expect(garbled.sent()[1]).toContain("is not JSON");
    expect(garbled.recorded.requests).toEqual([]);
  });

  test("what is out of place is acknowledged, noticed and ignored", () => {
    const { channel, recorded, sent, notices } = open();
    channel.receive(outputFrame(0, 7, encodeHandshakeComplete(1, "early")), 0);
    channel.receive(outputFrame(1, 8, encodeChallenge(text("c"))), 0);
    channel.answerKms({ ok: true, actionResult: null }, 0);
    channel.receive(outputFrame(2, 5, requestPayload()), 0);
    channel.receive(outputFrame(3, 5, requestPayload()), 0);
    channel.receive(outputFrame(4, 7, encodeHandshakeComplete(1, "")), 0);
    channel.receive(outputFrame(5, 7, encodeHandshakeComplete(1, "again")), 0);
    expect(notices()).toEqual([
      "handshake_complete_unexpected",
      "challenge_unexpected",
      "kms_answer_unexpected",
      "handshake_repeated",
      "handshake_complete_unexpected",
    ]);
    expect(sent().filter((line) => line.startsWith("ack")).length).toBe(6);
    expect([recorded.delivered.length, recorded.ready.length]).toEqual([0, 1]);
  });

  test("that comes after input was let go holds it again", () => {
    const { channel } = open();
    channel.openInput(3000);
    expect(channel.sendRoom).toBeGreaterThan(0);
    channel.receive(outputFrame(0, 5, requestPayload()), 4000);
    expect(channel.sendRoom).toBe(0);
  });

  test("its answer waits for the connection and for the end of a pause, and goes before held input", () => {
    const { channel, sent } = open();
    channel.write(10, new Uint8Array([0, 0, 0, 9]), 0);
    channel.receive(gatewayFrame("pause_publication"), 0);
    channel.receive(outputFrame(0, 5, requestPayload(KMS)), 0);
    channel.disconnected(1);
    channel.answerKms({ ok: false, error: "AccessDenied" }, 2);
    expect(sent()).toEqual(["ack 0"]);
    channel.connected(3);
    const [ack, response, ...rest] = sent();
    expect(ack).toBe("ack 0");
    expect(response).toContain("Failed to process action KMSEncryption: AccessDenied");
    expect(rest).toEqual([]);
  });
});

describe("encryption", () => {
  /** Not a cipher, but it shows who did what: every byte is shifted, and a wrong first byte is refused. */
  const cipher = {
    encrypt: (bytes: Uint8Array): Uint8Array =>
      Uint8Array.from([0xee, ...bytes].map((byte) => (byte + 1) & 255)),
    decrypt: (bytes: Uint8Array): Uint8Array => {
      if (bytes[0] !== 0xdd) throw new Error("the tag does not match");
      return bytes.slice(1);
    },
  };
  const sealed = (words: string): Uint8Array => Buffer.concat([Buffer.from([0xdd]), Buffer.from(words)]);

  function shakenHands() {
    const bench = open();
    bench.channel.receive(outputFrame(0, 5, requestPayload(KMS)), 0);
    expect(bench.recorded.kms).toEqual([{ keyId: "key", challenge: "YQ==" }]);
    bench.channel.setCipher(cipher);
    bench.channel.answerKms({ ok: true, actionResult: { KMSCipherTextKey: "blob" } }, 1);
    return bench;
  }

  test("answers the challenge, and covers Output, StdErr and ExitCode but nothing else", () => {
    const { channel, recorded, sent, delivered } = shakenHands();
    const response = decodeHandshakeResponse(decodeMessage(recorded.sent[1] as Uint8Array).payload);
    expect(response.actions[1]).toMatchObject({ status: 1, result: { KMSCipherTextKey: "blob" } });
    sent();
    channel.receive(outputFrame(1, 8, encodeChallenge(sealed("question"))), 2);
    const answer = decodeMessage(recorded.sent[1] as Uint8Array);
    expect(answer.payloadType).toBe(9);
    expect(decodeChallenge(answer.payload)).toEqual(cipher.encrypt(text("question")));
    channel.receive(outputFrame(2, 7, encodeHandshakeComplete(1, "")), 3);
    channel.tick(13);
    recorded.sent.length = 0;
    channel.write(1, text("secret"), 14);
    channel.write(3, encodeSize(1, 2), 14);
    expect(decodeMessage(recorded.sent[0] as Uint8Array).payload).toEqual(
      Buffer.from(cipher.encrypt(text("secret"))),
    );
    expect(sent()[1]).toBe('#3 type 3 {"cols":1,"rows":2}');
    channel.receive(outputFrame(3, 1, sealed("out")), 15);
    channel.receive(outputFrame(4, 11, sealed("err")), 15);
    channel.receive(outputFrame(5, 12, sealed("EXIT_CODE: 3")), 15);
    channel.receive(outputFrame(6, 10, new Uint8Array([0, 0, 0, 3])), 15);
    expect(delivered()).toEqual(["1 out", "11 err", "12 EXIT_CODE: 3", "10 \0\0\0\u0003"]);
  });

  test("a message that cannot be decrypted ends the channel, and each later call says why", () => {
    const { channel, recorded } = shakenHands();
    channel.receive(outputFrame(1, 1, "plain"), 2);
    const [failure] = recorded.failures;
    expect(failure).toBeInstanceOf(ChannelCipherError);
    expect(failure?.message).toContain("the tag does not match");
    expect(failure?.cause).toBeInstanceOf(Error);
    expect([recorded.delivered, recorded.closed, recorded.ready]).toEqual([[], [], []]);
    for (const call of [
      () => channel.receive(outputFrame(2, 1, "x"), 3),
      () => channel.write(1, text("x"), 3),
      () => channel.tick(3),
      () => channel.connected(3),
      () => channel.disconnected(3),
      () => channel.openInput(3),
      () => channel.answerKms({ ok: false, error: "" }, 3),
    ]) {
      expect(call).toThrow(failure as Error);
    }
    expect([channel.sendRoom, channel.nextWakeAt]).toEqual([0, undefined]);
  });

  test("data that comes before the keys, and a challenge that cannot be read, end it as well", () => {
    const early = open();
    early.channel.receive(outputFrame(0, 5, requestPayload(KMS)), 0);
    early.channel.receive(outputFrame(1, 1, "too early"), 0);
    expect(early.recorded.failures[0]?.message).toContain("before the keys were agreed on");
    const challenged = shakenHands();
    challenged.channel.receive(outputFrame(1, 8, encodeChallenge(text("?"))), 0);
    expect(challenged.recorded.failures[0]).toBeInstanceOf(ChannelCipherError);
  });

  test("an owner that does not ask for failures is told the end", () => {
    const { events, recorded } = recordingEvents();
    const { failed: _, ...rest } = events;
    const channel = new DataChannel({ clientVersion: "1", epochMs: 0, createId: nextId, events: rest });
    channel.connected(0);
    channel.receive(outputFrame(0, 5, requestPayload(KMS)), 0);
    channel.setCipher({
      ...cipher,
      decrypt: () => {
        throw "no error at all";
      },
    });
    channel.receive(outputFrame(1, 1, "x"), 0);
    expect(recorded.closed).toEqual([
      "data channel: encrypted message 1 cannot be decrypted (no error at all); " +
        "the keys of agent and client differ or the data was changed on its way",
    ]);
  });
});

describe("writing", () => {
  test("payloads are copied at once", () => {
    const { channel, sent } = open();
    const held = Buffer.from("held");
    channel.write(1, held, 0);
    held.fill(0x2e);
    channel.openInput(0);
    const direct = Buffer.from("direct");
    channel.write(1, direct, 0);
    direct.fill(0x2e);
    expect(sent()).toEqual(["#0 type 1 held", "#1 type 1 direct"]);
  });

  test("is held while paused and while away, in order; of sizes in a row only the last", () => {
    const { channel, sent, recorded } = open();
    channel.openInput(0);
    channel.receive(gatewayFrame("pause_publication"), 1);
    expect([channel.sendRoom, recorded.paused]).toEqual([0, [true]]);
    channel.write(10, new Uint8Array([0, 0, 0, 1]), 2);
    channel.write(3, encodeSize(1, 1), 2);
    channel.write(3, encodeSize(2, 2), 2);
    channel.disconnected(3);
    channel.write(10, new Uint8Array([0, 0, 0, 2]), 4);
    expect([channel.stats.heldMessages, sent()]).toEqual([3, []]);
    channel.connected(5);
    expect(sent()).toEqual([
      "#0 type 10 \0\0\0\u0001",
      '#1 type 3 {"cols":2,"rows":2}',
      "#2 type 10 \0\0\0\u0002",
    ]);
    expect(recorded.paused).toEqual([true, false]);
  });

  test("start_publication lets go what the pause held", () => {
    const { channel, sent, recorded } = open();
    channel.openInput(0);
    channel.receive(gatewayFrame("pause_publication"), 1);
    channel.write(3, encodeSize(1, 1), 2);
    channel.receive(gatewayFrame("start_publication"), 3);
    expect(sent()).toEqual(['#0 type 3 {"cols":1,"rows":1}']);
    expect([recorded.paused, recorded.writable]).toEqual([[true, false], 2]);
  });

  test("control payloads pass a full window by and share its numbers", () => {
    const { channel, sent, recorded } = open();
    channel.openInput(0);
    while (channel.sendRoom > 0) channel.write(1, new Uint8Array(1024), 0);
    expect(channel.stats.unackedBytes).toBe(64 * 1024);
    recorded.sent.length = 0;
    channel.write(10, new Uint8Array([0, 0, 0, 2]), 0);
    expect(sent()).toEqual(["#64 type 10 \0\0\0\u0002"]);
    channel.receive(acknowledgeFrame(0), 20);
    expect(recorded.writable).toBe(2);
  });

  test("beyond the hard limits throws and takes nothing, sent or held", () => {
    const { channel } = open({ limits: { hardUnackedMessages: 3, maxHeldMessages: 2 } });
    channel.write(1, text("a"), 0);
    channel.write(1, text("b"), 0);
    expect(() => channel.write(1, text("c"), 0)).toThrow(ChannelLimitError);
    channel.openInput(0);
    channel.write(1, text("c"), 0);
    expect(() => channel.write(1, text("d"), 0)).toThrow("hardUnackedMessages");
    channel.receive(acknowledgeFrame(1), 1);
    channel.write(1, text("d"), 2);
    expect(channel.stats).toMatchObject({ sentMessages: 4, unackedMessages: 3 });
  });

  test("what is held goes out as far as it may be kept", () => {
    const { channel } = open({ limits: { hardUnackedMessages: 2 } });
    for (let count = 0; count < 3; count++) channel.write(10, new Uint8Array(4), 0);
    channel.openInput(0);
    expect(channel.stats).toMatchObject({ sentMessages: 2, heldMessages: 1 });
    expect(channel.sendRoom).toBe(0);
    channel.receive(acknowledgeFrame(0), 1);
    expect(channel.stats).toMatchObject({ sentMessages: 3, heldMessages: 0 });
  });
});

describe("the end", () => {
  test("comes after everything that is in order, whatever session it names", () => {
    const { channel, recorded, delivered, notices } = open();
    channel.write(1, text("held"), 0);
    channel.receive(outputFrame(0, 1, "last"), 1);
    channel.receive(outputFrame(2, 1, "gap"), 1);
    channel.receive(closedFrame("Session timed out", "another"), 2);
    expect(delivered()).toEqual(["1 last"]);
    expect(recorded.closed).toEqual(["Session timed out"]);
    expect(notices()).toEqual(["closed_with_gap"]);
    recorded.sent.length = 0;
    channel.receive(outputFrame(1, 1, "x"), 3);
    channel.receive(closedFrame("again"), 3);
    channel.write(1, text("x"), 3);
    channel.connected(3);
    channel.disconnected(3);
    channel.openInput(3);
    channel.tick(99_999);
    channel.answerKms({ ok: false, error: "" }, 3);
    expect([recorded.sent, recorded.closed.length, channel.sendRoom, channel.nextWakeAt]).toEqual([
      [],
      1,
      0,
      undefined,
    ]);
    expect(channel.stats).toMatchObject({ heldMessages: 0, reorderMessages: 0 });
  });

  test("an unreadable one is an end all the same", () => {
    const { channel, recorded, notices } = open();
    channel.receive(gatewayFrame("channel_closed", text("[]")), 1);
    expect([recorded.closed, notices()]).toEqual([[""], ["message_invalid"]]);
  });

  test("inside a delivery stops the delivery", () => {
    const { channel, delivered } = open({
      events: {
        deliver: (payloadType, payload) => {
          recordedDeliveries.push(`${payloadType} ${Buffer.from(payload).toString()}`);
          channel.receive(closedFrame(), 2);
        },
      },
    });
    const recordedDeliveries: string[] = [];
    channel.receive(outputFrame(1, 1, "b"), 1);
    channel.receive(outputFrame(0, 1, "a"), 1);
    expect(delivered()).toEqual([]);
    expect(recordedDeliveries).toEqual(["1 a"]);
  });

  test("with NUL padding as the gateway writes it", () => {
    const { channel, recorded } = open();
    const frame = closedFrame("bye");
    channel.receive(
      encodeMessage({ ...decodeMessage(frame), rawType: "channel_closed".padEnd(32, "\0") }),
      1,
    );
    expect(recorded.closed).toEqual(["bye"]);
  });
});
