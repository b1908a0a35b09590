/** The calls to SSM: what is sent where, what the answers mean, which endpoint, proxy and certificates are used. */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import {
  AccessDeniedError,
  createSessionApi,
  createSsm,
  NoCredentialsError,
  type SsmOptions,
  UnreachableError,
} from "../../src/aws/index.ts";
import type { LogLevel } from "../../src/session/seams.ts";
import { repositoryRoot } from "../support/environment.ts";
import { clearLater } from "../support/leftovers.ts";
import {
  failureOf,
  fakeAws,
  jsonError,
  NOWHERE,
  put,
  restoreEnvironmentAfterEach,
  useEnvironment,
} from "./support.ts";

restoreEnvironmentAfterEach();

const credentials = { accessKeyId: "AKIA1", secretAccessKey: "secret", sessionToken: "token" };
const options = (over: Partial<SsmOptions> = {}): SsmOptions => ({
  region: "eu-west-1",
  credentials,
  ...over,
});

describe("resume", () => {
  const STREAM =
    "wss://ssmmessages.eu-west-1.amazonaws.com/v1/data-channel/s-1?role=publish_subscribe&cell-number=x";

  test("asks for the session, signed, and gives the new token and URL", async () => {
    useEnvironment();
    const aws = fakeAws(() => ({ body: { SessionId: "s-1", TokenValue: "new", StreamUrl: STREAM } }));
    const api = createSessionApi(options({ endpoint: aws.url }));
    expect(await api.resume("s-1")).toEqual({ tokenValue: "new", streamUrl: STREAM });
    const [request] = aws.requests;
    expect(request).toMatchObject({
      method: "POST",
      path: "/",
      operation: "ResumeSession",
      body: '{"SessionId":"s-1"}',
    });
    expect(request?.headers.get("authorization")).toStartWith("AWS4-HMAC-SHA256 Credential=AKIA1/");
    expect(request?.headers.get("authorization")).toContain("/eu-west-1/ssm/aws4_request");
    expect(request?.headers.get("x-amz-security-token")).toBe("token");
  });

  test("the stream URL can be mapped", async () => {
    useEnvironment();
    const aws = fakeAws(() => ({ body: { TokenValue: "new", StreamUrl: STREAM } }));
    const api = createSessionApi(
      options({ endpoint: aws.url, mapStreamUrl: (url) => url.replace("wss:", "ws:") }),
    );
    expect(await api.resume("s-1")).toMatchObject({ streamUrl: STREAM.replace("wss:", "ws:") });
  });

  test("no token, an empty one, or an unknown session: it has ended", async () => {
    useEnvironment();
    const answers = [
      { body: { SessionId: "s-1" } },
      { body: { TokenValue: "", StreamUrl: STREAM } },
      jsonError(400, "DoesNotExistException", "gone"),
    ];
    const aws = fakeAws(() => answers.shift() ?? { status: 500 });
    const api = createSessionApi(options({ endpoint: aws.url }));
    for (let call = 0; call < 3; call++) expect(await api.resume("s-1")).toBeUndefined();
    expect(aws.requests.length).toBe(3);
  });

  test("a token without a URL is no answer", async () => {
    useEnvironment();
    const aws = fakeAws(() => ({ body: { TokenValue: "x" } }));
    const error = await failureOf(createSessionApi(options({ endpoint: aws.url })).resume("s-1"));
    expect(error.message).toContain("no stream URL");
  });

  test("credentials are found anew for each call; without any the reason is passed on", async () => {
    useEnvironment();
    const aws = fakeAws(() => ({ body: { TokenValue: "t", StreamUrl: STREAM } }));
    let call = 0;
    const api = createSessionApi(
      options({
        endpoint: aws.url,
        credentials: () =>
          ++call < 3
            ? Promise.resolve({ accessKeyId: `AKIA${call}`, secretAccessKey: "s" })
            : Promise.reject(new NoCredentialsError("nowhere")),
      }),
    );
    await api.resume("s-1");
    await api.resume("s-1");
    expect(
      aws.requests.map(({ headers }) => /Credential=(\w+)/.exec(headers.get("authorization") ?? "")?.[1]),
    ).toEqual(["AKIA1", "AKIA2"]);
    expect(await failureOf(api.resume("s-1"))).toBeInstanceOf(NoCredentialsError);
    expect(aws.requests.length).toBe(2);
  });

  test("an answer that does not come is bounded and may be tried again", async () => {
    useEnvironment();
    const { promise, resolve } = Promise.withResolvers<object>();
    const aws = fakeAws(() => promise);
    const started = performance.now();
    const error = await failureOf(
      createSessionApi(options({ endpoint: aws.url, timeoutMs: 150 })).resume("s-1"),
    );
    expect(performance.now() - started).toBeLessThan(1_500);
    expect(error).toBeInstanceOf(UnreachableError);
    expect(error.message).toBe("ssm:ResumeSession did not reach AWS: there was no answer in time");
    expect(error.retryable).toBeTrue();
    resolve({});
  });
});

describe("the other calls", () => {
  test("terminate, also of a session that is gone", async () => {
    useEnvironment();
    const answers = [{ body: { SessionId: "s-1" } }, jsonError(400, "DoesNotExistException", "gone")];
    const aws = fakeAws(() => answers.shift() ?? { status: 500 });
    const api = createSessionApi(options({ endpoint: aws.url }));
    await api.terminate("s-1");
    await api.terminate("s-1");
    expect(aws.requests.map(({ operation, body }) => operation + body)).toEqual([
      'TerminateSession{"SessionId":"s-1"}',
      'TerminateSession{"SessionId":"s-1"}',
    ]);
  });

  test.each([
    ["alice-0123456789abcdef0", true],
    ["alice@example.com-gbghooq6a3u7ou3auziqq8rd4q", true],
    ["ecs-execute-command-0e86561fddf625dc1", true],
    ["s-1", false],
    ["nope", false],
    ["-0123456789abcdef0", false],
    ["alice 0123456789abcdef0", false],
  ])("terminate, refused as not valid: of %s an end is %p", async (sessionId, isEnd) => {
    useEnvironment();
    const refusal = jsonError(400, "ValidationException", "Session is not in a valid state");
    const aws = fakeAws(() => refusal);
    const api = createSessionApi(options({ endpoint: aws.url }));
    if (isEnd) await api.terminate(sessionId);
    else expect((await failureOf(api.terminate(sessionId))).message).toContain("is not in a valid state");
    expect(aws.requests).toHaveLength(1);
    // Of no other call does it mean an end.
    expect((await failureOf(api.resume(sessionId))).message).toContain("is not in a valid state");
  });

  test("names: the tags of all pages, without those that have none", async () => {
    useEnvironment();
    const pages = [
      {
        InstanceProperties: [
          { InstanceId: "i-1", Name: "one" },
          { InstanceId: "i-2", Name: "" },
        ],
        NextToken: "n",
      },
      { InstanceProperties: [{ InstanceId: "i-3", Name: "three" }, { InstanceId: "i-4" }] },
    ];
    const aws = fakeAws(() => ({ body: pages.shift() ?? {} }));
    const names = await createSsm(options({ endpoint: aws.url })).describeNames();
    expect([...names]).toEqual([
      ["i-1", "one"],
      ["i-3", "three"],
    ]);
    expect(aws.requests.map(({ operation, body }) => operation + body)).toEqual([
      'DescribeInstanceProperties{"MaxResults":100}',
      'DescribeInstanceProperties{"MaxResults":100,"NextToken":"n"}',
    ]);
  });

  test("start", async () => {
    useEnvironment();
    const aws = fakeAws(() => ({ body: { SessionId: "s", TokenValue: "t", StreamUrl: "wss://x" } }));
    const ssm = createSsm(options({ endpoint: aws.url }));
    expect(
      await ssm.startSession({
        target: "i-1",
        documentName: "AWS-StartInteractiveCommand",
        parameters: { command: ["top"] },
        reason: "why",
      }),
    ).toEqual({ sessionId: "s", tokenValue: "t", streamUrl: "wss://x" });
    expect(JSON.parse(aws.requests[0]?.body ?? "")).toEqual({
      Target: "i-1",
      DocumentName: "AWS-StartInteractiveCommand",
      Parameters: { command: ["top"] },
      Reason: "why",
    });
    await ssm.startSession({ target: "i-1" });
    expect(JSON.parse(aws.requests[1]?.body ?? "")).toEqual({ Target: "i-1" });
  });

  test("lists go on over pages and stop at the limit", async () => {
    useEnvironment();
    const aws = fakeAws(({ operation, body }) => {
      const { NextToken = "0" } = JSON.parse(body) as { NextToken?: string };
      const page = Number(NextToken);
      const items =
        operation === "DescribeSessions"
          ? { Sessions: [{ SessionId: `s-${page}` }] }
          : { InstanceInformationList: [{ InstanceId: `i-${page}` }] };
      return { body: { ...items, ...(page < 2 ? { NextToken: String(page + 1) } : {}) } };
    });
    const ssm = createSsm(options({ endpoint: aws.url }));
    expect((await ssm.describeInstances()).map(({ InstanceId }) => InstanceId)).toEqual([
      "i-0",
      "i-1",
      "i-2",
    ]);
    expect(await ssm.describeSessions({ State: "Active" }, 2)).toHaveLength(2);
    expect(aws.requests).toHaveLength(5);
    expect(JSON.parse(aws.requests[3]?.body ?? "")).toEqual({ State: "Active" });
    await ssm.describeInstances([{ Key: "PingStatus", Values: ["Online"] }], 1);
    expect(aws.requests.at(-1)?.body).toContain('"Filters":[{"Key":"PingStatus","Values":["Online"]}]');
  });

  test("connection status", async () => {
    useEnvironment();
    const answers = ["connected", "notconnected"];
    const aws = fakeAws(() => ({ body: { Target: "i-1", Status: answers.shift() } }));
    const ssm = createSsm(options({ endpoint: aws.url }));
    expect([await ssm.isConnected("i-1"), await ssm.isConnected("i-1")]).toEqual([true, false]);
  });

  test("each leaves one line in the log, without secrets", async () => {
    useEnvironment();
    const lines: [LogLevel, string, object | undefined][] = [];
    const aws = fakeAws(({ operation }) =>
      operation === "TerminateSession" ? jsonError(400, "AccessDeniedException", "no") : { body: {} },
    );
    const ssm = createSsm(
      options({ endpoint: aws.url, log: (...line) => lines.push([line[0], line[1], line[2]]) }),
    );
    await ssm.resume("s-1");
    expect(await failureOf(ssm.terminate("s-1"))).toBeInstanceOf(AccessDeniedError);
    expect(lines).toEqual([
      [
        "info",
        "aws call",
        { action: "ssm:ResumeSession", outcome: "ok", ms: expect.any(Number), httpStatus: 200 },
      ],
      [
        "warn",
        "aws call",
        {
          action: "ssm:TerminateSession",
          outcome: "AccessDeniedException",
          ms: expect.any(Number),
          httpStatus: 400,
        },
      ],
    ]);
  });
});

describe("the endpoint", () => {
  /** Tells where a call would have gone: a proxy that refuses every tunnel and keeps the name. */
  async function destination(over: Partial<SsmOptions> = {}): Promise<string> {
    const seen: string[] = [];
    const proxyFor = (url: string): string => {
      seen.push(url);
      return NOWHERE;
    };
    await failureOf(
      createSessionApi(options({ http: { proxyFor, tls: { rejectUnauthorized: true } }, ...over })).terminate(
        "s",
      ),
    );
    return seen[0] ?? "";
  }
  const bare = { AWS_ENDPOINT_URL: undefined };

  test("comes from the region", async () => {
    useEnvironment(bare);
    expect(await destination()).toBe("https://ssm.eu-west-1.amazonaws.com/");
    expect(await destination({ region: "cn-north-1" })).toBe("https://ssm.cn-north-1.amazonaws.com.cn/");
  });

  test("FIPS and dual stack, by variable and by profile", async () => {
    useEnvironment({ ...bare, AWS_USE_FIPS_ENDPOINT: "true" });
    expect(await destination({ region: "us-east-1" })).toBe("https://ssm-fips.us-east-1.amazonaws.com/");
    useEnvironment({ ...bare, AWS_USE_DUALSTACK_ENDPOINT: "true" });
    expect(await destination()).toBe("https://ssm.eu-west-1.api.aws/");
    const home = useEnvironment(bare);
    put(home, ".aws/config", "[profile p]\nuse_fips_endpoint = true\n");
    expect(await destination({ region: "us-east-1", profile: "p" })).toBe(
      "https://ssm-fips.us-east-1.amazonaws.com/",
    );
  });

  test("an endpoint that is named goes before everything else", async () => {
    useEnvironment({ AWS_ENDPOINT_URL_SSM: "http://other:1", AWS_USE_FIPS_ENDPOINT: "true" });
    expect(await destination({ endpoint: "http://named:2" })).toBe("http://named:2/");
  });

  test("variables: AWS_ENDPOINT_URL_SSM before AWS_ENDPOINT_URL", async () => {
    useEnvironment({ AWS_ENDPOINT_URL: "http://all:1", AWS_ENDPOINT_URL_SSM: "http://ssm:2" });
    expect(await destination()).toBe("http://ssm:2/");
    useEnvironment({ AWS_ENDPOINT_URL: "http://all:1" });
    expect(await destination()).toBe("http://all:1/");
  });

  test("the profile's endpoint_url and services section", async () => {
    const home = useEnvironment(bare);
    put(
      home,
      ".aws/config",
      "[profile p]\nendpoint_url = http://profile:1\n[profile q]\nservices = mine\n[services mine]\nssm =\n  endpoint_url = http://section:2\n",
    );
    expect(await destination({ profile: "p" })).toBe("http://profile:1/");
    expect(await destination({ profile: "q" })).toBe("http://section:2/");
    process.env["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"] = "true";
    expect(await destination({ profile: "p" })).toBe("https://ssm.eu-west-1.amazonaws.com/");
    delete process.env["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"];
    process.env["AWS_ENDPOINT_URL"] = "http://all:3";
    expect(await destination({ profile: "q" })).toBe("http://all:3/");
    process.env["AWS_ENDPOINT_URL_SSM"] = "http://ssm:4";
    expect(await destination({ profile: "q" })).toBe("http://ssm:4/");
  });
});

describe("the way", () => {
  test("no proxy: past those of the environment", async () => {
    useEnvironment({ HTTP_PROXY: NOWHERE, http_proxy: NOWHERE });
    const aws = fakeAws(() => ({ body: {} }));
    expect(await createSessionApi(options({ endpoint: aws.url })).resume("s")).toBeUndefined();
  });

  test("a proxy that wants a password: said, and final", async () => {
    useEnvironment();
    const proxy = fakeAws(() => ({ status: 407, body: "" }));
    const tls = { rejectUnauthorized: true } as const;
    for (const endpoint of ["http://ssm.example", "https://ssm.example"]) {
      const api = createSessionApi(options({ endpoint, http: { proxyFor: () => proxy.url, tls } }));
      const error = await failureOf(api.resume("s"));
      expect(error).toBeInstanceOf(UnreachableError);
      expect(error.message).toContain(`the proxy ${proxy.url} wants a user and a password (407). Write them`);
      expect(error.retryable).toBeFalse();
    }
  });

  test("a redirect is not followed", async () => {
    useEnvironment();
    const elsewhere = fakeAws(() => ({ body: { TokenValue: "stolen", StreamUrl: "wss://evil" } }));
    const portal = fakeAws(() => ({ status: 307, headers: { location: elsewhere.url }, body: "" }));
    const error = await failureOf(createSessionApi(options({ endpoint: portal.url })).resume("s"));
    expect(error).toBeInstanceOf(UnreachableError);
    expect(error.message).toContain("is a proxy or a login page in between?");
    expect(elsewhere.requests).toEqual([]);
  });

  test("https with a private authority, and without it refused", async () => {
    useEnvironment({ NODE_TLS_REJECT_UNAUTHORIZED: "0" });
    const directory = join(repositoryRoot, "tests/fixtures/certificates");
    const read = (file: string) => readFileSync(join(directory, file), "utf8");
    const server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      tls: { cert: read("server.pem"), key: read("server.key") },
      fetch: () => Response.json({}),
    });
    clearLater(() => server.stop(true));
    const api = (ca?: string[]) =>
      createSessionApi(
        options({
          endpoint: `https://127.0.0.1:${server.port}`,
          http: {
            proxyFor: () => undefined,
            tls: { rejectUnauthorized: true, ...(ca === undefined ? {} : { ca }) },
          },
        }),
      );
    expect(await api([read("ca.pem")]).resume("s")).toBeUndefined();
    const error = await failureOf(api([read("unrelated-ca.pem")]).resume("s"));
    expect(error).toBeInstanceOf(UnreachableError);
    expect(error.message).toContain("its certificate comes from an unknown authority");
    expect(error.message).toContain("AWS_CA_BUNDLE");
    expect((await failureOf(api().resume("s"))).message).toContain("unknown authority");
  });
});
