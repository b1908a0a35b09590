/** What the program is started with: the AWS CLI's arguments, the response in them, stream URLs, settings. */
import {
  harmlessLine,
  InvalidEnvironmentError,
  parseDuration,
  readLogging,
  readSettings,
} from "../../src/host/index.ts";
import { readArguments } from "../../src/plugin/arguments.ts";
import { isPresigned, parseStreamUrl, TransportError } from "../../src/transport/index.ts";
import type { SeededRandom } from "../support/seeded-random.ts";
import { fuzz } from "./fuzz.ts";
import { jsonValue, mutateText, textBytes } from "./mutations.ts";

const VARIABLE = "AWS_SSM_START_SESSION_RESPONSE";
const TOKEN = "AAEAAdGhpcyBpcyBhIHRva2Vu";
const URLS = [
  "wss://ssmmessages.us-east-1.amazonaws.com/v1/data-channel/s-0?role=publish_subscribe&cell-number=AA==",
  "wss://vpce-0a1b.ssmmessages.us-gov-west-1.vpce.amazonaws.com/v1/data-channel/s-0",
  "ws://127.0.0.1:8080/v1/data-channel/s-0",
  "ws://[::1]:8080/",
];
const response = JSON.stringify({ SessionId: "s-0", TokenValue: TOKEN, StreamUrl: URLS[0] });
const USUAL = [
  response,
  "us-east-1",
  "StartSession",
  "",
  '{"Target":"i-0"}',
  "https://ssm.us-east-1.amazonaws.com",
];
const WORDS = [
  ...["SessionId", "sessionId", "TokenValue", "tokenvalue", "StreamUrl", "STREAMURL", "Target", "i-0", TOKEN],
  ...["ResponseMetadata", "__proto__", "constructor", URLS[0] ?? "", ""],
];

/** Arguments as lines, so that an input is one text. */
function argumentLines(random: SeededRandom): string {
  const args = [...USUAL];
  if (random.chance(0.3)) args[0] = JSON.stringify(jsonValue(random, WORDS));
  if (random.chance(0.3)) args[4] = JSON.stringify(jsonValue(random, WORDS));
  if (random.chance(0.3)) args[0] = VARIABLE + random.pick(["", "_1", "\u0000"]);
  for (let changes = random.int(3); changes > 0; changes--) {
    const at = random.int(args.length);
    args[at] = mutateText(random, args[at] ?? "");
  }
  return args.slice(0, random.chance(0.7) ? args.length : random.int(args.length + 1)).join("\u0001");
}

fuzz({
  name: "arguments",
  expected: [],
  make: (random) => textBytes(random, argumentLines(random)),
  check(input, random) {
    const text = Buffer.from(input).toString("utf8");
    const args = text === "" ? [] : text.split("\u0001");
    const environment: Record<string, string | undefined> = {
      [VARIABLE]: random.chance(0.8) ? response : "{",
    };
    const invocation = readArguments(args, environment);
    if (invocation.kind === "bad input") {
      const line = harmlessLine(invocation.reason);
      if (/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/.test(line))
        throw new Error("control characters are shown");
      if (line.includes(TOKEN)) throw new Error("the token is shown");
      if (line.length > 9_000) throw new Error("a very long line");
    }
    if (invocation.kind === "start") {
      if (invocation.session.sessionId === "" || invocation.session.tokenValue === "")
        throw new Error("empty");
      if (invocation.session.sessionId.includes(invocation.session.tokenValue))
        throw new Error("the token goes by the name of the session");
      // Nothing that is started inherits the token.
      if (!invocation.exposed && environment[args[0] ?? ""] !== undefined)
        throw new Error("left in the environment");
    }
  },
});

fuzz({
  name: "stream-urls",
  expected: [TransportError],
  make: (random) => textBytes(random, mutateText(random, random.pick(URLS))),
  check(input) {
    const text = Buffer.from(input).toString("utf8");
    isPresigned(text);
    const url = parseStreamUrl(text, { allowAny: false });
    const { hostname, protocol } = url;
    const isOurs = /^(localhost|\[::1\]|127(\.\d{1,3}){3})$/.test(hostname);
    const isService = /(^|\.)ssmmessages(-fips)?\.[a-z0-9-]+\.(vpce\.)?(amazonaws|api)\./.test(hostname);
    if (!isOurs && !(isService && protocol === "wss:" && url.port === ""))
      throw new Error(`${url.href} is let through`);
    if (url.username !== "" || url.hash !== "") throw new Error(`${url.href} is let through`);
  },
});

const NAMES = [
  ...[
    "SSM_PLUGIN_PAYLOAD_BYTES",
    "SSM_PLUGIN_LINGER",
    "SSM_PLUGIN_RECONNECT_FOR",
    "SSM_PLUGIN_CONNECT_TIMEOUT",
  ],
  ...["SSM_PLUGIN_PING_INTERVAL", "SSM_PLUGIN_LOG_LEVEL", "SSM_PLUGIN_LOG_FORMAT", "SSM_PLUGIN_LOCAL_HOST"],
];

fuzz({
  name: "settings",
  expected: [InvalidEnvironmentError],
  make: (random) =>
    textBytes(
      random,
      mutateText(random, random.pick(["90s", "15m", "8h", "0", "inf", "1024", "debug", "json", "1.5s"])),
    ),
  check(input, random) {
    const text = Buffer.from(input).toString("utf8");
    const ms = parseDuration(text);
    if (ms !== undefined && !(ms >= 0)) throw new Error(`${ms} ms`);
    const environment = { [random.pick(NAMES)]: text };
    readLogging(environment);
    const settings = readSettings(environment, "1.2.3");
    for (const value of Object.values(settings)) {
      if (typeof value === "number" && !(value >= 0)) throw new Error(`a setting is ${value}`);
    }
  },
});
