/**
 * TLS between the compiled executable and AWS with a private authority: trusted where somebody says so, refused with
 * the reason everywhere else. And gateways by IPv6.
 */
import { describe, expect, test } from "bun:test";

import { DEFAULT_KMS_KEY } from "../../../src/simulator/index.ts";
import { executablePath } from "../../support/environment.ts";
import { run } from "../../support/processes.ts";
import { startShell } from "../sessions.ts";
import { PROMPT, type StandIn, useStandIn } from "../stand-in.ts";
import { forEachAwsCli } from "../starts.ts";
import { type PluginStart, runPlugin, startPlugin, type Variables } from "./plugin.ts";
import { createHome, keysOf } from "./profiles.ts";
import { AUTHORITY, certificate, OTHER_AUTHORITY } from "./tls.ts";

const encryption = { keyId: DEFAULT_KMS_KEY };
const secure = useStandIn({ tls: certificate("server"), agent: { encryption } });
const otherHost = useStandIn({ tls: certificate("other-host") });
const expired = useStandIn({ tls: certificate("expired") });
/** Connections without TLS; its sessions want a key of whatever KMS the variables name. */
const plain = useStandIn({ agent: { encryption } });
const overIpv6 = useStandIn({ host: "::1" });
const overIpv6Secure = useStandIn({ host: "::1", tls: certificate("server") });

describe.concurrent("a private authority", () => {
  test.each<[string, () => PluginStart]>([
    ["AWS_CA_BUNDLE", () => ({ env: { AWS_CA_BUNDLE: AUTHORITY } })],
    ["SSL_CERT_FILE", () => ({ env: { SSL_CERT_FILE: AUTHORITY } })],
    ["NODE_EXTRA_CA_CERTS", () => ({ env: { NODE_EXTRA_CA_CERTS: AUTHORITY } })],
    ["ca_bundle of the default profile", () => ({ env: { HOME: homeWith("default") } })],
    [
      "ca_bundle of the profile that is named",
      () => ({ env: { HOME: homeWith("profile work", secure) }, profile: "work" }),
    ],
    [
      "AWS_CA_BUNDLE before another one",
      () => ({ env: { AWS_CA_BUNDLE: AUTHORITY, HOME: homeWith("default", undefined, OTHER_AUTHORITY) } }),
    ],
  ])("of %s is trusted: connection, key, and resume", async (_name, start) => {
    await throughACut(secure, start());
    const { calls } = await secure.simulator.call("stats");
    expect(calls.filter(({ error }) => error !== "")).toEqual([]);
  });

  forEachAwsCli("a private authority", (start) => {
    test("a shell through a cut", async () => {
      const shell = await startShell(secure, start, { env: { AWS_CA_BUNDLE: AUTHORITY } });
      await secure.simulator.call("cut", shell.sessionId);
      await shell.writeAndWait("echo a''gain\r", "again\r\n");
      shell.write("exit\r");
      expect(await shell.finish()).toBe(0);
    });
  });
});

const TRUSTED = { AWS_CA_BUNDLE: AUTHORITY };

/** Which stand-in, what is trusted, and what is said of the connection and of a call. */
const REFUSALS: readonly [string, StandIn, Variables, RegExp, RegExp][] = [
  [
    "an unknown authority",
    secure,
    {},
    /no secure connection to wss:\S+: unable to verify the first certificate \(UNABLE_TO_VERIFY_LEAF_SIGNATURE\); if a proxy/,
    /its certificate comes from an unknown authority \(\w+\)/,
  ],
  [
    "another authority than the one that is trusted",
    secure,
    { AWS_CA_BUNDLE: OTHER_AUTHORITY },
    /UNABLE_TO_VERIFY_LEAF_SIGNATURE/,
    /its certificate comes from an unknown authority/,
  ],
  [
    "an unknown authority, NODE_TLS_REJECT_UNAUTHORIZED=0",
    secure,
    { NODE_TLS_REJECT_UNAUTHORIZED: "0" },
    /UNABLE_TO_VERIFY_LEAF_SIGNATURE/,
    /its certificate comes from an unknown authority/,
  ],
  [
    "another host's certificate",
    otherHost,
    TRUSTED,
    /ERR_TLS_CERT_ALTNAME_INVALID/,
    /its certificate is for another host \(ERR_TLS_CERT_ALTNAME_INVALID\)/,
  ],
  [
    "another host's certificate, NODE_TLS_REJECT_UNAUTHORIZED=0",
    otherHost,
    { ...TRUSTED, NODE_TLS_REJECT_UNAUTHORIZED: "0" },
    /ERR_TLS_CERT_ALTNAME_INVALID/,
    /its certificate is for another host \(ERR_TLS_CERT_ALTNAME_INVALID\)/,
  ],
  [
    "a certificate that has expired",
    expired,
    TRUSTED,
    /certificate has expired \(CERT_HAS_EXPIRED\)/,
    /its certificate has expired \(CERT_HAS_EXPIRED\)/,
  ],
  [
    "a certificate that has expired, NODE_TLS_REJECT_UNAUTHORIZED=0",
    expired,
    { ...TRUSTED, NODE_TLS_REJECT_UNAUTHORIZED: "0" },
    /certificate has expired \(CERT_HAS_EXPIRED\)/,
    /its certificate has expired \(CERT_HAS_EXPIRED\)/,
  ],
];

describe.concurrent.each(REFUSALS)("%s is refused", (_name, standIn, env, atConnection, atCall) => {
  test("at the connection", async () => {
    expect(await refusal(standIn, { env })).toMatch(atConnection);
  });

  test("at a call", async () => {
    const line = await refusal(plain, { env: { AWS_ENDPOINT_URL_KMS: standIn.simulator.url, ...env } });
    expect(line).toMatch(atCall);
    const { calls } = await standIn.simulator.call("stats");
    const { accessKeyId } = plain.simulator.credentials;
    expect(calls.filter((call) => call.accessKeyId === accessKeyId)).toEqual([]);
  });

  test("in the people's face, at a call and at the connection", async () => {
    const { host } = new URL(standIn.simulator.url);
    const people = async (args: readonly string[], variables: Variables): Promise<string> => {
      const { stdout, stderr, exitCode } = await run([executablePath, ...args], {
        env: { ...plain.environment, ...env, ...variables },
      });
      expect({ stdout, exitCode }).toEqual({ stdout: "", exitCode: 255 });
      expect(stderr).toMatch(/^session-manager-plugin: [^\n]+\n$/);
      return stderr;
    };
    expect(await people(["targets"], { AWS_ENDPOINT_URL: standIn.simulator.url })).toMatch(atCall);
    expect(await people(["shell", plain.target], { SSM_PLUGIN_STREAM_ENDPOINT: `wss://${host}` })).toMatch(
      atConnection,
    );
  });
});

test.each<[string, string, string]>([
  ["is missing", "/nowhere/bundle.pem", "cannot be read (ENOENT)"],
  ["holds no certificate", "/dev/null", "holds no certificate"],
])("a bundle that %s is one line", async (_name, path, words) => {
  const session = await startPlugin(plain.simulator, { env: { AWS_CA_BUNDLE: path } });
  const { stdout, stderr, exitCode } = await session.finish();
  expect({ stdout, stderr, exitCode }).toEqual({
    stdout:
      `Cannot perform start session: the certificate bundle ${path}, named by AWS_CA_BUNDLE, ${words}. ` +
      "It must be a readable file of certificates in PEM form\n",
    stderr: "",
    exitCode: 1,
  });
  await plain.simulator.call("terminate", session.sessionId);
});

describe.concurrent("gateways and endpoints by IPv6 alone", () => {
  test("an address", async () => {
    await throughACut(overIpv6, {});
  });

  test("an address, with TLS", async () => {
    await throughACut(overIpv6Secure, { env: TRUSTED });
  });
});

describe.concurrent("another host for the stream", () => {
  test("SSM_PLUGIN_STREAM_ENDPOINT is connected to, at the start and after a cut", async () => {
    const { host } = new URL(plain.simulator.url);
    await throughACut(plain, {
      streamUrl: (url) => url.replace(`ws://${host}`, "wss://ssmmessages.us-east-1.amazonaws.com"),
      env: { SSM_PLUGIN_STREAM_ENDPOINT: `ws://${host}` },
    });
  });
});

/** A shell whose connection is cut: two connections, ResumeSession, and a data key where sessions are encrypted. */
async function throughACut(standIn: StandIn, start: PluginStart): Promise<void> {
  const session = await startPlugin(standIn.simulator, start);
  await session.stdout.waitFor(PROMPT);
  await standIn.simulator.call("cut", session.sessionId);
  await session.write("echo a''gain\nexit\n");
  const { stdout, exitCode } = await session.finish();
  expect(stdout).toContain("again\r\n");
  expect(exitCode).toBe(0);
  expect((await standIn.session(session.sessionId)).connects).toBe(2);
}

/** The one line behind the banner that says why a session did not start. */
async function refusal(standIn: StandIn, start: PluginStart): Promise<string> {
  const { stdout, stderr, exitCode, sessionId } = await runPlugin(standIn.simulator, start);
  expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 1 });
  const [line = "", ...more] = stdout
    .slice(`\nStarting session with SessionId: ${sessionId}\n`.length)
    .split("\n");
  expect(more).toEqual([""]);
  expect(line).toStartWith("Cannot perform start session: ");
  await standIn.simulator.call("terminate", sessionId);
  return line;
}

/** A home directory whose config has one section with a ca_bundle, and the keys of a stand-in where one is given. */
function homeWith(section: string, standIn?: StandIn, bundle = AUTHORITY): string {
  const keys = standIn === undefined ? `[${section}]\n` : keysOf(section, standIn.simulator.credentials);
  return createHome({ config: `${keys}ca_bundle = ${bundle}\n` }).path;
}
