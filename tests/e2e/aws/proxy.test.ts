/** Proxies between the compiled executable and AWS: for the connection and the calls alike, refusals included. */
import { describe, expect, test } from "bun:test";

import { DEFAULT_KMS_KEY } from "../../../src/simulator/index.ts";
import { needs } from "../../support/programs.ts";
import { startShell } from "../sessions.ts";
import { PROMPT, useStandIn } from "../stand-in.ts";
import { forEachAwsCli } from "../starts.ts";
import { type PluginStart, runPlugin, startPlugin, type Variables } from "./plugin.ts";
import { freePort, startTinyproxy, startTlsProxy } from "./proxies.ts";
import { AUTHORITY, certificate } from "./tls.ts";

const documents = { Encrypted: { sessionType: "Standard_Stream", kmsKeyId: DEFAULT_KMS_KEY } } as const;
const secure = useStandIn({ tls: certificate("server") });
const ECS_TARGET = "ecs:demo_0123456789abcdef0123456789abcdef_0123456789abcdef0123456789abcdef-1";
const plain = useStandIn({ documents, targets: [{ id: "i-0123456789abcdef0" }, { id: ECS_TARGET }] });

/** Everything about proxies unset but this. */
const only = (proxy: Variables): Variables => ({
  NO_PROXY: undefined,
  no_proxy: undefined,
  AWS_CA_BUNDLE: AUTHORITY,
  ...proxy,
});

describe.concurrent("proxies", () => {
  describe("SOCKS", () => {
    test.each(["socks5://127.0.0.1:1", "socks5h://127.0.0.1:1", "socks4://127.0.0.1:1"])(
      "%s is not supported, which is said; nothing connects around it",
      async (proxy) => {
        const { stdout, exitCode, sessionId } = await runPlugin(plain.simulator, {
          env: only({ ALL_PROXY: proxy }),
        });
        const scheme = proxy.split(":")[0];
        expect(stdout).toBe(
          `\nStarting session with SessionId: ${sessionId}\nCannot perform start session: ` +
            `ALL_PROXY names a ${scheme} proxy, which is not supported: only http and https proxies are. ` +
            "Set it to one of those, or put the host into NO_PROXY to connect directly\n",
        );
        expect(exitCode).toBe(1);
        const { upgrades } = await plain.simulator.call("stats");
        expect(upgrades.filter((upgrade) => upgrade.sessionId === sessionId)).toEqual([]);
        await plain.simulator.call("terminate", sessionId);
      },
    );
  });

  test("a proxy that is not there is one line", async () => {
    expect(await refusal({ env: only({ HTTP_PROXY: `http://127.0.0.1:${freePort()}` }) })).toMatch(/proxy/);
  });

  test("a proxy that is spoken to by TLS", async () => {
    const proxy = await startTlsProxy(certificate("server"));
    await throughACut(only({ HTTPS_PROXY: `https://127.0.0.1:${proxy.port}` }));
    expect(proxy.requests()).toEqual(Array(3).fill(gateway()));
  });

  needs("tinyproxy").describe("tinyproxy", () => {
    const LOGIN = { login: "user p-ss" };

    test.each(["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])(
      "%s is for the connections and the calls",
      async (name) => {
        const open = await startTinyproxy();
        await throughACut(only({ [name]: `http://127.0.0.1:${open.port}` }));
        // Two connections and ResumeSession.
        expect(open.requests()).toEqual(Array(3).fill(gateway()));
      },
    );

    test("HTTP_PROXY is for gateways and endpoints without TLS", async () => {
      const open = await startTinyproxy();
      const session = await startPlugin(plain.simulator, {
        env: only({ HTTP_PROXY: `127.0.0.1:${open.port}` }),
      });
      await session.stdout.waitFor(PROMPT);
      await plain.simulator.call("cut", session.sessionId);
      await session.write("echo a''gain\nexit\n");
      expect((await session.finish()).stdout).toContain("again\r\n");
      const { port } = plain.simulator;
      expect(open.requests()).toEqual([
        `127.0.0.1:${port}`,
        `http://127.0.0.1:${port}/`,
        `127.0.0.1:${port}`,
      ]);
    });

    test("user and password in the proxy's URL", async () => {
      const withLogin = await startTinyproxy(LOGIN);
      await throughACut(only({ HTTPS_PROXY: `http://user:p%2Dss@127.0.0.1:${withLogin.port}` }));
      expect(withLogin.requests()).toEqual(Array(3).fill(gateway()));
    });

    test.each(["127.0.0.1", "127.0.0.0/8", "*"])("NO_PROXY=%s goes around it", async (list) => {
      await throughACut(only({ HTTPS_PROXY: `http://127.0.0.1:${freePort()}`, NO_PROXY: list }));
    });

    test("one that wants a login, at the connection and at a call", async () => {
      const withLogin = await startTinyproxy(LOGIN);
      const proxy = `http://127.0.0.1:${withLogin.port}`;
      expect(await refusal({ env: only({ HTTP_PROXY: proxy }) })).toMatch(/proxy .*407/);
      const line = await refusal(pastTheConnection(proxy));
      expect(line).toContain("the proxy wants a user and a password (407)");
    });

    test("one that refuses, at the connection and at a call", async () => {
      const refusing = await startTinyproxy({ refuse: true });
      const proxy = `http://127.0.0.1:${refusing.port}`;
      expect(await refusal({ env: only({ HTTP_PROXY: proxy }) })).toMatch(/proxy .*403/);
      expect(await refusal(pastTheConnection(proxy))).toContain("KMSEncryption");
    });

    test("a wrong password is not repeated", async () => {
      const withLogin = await startTinyproxy(LOGIN);
      const proxy = `http://user:WRONG@127.0.0.1:${withLogin.port}`;
      for (const start of [{ env: only({ HTTP_PROXY: proxy }) }, pastTheConnection(proxy)]) {
        const line = await refusal(start);
        expect(line).toMatch(/\b40[17]\b/);
        expect(line).not.toContain("WRONG");
      }
    });

    describe("endpoints, by what a proxy is asked for", () => {
      test.each<[string, Variables, { readonly kms: string; readonly ssm: string }, PluginStart]>([
        ["the region's", {}, { kms: "kms.us-east-1.amazonaws.com", ssm: "ssm.us-east-1.amazonaws.com" }, {}],
        [
          "FIPS",
          { AWS_USE_FIPS_ENDPOINT: "true" },
          { kms: "kms-fips.us-east-1.amazonaws.com", ssm: "ssm-fips.us-east-1.amazonaws.com" },
          {},
        ],
        [
          "dual stack",
          { AWS_USE_DUALSTACK_ENDPOINT: "true" },
          { kms: "kms.us-east-1.api.aws", ssm: "ssm.us-east-1.api.aws" },
          {},
        ],
        [
          "one for both",
          { AWS_ENDPOINT_URL: "https://all.example" },
          { kms: "all.example", ssm: "all.example" },
          {},
        ],
        [
          "one for each",
          { AWS_ENDPOINT_URL_KMS: "https://kms.example", AWS_ENDPOINT_URL_SSM: "https://ssm.example" },
          { kms: "kms.example", ssm: "ssm.example" },
          {},
        ],
        [
          "the argument, for SSM only",
          {},
          { kms: "kms.us-east-1.amazonaws.com", ssm: "argument.example" },
          { endpoint: "https://argument.example" },
        ],
        [
          "the argument of ECS, for nothing",
          {},
          { kms: "kms.us-east-1.amazonaws.com", ssm: "ssm.us-east-1.amazonaws.com" },
          { endpoint: "https://ecs.argument.example", target: ECS_TARGET },
        ],
      ])("%s", async (_name, variables, { kms, ssm }, more) => {
        const refusing = await startTinyproxy({ refuse: true });
        // It connects nowhere; that it was asked is enough.
        const proxy = `http://127.0.0.1:${refusing.port}`;
        const start: PluginStart = {
          endpoint: "",
          ...more,
          env: only({ AWS_ENDPOINT_URL: undefined, HTTPS_PROXY: proxy, ...variables }),
        };
        const asked = async (run: () => Promise<string>): Promise<string | undefined> => {
          const before = refusing.requests().length;
          expect(await run()).toContain("the proxy refused the connection (403)");
          return refusing.requests()[before];
        };
        expect(await asked(() => refusal({ ...start, document: "Encrypted" }))).toBe(`${kms}:443`);
        const resumed = await asked(async () => {
          const session = await startPlugin(plain.simulator, start);
          await session.stdout.waitFor(PROMPT);
          await plain.simulator.call("cut", session.sessionId);
          const { stdout } = await session.finish();
          await plain.simulator.call("terminate", session.sessionId);
          return stdout;
        });
        expect(resumed).toBe(`${ssm}:443`);
      });
    });

    forEachAwsCli("everything through a proxy", (start) => {
      test("a shell, through a cut", async () => {
        const open = await startTinyproxy();
        const shell = await startShell(secure, start, {
          env: only({ HTTPS_PROXY: `http://127.0.0.1:${open.port}` }) as Record<string, string>,
        });
        await secure.simulator.call("cut", shell.sessionId);
        await shell.writeAndWait("echo a''gain\r", "again\r\n");
        shell.write("exit\r");
        expect(await shell.finish()).toBe(0);
        // The AWS CLI's own call is the first.
        expect(open.requests()).toEqual(Array(4).fill(gateway()));
      });
    });
  });
});

const gateway = (): string => `127.0.0.1:${secure.simulator.port}`;

/** A shell whose connection is cut, so that there are two connections and one call. */
async function throughACut(env: Variables): Promise<void> {
  const session = await startPlugin(secure.simulator, { env });
  await session.stdout.waitFor(PROMPT);
  await secure.simulator.call("cut", session.sessionId);
  await session.write("echo a''gain\nexit\n");
  const { stdout, exitCode } = await session.finish();
  expect(stdout).toContain("again\r\n");
  expect(exitCode).toBe(0);
}

/** Goes around the proxy for the gateway, by another of this machine's names, and through it for KMS. */
function pastTheConnection(proxy: string): PluginStart {
  return {
    document: "Encrypted",
    streamUrl: (url) => url.replace("127.0.0.1", "localhost"),
    env: only({ HTTP_PROXY: proxy, NO_PROXY: "localhost" }),
  };
}

/** The one line behind the banner that says why a session did not start. */
async function refusal(start: PluginStart): Promise<string> {
  const { stdout, stderr, exitCode, sessionId } = await runPlugin(plain.simulator, start);
  expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 1 });
  const [line = "", ...more] = stdout
    .slice(`\nStarting session with SessionId: ${sessionId}\n`.length)
    .split("\n");
  expect(more).toEqual([""]);
  expect(line).toStartWith("Cannot perform start session: ");
  await plain.simulator.call("terminate", sessionId);
  return line;
}
