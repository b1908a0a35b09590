/** What the doctor makes of what was found: programs, settings, credentials, clock, gateway, target, agent. */
import { describe, expect, test } from "bun:test";

import { checkCertificates, checkRegion } from "../../../src/cli/doctor/configuration.ts";
import { judgeCredentials } from "../../../src/cli/doctor/credentials.ts";
import { found, using } from "../../../src/cli/doctor/finding.ts";
import { gatewayUrl, judgeClock } from "../../../src/cli/doctor/network.ts";
import { checkAwsClis, checkPlugin, type KnownProgram } from "../../../src/cli/doctor/programs.ts";
import { checkSettings } from "../../../src/cli/doctor/settings.ts";
import { judgeAgent, judgeTarget } from "../../../src/cli/doctor/target.ts";
import { VARIABLES } from "../../../src/host/index.ts";
import { temporaryDirectory } from "../../support/environment.ts";

const NOW = Date.UTC(2026, 0, 1, 12);

describe("checks that build on others", () => {
  test("get what those have found, and are skipped where that is nothing", async () => {
    const good = Promise.resolve({ ...found("ok", ""), value: 7 });
    const bad = Promise.resolve(found("fail", ""));
    const check = ({ good: value }: { readonly good: number }) => found("ok", `${value}`);
    expect(await using({ good }, check)).toEqual(found("ok", "7"));
    expect(await using({ good, bad }, () => found("ok", "not run"))).toEqual(
      found("skip", "not asked because of bad"),
    );
  });

  test("never reject", async () => {
    const thrown = await using({}, () => {
      throw new Error("a reason");
    });
    expect(thrown).toEqual(found("fail", "a reason"));
  });
});

describe("the plugin that the AWS CLI would run", () => {
  const program = (path: string, version: string | undefined): KnownProgram => ({
    path,
    realPath: path,
    version,
  });
  const ours = program("/opt/new/session-manager-plugin", "1.3.0");
  const theirs = program("/usr/bin/session-manager-plugin", "1.2.707.0");
  const own = { realPath: ours.path, version: "1.3.0" };
  const aws = [program("/usr/bin/aws", "aws-cli/2.9.19 Python/3.11.2")];
  const judge = (plugins: readonly KnownProgram[], awsClis = aws) => checkPlugin({ own, plugins, awsClis });

  test("is this one", () => {
    expect(judge([ours])).toEqual(found("ok", `${ours.path} 1.3.0, this program`));
    expect(judge([{ ...ours, path: "/usr/local/bin/session-manager-plugin" }]).result).toBe("ok");
  });

  test("is this one, others are named", () => {
    expect(judge([ours, theirs])).toMatchObject({
      result: "ok",
      text: expect.stringContaining("never run: /usr/bin/session-manager-plugin 1.2.707.0"),
    });
  });

  test("is another one: how to change that", () => {
    expect(judge([theirs, ours])).toMatchObject({
      result: "warn",
      text: expect.stringContaining("would run /usr/bin/session-manager-plugin 1.2.707.0, not this program"),
      advice: expect.stringContaining("put /opt/new before /usr/bin in PATH"),
    });
    expect(judge([theirs]).advice).toContain(`sudo install ${ours.path} /usr/local/bin/`);
  });

  test("is a copy of this one", () => {
    expect(judge([program("/usr/local/bin/session-manager-plugin", "1.3.0")]).result).toBe("ok");
  });

  test("does not answer", () => {
    for (const version of [undefined, "usage: …", ""]) {
      expect(judge([program("/x/session-manager-plugin", version)])).toMatchObject({
        result: "fail",
        text: expect.stringContaining("does not tell its version"),
      });
    }
  });

  test("is missing: broken only where there is an AWS CLI", () => {
    expect(judge([])).toMatchObject({ result: "fail", advice: expect.stringContaining("sudo install") });
    expect(judge([], [])).toMatchObject({ result: "warn" });
  });

  test("every AWS CLI is named with its version", () => {
    const awsClis = [...aws, program("/opt/aws", "aws-cli/1.45.11 Python"), program("/x/aws", undefined)];
    expect(checkAwsClis({ awsClis })).toEqual(
      found("ok", "/usr/bin/aws 2.9.19, /opt/aws 1.45.11, /x/aws does not tell its version"),
    );
    expect(checkAwsClis({ awsClis: [program("/x/aws", undefined)] }).result).toBe("warn");
    expect(checkAwsClis({ awsClis: [] }).result).toBe("skip");
  });
});

describe("settings", () => {
  test("every variable is taken with a value of its form, and an empty one counts as not set", () => {
    const VALUES: Readonly<Record<string, string>> = {
      address: "127.0.0.9",
      path: "/tmp/log",
      duration: "90s",
      host: "gateway.example",
      "64": "64",
      numbers: "1.2.835.0",
    };
    for (const { name, form } of VARIABLES) {
      const word = form.split(/,| /)[0] ?? "";
      expect(checkSettings({ [name]: VALUES[word] ?? word })).toMatchObject({ result: "ok" });
      expect(checkSettings({ [name]: "" })).toEqual(found("ok", "no SSM_PLUGIN_ variable is set"));
    }
  });

  test.each([
    ["SSM_PLUGIN_RECONNECT_FOR", "soon", "fail", "must be a duration"],
    ["SSM_PLUGIN_PAYLOAD_BYTES", "1", "fail", "must be a number from 64"],
    ["SSM_PLUGIN_LOG_LEVEL", "loud", "fail", "must be off, debug"],
    ["SSM_PLUGIN_LOG_FORMAT", "xml", "fail", "must be text or json"],
    ["SSM_PLUGIN_STREAM_ENDPOINT", "https://x/path", "fail", "must be a host"],
    ["SSM_PLUGIN_QUIET", "1", "warn", 'SSM_PLUGIN_QUIET counts only as true, it is "1"'],
    ["SSM_PLUGIN_STATUS", "file", "warn", "counts only as stdout or stderr"],
    ["SSM_PLUGIN_ESCAPE", "~", "warn", "counts only as none"],
    ["SSM_PLUGIN_LINGR", "2s", "warn", "SSM_PLUGIN_LINGR is no setting of this program"],
  ] as const)("%s=%s", (name, value, result, text) => {
    expect(checkSettings({ [name]: value })).toMatchObject({ result, text: expect.stringContaining(text) });
  });

  test("several at once are all told", () => {
    const { result, text } = checkSettings({
      SSM_PLUGIN_LINGER: "x",
      SSM_PLUGIN_KEEPALIVE: "yes",
      SSM_PLUGIN_X: "1",
    });
    expect(result).toBe("fail");
    for (const name of ["SSM_PLUGIN_LINGER", "SSM_PLUGIN_KEEPALIVE", "SSM_PLUGIN_X"])
      expect(text).toContain(name);
  });
});

describe("configuration", () => {
  const home = temporaryDirectory("doctor");
  const region = (environment: Readonly<Record<string, string>>, wanted?: string) =>
    checkRegion({ HOME: home, ...environment }, { profile: "", region: wanted });

  test("the region says where it comes from", async () => {
    expect(await region({ AWS_REGION: "eu-west-1" }, "eu-central-1")).toMatchObject({
      text: "eu-central-1, by --region",
    });
    expect(await region({ AWS_REGION: "eu-west-1", AWS_DEFAULT_REGION: "x" })).toMatchObject({
      text: "eu-west-1, by AWS_REGION",
    });
    expect(await region({ AWS_DEFAULT_REGION: "eu-west-2" })).toMatchObject({
      text: "eu-west-2, by AWS_DEFAULT_REGION",
    });
    await Bun.write(`${home}/.aws/config`, "[profile work]\nregion = eu-north-1\n");
    expect(await region({ AWS_PROFILE: "work" })).toMatchObject({ text: "eu-north-1, by the profile work" });
  });

  test("no region, or a word that is none", async () => {
    expect(await region({})).toMatchObject({ result: "fail", advice: expect.stringContaining("--region") });
    const bad = await region({ AWS_REGION: "Not One" });
    expect(bad).toMatchObject({
      result: "fail",
      text: '"Not One" of AWS_REGION is no region such as eu-central-1',
    });
    expect(bad.value).toBeUndefined();
  });

  test("certificates name who is trusted, and files that are not there", async () => {
    expect(await checkCertificates({ HOME: home }, "")).toMatchObject({ result: "ok" });
    expect(await checkCertificates({ HOME: home, SSL_CERT_FILE: "/nonexistent/ca.pem" }, "")).toMatchObject({
      result: "warn",
      text: expect.stringContaining("SSL_CERT_FILE names /nonexistent/ca.pem, which does not exist"),
    });
    expect(await checkCertificates({ HOME: home, NODE_TLS_REJECT_UNAUTHORIZED: "0" }, "")).toMatchObject({
      result: "warn",
      text: expect.stringContaining("certificates are always verified"),
    });
  });
});

describe("credentials", () => {
  const keys = {
    accessKeyId: "ASIAABCDEFGHIJKLWXYZ",
    secretAccessKey: "SECRET",
    sessionToken: "TOKEN",
    source: "profile dev (sso)",
  };
  const ending = (ms: number) => judgeCredentials({ ...keys, expiration: new Date(NOW + ms) }, NOW);

  test("show source and end, and no secret", () => {
    expect(ending(3 * 3_600_000)).toEqual(
      found("ok", "****************WXYZ of profile dev (sso), they end in 3 h (2026-01-01T15:00:00.000Z)"),
    );
    expect(judgeCredentials(keys, NOW).text).toContain("temporary, their end is not known");
    expect(judgeCredentials({ ...keys, sessionToken: "" }, NOW).text).not.toMatch(/SECRET|TOKEN|ASIA/);
  });

  test("that are about to end are warned of", () => {
    expect(ending(9 * 60_000)).toMatchObject({
      result: "warn",
      text: expect.stringContaining("end in 9 min"),
    });
    expect(ending(11 * 60_000).result).toBe("ok");
  });
});

describe("the clock", () => {
  const judge = (aheadMs: number, tookMs = 40) => {
    const dateMs = Math.floor((NOW - aheadMs) / 1000) * 1000;
    const askedAtMs = NOW - tookMs / 2;
    return judgeClock({
      kind: "answered",
      httpStatus: 404,
      dateMs,
      askedAtMs,
      answeredAtMs: askedAtMs + tookMs,
    });
  };
  test.each([
    [0, "ok", "within a second"],
    [-900, "ok", "within a second"],
    [20_000, "ok", /^(19|20) s ahead of AWS's$/],
    [-120_000, "warn", /^(119 s|1 min|2 min) behind AWS's$/],
    [400_000, "fail", "6 min ahead of AWS's: signatures are refused beyond 5 minutes"],
    [-7_300_000, "fail", "2 h behind AWS's"],
  ] as const)("%d ms ahead", (aheadMs, result, text) => {
    const finding = judge(aheadMs);
    expect(finding.result).toBe(result);
    expect(finding.text).toMatch(text);
  });

  test("a slow answer does not make it wrong", () => {
    expect(judge(2_500, 4_000).text).toContain("within a second");
  });

  test("an answer without a date says nothing", () => {
    expect(judgeClock({ kind: "answered", httpStatus: 200, askedAtMs: 0, answeredAtMs: 0 }).result).toBe(
      "skip",
    );
  });
});

describe("the gateway's URL", () => {
  test.each([
    ["https://ssm.eu-central-1.amazonaws.com", "wss://ssmmessages.eu-central-1.amazonaws.com"],
    ["https://ssm.cn-north-1.amazonaws.com.cn", "wss://ssmmessages.cn-north-1.amazonaws.com.cn"],
    ["https://ssm.eusc-de-east-1.amazonaws.eu", "wss://ssmmessages.eusc-de-east-1.amazonaws.eu"],
    ["https://ssm.us-east-1.api.aws", "wss://ssmmessages.us-east-1.api.aws"],
    ["https://ssm-fips.us-east-1.amazonaws.com", "wss://ssmmessages-fips.us-east-1.amazonaws.com"],
    ["https://vpce-1a2b-3c.ssm.us-east-1.vpce.amazonaws.com", "wss://ssmmessages.us-east-1.amazonaws.com"],
  ])("%s → %s", (ssm, gateway) => {
    expect(gatewayUrl(new URL(ssm), {})).toStartWith(`${gateway}/v1/data-channel/`);
  });

  test("is not guessed for endpoints that are not AWS's", () => {
    for (const ssm of [
      "http://127.0.0.1:4566",
      "https://ssm.us-east-1.evil.example",
      "https://ssm.s3.amazonaws.com",
    ]) {
      expect(gatewayUrl(new URL(ssm), {})).toBeUndefined();
    }
  });

  test("is what the variable names", () => {
    const environment = { SSM_PLUGIN_STREAM_ENDPOINT: "ws://127.0.0.1:99" };
    for (const ssm of ["http://127.0.0.1:4566", "https://ssm.us-east-1.amazonaws.com"]) {
      expect(gatewayUrl(new URL(ssm), environment)).toStartWith("ws://127.0.0.1:99/v1/data-channel/");
    }
  });
});

describe("the target", () => {
  const id = "i-0123456789abcdef0";
  const node = {
    InstanceId: id,
    ComputerName: "web-1",
    PlatformName: "Amazon Linux",
    PlatformVersion: "2023",
    PingStatus: "Online",
    AgentVersion: "3.3.0.0",
    LastPingDateTime: new Date(NOW - 3 * 3_600_000),
  } as const;
  const facts = { id, region: "us-east-1", node, connected: true, nowMs: NOW };
  const denied = new Error("AWS denied it");

  test("connected", () => {
    expect(judgeTarget(facts)).toEqual(
      found("ok", `${id} (web-1), Amazon Linux 2023, Online: its agent is connected`),
    );
  });

  test("offline: since when, and what to do", () => {
    expect(judgeTarget({ ...facts, connected: false })).toMatchObject({
      result: "fail",
      text: expect.stringContaining("not connected, last heard of 3 h ago (2026-01-01T09:00:00.000Z)"),
      advice: expect.stringContaining("start its SSM agent"),
    });
  });

  test("unknown", () => {
    expect(judgeTarget({ ...facts, node: undefined, connected: false })).toMatchObject({
      result: "fail",
      text: `${id} is no target in us-east-1`,
    });
  });

  test("what may not be asked is made up for by the rest, or said", () => {
    expect(judgeTarget({ ...facts, node: denied })).toMatchObject({ result: "ok" });
    expect(judgeTarget({ ...facts, connected: denied })).toMatchObject({
      result: "ok",
      text: expect.stringContaining("AWS denied it"),
    });
    expect(
      judgeTarget({ ...facts, node: { ...node, PingStatus: "ConnectionLost" }, connected: denied }).result,
    ).toBe("fail");
    expect(judgeTarget({ ...facts, node: denied, connected: denied }).result).toBe("skip");
  });

  const agent = (AgentVersion: string) => judgeAgent({ ...facts, node: { ...node, AgentVersion } });
  test.each([
    ["3.3.5068.0", "ok", "everything"],
    ["3.1.1511.0", "ok", "everything"],
    ["3.1.1374.0", "warn", "is old: no exit codes of exec"],
    ["3.1.1373.0", "warn", "is old: no tunnels to hosts behind it"],
    ["3.0.222.0", "warn", "is old: no exec (only exec --tty), no tunnels to hosts behind it"],
    [
      "3.0.196.0",
      "warn",
      "no tunnels to hosts behind it, no exit codes of exec, one connection at a time in a tunnel",
    ],
    ["2.3.672.0", "warn", "is old: no exec"],
    ["2.3.0.0", "warn", "no sessions at all, no tunnels and no SSH"],
  ] as const)("agent %s", (version, result, text) => {
    expect(agent(version)).toMatchObject({ result, text: expect.stringContaining(text) });
  });

  test("an agent that does not tell its version is nothing to judge", () => {
    expect(judgeAgent({ ...facts, id: "ecs:a_b_c", node: undefined }).result).toBe("skip");
    expect(judgeAgent({ ...facts, node: denied })).toEqual(found("skip", "AWS denied it"));
  });
});
