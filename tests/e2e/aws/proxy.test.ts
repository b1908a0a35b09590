/** Proxies between the compiled executable and AWS: for the connection and the calls alike, refusals included. */
import { describe, expect, test } from "bun:test";

import { DEFAULT_KMS_KEY } from "../../../src/simulator/index.ts";
import { executablePath } from "../../support/environment.ts";
import { run } from "../../support/processes.ts";
import { needs } from "../../support/programs.ts";
import { startShell } from "../sessions.ts";
import { PROMPT, useStandIn } from "../stand-in.ts";
import { forEachAwsCli } from "../starts.ts";
import { type PluginStart, runPlugin, startPlugin, type Variables } from "./plugin.ts";
import { createHome, keysOf, someCredentials } from "./profiles.ts";
import { startTinyproxy, startTlsProxy } from "./proxies.ts";
import { AUTHORITY, certificate } from "./tls.ts";

/** Nobody listens there; a port that was free could be taken by a proxy of another test meanwhile. */
const NOBODY = "127.0.0.1:2";

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

    test("for calls, too", async () => {
      const words =
        "ALL_PROXY names a socks5 proxy, which is not supported: only http and https proxies are. ";
      expect(await refusal(pastTheConnection("socks5://127.0.0.1:1", "ALL_PROXY"))).toContain(words);
      expect(await complaint(["targets"], { ALL_PROXY: "socks5://me:WRONG@127.0.0.1:1" })).toStartWith(words);
      expect(await complaint(["targets"], { HTTP_PROXY: "socks5h://127.0.0.1:1" })).toStartWith(
        "HTTP_PROXY names a socks5h proxy, which is not supported",
      );
    });
  });

  test("a value that is no URL is one line, which does not repeat it", async () => {
    const wrong = { HTTP_PROXY: "http://me:WRONG@host:99999" };
    const words = "HTTP_PROXY is no proxy URL. It has the form http://[user:password@]host:port";
    expect(await refusal({ env: only(wrong) })).toBe(`Cannot perform start session: ${words}`);
    expect(await complaint(["targets"], wrong)).toBe(words);
  });

  test("a proxy that is not there is one line, at the connection and at a call", async () => {
    const at = NOBODY;
    const words = `the proxy http://${at} cannot be reached: the connection was refused`;
    const way = "Check HTTP_PROXY, or put 127.0.0.1 into NO_PROXY to connect without it";
    const proxy = `http://me:WRONG@${at}`;
    expect(await refusal({ env: only({ HTTP_PROXY: proxy }) })).toBe(
      `Cannot perform start session: ${words}. ${way}`,
    );
    expect(await refusal(pastTheConnection(proxy))).toContain(
      `kms:GenerateDataKey did not reach AWS: ${words} (ECONNREFUSED). ${way}`,
    );
    expect(await complaint(["targets"], { HTTP_PROXY: proxy })).toBe(
      `ssm:DescribeInstanceInformation did not reach AWS: ${words} (ECONNREFUSED). ${way}`,
    );
    expect(await complaint(["shell", plain.target], throughTheProxy(proxy))).toBe(`${words}. ${way}`);
  });

  test("a proxy that is spoken to by TLS", async () => {
    const proxy = await startTlsProxy(certificate("server"));
    await throughACut(only({ HTTPS_PROXY: `https://127.0.0.1:${proxy.port}` }));
    expect(proxy.requests()).toEqual(Array(3).fill(gateway()));
  });

  test.each(["other-host", "expired"] as const)(
    "a proxy that is spoken to by TLS, with the certificate %s, is refused",
    async (name) => {
      const proxy = await startTlsProxy(certificate(name));
      const url = `https://127.0.0.1:${proxy.port}`;
      const code = name === "expired" ? "CERT_HAS_EXPIRED" : "ERR_TLS_CERT_ALTNAME_INVALID";
      for (const variables of [{}, { NODE_TLS_REJECT_UNAUTHORIZED: "0" }]) {
        const line = await refusal({ env: only({ HTTP_PROXY: url, ...variables }) });
        expect(line).toContain(`the proxy ${url} cannot be reached: `);
        expect(line).toContain(code);
        const said = await complaint(["targets"], { HTTP_PROXY: url, ...variables });
        expect(said).toContain(`the proxy ${url} cannot be reached: `);
        expect(said).toContain(code);
      }
      expect(proxy.requests()).toEqual([]);
    },
  );

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

    test("of a variable in both cases the small one counts", async () => {
      const open = await startTinyproxy();
      const proxies = { HTTPS_PROXY: `http://${NOBODY}`, ALL_PROXY: "http://127.0.0.1:1" };
      await throughACut(only({ ...proxies, https_proxy: `http://127.0.0.1:${open.port}` }));
      expect(open.requests()).toEqual(Array(3).fill(gateway()));
    });

    test.each(["NO_PROXY", "no_proxy"])("%s with address, port, block or * goes around it", async (name) => {
      const proxy = { HTTPS_PROXY: `http://${NOBODY}` };
      for (const list of ["127.0.0.1", gateway(), "127.0.0.0/8", "other.example, *"])
        await throughACut(only({ ...proxy, [name]: list }));
    });

    describe("NO_PROXY, by what a proxy is asked for", () => {
      test.each<[list: string, host: string, around: boolean]>([
        ["gw.corp.invalid", "gw.corp.invalid", true],
        ["corp.invalid", "gw.corp.invalid", true],
        [".corp.invalid", "gw.corp.invalid", true],
        ["*.corp.invalid", "gw.corp.invalid", true],
        ["orp.invalid", "gw.corp.invalid", false],
        ["gw.corp", "gw.corp.invalid", false],
        ["corp.invalid:443", "gw.corp.invalid", true],
        ["corp.invalid:444", "gw.corp.invalid", false],
        ["a.example CORP.invalid", "gw.corp.invalid", true],
        ["*", "gw.corp.invalid", true],
        ["0.0.0.0/0", "gw.corp.invalid", false],
        ["126.0.0.0/7", "127.0.0.1:1", true],
        ["126.0.0.0/8", "127.0.0.1:1", false],
        ["127.0.0.1:2", "127.0.0.1:1", false],
        ["[::1]", "[::1]:1", true],
        ["::/64", "[::1]:1", true],
        ["fd00::/8", "[::1]:1", false],
      ])("%s and %s", async (list, host, around) => {
        const refusing = await startTinyproxy({ refuse: true });
        const at = `http://127.0.0.1:${refusing.port}`;
        const variables = { HTTPS_PROXY: at, NO_PROXY: list };
        const [line, said] = await Promise.all([
          refusal({
            streamUrl: (url) => url.replace(/^ws:\/\/[^/]+/, `wss://${host}`),
            env: only({ ...variables, SSM_PLUGIN_ALLOW_ANY_ENDPOINT: "true" }),
          }),
          complaint(["targets", "--endpoint-url", `https://${host}`], variables),
        ]);
        const authority = host.includes(":") ? host : `${host}:443`;
        expect(refusing.requests()).toEqual(around ? [] : [authority, authority]);
        expect(line.includes(`the proxy ${at} opened no tunnel to wss://${host}: 403`)).toBe(!around);
        expect(line).toMatch(around ? /cannot resolve the host of wss:|connection to wss:.* refused/ : "403");
        expect(said.includes(`the proxy ${at} refused the connection (403)`)).toBe(!around);
        expect(said).toMatch(around ? /name is unknown|connection was refused/ : "403");
      });
    });

    test("one that wants a login, at the connection and at a call", async () => {
      const withLogin = await startTinyproxy(LOGIN);
      const at = `127.0.0.1:${withLogin.port}`;
      const proxy = `http://${at}`;
      const advice = `wants a user and a password (407). Write them into its URL: HTTP_PROXY=http://user:password@${at}`;
      const atConnection = `the proxy ${proxy} opened no tunnel to ws://127.0.0.1:${plain.simulator.port}: it ${advice}`;
      expect(await refusal({ env: only({ HTTP_PROXY: proxy }) })).toBe(
        `Cannot perform start session: ${atConnection}`,
      );
      expect(await refusal(pastTheConnection(proxy))).toContain(`the proxy ${proxy} ${advice}`);
      expect(await complaint(["shell", plain.target], throughTheProxy(proxy))).toBe(atConnection);
      expect(await complaint(["targets"], { HTTP_PROXY: proxy })).toBe(
        `ssm:DescribeInstanceInformation did not reach AWS: the proxy ${proxy} ${advice}`,
      );
      const secured = await complaint(["targets", "--endpoint-url", "https://ssm.corp.invalid"], {
        HTTPS_PROXY: proxy,
      });
      expect(secured).toBe(
        `ssm:DescribeInstanceInformation did not reach AWS: the proxy ${proxy} ${advice.replace("HTTP_", "HTTPS_")}`,
      );
    });

    test("one that refuses, at the connection and at a call", async () => {
      const refusing = await startTinyproxy({ refuse: true });
      const proxy = `http://127.0.0.1:${refusing.port}`;
      const line = await refusal({ env: only({ HTTP_PROXY: proxy }) });
      expect(line).toContain(`the proxy ${proxy} opened no tunnel to ws://127.0.0.1:`);
      expect(line).toContain("403 Filtered. It has to allow that host; or put 127.0.0.1 into NO_PROXY");
      expect(await refusal(pastTheConnection(proxy))).toContain("KMSEncryption");
      expect(await complaint(["shell", plain.target], throughTheProxy(proxy))).toContain("403 Filtered");
    });

    test("a wrong password is not repeated", async () => {
      const withLogin = await startTinyproxy(LOGIN);
      const proxy = `http://user:WRONG@127.0.0.1:${withLogin.port}`;
      const lines = [
        await refusal({ env: only({ HTTP_PROXY: proxy }) }),
        await complaint(["shell", plain.target], throughTheProxy(proxy)),
        await complaint(["targets", "--endpoint-url", "https://ssm.corp.invalid"], { HTTPS_PROXY: proxy }),
      ];
      for (const line of lines) {
        expect(line).toContain(`the proxy http://127.0.0.1:${withLogin.port} `);
        expect(line).toMatch(
          /does not take the user and password of its URL \(40[17]\)\. Check HTTPS?_PROXY/,
        );
        expect(line).not.toContain("WRONG");
      }
      expect(await refusal(pastTheConnection(proxy))).not.toContain("WRONG");
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
          "FIPS, of the profile that is named",
          {
            HOME: homeWith("profile gov", "use_fips_endpoint = true"),
            SSM_PLUGIN_SKIP_CLIENT_CONFIGURE: "true",
          },
          { kms: "kms-fips.us-east-1.amazonaws.com", ssm: "ssm-fips.us-east-1.amazonaws.com" },
          { profile: "gov" },
        ],
        [
          "dual stack, of the default profile",
          { HOME: homeWith("default", "use_dualstack_endpoint = true") },
          { kms: "kms.us-east-1.api.aws", ssm: "ssm.us-east-1.api.aws" },
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
        const asked = async (attempt: () => Promise<string>): Promise<string | undefined> => {
          const before = refusing.requests().length;
          expect(await attempt()).toContain(`the proxy ${proxy} refused the connection (403)`);
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
function pastTheConnection(proxy: string, name = "HTTP_PROXY"): PluginStart {
  return {
    document: "Encrypted",
    streamUrl: (url) => url.replace("127.0.0.1", "localhost"),
    env: only({ [name]: proxy, NO_PROXY: "localhost" }),
  };
}

/** Goes around the proxy for the calls, by another of this machine's names, and through it for the gateway. */
function throughTheProxy(proxy: string): Variables {
  const calls = `http://localhost:${plain.simulator.port}`;
  return { HTTP_PROXY: proxy, NO_PROXY: "localhost", AWS_ENDPOINT_URL: calls };
}

/** What a command of the people's face says instead of doing anything: one line, without the program's name. */
async function complaint(args: readonly string[], variables: Variables): Promise<string> {
  const { stdout, stderr, exitCode } = await run([executablePath, ...args], {
    env: { ...plain.environment, ...only(variables) },
  });
  expect({ stdout, exitCode }).toEqual({ stdout: "", exitCode: 255 });
  const [, line = ""] = /^session-manager-plugin: ([^\n]+)\n$/.exec(stderr) ?? [];
  expect(line).not.toBe("");
  expect(line).not.toContain("WRONG");
  return line;
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

/** A home directory whose config has one section with keys of the usual form and a setting. */
function homeWith(section: string, setting: string): string {
  return createHome({ config: `${keysOf(section, someCredentials("A"))}${setting}\n` }).path;
}
