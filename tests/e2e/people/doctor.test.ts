/** `doctor` of the compiled executable: what it finds broken and what it says, against stand-ins with faults. */
import { afterAll, describe, expect, test } from "bun:test";
import { chmodSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { version } from "../../../package.json";
import { executablePath, temporaryDirectory } from "../../support/environment.ts";
import { type Outcome, run } from "../../support/processes.ts";
import { needs } from "../../support/programs.ts";
import { withoutKeys } from "../aws/plugin.ts";
import { createHome } from "../aws/profiles.ts";
import { freePort, startTinyproxy } from "../aws/proxies.ts";
import { AUTHORITY, certificate } from "../aws/tls.ts";
import { type StandIn, useStandIn } from "../stand-in.ts";

const HOUR_MS = 3_600_000;
const OFFLINE = "i-0fedcba9876543210";

const standIn = useStandIn();
const ahead = useStandIn({ clockOffsetMs: HOUR_MS });
const secure = useStandIn({ tls: certificate("server") });
const denying = useStandIn({
  targets: [{ id: "i-0123456789abcdef0", agentVersion: "3.0.100.0" }],
  denied: [{ operation: "DescribeSessions" }],
});
const troubled = useStandIn({
  faults: {
    api: { DescribeInstanceInformation: { type: "ExpiredTokenException", status: 400 } },
    upgrade: { answer: "refuse", status: 503 },
  },
});
const silent = useStandIn({
  faults: { api: { DescribeInstanceInformation: { hang: true } }, upgrade: { answer: "hang" } },
});

/** Takes connections and never says a word. */
const mute = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
afterAll(() => mute.stop(true));

/** A directory for PATH with programs of these names in it. */
function programs(scripts: Readonly<Record<string, string>>): string {
  const directory = temporaryDirectory("bin");
  for (const [name, script] of Object.entries(scripts)) {
    writeFileSync(join(directory, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(directory, name), 0o755);
  }
  return directory;
}

/** This program and an AWS CLI, and nothing else. */
const bin = programs({ aws: "echo aws-cli/2.17.3 Python/3.11.2" });
symlinkSync(executablePath, join(bin, "session-manager-plugin"));

type Variables = Readonly<Record<string, string | undefined>>;

/** The stand-in's gateway too, which only a variable tells before a session. */
function surroundings(of: StandIn): Variables {
  const { url } = of.simulator;
  return { ...of.environment, PATH: bin, SSM_PLUGIN_STREAM_ENDPOINT: url.replace(/^http/, "ws") };
}

/** Lines by check; how it ended. */
interface Report extends Outcome {
  readonly lines: Readonly<Record<string, string>>;
}

async function doctor(of: StandIn, args: readonly string[] = [], env: Variables = {}): Promise<Report> {
  const outcome = await run([executablePath, "doctor", ...args], { env: { ...surroundings(of), ...env } });
  const { secretAccessKey, sessionToken = "-", accessKeyId } = of.simulator.credentials;
  for (const secret of [secretAccessKey, sessionToken, accessKeyId])
    expect(outcome.stdout).not.toContain(secret);
  expect(outcome.stderr).toBe("");
  const lines = outcome.stdout
    .trimEnd()
    .split("\n")
    .map((line) => {
      const [, result = "", check = "", text = ""] = /^(\w+) +(\S+) +(.*)$/.exec(line) ?? [];
      return [check, `${result} ${text}`] as const;
    });
  return { ...outcome, lines: Object.fromEntries(lines) };
}

describe.concurrent("doctor", () => {
  test("finds everything in order, and asks nothing that leaves a trace", async () => {
    const { lines, exitCode } = await doctor(standIn, ["demo"]);
    expect(lines).toMatchObject({
      plugin: expect.stringMatching(/^ok .*session-manager-plugin \d+\.\d+\.\d+, this program$/),
      "aws-cli": `ok ${bin}/aws 2.17.3`,
      settings: expect.stringContaining("ok SSM_PLUGIN_STREAM_ENDPOINT="),
      region: "ok us-east-1, by AWS_REGION",
      certificates: expect.stringContaining("ok trusted: "),
      credentials: expect.stringMatching(/^ok \*{16}\w{4} of environment, temporary/),
      ssm: expect.stringMatching(/^ok http:\/\/127\.0\.0\.1:\d+ answers in \d+ ms, directly$/),
      ssmmessages: expect.stringMatching(/^ok ws:\/\/127\.0\.0\.1:\d+ answers in \d+ ms, directly$/),
      clock: "ok within a second or two of AWS's",
      "list-targets": "ok ssm:DescribeInstanceInformation is allowed, 2 targets in us-east-1",
      "list-sessions": "ok ssm:DescribeSessions is allowed",
      "start-session": expect.stringContaining("→ session-manager-plugin exec demo -- true"),
      target: expect.stringMatching(/^ok i-0123456789abcdef0 \(demo.*Online: its agent is connected$/),
      agent: expect.stringContaining("ok 3.3.0.0"),
    });
    expect(exitCode).toBe(0);
    const { calls } = await standIn.simulator.call("stats");
    const asked = new Set(calls.map(({ operation }) => operation));
    expect([...asked].filter((name) => !/^Describe|^GetConnectionStatus$|^$/.test(name))).toEqual([]);
    expect(await standIn.simulator.call("sessions")).toEqual([]);
  });

  test("as JSON: one array, the same checks", async () => {
    const { stdout, exitCode } = await run([executablePath, "doctor", OFFLINE, "--json"], {
      env: surroundings(standIn),
    });
    const checks = JSON.parse(stdout) as readonly Readonly<Record<string, string>>[];
    expect(checks.map(({ check }) => check)).toEqual(Object.keys((await doctor(standIn, [OFFLINE])).lines));
    expect(checks.find(({ check }) => check === "target")).toEqual({
      check: "target",
      result: "fail",
      text: expect.stringContaining("its agent is not connected, last heard of 3 h ago"),
      advice: expect.stringContaining("start its SSM agent"),
    });
    expect(exitCode).toBe(1);
  });

  test("no credentials: the rest is asked all the same", async () => {
    const env = { ...withoutKeys(standIn.simulator), PATH: bin };
    const { lines, exitCode } = await doctor(standIn, [], env);
    expect(lines).toMatchObject({
      credentials: expect.stringMatching(/^fail no AWS credentials: .*aws configure/),
      ssm: expect.stringContaining("ok "),
      clock: expect.stringContaining("ok "),
      "list-targets": "skip not asked because of credentials",
    });
    expect(exitCode).toBe(1);
  });

  test("neither region nor credentials: both are told", async () => {
    const env = {
      ...withoutKeys(standIn.simulator),
      PATH: bin,
      AWS_REGION: undefined,
      AWS_DEFAULT_REGION: undefined,
    };
    const { lines, exitCode } = await doctor(standIn, [], env);
    expect(lines).toMatchObject({
      region: expect.stringMatching(/^fail no region is set → use --region/),
      credentials: expect.stringMatching(/^fail no AWS credentials/),
      ssm: "skip not asked because of region",
    });
    expect(exitCode).toBe(1);
  });

  test("a profile that does not exist", async () => {
    const { lines, exitCode } = await doctor(standIn, ["--profile", "nope"]);
    expect(lines["credentials"]).toMatch(/^fail there is no profile "nope"/);
    expect(exitCode).toBe(1);
  });

  test("expired, by their own word and by the service's", async () => {
    const own = await doctor(standIn, [], { AWS_CREDENTIAL_EXPIRATION: "2020-01-01T00:00:00Z" });
    expect(own.lines["credentials"]).toMatch(
      /^fail environment gave no AWS credentials: those it gave expired at 2020/,
    );
    const service = await doctor(troubled);
    expect(service.lines).toMatchObject({
      "list-targets": expect.stringMatching(
        /^fail the AWS credentials for ssm:\w+ have expired\. Get new ones/,
      ),
      "list-sessions": "skip not asked because of list-targets",
      ssmmessages: expect.stringMatching(/^warn .*HTTP status 503/),
    });
    expect([own.exitCode, service.exitCode]).toEqual([1, 1]);
  });

  test("the wrong region", async () => {
    const { lines, exitCode } = await doctor(standIn, ["--region", "eu-central-1"]);
    expect(lines["region"]).toBe("ok eu-central-1, by --region");
    expect(lines["list-targets"]).toMatch(/^fail AWS does not accept .* → is it the right --region/);
    expect(exitCode).toBe(1);
  });

  test("a clock that is an hour behind", async () => {
    const { lines, exitCode } = await doctor(ahead);
    expect(lines["clock"]).toMatch(/^fail (59|60) min behind AWS's: signatures are refused .*NTP/);
    expect(exitCode).toBe(1);
  });

  test("nobody at the endpoint", async () => {
    const port = freePort();
    const { lines, exitCode } = await doctor(standIn, ["--endpoint-url", `http://127.0.0.1:${port}`], {
      SSM_PLUGIN_STREAM_ENDPOINT: `ws://127.0.0.1:${port}`,
    });
    expect(lines).toMatchObject({
      ssm: expect.stringMatching(
        /^fail http:\S+ cannot be reached, directly: the connection was refused .* → check/,
      ),
      ssmmessages: expect.stringMatching(/^fail connection to ws:\S+ refused/),
      clock: "skip not asked because of ssm",
      "list-targets": "skip not asked because of ssm",
    });
    expect(exitCode).toBe(1);
  });

  test("a host without an address, and an endpoint of one's own without a gateway", async () => {
    const { lines } = await doctor(standIn, ["--endpoint-url", "http://nobody.invalid"], {
      SSM_PLUGIN_STREAM_ENDPOINT: undefined,
    });
    expect(lines["ssm"]).toMatch(/^fail http:\/\/nobody\.invalid cannot be reached, directly: its name /);
    expect(lines["ssmmessages"]).toMatch(/^skip .*SSM_PLUGIN_STREAM_ENDPOINT=HOST/);
  });

  test("silence ends after a few seconds, of endpoint, gateway and calls", async () => {
    const startedAt = performance.now();
    const url = `http://127.0.0.1:${mute.port}`;
    const [nobody, calls] = await Promise.all([doctor(standIn, ["--endpoint-url", url]), doctor(silent)]);
    expect(nobody.lines["ssm"]).toMatch(/^fail .*there was no answer in time/);
    expect(calls.lines).toMatchObject({
      "list-targets": expect.stringMatching(/^fail .*there was no answer in time/),
      ssmmessages: expect.stringMatching(/^fail .*did not answer within 5 s/),
    });
    expect(performance.now() - startedAt).toBeLessThan(15_000);
  }, 20_000);

  test("an authority that nobody knows is named, at both endpoints", async () => {
    const { lines, exitCode } = await doctor(secure);
    expect(lines["ssm"]).toMatch(
      /^fail https:\S+ cannot be reached, directly: .*unknown authority.*AWS_CA_BUNDLE\. It was issued by CN=ca$/,
    );
    expect(lines["ssmmessages"]).toMatch(/^fail no secure connection to wss:.* It was issued by CN=ca$/);
    expect(exitCode).toBe(1);
    const trusting = await doctor(secure, [], { AWS_CA_BUNDLE: AUTHORITY });
    expect(trusting.lines).toMatchObject({
      certificates: `ok trusted: the machine's own authorities, ${AUTHORITY} (AWS_CA_BUNDLE)`,
      ssm: expect.stringContaining("ok https:"),
      ssmmessages: expect.stringContaining("ok wss:"),
    });
    expect(trusting.exitCode).toBe(0);
    const missing = await doctor(secure, [], { AWS_CA_BUNDLE: "/nonexistent.pem" });
    expect(missing.lines["certificates"]).toMatch(/^fail the certificate bundle \/nonexistent\.pem/);
    expect(missing.exitCode).toBe(1);
  });

  needs("tinyproxy").test("the same through a proxy, whose password is not shown", async () => {
    const proxy = await startTinyproxy({ login: "user word" });
    const through = { HTTPS_PROXY: `http://user:word@127.0.0.1:${proxy.port}`, NO_PROXY: "", no_proxy: "" };
    const { lines, stdout } = await doctor(secure, [], through);
    expect(lines["ssm"]).toMatch(
      /through the proxy 127\.0\.0\.1:\d+: .*unknown authority.* It was issued by CN=ca$/,
    );
    expect(lines["ssmmessages"]).toMatch(/It was issued by CN=ca$/);
    expect(stdout).not.toContain("word@");
    expect((await doctor(secure, [], { ...through, AWS_CA_BUNDLE: AUTHORITY })).exitCode).toBe(0);
    const refused = await doctor(secure, [], { ...through, HTTPS_PROXY: `http://127.0.0.1:${proxy.port}` });
    expect(refused.lines["ssm"]).toMatch(/^fail .*wants a user and a password \(407\)[^→]*$/);
  });

  test("a proxy that cannot be used", async () => {
    const { lines } = await doctor(standIn, [], {
      HTTP_PROXY: "socks5://127.0.0.1:1",
      NO_PROXY: "",
      no_proxy: "",
    });
    expect(lines["ssm"]).toMatch(/^fail .*socks5 proxy, which is not supported[^→]*$/);
  });

  test("permissions that are missing, and an old agent, are no failure", async () => {
    const { lines, exitCode } = await doctor(denying, ["i-0123456789abcdef0"]);
    expect(lines).toMatchObject({
      "list-sessions": expect.stringMatching(/^warn AWS denied ssm:DescribeSessions: .* → without it only/),
      target: expect.stringContaining("ok i-0123456789abcdef0"),
      agent: expect.stringMatching(
        /^warn 3\.0\.100\.0 is old: no exec .*one connection at a time.* → update it/,
      ),
    });
    expect(exitCode).toBe(0);
  });

  test("a target that does not exist, by id and by name", async () => {
    const id = "i-00000000000000000";
    expect((await doctor(standIn, [id])).lines["target"]).toMatch(`fail ${id} is no target in us-east-1 →`);
    const { lines, exitCode } = await doctor(standIn, ["nonsense"]);
    expect(lines["target"]).toBe('fail no target is called "nonsense". See: session-manager-plugin targets');
    expect(lines["agent"]).toBe("skip not asked because of target");
    expect(exitCode).toBe(1);
  });

  test("another plugin earlier on PATH, one that does not answer, and none", async () => {
    const other = programs({ "session-manager-plugin": "echo 1.2.707.0" });
    const broken = programs({ "session-manager-plugin": "exit 3" });
    const plugin = async (PATH: string): Promise<string> =>
      (await doctor(standIn, [], { PATH })).lines["plugin"] ?? "";
    expect(await plugin(`${other}:${bin}`)).toMatch(
      new RegExp(
        `^warn the AWS CLI would run ${other}/session-manager-plugin 1\\.2\\.707\\.0, not this .* → put ${bin} before`,
      ),
    );
    expect(await plugin(`${broken}:${bin}`)).toMatch(/^fail .*does not tell its version/);
    expect(await plugin(`${bin}:${other}`)).toMatch(/^ok .*never run: \S+ 1\.2\.707\.0$/);
    expect(await plugin(programs({ aws: "echo aws-cli/2.0" }))).toMatch(
      /^fail .*would not find one → sudo install/,
    );
    expect(await plugin("/nonexistent")).toMatch(/^warn /);
  });

  test("a copy of this program that is to report another version tells doctor its own", async () => {
    const copy = programs({ "session-manager-plugin": `echo "\${SSM_PLUGIN_REPORT_VERSION:-${version}}"` });
    const env = { PATH: `${copy}:${bin}`, SSM_PLUGIN_REPORT_VERSION: "1.2.835.0" };
    const { lines } = await doctor(standIn, [], env);
    expect(lines["plugin"]).toMatch(/^ok .*, as this program/);
    expect(lines["settings"]).toContain("SSM_PLUGIN_REPORT_VERSION=1.2.835.0");
    const wrong = await doctor(standIn, [], { SSM_PLUGIN_REPORT_VERSION: "newest" });
    expect(wrong.lines["settings"]).toMatch(/^fail SSM_PLUGIN_REPORT_VERSION must be one to four numbers/);
  });

  test.each([
    ["2.9.19", false],
    ["2.12.7", false],
    ["2.13.0", true],
    ["1.28.85", false],
    ["1.29.0", true],
    ["3.0.0", true],
  ])("an AWS CLI %s that knows AWS_ENDPOINT_URL: %p", async (number, knows) => {
    const own = programs({ aws: `echo aws-cli/${number} Python/3.11.2` });
    symlinkSync(executablePath, join(own, "session-manager-plugin"));
    const awsCli = async (env: Variables, ...args: string[]): Promise<string> =>
      (await doctor(standIn, args, { PATH: own, ...env })).lines["aws-cli"] ?? "";
    const { url } = standIn.simulator;
    const warning = (origin: string): string =>
      `warn ${own}/aws ${number} does not look at ${origin} and would ask AWS itself ` +
      `→ give it --endpoint-url ${url}, or use 2.13 (1.29) or later`;
    const fine = `ok ${own}/aws ${number}`;
    expect(await awsCli({})).toBe(knows ? fine : warning("AWS_ENDPOINT_URL"));
    // Without an endpoint there is nothing to know.
    const nowhere = { AWS_ENDPOINT_URL: undefined };
    expect(await awsCli(nowhere, "--endpoint-url", url)).toBe(fine);
    const home = createHome({ config: `[profile local]\nendpoint_url = ${url}\n` });
    expect(await awsCli({ ...nowhere, HOME: home.path }, "--profile", "local")).toBe(
      knows ? fine : warning("endpoint_url of the profile local"),
    );
  });

  test("settings that are no good", async () => {
    const { lines, exitCode } = await doctor(standIn, [], { SSM_PLUGIN_LINGER: "2", SSM_PLUGIN_LINGR: "2s" });
    expect(lines["settings"]).toMatch(/^fail SSM_PLUGIN_LINGER must be .*; SSM_PLUGIN_LINGR is no setting/);
    expect(exitCode).toBe(1);
  });

  test("without HOME", async () => {
    expect((await doctor(standIn, [], { HOME: undefined })).exitCode).toBe(0);
  });

  test("command lines that cannot be understood: 2", async () => {
    for (const words of [
      ["--endpoint-url", "x"],
      ["a", "b"],
      ["--reason", "x"],
      ["--", "x"],
    ]) {
      const { exitCode, stderr } = await run([executablePath, "doctor", ...words], {
        env: surroundings(standIn),
      });
      expect({ exitCode, words }).toEqual({ exitCode: 2, words });
      expect(stderr).toMatch(/^session-manager-plugin: [^\n]+\n$/);
    }
  });
});
