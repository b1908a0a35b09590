/** Frames and payloads of the data channel, nearly right. */
import {
  agentAbilities,
  decodeAcknowledge,
  decodeAgentSessionState,
  decodeChallenge,
  decodeChannelClosed,
  decodeExitCode,
  decodeFlag,
  decodeHandshakeComplete,
  decodeHandshakeRequest,
  decodeHandshakeResponse,
  decodeMessage,
  decodeOpenDataChannel,
  decodeSize,
  encodeMessage,
  InvalidMessageError,
  InvalidPayloadError,
  isNewerVersion,
  parseKmsParameters,
  parsePortProperties,
  parseSessionTypeParameters,
} from "../../src/protocol/index.ts";
import { recordedFrames } from "../protocol/recordings.ts";
import { fuzz } from "./fuzz.ts";
import { jsonValue, mutateBytes, mutateText, textBytes } from "./mutations.ts";

const frames = await recordedFrames();
const HEADER_BYTES = 116;

fuzz({
  name: "frames",
  expected: [InvalidMessageError],
  make: (random) =>
    random.chance(0.1) ? random.bytes(random.int(300)) : mutateBytes(random, random.pick(frames).frame),
  check(input) {
    const message = decodeMessage(input);
    if (message.payload.length > input.length) throw new Error("a payload longer than its frame");
    // What can be decoded says the same when it is encoded anew, whatever the first header's length.
    const again = decodeMessage(encodeMessage(message));
    if (again.sequenceNumber !== message.sequenceNumber || again.type !== message.type) {
      throw new Error("encoded again it says something else");
    }
    if (!Buffer.from(again.payload).equals(Buffer.from(message.payload))) throw new Error("other payload");
    const canonical = Buffer.from(input).readUInt32BE(0) === HEADER_BYTES;
    if (canonical && again.messageId !== message.messageId) throw new Error("another id");
  },
});

/** Words of the protocol, keys and values alike. */
const WORDS = [
  ...["AgentVersion", "3.3.0.0", "RequestedClientActions", "ActionType", "ActionParameters", "SessionType"],
  ...["Port", "Properties", "NonInteractiveCommands", "KMSEncryption", "KMSKeyId", "Challenge", "portNumber"],
  ...[
    "localPortNumber",
    "localConnectionType",
    "localUnixSocket",
    "unix",
    "type",
    "LocalPortForwarding",
    "80",
  ],
  ...[
    "HandshakeTimeToComplete",
    "CustomerMessage",
    "ClientVersion",
    "ProcessedClientActions",
    "ActionStatus",
  ],
  ...["Error", "Errors", "SessionId", "Output", "cols", "rows", "SessionState", "TokenValue", "ClientId"],
  ...["AcknowledgedMessageType", "AcknowledgedMessageId", "AcknowledgedMessageSequenceNumber"],
  ...["IsSequentialMessage", "00000000-0000-4000-8000-000000000000", "__proto__", "", "EXIT_CODE: 7"],
];

const payloads = frames.flatMap(({ frame }) => {
  const text = Buffer.from(frame.subarray(120)).toString("utf8");
  return text.startsWith("{") || text.startsWith("EXIT") ? [text] : [];
});

const DECODERS: readonly ((payload: Uint8Array) => unknown)[] = [
  decodeAcknowledge,
  decodeAgentSessionState,
  decodeChallenge,
  decodeChannelClosed,
  decodeExitCode,
  decodeFlag,
  decodeHandshakeComplete,
  decodeHandshakeRequest,
  decodeHandshakeResponse,
  decodeSize,
  (payload) => decodeOpenDataChannel(Buffer.from(payload).toString("utf8")),
];

fuzz({
  name: "payloads",
  expected: [],
  make: (random) =>
    textBytes(
      random,
      random.chance(0.4)
        ? JSON.stringify(jsonValue(random, WORDS))
        : mutateText(random, random.pick(payloads)),
    ),
  check(input, random) {
    const secret = Buffer.from(input).toString("utf8");
    for (const decode of DECODERS) {
      try {
        decode(input);
      } catch (error) {
        if (!(error instanceof InvalidPayloadError)) throw error;
        // What came from outside may hold a token.
        if (secret.length > 40 && error.message.includes(secret)) throw new Error("it repeats the payload");
      }
    }
    const value = jsonValue(random, WORDS);
    parseSessionTypeParameters(value);
    parseKmsParameters(value);
    try {
      parsePortProperties(value);
    } catch (error) {
      if (!(error instanceof InvalidPayloadError)) throw error;
    }
  },
});

fuzz({
  name: "versions",
  expected: [],
  make: (random) => textBytes(random, mutateText(random, random.pick(["3.3.0.0", "1.2.835.0", "2.3.722.0"]))),
  check(input) {
    const version = Buffer.from(input).toString("utf8");
    agentAbilities(version);
    if (isNewerVersion(version, "3.0.0.0") && !isNewerVersion(version, "2.0.0.0")) {
      throw new Error("newer than the newer one, and not newer than the older one");
    }
    if (isNewerVersion(version, version)) throw new Error("newer than itself");
  },
});
