/** Every source of credentials with real files and local endpoints; limits, keeping and renewing. */
import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { cpSync, readFileSync } from "node:fs";
import { join } from "node:path";

import {
  BrokenConfigFileError,
  createCredentialProvider,
  type CredentialOptions,
  CredentialSourceError,
  CredentialsTimeoutError,
  type HttpOptions,
  MfaRequiredError,
  NoCredentialsError,
  SignInRequiredError,
  UnknownProfileError,
} from "../../src/aws/index.ts";
import { repositoryRoot, temporaryDirectory } from "../support/environment.ts";
import { run } from "../support/processes.ts";
import { waitFor } from "../support/wait-for.ts";
import {
  type Answer,
  failureOf,
  fakeAws,
  inFuture,
  jsonError,
  NOWHERE,
  put,
  restoreEnvironmentAfterEach,
  type SeenRequest,
  stsAnswer,
  useEnvironment,
} from "./support.ts";

restoreEnvironmentAfterEach();

const http: HttpOptions = { proxyFor: () => undefined, tls: { rejectUnauthorized: true } };
const ROLE = "arn:aws:iam::123456789012:role/deploy";
const BASE = "[profile base]\naws_access_key_id = AKIABASE\naws_secret_access_key = s\n";

function provider(options: Partial<CredentialOptions> = {}) {
  return createCredentialProvider({ region: "eu-west-1", http, ...options });
}

const sha1 = (text: string): string => createHash("sha1").update(text).digest("hex");

describe("keys at hand", () => {
  test("of the environment", async () => {
    useEnvironment({ AWS_ACCESS_KEY_ID: "AKIA1", AWS_SECRET_ACCESS_KEY: "s", AWS_SESSION_TOKEN: "t" });
    expect(await provider().resolve()).toEqual({
      accessKeyId: "AKIA1",
      secretAccessKey: "s",
      sessionToken: "t",
      source: "environment",
    });
  });

  test("of the environment, over or without a good date", async () => {
    const keys = { AWS_ACCESS_KEY_ID: "AKIA1", AWS_SECRET_ACCESS_KEY: "s" };
    useEnvironment({ ...keys, AWS_CREDENTIAL_EXPIRATION: "2020-01-01T00:00:00Z" });
    expect((await failureOf(provider().resolve())).message).toContain("expired at 2020-01-01");
    useEnvironment({ ...keys, AWS_CREDENTIAL_EXPIRATION: "tomorrow" });
    expect(await failureOf(provider().resolve())).toBeInstanceOf(CredentialSourceError);
  });

  test("of a profile", async () => {
    const home = useEnvironment({ AWS_PROFILE: "default" });
    put(home, ".aws/credentials", "[dev]\naws_access_key_id = AKIA2\naws_secret_access_key = s\n");
    expect(await provider({ profile: "dev" }).resolve()).toEqual({
      accessKeyId: "AKIA2",
      secretAccessKey: "s",
      source: "profile dev",
    });
  });

  test("are found without any package: the SDK is not loaded for them", async () => {
    // A copy of the room alone, from where no package can be imported.
    const directory = temporaryDirectory("alone");
    cpSync(join(repositoryRoot, "src/aws"), join(directory, "aws"), { recursive: true });
    const script = put(
      directory,
      "find.ts",
      `import { createCredentialProvider, createSessionApi, createKms } from "./aws/index.ts";
       const http = { proxyFor: () => undefined, tls: { rejectUnauthorized: true } } as const;
       const found = await createCredentialProvider({ region: "r", http, profile: process.argv[2] ?? "" }).resolve();
       createSessionApi({ region: "r", credentials: found, http });
       createKms({ region: "r", credentials: found, http });
       console.log(found.source);`,
    );
    const home = temporaryDirectory("aws");
    const cached = {
      AccessKeyId: "ASIA1",
      SecretAccessKey: "s",
      SessionToken: "t",
      Expiration: inFuture(600_000),
    };
    const key = sha1(`{"RoleArn": "${ROLE}"}`);
    put(home, `.aws/cli/cache/${key}.json`, JSON.stringify({ Credentials: cached }));
    put(home, ".aws/config", `[profile r]\nrole_arn = ${ROLE}\nsource_profile = base\n${BASE}`);
    const find = async (profile: string, env: Record<string, string> = {}) => {
      // Without the flag the runtime would fetch missing packages by itself.
      const { stdout, stderr } = await run([process.execPath, "--no-install", script, profile], {
        env: { HOME: home, AWS_ENDPOINT_URL: NOWHERE, ...env },
      });
      return stdout + stderr;
    };
    expect(await find("", { AWS_ACCESS_KEY_ID: "AKIA1", AWS_SECRET_ACCESS_KEY: "s" })).toBe("environment\n");
    expect(await find("base")).toBe("profile base\n");
    expect(await find("r")).toBe(`profile r (role ${ROLE})\n`);
    // The witness that it would show.
    put(home, `.aws/cli/cache/${key}.json`, "");
    expect(await find("r")).toContain("Cannot find module");
  });
});

describe("bad input", () => {
  test("an unknown profile", async () => {
    useEnvironment();
    const error = await failureOf(provider({ profile: "gone" }).resolve());
    expect(error).toBeInstanceOf(UnknownProfileError);
    expect(error.message).toContain('there is no profile "gone"');
  });

  test("a broken credentials file", async () => {
    const home = useEnvironment();
    const path = put(home, ".aws/credentials", "aws_secret_access_key = hunter2\n");
    const error = await failureOf(provider().resolve());
    expect(error).toBeInstanceOf(BrokenConfigFileError);
    expect(error.message).toBe(
      `the AWS configuration file ${path} has a setting before the first [section] in line 1`,
    );
  });

  test("nothing configured at all: said at once", async () => {
    useEnvironment({ AWS_EC2_METADATA_DISABLED: "true" });
    const error = await failureOf(provider().resolve());
    expect(error).toBeInstanceOf(NoCredentialsError);
    expect(error.message).toContain("aws configure");
    useEnvironment();
    expect(await failureOf(provider().resolve())).toBeInstanceOf(NoCredentialsError);
  });
});

describe("roles", () => {
  const assumed = (accessKeyId = "ASIAROLE") =>
    fakeAws(({ body }) =>
      stsAnswer("AssumeRole", new URLSearchParams(body).get("RoleArn") === ROLE ? accessKeyId : "ASIAFIRST"),
    );

  test("are assumed with the keys of another profile, at the region's STS", async () => {
    const sts = assumed();
    const home = useEnvironment({ AWS_ENDPOINT_URL_STS: sts.url });
    put(
      home,
      ".aws/config",
      `[profile p]\nrole_arn = ${ROLE}\nsource_profile = base\nexternal_id = ext\nduration_seconds = 900\n` +
        `role_session_name = me\n${BASE}`,
    );
    expect(await provider({ profile: "p" }).resolve()).toMatchObject({
      accessKeyId: "ASIAROLE",
      secretAccessKey: "role-secret",
      sessionToken: "role-token",
      expiration: expect.any(Date),
      source: `profile p (role ${ROLE})`,
    });
    const [request] = sts.requests;
    expect(Object.fromEntries(new URLSearchParams(request?.body))).toMatchObject({
      Action: "AssumeRole",
      RoleArn: ROLE,
      ExternalId: "ext",
      DurationSeconds: "900",
      RoleSessionName: "me",
    });
    expect(request?.headers.get("authorization")).toContain("Credential=AKIABASE/");
    expect(request?.headers.get("authorization")).toContain("/eu-west-1/sts/");
  });

  test("are assumed at the endpoint that the profile names", async () => {
    const sts = assumed();
    const home = useEnvironment({ AWS_ENDPOINT_URL: undefined });
    put(
      home,
      ".aws/config",
      `[profile p]\nrole_arn = ${ROLE}\nsource_profile = base\nendpoint_url = ${sts.url}\n${BASE}`,
    );
    expect(await provider({ profile: "p" }).resolve()).toMatchObject({ accessKeyId: "ASIAROLE" });
  });

  test("are assumed one with the other, and by the environment's keys", async () => {
    const sts = assumed();
    const home = useEnvironment({
      AWS_ENDPOINT_URL_STS: sts.url,
      AWS_ACCESS_KEY_ID: "AKIAENV",
      AWS_SECRET_ACCESS_KEY: "s",
    });
    put(
      home,
      ".aws/config",
      `[profile last]\nrole_arn = ${ROLE}\nsource_profile = first\n` +
        `[profile first]\nrole_arn = arn:aws:iam::123456789012:role/first\ncredential_source = Environment\n`,
    );
    expect(await provider({ profile: "last" }).resolve()).toMatchObject({ accessKeyId: "ASIAROLE" });
    expect(
      sts.requests.map(({ headers }) => /Credential=(\w+)/.exec(headers.get("authorization") ?? "")?.[1]),
    ).toEqual(["AKIAENV", "ASIAFIRST"]);
    expect(sts.requests[1]?.headers.get("x-amz-security-token")).toBe("role-token");
  });

  test("what STS refuses is said in its words", async () => {
    const sts = fakeAws(() => ({
      status: 403,
      headers: { "content-type": "text/xml" },
      body: "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>User x is not authorized</Message></Error></ErrorResponse>",
    }));
    const home = useEnvironment({ AWS_ENDPOINT_URL_STS: sts.url });
    put(home, ".aws/config", `[profile p]\nrole_arn = ${ROLE}\nsource_profile = base\n${BASE}`);
    const error = await failureOf(provider({ profile: "p" }).resolve());
    expect(error).toBeInstanceOf(CredentialSourceError);
    expect(error.message).toBe(`profile p (role ${ROLE}) gave no AWS credentials: User x is not authorized`);
    expect(error.retryable).toBeFalse();
  });

  test("a network that is down may come back", async () => {
    const home = useEnvironment({ AWS_ENDPOINT_URL_STS: NOWHERE });
    put(home, ".aws/config", `[profile p]\nrole_arn = ${ROLE}\nsource_profile = base\n${BASE}`);
    const error = await failureOf(provider({ profile: "p" }).resolve());
    expect(error.message).toContain("the connection was refused");
    expect(error.retryable).toBeTrue();
  });

  test("the proxy is used, and one that cannot be used is said", async () => {
    const seen: string[] = [];
    const proxy = fakeAws(({ path }) => {
      seen.push(path);
      return stsAnswer("AssumeRole", "ASIAPROXY");
    });
    const home = useEnvironment({ AWS_ENDPOINT_URL_STS: "http://sts.example" });
    put(home, ".aws/config", `[profile p]\nrole_arn = ${ROLE}\nsource_profile = base\n${BASE}`);
    const through = provider({ profile: "p", http: { ...http, proxyFor: () => proxy.url } });
    expect(await through.resolve()).toMatchObject({ accessKeyId: "ASIAPROXY" });
    const refusal = Object.assign(new Error("ALL_PROXY names a socks5 proxy"), {
      code: "X",
      retryable: false,
    });
    const unsupported = provider({
      profile: "p",
      http: {
        ...http,
        proxyFor() {
          throw refusal;
        },
      },
    });
    const error = await failureOf(unsupported.resolve());
    expect(error.message).toContain("ALL_PROXY names a socks5 proxy");
    expect(error.retryable).toBeFalse();
  });
});

describe("codes of MFA devices", () => {
  const PROFILE = `[profile p]\nrole_arn = ${ROLE}\nsource_profile = base\nmfa_serial = arn:aws:iam::1:mfa/me\n${BASE}`;

  test("are asked for once, also by two at a time and by a refresh", async () => {
    const sts = fakeAws(() => stsAnswer("AssumeRole", "ASIAMFA"));
    const home = useEnvironment({ AWS_ENDPOINT_URL_STS: sts.url });
    put(home, ".aws/config", PROFILE);
    const asked: string[] = [];
    const mine = provider({
      profile: "p",
      askMfa(serial) {
        asked.push(serial);
        return Promise.resolve(" 123456\n");
      },
    });
    const [first, second] = await Promise.all([mine.resolve(), mine.resolve()]);
    expect(second).toBe(first);
    expect(await mine.resolve({ refresh: true })).toBe(first);
    expect(asked).toEqual(["arn:aws:iam::1:mfa/me"]);
    expect(Object.fromEntries(new URLSearchParams(sts.requests[0]?.body))).toMatchObject({
      SerialNumber: "arn:aws:iam::1:mfa/me",
      TokenCode: "123456",
    });
  });

  test("that are refused, or not typed, are not asked for again; after trouble with the network they are", async () => {
    let refuses = false;
    const sts = fakeAws(() =>
      refuses
        ? { status: 403, headers: { "content-type": "text/xml" }, body: "<ErrorResponse/>" }
        : stsAnswer("AssumeRole", "ASIAMFA"),
    );
    const home = useEnvironment({ AWS_ENDPOINT_URL_STS: NOWHERE });
    put(home, ".aws/config", PROFILE);
    let asked = 0;
    const mine = provider({
      profile: "p",
      askMfa() {
        asked++;
        return Promise.resolve("1");
      },
    });
    await failureOf(mine.resolve());
    process.env["AWS_ENDPOINT_URL_STS"] = sts.url;
    refuses = true;
    const refusal = await failureOf(mine.resolve());
    expect(asked).toBe(2);
    refuses = false;
    expect((await failureOf(mine.resolve())).message).toBe(refusal.message);
    expect(asked).toBe(2);
  });

  test("are given up with the look-up", async () => {
    const home = useEnvironment();
    put(home, ".aws/config", PROFILE);
    const mine = provider({
      profile: "p",
      slowTimeoutMs: 50,
      askMfa: (_serial, signal) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener("abort", () => reject(new Error("nobody has typed anything")));
        }),
    });
    expect((await failureOf(mine.resolve())).message).toBe("nobody has typed anything");
  });

  test("without anybody to ask there is a way out, and nothing is sent", async () => {
    const sts = fakeAws(() => stsAnswer("AssumeRole", "ASIAMFA"));
    const home = useEnvironment({ AWS_ENDPOINT_URL_STS: sts.url });
    put(home, ".aws/config", PROFILE);
    const error = await failureOf(provider({ profile: "p" }).resolve());
    expect(error).toBeInstanceOf(MfaRequiredError);
    expect(error.message).toContain("arn:aws:iam::1:mfa/me");
    expect(sts.requests).toEqual([]);
  });

  test("are not needed while the AWS CLI's cache is valid", async () => {
    const home = useEnvironment();
    put(home, ".aws/config", PROFILE);
    const key = sha1(`{"RoleArn": "${ROLE}", "SerialNumber": "arn:aws:iam::1:mfa/me"}`);
    const cached = { AccessKeyId: "ASIACACHE", SecretAccessKey: "s", SessionToken: "t" };
    const write = (expiration: string) =>
      put(
        home,
        `.aws/cli/cache/${key}.json`,
        JSON.stringify({ Credentials: { ...cached, Expiration: expiration } }),
      );
    write(inFuture(600_000));
    expect(await provider({ profile: "p" }).resolve()).toMatchObject({
      accessKeyId: "ASIACACHE",
      sessionToken: "t",
    });
    write(inFuture(1_000));
    expect(await failureOf(provider({ profile: "p" }).resolve())).toBeInstanceOf(MfaRequiredError);
  });
});

describe("single sign-on", () => {
  const SECTION =
    "[profile p]\nsso_session = corp\nsso_account_id = 123456789012\nsso_role_name = Admin\n" +
    "[sso-session corp]\nsso_start_url = https://corp.awsapps.com/start\nsso_region = eu-central-1\n";
  const roleCredentials = {
    accessKeyId: "ASIASSO",
    secretAccessKey: "s",
    sessionToken: "t",
    expiration: Date.now() + 3_600_000,
  };

  function signedIn(
    answer: (request: SeenRequest) => Answer,
    token: Record<string, unknown>,
    section = SECTION,
  ) {
    const portal = fakeAws(answer);
    const home = useEnvironment({ AWS_ENDPOINT_URL_SSO: portal.url, AWS_ENDPOINT_URL_SSO_OIDC: portal.url });
    put(home, ".aws/config", section);
    const name = section.includes("sso_session") ? "corp" : "https://corp.awsapps.com/start";
    const file = put(home, `.aws/sso/cache/${sha1(name)}.json`, JSON.stringify(token));
    return { portal, file };
  }

  test("by the token of aws sso login", async () => {
    const { portal } = signedIn(() => ({ body: { roleCredentials } }), {
      accessToken: "sso-token",
      expiresAt: inFuture(3_600_000),
    });
    expect(await provider({ profile: "p" }).resolve()).toMatchObject({
      accessKeyId: "ASIASSO",
      source: "profile p (sso)",
    });
    expect(portal.requests.map(({ path }) => path)).toEqual([
      "/federation/credentials?account_id=123456789012&role_name=Admin",
    ]);
    expect(portal.requests[0]?.headers.get("x-amz-sso_bearer_token")).toBe("sso-token");
  });

  test("in profiles of the old form", async () => {
    const section =
      "[profile p]\nsso_start_url = https://corp.awsapps.com/start\nsso_region = eu-central-1\n" +
      "sso_account_id = 123456789012\nsso_role_name = Admin\n";
    signedIn(
      () => ({ body: { roleCredentials } }),
      { accessToken: "x", expiresAt: inFuture(3_600_000) },
      section,
    );
    expect(await provider({ profile: "p" }).resolve()).toMatchObject({ accessKeyId: "ASIASSO" });
  });

  test("a token that runs out is renewed and kept for the AWS CLI", async () => {
    const { portal, file } = signedIn(
      ({ path }) =>
        path === "/token"
          ? {
              body: {
                accessToken: "new-token",
                expiresIn: 3600,
                refreshToken: "new-refresh",
                tokenType: "Bearer",
              },
            }
          : { body: { roleCredentials } },
      {
        accessToken: "old-token",
        expiresAt: inFuture(-1_000),
        refreshToken: "refresh",
        clientId: "c",
        clientSecret: "cs",
      },
    );
    expect(await provider({ profile: "p" }).resolve()).toMatchObject({ accessKeyId: "ASIASSO" });
    expect(portal.requests.at(-1)?.headers.get("x-amz-sso_bearer_token")).toBe("new-token");
    expect(readFileSync(file, "utf8")).toContain("new-token");
  });

  const denied = () => jsonError(401, "UnauthorizedException", "Session token not found or invalid");
  for (const [name, answer, token] of [
    ["expired", denied, { accessToken: "x", expiresAt: "2020-01-01T00:00:00Z" }],
    ["refused", denied, { accessToken: "x", expiresAt: inFuture(3_600_000) }],
    ["damaged", denied, {}],
  ] as const) {
    test(`a token that is ${name}: aws sso login is suggested`, async () => {
      signedIn(answer, token);
      const error = await failureOf(provider({ profile: "p" }).resolve());
      expect(error).toBeInstanceOf(SignInRequiredError);
      expect(error.message).toContain("Run: aws sso login --profile p");
    });
  }

  test("a role that may not be used is no reason to sign in again", async () => {
    signedIn(() => jsonError(403, "ForbiddenException", "No access"), {
      accessToken: "x",
      expiresAt: inFuture(3_600_000),
    });
    const error = await failureOf(provider({ profile: "p" }).resolve());
    expect(error).toBeInstanceOf(CredentialSourceError);
    expect(error.message).toContain("No access");
  });

  test("aws login: its token is used, without one it is suggested", async () => {
    const home = useEnvironment();
    const session = "arn:aws:iam::123456789012:user/me";
    put(home, ".aws/config", `[profile p]\nlogin_session = ${session}\nregion = eu-west-1\n`);
    const error = await failureOf(provider({ profile: "p" }).resolve());
    expect(error).toBeInstanceOf(SignInRequiredError);
    expect(error.message).toContain("Run: aws login --profile p");

    const directory = temporaryDirectory("login");
    process.env["AWS_LOGIN_CACHE_DIRECTORY"] = directory;
    put(
      directory,
      `${createHash("sha256").update(session).digest("hex")}.json`,
      JSON.stringify({
        accessToken: {
          accessKeyId: "ASIALOGIN",
          secretAccessKey: "s",
          sessionToken: "t",
          accountId: "123456789012",
          expiresAt: inFuture(3_600_000),
        },
        clientId: "c",
        refreshToken: "r",
        dpopKey: "k",
      }),
    );
    expect(await provider({ profile: "p" }).resolve()).toMatchObject({
      accessKeyId: "ASIALOGIN",
      source: "profile p (login)",
    });
  });
});

describe("web identity", () => {
  for (const by of ["environment", "profile"] as const) {
    test(`of the ${by}`, async () => {
      const sts = fakeAws(() => stsAnswer("AssumeRoleWithWebIdentity", "ASIAWEB"));
      const home = useEnvironment({ AWS_ENDPOINT_URL_STS: sts.url });
      const token = put(home, "token", "jwt-token");
      if (by === "environment") {
        process.env["AWS_WEB_IDENTITY_TOKEN_FILE"] = token;
        process.env["AWS_ROLE_ARN"] = ROLE;
      } else {
        put(home, ".aws/config", `[default]\nweb_identity_token_file = ${token}\nrole_arn = ${ROLE}\n`);
      }
      expect(await provider().resolve()).toMatchObject({
        accessKeyId: "ASIAWEB",
        source: `web identity (role ${ROLE})`,
      });
      expect(Object.fromEntries(new URLSearchParams(sts.requests[0]?.body))).toMatchObject({
        Action: "AssumeRoleWithWebIdentity",
        WebIdentityToken: "jwt-token",
        RoleArn: ROLE,
      });
    });
  }

  test("without its token file", async () => {
    useEnvironment({ AWS_WEB_IDENTITY_TOKEN_FILE: "/nonexistent/token", AWS_ROLE_ARN: ROLE });
    const error = await failureOf(provider().resolve());
    expect(error).toBeInstanceOf(CredentialSourceError);
    expect(error.message).toContain("/nonexistent/token");
  });
});

describe("what the machine offers", () => {
  const keys = {
    AccessKeyId: "ASIAMACHINE",
    SecretAccessKey: "s",
    Token: "t",
    Expiration: inFuture(3_600_000),
  };

  test("the container's endpoint, with its token and past every proxy", async () => {
    const endpoint = fakeAws(() => ({ body: keys }));
    const home = useEnvironment({
      AWS_CONTAINER_CREDENTIALS_FULL_URI: `${endpoint.url}/v2/credentials/x`,
      HTTP_PROXY: NOWHERE,
      http_proxy: NOWHERE,
    });
    process.env["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] = put(home, "token", "file-token");
    expect(await provider().resolve()).toMatchObject({
      accessKeyId: "ASIAMACHINE",
      sessionToken: "t",
      source: "container credential endpoint",
    });
    expect(endpoint.requests[0]?.path).toBe("/v2/credentials/x");
    expect(endpoint.requests[0]?.headers.get("authorization")).toBe("file-token");
  });

  test("the container's endpoint, when it refuses", async () => {
    const endpoint = fakeAws(() => ({ status: 403, body: { Code: "x" } }));
    useEnvironment({ AWS_CONTAINER_CREDENTIALS_FULL_URI: endpoint.url });
    const error = await failureOf(provider().resolve());
    expect(error).toBeInstanceOf(CredentialSourceError);
    expect(error.message).toContain("403");
    expect(endpoint.requests.length).toBe(1);
  });

  test("the instance's metadata service, by its second version and past every proxy", async () => {
    const metadata = fakeAws(({ method, path, headers }) => {
      if (method === "PUT") return { body: "metadata-token" };
      if (headers.get("x-aws-ec2-metadata-token") !== "metadata-token") return { status: 401 };
      return path.endsWith("/")
        ? { body: "my-role" }
        : { body: { ...keys, Code: "Success", Type: "AWS-HMAC" } };
    });
    useEnvironment({
      AWS_EC2_METADATA_SERVICE_ENDPOINT: metadata.url,
      HTTP_PROXY: NOWHERE,
      http_proxy: NOWHERE,
    });
    expect(await provider().resolve()).toMatchObject({
      accessKeyId: "ASIAMACHINE",
      source: "instance metadata",
    });
    expect(metadata.requests.map(({ method, path }) => `${method} ${path}`)).toEqual([
      "PUT /latest/api/token",
      "GET /latest/meta-data/iam/security-credentials/",
      "GET /latest/meta-data/iam/security-credentials/my-role",
    ]);
  });

  test("a metadata service that never answers costs the limit and no more", async () => {
    const { promise, resolve } = Promise.withResolvers<Answer>();
    const metadata = fakeAws(() => promise);
    useEnvironment({ AWS_EC2_METADATA_SERVICE_ENDPOINT: metadata.url });
    const started = performance.now();
    const error = await failureOf(provider({ timeoutMs: 150 }).resolve());
    expect(error).toBeInstanceOf(CredentialsTimeoutError);
    expect(error.message).toContain("instance metadata did not answer within 0.15 s");
    expect(performance.now() - started).toBeLessThan(900);
    resolve({});
  });
});

describe("credential_process", () => {
  const good = (over: Record<string, unknown> = {}) =>
    JSON.stringify({ Version: 1, AccessKeyId: "AKIAPROC", SecretAccessKey: "hunter2", ...over });

  async function withProcess(command: string, options: Partial<CredentialOptions> = {}) {
    const home = useEnvironment();
    put(home, ".aws/config", `[profile p]\ncredential_process = ${command}\n`);
    return await provider({ profile: "p", ...options }).resolve();
  }
  const print = (text: string) => `printf '%s' '${text}'`;

  test("what it prints is used", async () => {
    const expiration = inFuture(3_600_000);
    expect(await withProcess(print(good({ SessionToken: "t", Expiration: expiration })))).toEqual({
      accessKeyId: "AKIAPROC",
      secretAccessKey: "hunter2",
      sessionToken: "t",
      expiration: new Date(expiration),
      source: "profile p (credential_process)",
    });
    expect(await withProcess(print(good()))).not.toHaveProperty("sessionToken");
  });

  for (const [name, command, rule] of [
    [
      "an exit code",
      "echo no vault >&2; echo open >&2; exit 3",
      "it ended with exit code 3: no vault | open",
    ],
    ["no JSON", print("hunter2"), "it printed no JSON"],
    ["another version", print(good({ Version: 2 })), "what it printed has no good Version"],
    ["a missing key", print('{"Version":1,"AccessKeyId":"hunter2"}'), "has no good SecretAccessKey"],
    ["a bad date", print(good({ Expiration: "soon" })), "has no good Expiration"],
    ["a past date", print(good({ Expiration: "2020-01-01T00:00:00Z" })), "expired at 2020-01-01"],
    ["no program", "/nonexistent/program", "it ended with exit code 127"],
    ["a signal", "kill -TERM $$", "it was ended by SIGTERM"],
  ] as const) {
    test(`${name}: one line without secrets`, async () => {
      const error = await failureOf(withProcess(command));
      expect(error).toBeInstanceOf(CredentialSourceError);
      expect(error.message).toContain("profile p (credential_process) gave no AWS credentials: ");
      expect(error.message).toContain(rule);
      expect(error.message).not.toContain("\n");
      expect(Bun.inspect(error)).not.toContain("hunter2");
    });
  }

  test("one that does not end is ended", async () => {
    const file = join(temporaryDirectory("process"), "pid");
    const error = await failureOf(withProcess(`echo $$ > '${file}'; exec sleep 30`, { slowTimeoutMs: 200 }));
    expect(error).toBeInstanceOf(CredentialsTimeoutError);
    expect(error.retryable).toBeTrue();
    const pid = Number(readFileSync(file, "utf8"));
    expect(pid).toBeGreaterThan(1);
    await waitFor(() => !isRunning(pid), { what: "the end of the program" });
  });

  test("one that leaves a child behind with its pipe is not waited for", async () => {
    const error = await failureOf(withProcess("sleep 1 & sleep 1", { slowTimeoutMs: 150 }));
    expect(error).toBeInstanceOf(CredentialsTimeoutError);
  });
});

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

describe("keeping", () => {
  test("found credentials are used again until they run out; a refresh looks anew", async () => {
    const home = useEnvironment();
    const counter = join(home, "counter");
    put(home, "counter", "");
    const config = (validMs: number) =>
      put(
        home,
        ".aws/config",
        `[default]\ncredential_process = echo x >> '${counter}'; printf '{"Version":1,"AccessKeyId":"A%s",` +
          `"SecretAccessKey":"s","Expiration":"${inFuture(validMs)}"}' $(wc -l < '${counter}')\n`,
      );
    config(3_600_000);
    const mine = provider();
    const first = await mine.resolve();
    expect(first.accessKeyId).toBe("A1");
    expect(await mine.resolve()).toBe(first);
    config(60_000);
    expect((await mine.resolve({ refresh: true })).accessKeyId).toBe("A2");
    // Less than five minutes are left of these.
    expect((await mine.resolve()).accessKeyId).toBe("A3");
  });

  test("what is valid is used on while the network is down, but not against a real refusal", async () => {
    const sts = fakeAws(() => stsAnswer("AssumeRole", "ASIAKEPT"));
    const home = useEnvironment({ AWS_ENDPOINT_URL_STS: sts.url });
    put(home, ".aws/config", `[default]\nrole_arn = ${ROLE}\nsource_profile = base\n${BASE}`);
    const mine = provider();
    const first = await mine.resolve();
    process.env["AWS_ENDPOINT_URL_STS"] = NOWHERE;
    expect(await mine.resolve({ refresh: true })).toBe(first);
    const refusing = fakeAws(() => ({
      status: 403,
      body: "<ErrorResponse/>",
      headers: { "content-type": "text/xml" },
    }));
    process.env["AWS_ENDPOINT_URL_STS"] = refusing.url;
    expect(await failureOf(mine.resolve({ refresh: true }))).toBeInstanceOf(CredentialSourceError);
  });

  test("a failure is not kept", async () => {
    const home = useEnvironment();
    put(home, ".aws/config", "[default]\ncredential_process = exit 1\n");
    const mine = provider();
    await failureOf(mine.resolve());
    put(home, ".aws/config", "[default]\naws_access_key_id = AKIA9\naws_secret_access_key = s\n");
    expect((await mine.resolve()).accessKeyId).toBe("AKIA9");
  });
});
