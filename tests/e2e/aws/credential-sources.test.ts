/**
 * The sources of credentials that ask somebody: STS, the portal of a single sign-on, the container's and the machine's
 * endpoints, programs. With the compiled executable, real files and local endpoints, against a stand-in that takes no
 * connection without the right signature.
 */
import { describe, expect, test } from "bun:test";

import { type Answer, fakeAws, inFuture } from "../../aws/support.ts";
import { executablePath } from "../../support/environment.ts";
import { run } from "../../support/processes.ts";
import { PROMPT, useStandIn } from "../stand-in.ts";
import { command, type PluginStart, runPlugin, startPlugin, type Variables, withoutKeys } from "./plugin.ts";
import { createHome, type Home, keysOf, someCredentials } from "./profiles.ts";

const FOUND = someCredentials("A");
const BASE = someCredentials("B");
const ROLE = "arn:aws:iam::111122223333:role/ops";
const WEB_TOKEN = "web-identity-token";

const standIn = useStandIn({
  requireSignedUpgrade: true,
  furtherCredentials: [FOUND, BASE],
  webIdentityToken: WEB_TOKEN,
});

/** Variables with this home and no keys. */
function at(home: Home, more: Variables = {}): PluginStart {
  return { env: { ...withoutKeys(standIn.simulator), HOME: home.path, ...more } };
}

/** Access key ids of the signatures of a session's connections. */
async function signers(sessionId: string): Promise<string[]> {
  const { upgrades } = await standIn.simulator.call("stats");
  return upgrades
    .filter((upgrade) => upgrade.sessionId === sessionId && upgrade.status === 101)
    .map(({ headers }) => /Credential=(\w+)/.exec(headers["authorization"] ?? "")?.[1] ?? "unsigned");
}

/** Runs a command, and says who has signed its connection. */
async function signerOf(start: PluginStart): Promise<string | undefined> {
  const { stdout, stderr, exitCode, sessionId } = await runPlugin(standIn.simulator, {
    ...command("echo hello"),
    ...start,
  });
  expect(stdout).toContain("hello\n");
  expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 0 });
  return (await signers(sessionId))[0];
}

/** Who has signed the calls of an operation at the stand-in; empty texts for those that nobody has. */
async function callers(operation: string): Promise<string[]> {
  const { calls } = await standIn.simulator.call("stats");
  return calls
    .filter((call) => call.operation === operation && call.error === "")
    .map((call) => call.accessKeyId);
}

/** Keys as the endpoints of containers and machines give them. */
const machineKeys = (): Answer => ({
  body: {
    Code: "Success",
    Type: "AWS-HMAC",
    AccessKeyId: FOUND.accessKeyId,
    SecretAccessKey: FOUND.secretAccessKey,
    Token: FOUND.sessionToken,
    LastUpdated: inFuture(-1_000),
    Expiration: inFuture(3_600_000),
  },
});

describe.concurrent("a role", () => {
  test("is assumed with the keys of its source profile, and again before a session is resumed", async () => {
    const home = createHome({
      config: `[profile ops]\nrole_arn = ${ROLE}\nsource_profile = base\n`,
      credentials: keysOf("base", BASE),
    });
    const session = await startPlugin(standIn.simulator, { ...at(home), profile: "ops" });
    await session.stdout.waitFor(PROMPT);
    await standIn.simulator.call("cut", session.sessionId);
    await session.write("echo a''gain\nexit\n");
    expect((await session.finish()).stdout).toContain("again\r\n");
    const [first = "", second = ""] = await signers(session.sessionId);
    expect(first).toMatch(/^ASIA/);
    expect(second).toMatch(/^ASIA/);
    expect(new Set([first, second, BASE.accessKeyId]).size).toBe(3);
    const byBase = (await callers("AssumeRole")).filter((id) => id === BASE.accessKeyId);
    expect(byBase).toEqual([BASE.accessKeyId, BASE.accessKeyId]);
  });

  test.each(["environment", "profile"])("is assumed with the web identity of the %s", async (by) => {
    const home = createHome({ token: WEB_TOKEN });
    const file = `${home.path}/.aws/token`;
    const before = await callers("AssumeRoleWithWebIdentity");
    if (by === "profile")
      home.write("config", `[default]\nweb_identity_token_file = ${file}\nrole_arn = ${ROLE}\n`);
    const variables = { AWS_WEB_IDENTITY_TOKEN_FILE: file, AWS_ROLE_ARN: ROLE };
    const signer = await signerOf(at(home, by === "environment" ? variables : {}));
    expect(signer).toMatch(/^ASIA/);
    expect([FOUND.accessKeyId, BASE.accessKeyId]).not.toContain(signer as string);
    expect((await callers("AssumeRoleWithWebIdentity")).slice(before.length)).toContain("");
  });

  test("is not assumed with another token, which is said", async () => {
    const home = createHome({ token: "another" });
    const { stdout, sessionId } = await runPlugin(
      standIn.simulator,
      at(home, { AWS_WEB_IDENTITY_TOKEN_FILE: `${home.path}/.aws/token`, AWS_ROLE_ARN: ROLE }),
    );
    expect(stdout).toEndWith(
      `web identity (role ${ROLE}) gave no AWS credentials: The web identity token could not be validated.\n`,
    );
    await standIn.simulator.call("terminate", sessionId);
  });
});

describe.concurrent("a single sign-on", () => {
  const SESSION =
    "[profile dev]\nsso_session = corp\nsso_account_id = 111122223333\nsso_role_name = Admin\n" +
    "[sso-session corp]\nsso_start_url = https://corp.example/start\nsso_region = us-east-1\n";
  const cacheFile = `sso/cache/${new Bun.CryptoHasher("sha1").update("corp").digest("hex")}.json`;
  const roleCredentials = { ...FOUND, expiration: Date.now() + 3_600_000 };

  test("gives the role's keys for the token that aws sso login left", async () => {
    const portal = fakeAws(() => ({ body: { roleCredentials } }));
    const home = createHome({
      config: SESSION,
      [cacheFile]: JSON.stringify({ accessToken: "sso-token", expiresAt: inFuture(3_600_000) }),
    });
    const start = { ...at(home, { AWS_ENDPOINT_URL_SSO: portal.url }), profile: "dev" };
    expect(await signerOf(start)).toBe(FOUND.accessKeyId);
    expect(portal.requests.map(({ path, headers }) => [path, headers.get("x-amz-sso_bearer_token")])).toEqual(
      [["/federation/credentials?account_id=111122223333&role_name=Admin", "sso-token"]],
    );
  });

  test("renews a token that has run out, where it can", async () => {
    const portal = fakeAws(({ path }) =>
      path === "/token"
        ? { body: { accessToken: "new-token", expiresIn: 3600, refreshToken: "r2", tokenType: "Bearer" } }
        : { body: { roleCredentials } },
    );
    const home = createHome({
      config: SESSION,
      [cacheFile]: JSON.stringify({
        accessToken: "old-token",
        expiresAt: inFuture(-1_000),
        refreshToken: "refresh",
        clientId: "c",
        clientSecret: "cs",
        registrationExpiresAt: inFuture(3_600_000),
      }),
    });
    const endpoints = { AWS_ENDPOINT_URL_SSO: portal.url, AWS_ENDPOINT_URL_SSO_OIDC: portal.url };
    expect(await signerOf({ ...at(home, endpoints), profile: "dev" })).toBe(FOUND.accessKeyId);
    expect(portal.requests.at(-1)?.headers.get("x-amz-sso_bearer_token")).toBe("new-token");
  });
});

describe.concurrent("what the machine offers", () => {
  /** Where nobody listens; these endpoints are asked past every proxy. */
  const DEAD_PROXY = { HTTP_PROXY: "http://127.0.0.1:9", NO_PROXY: "127.0.0.1", no_proxy: undefined };

  test("the container's endpoint, with the token of a file", async () => {
    const endpoint = fakeAws(machineKeys);
    const home = createHome({ token: "file-token" });
    const start = at(home, {
      ...DEAD_PROXY,
      AWS_CONTAINER_CREDENTIALS_FULL_URI: `${endpoint.url}/v2/credentials/x`,
      AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: `${home.path}/.aws/token`,
    });
    expect(await signerOf(start)).toBe(FOUND.accessKeyId);
    expect(endpoint.requests.map(({ path, headers }) => [path, headers.get("authorization")])).toEqual([
      ["/v2/credentials/x", "file-token"],
    ]);
  });

  test("the instance's metadata service, by its second version", async () => {
    const metadata = fakeAws(({ method, path, headers }) => {
      if (method === "PUT") return { body: "metadata-token" };
      if (headers.get("x-aws-ec2-metadata-token") !== "metadata-token") return { status: 401 };
      return path.endsWith("/") ? { body: "my-role" } : machineKeys();
    });
    const start = at(createHome(), {
      ...DEAD_PROXY,
      AWS_EC2_METADATA_DISABLED: undefined,
      AWS_EC2_METADATA_SERVICE_ENDPOINT: metadata.url,
    });
    expect(await signerOf(start)).toBe(FOUND.accessKeyId);
    expect(metadata.requests.map(({ method, path }) => `${method} ${path}`)).toEqual([
      "PUT /latest/api/token",
      "GET /latest/meta-data/iam/security-credentials/",
      "GET /latest/meta-data/iam/security-credentials/my-role",
    ]);
  });
});

test("in the people's face a role, assumed with the container's keys, signs calls and connection", async () => {
  const endpoint = fakeAws(machineKeys);
  const home = createHome({
    config: `[profile ops]\nrole_arn = ${ROLE}\ncredential_source = EcsContainer\n`,
  });
  const { stdout, stderr, exitCode } = await run(
    [executablePath, "exec", standIn.target, "--profile", "ops", "--", "echo", "hello"],
    { env: at(home, { AWS_CONTAINER_CREDENTIALS_FULL_URI: endpoint.url }).env ?? {} },
  );
  expect({ stdout, stderr, exitCode }).toEqual({ stdout: "hello\n", stderr: "", exitCode: 0 });
  expect(await callers("AssumeRole")).toContain(FOUND.accessKeyId);
  const { calls, upgrades } = await standIn.simulator.call("stats");
  const starter = calls.findLast(({ operation }) => operation === "StartSession")?.accessKeyId ?? "";
  expect(starter).toMatch(/^ASIA/);
  expect(upgrades.at(-1)?.headers["authorization"]).toContain(`Credential=${starter}/`);
});
