/** Where credentials come from, decided on files and variables alone: order, chains of roles, and what is refused. */
import { describe, expect, test } from "bun:test";

import { planFromEnvironment, planFromFiles } from "../../src/aws/credential-chain.ts";
import { type CredentialPlan, describePlan, isSlow, needsMfa } from "../../src/aws/credential-plan.ts";
import { InvalidProfileError, UnknownProfileError } from "../../src/aws/errors.ts";
import { parseIni, type SharedFiles } from "../../src/aws/shared-files.ts";

type Variables = Readonly<Record<string, string>>;

/** Profiles by section name, sso-sessions by `sso-session NAME`. */
function files(text: string): SharedFiles {
  const sections = [...parseIni("f", text)];
  return {
    profiles: new Map(sections.filter(([name]) => !name.startsWith("sso-session "))),
    ssoSessions: new Map(
      sections
        .filter(([name]) => name.startsWith("sso-session "))
        .map(([name, section]) => [name.slice(12), section]),
    ),
    services: new Map(),
  };
}

function plan(text: string, named?: string, environment: Variables = {}): CredentialPlan {
  return planFromEnvironment(environment, named) ?? planFromFiles(environment, files(text), named);
}

const KEYS: Variables = { AWS_ACCESS_KEY_ID: "AKIAENV", AWS_SECRET_ACCESS_KEY: "secret" };
const STATIC = "aws_access_key_id = AKIAFILE\naws_secret_access_key = s\n";
const ROLE = "arn:aws:iam::123456789012:role/r";

describe("keys in the environment", () => {
  test("count when no profile is named", () => {
    expect(plan(`[default]\n${STATIC}`, undefined, KEYS)).toMatchObject({
      kind: "static",
      origin: "environment",
      accessKeyId: "AKIAENV",
    });
    expect(plan("", undefined, { ...KEYS, AWS_SESSION_TOKEN: "t" })).toMatchObject({ sessionToken: "t" });
    expect(plan("", undefined, { ...KEYS, AWS_SECURITY_TOKEN: "t" })).toMatchObject({ sessionToken: "t" });
  });

  test("count before AWS_PROFILE, also when the AWS CLI hands that on as an argument", () => {
    const text = `[dev]\n${STATIC}`;
    const environment = { ...KEYS, AWS_PROFILE: "dev" };
    expect(plan(text, undefined, environment)).toMatchObject({ origin: "environment" });
    expect(plan(text, "dev", environment)).toMatchObject({ origin: "environment" });
  });

  test("do not count against a profile that is named expressly", () => {
    expect(plan(`[dev]\n${STATIC}`, "dev", KEYS)).toMatchObject({
      origin: "profile dev",
      accessKeyId: "AKIAFILE",
    });
    expect(plan(`[dev]\n${STATIC}`, "dev", { ...KEYS, AWS_PROFILE: "other" })).toMatchObject({
      origin: "profile dev",
    });
  });

  test("half a pair is an error, an empty one counts as none", () => {
    expect(() => plan("", undefined, { AWS_ACCESS_KEY_ID: "x" })).toThrow("no AWS_SECRET_ACCESS_KEY");
    expect(plan(`[default]\n${STATIC}`, undefined, { AWS_ACCESS_KEY_ID: "" })).toMatchObject({
      origin: "profile default",
    });
  });
});

describe("profiles", () => {
  test("the named one, AWS_PROFILE, default", () => {
    const text = `[default]\n${STATIC}[a]\n${STATIC}[b]\n${STATIC}`;
    expect(plan(text)).toMatchObject({ origin: "profile default" });
    expect(plan(text, "a")).toMatchObject({ origin: "profile a" });
    expect(plan(text, undefined, { AWS_PROFILE: "b" })).toMatchObject({ origin: "profile b" });
    expect(plan(text, "a", { AWS_PROFILE: "b" })).toMatchObject({ origin: "profile a" });
  });

  test("an unknown one is an error that names the files, the default one may be missing", () => {
    const environment = { HOME: "/h" };
    for (const attempt of [
      () => plan("", "gone", environment),
      () => plan("", undefined, { ...environment, AWS_PROFILE: "gone" }),
    ]) {
      expect(attempt).toThrow(UnknownProfileError);
      expect(attempt).toThrow('there is no profile "gone" in /h/.aws/config or /h/.aws/credentials');
    }
    expect(plan("", "default", environment).kind).toBe("instance");
  });

  const everything =
    `role_arn = ${ROLE}\nsource_profile = base\nsso_account_id = 1\nsso_role_name = r\nsso_start_url = u\n` +
    `sso_region = eu-west-1\n${STATIC}login_session = l\ncredential_process = p\n`;
  const orderOfSources = [
    ["assumeRole", /^(role_arn|source_profile) .*\n/gm],
    ["sso", /^sso_.*\n/gm],
    ["static", /^aws_.*\n/gm],
    ["login", /^login_.*\n/gm],
    ["process", /^credential_process.*\n/gm],
  ] as const;
  test("go through their sources in the AWS CLI's order", () => {
    let section = everything;
    for (const [kind, settings] of orderOfSources) {
      expect(plan(`[p]\n${section}[base]\n${STATIC}`, "p").kind).toBe(kind);
      section = section.replace(settings, "");
    }
    expect(section).toBe("");
  });

  test("a profile without any leads on to the machine's own", () => {
    const text = "[p]\nregion = x\n";
    expect(plan(text, "p").kind).toBe("instance");
    expect(plan(text, "p", { AWS_EC2_METADATA_DISABLED: "TRUE" }).kind).toBe("none");
    expect(plan(text, "p", { AWS_CONTAINER_CREDENTIALS_FULL_URI: "http://x" }).kind).toBe("container");
    expect(plan(text, "p", { AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: "/x" }).kind).toBe("container");
  });

  test("half a pair of keys is an error", () => {
    expect(() => plan("[p]\naws_access_key_id = x\n", "p")).toThrow(
      'the profile "p" has no aws_secret_access_key',
    );
    expect(() => plan("[p]\naws_secret_access_key = x\n", "p")).toThrow("has no aws_access_key_id");
  });

  test("single sign-on of both forms", () => {
    const common = "sso_account_id = 123\nsso_role_name = Admin\n";
    expect(
      plan(`[p]\n${common}sso_session = corp\n[sso-session corp]\nsso_start_url = u\nsso_region = r\n`, "p"),
    ).toEqual({
      kind: "sso",
      profile: "p",
      sessionName: "corp",
      startUrl: "u",
      region: "r",
      accountId: "123",
      roleName: "Admin",
    });
    expect(plan(`[p]\n${common}sso_start_url = u\nsso_region = r\n`, "p")).toEqual({
      kind: "sso",
      profile: "p",
      startUrl: "u",
      region: "r",
      accountId: "123",
      roleName: "Admin",
    });
    expect(() => plan(`[p]\n${common}sso_session = corp\n`, "p")).toThrow(
      'the profile "p" names the sso_session "corp", which does not exist',
    );
    expect(() => plan(`[p]\n${common}sso_start_url = u\n`, "p")).toThrow("has no sso_region");
  });

  test("web identity: a profile's, and the environment's unless a profile is named expressly", () => {
    const environment = {
      AWS_WEB_IDENTITY_TOKEN_FILE: "/t",
      AWS_ROLE_ARN: ROLE,
      AWS_ROLE_SESSION_NAME: "me",
    };
    const fromEnvironment = { kind: "webIdentity", roleArn: ROLE, tokenFile: "/t", roleSessionName: "me" };
    expect(plan(`[default]\n${STATIC}`, undefined, environment)).toEqual(fromEnvironment as CredentialPlan);
    expect(plan(`[p]\n${STATIC}`, "p", { ...environment, AWS_PROFILE: "p" }).kind).toBe("webIdentity");
    expect(plan(`[p]\n${STATIC}`, "p", environment).kind).toBe("static");
    expect(plan(`[p]\nweb_identity_token_file = /f\nrole_arn = ${ROLE}\n${STATIC}`, "p")).toEqual({
      kind: "webIdentity",
      profile: "p",
      roleArn: ROLE,
      tokenFile: "/f",
    });
    expect(() => plan("", undefined, { AWS_WEB_IDENTITY_TOKEN_FILE: "/t" })).toThrow("no AWS_ROLE_ARN");
    expect(() => plan("[p]\nweb_identity_token_file = /f\n", "p")).toThrow("no role_arn");
  });
});

describe("roles", () => {
  test("carry their parameters", () => {
    expect(
      plan(
        `[p]\nrole_arn = ${ROLE}\nsource_profile = base\nexternal_id = e\nmfa_serial = m\nrole_session_name = n\n` +
          `duration_seconds = 900\n[base]\n${STATIC}`,
        "p",
      ),
    ).toMatchObject({
      kind: "assumeRole",
      profile: "p",
      roleArn: ROLE,
      externalId: "e",
      mfaSerial: "m",
      roleSessionName: "n",
      durationSeconds: 900,
      with: { kind: "static", origin: "profile base" },
    });
  });

  test("may be assumed with another role, single sign-on, a program, or a profile's own keys", () => {
    const role = (source: string) => `role_arn = ${ROLE}\nsource_profile = ${source}\n`;
    expect(plan(`[a]\n${role("b")}[b]\n${role("c")}[c]\n${STATIC}`, "a")).toMatchObject({
      profile: "a",
      with: { kind: "assumeRole", profile: "b", with: { kind: "static", origin: "profile c" } },
    });
    expect(plan(`[a]\n${role("b")}[b]\ncredential_process = x\n`, "a")).toMatchObject({
      with: { kind: "process", command: "x" },
    });
    expect(plan(`[a]\n${role("a")}${STATIC}`, "a")).toMatchObject({
      with: { kind: "static", origin: "profile a" },
    });
  });

  test("may be assumed with a named source", () => {
    const role = (source: string) => `[p]\nrole_arn = ${ROLE}\ncredential_source = ${source}\n`;
    expect(plan(role("Environment"), "p", KEYS)).toMatchObject({ with: { origin: "environment" } });
    expect(plan(role("EcsContainer"), "p")).toMatchObject({ with: { kind: "container" } });
    expect(plan(role("ec2instancemetadata"), "p")).toMatchObject({ with: { kind: "instance" } });
    expect(() => plan(role("Environment"), "p")).toThrow("AWS_ACCESS_KEY_ID is not set");
    expect(() => plan(role("Nonsense"), "p")).toThrow('has the credential_source "Nonsense"');
  });

  for (const [name, text, rule] of [
    ["no source", `[p]\nrole_arn = ${ROLE}\n`, "neither source_profile nor credential_source"],
    [
      "two sources",
      `[p]\nrole_arn = ${ROLE}\nsource_profile = b\ncredential_source = Environment\n[b]\n${STATIC}`,
      "has both source_profile and credential_source",
    ],
    ["a missing source", `[p]\nrole_arn = ${ROLE}\nsource_profile = b\n`, '"b", which does not exist'],
    [
      "a source without any",
      `[p]\nrole_arn = ${ROLE}\nsource_profile = b\n[b]\nregion = x\n`,
      "has no credentials",
    ],
    [
      "itself",
      `[p]\nrole_arn = ${ROLE}\nsource_profile = p\n`,
      "comes back to itself by source_profile: p → p",
    ],
    [
      "a circle",
      `[p]\nrole_arn = ${ROLE}\nsource_profile = q\n[q]\nrole_arn = ${ROLE}\nsource_profile = p\n`,
      "comes back to itself by source_profile: p → q → p",
    ],
  ] as const) {
    test(`are refused with ${name}`, () => {
      expect(() => plan(text, "p")).toThrow(InvalidProfileError);
      expect(() => plan(text, "p")).toThrow(rule);
    });
  }
});

test("what takes long and what needs a code is known beforehand", () => {
  const chain = plan(
    `[a]\nrole_arn = ${ROLE}\nsource_profile = b\n[b]\nrole_arn = ${ROLE}\nmfa_serial = m\nsource_profile = c\n[c]\n${STATIC}`,
    "a",
  );
  expect([isSlow(chain), needsMfa(chain), describePlan(chain)]).toEqual([
    true,
    true,
    `profile a (role ${ROLE})`,
  ]);
  const quick = plan(`[a]\n${STATIC}`, "a");
  expect([isSlow(quick), needsMfa(quick), describePlan(quick)]).toEqual([false, false, "profile a"]);
  const process = plan("[a]\ncredential_process = x\n", "a");
  expect([isSlow(process), needsMfa(process)]).toEqual([true, false]);
  expect(isSlow(plan(""))).toBeFalse();
});
