/** The AWS CLI's cache: names of its files as the CLI itself computed them, what is valid, and a real CLI's file. */
import { describe, expect, test } from "bun:test";

import { cacheKey, readCliCache } from "../../src/aws/cli-cache.ts";
import type { AssumeRolePlan, SsoPlan, WebIdentityPlan } from "../../src/aws/credential-plan.ts";
import { temporaryDirectory } from "../support/environment.ts";
import { run } from "../support/processes.ts";
import { awsClis, needsThat } from "../support/programs.ts";
import { fakeAws, inFuture, put, stsAnswer } from "./support.ts";

const ROLE = "arn:aws:iam::123456789012:role/deploy";
const source = { kind: "static", origin: "x", accessKeyId: "a", secretAccessKey: "s" } as const;
const role: AssumeRolePlan = { kind: "assumeRole", profile: "p", roleArn: ROLE, with: source };
const identity: WebIdentityPlan = { kind: "webIdentity", roleArn: ROLE, tokenFile: "/t" };
const sso: SsoPlan = {
  kind: "sso",
  profile: "p",
  startUrl: "https://corp.awsapps.com/start",
  region: "r",
  accountId: "123456789012",
  roleName: "Admin",
};

describe("names of files, as botocore computes them", () => {
  const cases = [
    ["a role", role, "6a9d9ba39800a1773d9a3bd50c4a0db301ff5832"],
    [
      "a role with everything",
      {
        ...role,
        mfaSerial: "arn:aws:iam::123456789012:mfa/me",
        durationSeconds: 900,
        externalId: 'a"b\\c',
        roleSessionName: "x y",
      },
      "982d6e3da9517e599716bf08e3f3a14994046398",
    ],
    [
      "characters outside ASCII",
      { ...role, roleArn: "arn:aws:iam::123456789012:role/Rölle\u007f😀", roleSessionName: "\t" },
      "36299521400eca2c584552a2aae76a99f10316ee",
    ],
    [
      "web identity with a session name",
      { ...identity, roleSessionName: "s" },
      "f475f6a76d2455ca30a19aa528e2ad212e485a66",
    ],
    ["web identity", identity, "6a9d9ba39800a1773d9a3bd50c4a0db301ff5832"],
    ["single sign-on of the old form", sso, "e03d8025af26e6a3f6c8402f15b918fb974ccc47"],
    ["single sign-on", { ...sso, sessionName: "corp" }, "8457bc68cf9d4aa8d629a61563948e8bd3159d49"],
  ] as const;
  for (const [name, plan, key] of cases) test(name, () => expect(cacheKey(plan)).toBe(key));
});

describe("reading", () => {
  const nowMs = Date.parse("2030-01-01T00:00:00Z");
  const entry = (expiration: unknown) =>
    JSON.stringify({
      Credentials: {
        AccessKeyId: "ASIA1",
        SecretAccessKey: "s",
        SessionToken: "t",
        Expiration: expiration,
      },
    });
  const read = async (content: string | undefined) => {
    const home = temporaryDirectory("aws");
    if (content !== undefined) put(home, `.aws/cli/cache/${cacheKey(role)}.json`, content);
    return await readCliCache({ HOME: home }, role, nowMs);
  };

  test("what is valid for a minute or more is used, in every form of date that the CLI writes", async () => {
    const found = { accessKeyId: "ASIA1", secretAccessKey: "s", sessionToken: "t" };
    for (const date of ["2030-01-01T00:01:00Z", "2030-01-01T00:01:00UTC", "2030-01-01T01:01:00+01:00"]) {
      expect(await read(entry(date))).toEqual({ ...found, expiresAtMs: nowMs + 60_000 });
    }
  });

  test("what runs out sooner, or is missing or damaged, is not there", async () => {
    for (const content of [
      entry("2030-01-01T00:00:59Z"),
      entry("2029-12-31T23:59:59Z"),
      entry("soon"),
      entry(1_900_000_000),
      '{"Credentials":null}',
      '{"Credentials":{"AccessKeyId":"a"}}',
      "[]",
      '"x"',
      "{broken",
      "",
      undefined,
    ]) {
      expect(await read(content)).toBeUndefined();
    }
  });
});

describe("with the real AWS CLI", () => {
  // Older ones cannot be told another STS by a variable.
  const clis = awsClis().filter(({ version }) => Number(/^\d+\.(\d+)/.exec(version)?.[1]) >= 29);
  const [cli] = clis;

  needsThat(cli === undefined ? "an aws that knows AWS_ENDPOINT_URL" : undefined).test(
    "what it obtained for a role is found",
    async () => {
      const aws = fakeAws(({ body }) =>
        body.includes("Action=AssumeRole&")
          ? stsAnswer("AssumeRole", "ASIAFROMCLI")
          : {
              headers: { "content-type": "text/xml" },
              body:
                `<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn</Arn><UserId>u</UserId>` +
                `<Account>1</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`,
            },
      );
      const home = temporaryDirectory("aws");
      put(
        home,
        ".aws/config",
        `[profile p]\nregion = eu-west-1\nrole_arn = ${ROLE}\nsource_profile = base\nexternal_id = ext\n` +
          `duration_seconds = 1800\n[profile base]\naws_access_key_id = AKIA1\naws_secret_access_key = s\n`,
      );
      const { stderr, exitCode } = await run(
        [cli?.path ?? "", "sts", "get-caller-identity", "--profile", "p"],
        {
          env: { HOME: home, AWS_ENDPOINT_URL: aws.url, AWS_PAGER: "" },
          timeoutMs: 25_000,
        },
      );
      expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 0 });
      const plan: AssumeRolePlan = { ...role, externalId: "ext", durationSeconds: 1800 };
      const found = await readCliCache({ HOME: home }, plan, Date.now());
      expect(found).toMatchObject({ accessKeyId: "ASIAFROMCLI", sessionToken: "role-token" });
      expect(found?.expiresAtMs).toBeGreaterThan(Date.parse(inFuture(3_000_000)));
    },
    30_000,
  );
});
