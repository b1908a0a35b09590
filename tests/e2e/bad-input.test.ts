/** Arguments and texts that are no good: one line that says what is wrong, no stack trace, nothing secret in it. */
import { describe, expect, test } from "bun:test";
import { chmod } from "node:fs/promises";
import { join } from "node:path";

import { executablePath, temporaryDirectory } from "../support/environment.ts";
import { type Outcome, run } from "../support/processes.ts";
import { useStandIn } from "./stand-in.ts";
import { directly } from "./starts.ts";

const standIn = useStandIn();

const TOKEN = "AAEAAsecretTokenValue";
const QUERY = "secretQueryValue";
const URL_GOOD = `ws://127.0.0.1:1/v1/data-channel/s-1?role=publish_subscribe&cell-number=${QUERY}`;
const GOOD = { SessionId: "s-1", TokenValue: TOKEN, StreamUrl: URL_GOOD };
const REQUEST = '{"Target":"i-0123456789abcdef0"}';

/** Replaces or, with undefined, removes fields. */
function response(changes: Readonly<Record<string, unknown>>): string {
  return JSON.stringify({ ...GOOD, ...changes });
}

/** Title, what stands in the response or the arguments behind it, and what the line must say. */
const CASES: readonly {
  readonly title: string;
  readonly response?: string;
  readonly args?: readonly string[];
  readonly says: RegExp;
  /** It is found out with the session in hand, after the first line. */
  readonly late?: boolean;
}[] = [
  { title: "no JSON", response: "{", says: /the StartSession response.*JSON/ },
  { title: "no JSON with a token in it", response: `${response({})}}`, says: /JSON/ },
  { title: "nothing", response: "", says: /the StartSession response.*JSON/ },
  { title: "an array", response: `["${TOKEN}"]`, says: /JSON object/ },
  { title: "a text", response: `"${TOKEN}"`, says: /JSON object/ },
  { title: "null", response: "null", says: /JSON object/ },
  { title: "a number", response: "12", says: /JSON object/ },
  ...["SessionId", "TokenValue", "StreamUrl"].flatMap((field) => [
    { title: `no ${field}`, response: response({ [field]: undefined }), says: RegExp(`${field} is missing`) },
    {
      title: `${field} null`,
      response: response({ [field]: null }),
      says: RegExp(`${field} must be a text`),
    },
    {
      title: `${field} a number`,
      response: response({ [field]: 1 }),
      says: RegExp(`${field} must be a text`),
    },
    { title: `${field} an object`, response: response({ [field]: { a: TOKEN } }), says: RegExp(field) },
    { title: `${field} empty`, response: response({ [field]: "" }), says: RegExp(`${field} is empty`) },
  ]),
  {
    title: "an escape sequence in SessionId",
    response: response({ SessionId: "a\x1b]0;x\x07" }),
    says: /SessionId/,
  },
  {
    title: "SessionId of 100 000 characters",
    response: response({ SessionId: "s".repeat(100_000) }),
    says: /SessionId/,
  },
  ...(
    [
      ["https", URL_GOOD.replace("ws:", "https:"), /StreamUrl.*https/],
      ["file", `file:///etc/passwd?${QUERY}`, /StreamUrl.*file/],
      ["no URL", `nonsense?${QUERY}`, /StreamUrl/],
      ["a URL with a password", `wss://u:${QUERY}@127.0.0.1/`, /StreamUrl/],
      ["a URL with a line break", `${URL_GOOD}\n`, /StreamUrl/],
      [
        "a URL outside AWS",
        `wss://example.com/?${QUERY}`,
        /StreamUrl names wss:\/\/example\.com, .*SSM_PLUGIN_ALLOW_ANY_ENDPOINT/,
      ],
    ] as const
  ).map(([title, StreamUrl, says]) => ({ title, response: response({ StreamUrl }), says, late: true })),
  {
    title: "a region with a space",
    args: ["us east", "StartSession", "", REQUEST],
    says: /region.*"us east"/,
  },
  {
    title: "a region that would be a host",
    args: ["evil.example/", "StartSession", "", REQUEST],
    says: /region/,
  },
  { title: "no region", args: ["", "StartSession", "", REQUEST], says: /region/ },
  {
    title: "an escape sequence in the region",
    args: ["us\x1b[2J", "StartSession", "", REQUEST],
    says: /region/,
  },
  {
    title: "a region of 100 000 characters",
    args: ["u".repeat(100_000), "StartSession", "", REQUEST],
    says: /region/,
  },
  { title: "a request that is no JSON", args: ["us-east-1", "StartSession", "", "{"], says: /request.*JSON/ },
  {
    title: "a request that is a list",
    args: ["us-east-1", "StartSession", "", "[]"],
    says: /request.*object/,
  },
  {
    title: "a Target that is a number",
    args: ["us-east-1", "StartSession", "", '{"Target":1}'],
    says: /Target/,
  },
];

/** One line of the given form, and nothing that must stay inside. */
function expectOneLine({ stdout, stderr }: Outcome, says: RegExp, banner = ""): void {
  expect(stderr).toBe("");
  expect(stdout).toStartWith(banner);
  const line = stdout.slice(banner.length);
  expect(line).toMatch(/^Cannot perform start session: [^\n]+\n$/);
  expect(line).toMatch(says);
  expect(line.length).toBeLessThan(600);
  expect(line).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f]|\bat \S+ \(|\.ts:\d|bunfs/);
  expect(line).not.toContain(TOKEN);
  expect(line).not.toContain(QUERY);
}

describe.concurrent("bad input", () => {
  const args = ["us-east-1", "StartSession", "", REQUEST, "http://127.0.0.1:1"];
  const env = { AWS_ACCESS_KEY_ID: "AKIAIOSFODNN7EXAMPLE", AWS_SECRET_ACCESS_KEY: "secret" };

  for (const { title, response: text = response({}), args: rest = args, says, late } of CASES) {
    const banner = late === true ? "\nStarting session with SessionId: s-1\n" : "";
    test(`${title}, in a variable and in an argument`, async () => {
      const variable = "AWS_SSM_START_SESSION_RESPONSE";
      const [byVariable, byArgument] = await Promise.all([
        run([executablePath, variable, ...rest], { env: { ...env, [variable]: text } }),
        run([executablePath, text, ...rest], { env }),
      ]);
      expectOneLine(byVariable, says, banner);
      expectOneLine(byArgument, says, banner);
      expect([byVariable.exitCode, byArgument.exitCode]).toEqual([1, 0]);
    });
  }

  test.each(["AWS_SSM_START_SESSION_RESPONSE", "AWS_SSM_START_SESSION_RESPONSE_2"])(
    "%s is not set",
    async (name) => {
      const outcome = await run([executablePath, name, ...args], { env: { [name]: undefined } });
      expectOneLine(outcome, RegExp(`${name} is not set`));
      expect(outcome.exitCode).toBe(1);
    },
  );

  test.each([
    ["SSM_PLUGIN_CONNECT_TIMEOUT", "soon"],
    ["SSM_PLUGIN_RECONNECT_FOR", "-1s"],
    ["SSM_PLUGIN_PAYLOAD_BYTES", "0"],
    ["SSM_PLUGIN_LOG_LEVEL", "loud\x1b[31m"],
    ["SSM_PLUGIN_LOG_LEVEL", "verbose"],
  ])("%s=%j is refused by name", async (name, value) => {
    const outcome = await run([executablePath, response({}), ...args], { env: { ...env, [name]: value } });
    expectOneLine(outcome, RegExp(name));
  });

  test("the keys' case does not matter, and more keys do not either", async () => {
    const { SessionId, TokenValue, StreamUrl } = JSON.parse(await standIn.startSession(trueCommand));
    const ecs = {
      sessionId: SessionId,
      tokenValue: TokenValue,
      streamUrl: StreamUrl,
      ResponseMetadata: { a: [1] },
    };
    const rest = ["us-east-1", "StartSession", "", REQUEST, standIn.simulator.url];
    const outcome = await run([executablePath, JSON.stringify(ecs), ...rest], { env: standIn.environment });
    expect(outcome).toMatchObject({ exitCode: 0, stderr: "" });
    expect(outcome.stdout).toContain("Exiting session");
  });

  test("the variable with the token is not passed on to what the program starts", async () => {
    const directory = temporaryDirectory("config");
    const script = join(directory, "credentials");
    const { accessKeyId, secretAccessKey, sessionToken } = standIn.simulator.credentials;
    const answer = {
      Version: 1,
      AccessKeyId: accessKeyId,
      SecretAccessKey: secretAccessKey,
      SessionToken: sessionToken,
    };
    await Bun.write(script, `#!/bin/sh\nenv >${directory}/environment\necho '${JSON.stringify(answer)}'\n`);
    await chmod(script, 0o755);
    await Bun.write(join(directory, "config"), `[default]\ncredential_process = ${script}\n`);
    const { command, env: variables } = await directly.prepare(standIn, trueCommand, {
      AWS_ACCESS_KEY_ID: undefined,
      AWS_SECRET_ACCESS_KEY: undefined,
      AWS_SESSION_TOKEN: undefined,
      AWS_CONFIG_FILE: join(directory, "config"),
    });
    expect(await run(command, { env: variables })).toMatchObject({ exitCode: 0, stderr: "" });
    const seen = await Bun.file(join(directory, "environment")).text();
    expect(seen).toContain("AWS_CONFIG_FILE=");
    expect(seen).not.toContain("AWS_SSM_START_SESSION_RESPONSE");
    expect(seen).not.toContain("TokenValue");
  });
});

test("a setting that cannot be used leaves no session open at the service", async () => {
  const { command, env } = await directly.prepare(standIn, trueCommand, { SSM_PLUGIN_LINGER: "soon" });
  const outcome = await run(command, { env });
  expect(outcome).toMatchObject({ exitCode: 1, stderr: "" });
  expect(outcome.stdout).toMatch(/^Cannot perform start session: SSM_PLUGIN_LINGER must be [^\n]*\n$/);
  expect(await standIn.simulator.call("openSessions")).toEqual([]);
});

test("a request that is no JSON leaves no session open at the service", async () => {
  const { command, env } = await directly.prepare(standIn, trueCommand, {});
  const outcome = await run(
    command.map((word) => (word.startsWith("{") ? "no JSON" : word)),
    { env },
  );
  expect(outcome).toMatchObject({ exitCode: 1, stderr: "" });
  expect(outcome.stdout).toBe("Cannot perform start session: the request: is not JSON\n");
  expect(await standIn.simulator.call("openSessions")).toEqual([]);
});

const trueCommand = { document: "AWS-StartNonInteractiveCommand", parameters: { command: "true" } };
