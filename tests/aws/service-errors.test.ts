/** What AWS and the network say, in our words: class, advice, and whether trying again may help. */
import { describe, expect, test } from "bun:test";

import {
  AccessDeniedError,
  CallNotMadeError,
  ClockSkewError,
  createSessionApi,
  createSsm,
  ExpiredCredentialsError,
  RefusedCallError,
  RejectedCredentialsError,
  ServiceFailureError,
  ThrottledError,
  UnreachableError,
} from "../../src/aws/index.ts";
import { describeNetworkFailure, proxyFault, proxyRefusal } from "../../src/aws/network-failure.ts";
import { toCallError } from "../../src/aws/service-errors.ts";
import {
  type Answer,
  failureOf,
  fakeAws,
  jsonError,
  NOWHERE,
  restoreEnvironmentAfterEach,
  useEnvironment,
} from "./support.ts";

restoreEnvironmentAfterEach();

const credentials = { accessKeyId: "AKIA1", secretAccessKey: "secret" };

async function failure(answer: Answer, profile?: string) {
  useEnvironment({ AWS_MAX_ATTEMPTS: "1" });
  const aws = fakeAws(() => answer);
  const ssm = createSsm({
    region: "eu-west-1",
    endpoint: aws.url,
    credentials,
    ...(profile === undefined ? {} : { profile }),
  });
  return await failureOf(ssm.startSession({ target: "i-1" }));
}

describe("answers of AWS", () => {
  const cases = [
    [
      "AccessDeniedException",
      400,
      "User x is not authorized.",
      AccessDeniedError,
      false,
      "AWS denied ssm:StartSession: User x is not authorized.",
    ],
    ["ThrottlingException", 400, "Rate exceeded", ThrottledError, true, "Try again in a moment"],
    [
      "TooManyRequestsException",
      429,
      "slow",
      ThrottledError,
      true,
      "AWS is throttling ssm:StartSession: slow",
    ],
    [
      "InternalServerError",
      500,
      "oops",
      ServiceFailureError,
      true,
      "failed at AWS's side (InternalServerError): oops",
    ],
    ["ServiceUnavailable", 503, "later", ServiceFailureError, true, "(ServiceUnavailable): later"],
    [
      "ExpiredTokenException",
      400,
      "expired",
      ExpiredCredentialsError,
      false,
      "have expired. Get new ones, for example with: aws sso login",
    ],
    [
      "UnrecognizedClientException",
      400,
      "The security token is invalid.",
      RejectedCredentialsError,
      false,
      "AWS does not accept the credentials",
    ],
    [
      "InvalidSignatureException",
      400,
      "The signature does not match",
      RejectedCredentialsError,
      false,
      "The signature does not match",
    ],
    [
      "TargetNotConnected",
      400,
      "i-1 is not connected.",
      RefusedCallError,
      false,
      "AWS refused ssm:StartSession (TargetNotConnected): i-1 is not connected",
    ],
    ["ValidationException", 400, "", RefusedCallError, false, "(ValidationException): no reason given"],
  ] as const;
  for (const [code, status, message, type, retryable, text] of cases) {
    test(`${code} ${status}`, async () => {
      const error = await failure(jsonError(status, code, message));
      expect(error).toBeInstanceOf(type);
      expect(error.message).toContain(text);
      expect(error.message).not.toContain("\n");
      expect(error.retryable).toBe(retryable);
      expect(error).toHaveProperty("call", { action: "ssm:StartSession", awsCode: code, httpStatus: status });
    });
  }

  test("the request's id is kept", async () => {
    const error = await failure({
      ...jsonError(400, "TargetNotConnected", "x"),
      headers: { "x-amzn-requestid": "r-1" },
    });
    expect(error).toHaveProperty("call.requestId", "r-1");
  });

  test("expired credentials name the profile to sign in with", async () => {
    const error = await failure(jsonError(400, "ExpiredTokenException", "expired"), "dev");
    expect(error.message).toContain("aws sso login --profile dev");
  });

  for (const [minutes, text] of [
    [42, "the clock of this machine is 42 minutes ahead of AWS's"],
    [-1, "the clock of this machine is 1 minute behind AWS's"],
  ] as const) {
    test(`a clock that is ${minutes} minutes off`, async () => {
      const error = await failure({
        ...jsonError(
          400,
          "InvalidSignatureException",
          "Signature expired: 20300101T000000Z is now earlier than …",
        ),
        headers: { date: new Date(Date.now() - minutes * 60_000).toUTCString() },
      });
      expect(error).toBeInstanceOf(ClockSkewError);
      expect(error.message).toContain(text);
      expect(error.retryable).toBeFalse();
    });
  }

  test("a clock that is off is made up for, where AWS tells the time", async () => {
    useEnvironment();
    const skewMs = 30 * 60_000;
    const aws = fakeAws(({ headers }) => {
      const date = headers.get("x-amz-date") ?? "";
      const signedAt = Date.parse(
        date.replace(/(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z/, "$1-$2-$3T$4:$5:$6Z"),
      );
      const now = new Date(Date.now() + skewMs);
      const good = Math.abs(now.getTime() - signedAt) < 300_000;
      return {
        ...(good ? { body: {} } : jsonError(403, "InvalidSignatureException", "Signature expired: x")),
        headers: { date: now.toUTCString() },
      };
    });
    const api = createSessionApi({ region: "eu-west-1", endpoint: aws.url, credentials });
    expect(await api.resume("s")).toBeUndefined();
    expect(aws.requests).toHaveLength(2);
  });

  test("a clock that is off by an unknown time", () => {
    const error = toCallError(
      Object.assign(new Error("late"), {
        name: "RequestExpired",
        $fault: "client",
        $metadata: { httpStatusCode: 400 },
      }),
      { action: "ssm:X" },
    );
    expect(error).toBeInstanceOf(ClockSkewError);
    expect(error.message).toContain("differs too much from AWS's");
  });

  test("pages that are not AWS's", async () => {
    for (const status of [200, 502, 404]) {
      const error = await failure({
        status,
        body: "<html>secret page</html>",
        headers: { "content-type": "text/html" },
      });
      expect(error.message).not.toContain("secret page");
      expect(error.message).not.toContain("\n");
      expect(error).toBeInstanceOf(UnreachableError);
      expect(error.message).toContain(`(HTTP status ${status}) is not AWS's`);
      expect(error.retryable).toBeTrue();
    }
  });

  test("a throttled call is tried again by itself", async () => {
    useEnvironment();
    const answers = [jsonError(400, "ThrottlingException", "slow"), { body: {} }];
    const aws = fakeAws(() => answers.shift() ?? { status: 500 });
    const api = createSessionApi({ region: "eu-west-1", endpoint: aws.url, credentials });
    expect(await api.resume("s")).toBeUndefined();
    expect(aws.requests).toHaveLength(2);
  });
});

describe("the way there", () => {
  test("a refused connection, an unknown name", async () => {
    useEnvironment();
    for (const [endpoint, text] of [
      [NOWHERE, "ssm:ResumeSession did not reach AWS: the connection was refused"],
      ["http://no-such-host.invalid", "ssm:ResumeSession did not reach AWS: its name"],
    ] as const) {
      const error = await failureOf(createSessionApi({ region: "r", endpoint, credentials }).resume("s"));
      expect(error).toBeInstanceOf(UnreachableError);
      expect(error.message).toContain(text);
      expect(error.retryable).toBeTrue();
    }
  });

  test("what the SDK objects to before it calls", async () => {
    useEnvironment({ AWS_USE_FIPS_ENDPOINT: "true" });
    const error = await failureOf(createSessionApi({ region: "r", credentials }).resume("s"));
    expect(error).toBeInstanceOf(CallNotMadeError);
    expect(error.message).toContain("FIPS and custom endpoint are not supported");
  });

  const failing = (name: string, code?: string) =>
    Object.assign(
      new Error("path https://user:hunter2@x/?token=hunter2"),
      { name },
      code === undefined ? {} : { code },
    );
  for (const [error, text] of [
    [failing("TypeError", "ECONNRESET"), "the connection was cut (ECONNRESET)"],
    [failing("TypeError", "CERT_HAS_EXPIRED"), "its certificate has expired (CERT_HAS_EXPIRED)"],
    [failing("TypeError", "ERR_TLS_CERT_ALTNAME_INVALID"), "its certificate is for another host"],
    [failing("TypeError", "SELF_SIGNED_CERT_IN_CHAIN"), "unknown authority (SELF_SIGNED_CERT_IN_CHAIN)"],
    [failing("TimeoutError"), "there was no answer in time"],
    [failing("AbortError"), "there was no answer in time"],
    [failing("TypeError", "SOMETHING_NEW"), "TypeError SOMETHING_NEW"],
    [failing("Error"), "Error"],
  ] as const) {
    test(text, () => {
      const described = describeNetworkFailure(error);
      expect(described.text).toContain(text);
      expect(described.text).not.toContain("hunter2");
      expect(described.retryable).toBeTrue();
    });
  }

  test("something thrown that is no error", () => {
    expect(describeNetworkFailure("x")).toEqual({ text: "x", retryable: true });
  });

  const URL = "https://ssm.example/";
  const PROXY = "http://me:hunter2@proxy.example:3128";

  test("proxies that refuse: rules are final, trouble is not; nothing of their URL but the host is said", () => {
    expect(proxyRefusal(URL, "http://proxy.example:3128", "407 Proxy Authentication Required")).toMatchObject(
      {
        message:
          "the proxy http://proxy.example:3128 wants a user and a password (407). " +
          "Write them into its URL: HTTPS_PROXY=http://user:password@proxy.example:3128",
        retryable: false,
      },
    );
    expect(proxyRefusal(URL, PROXY, "407")).toMatchObject({
      message:
        "the proxy http://proxy.example:3128 does not take the user and password of its URL (407). " +
        "Check HTTPS_PROXY; special characters in them have to be percent-encoded",
      retryable: false,
    });
    expect(proxyRefusal(URL, PROXY, "403 Forbidden")).toMatchObject({
      message:
        "the proxy http://proxy.example:3128 refused the connection (403). " +
        "Check HTTPS_PROXY, or put ssm.example into NO_PROXY to connect without it",
      retryable: false,
    });
    expect(proxyRefusal("http://ssm.example/", PROXY, "502").message).toContain("Check HTTP_PROXY,");
    expect(proxyRefusal(URL, PROXY, "502 Bad Gateway").retryable).toBeTrue();
    expect(proxyRefusal(URL, PROXY, "no status")).toMatchObject({ retryable: true });
  });

  test("what is the proxy's own fault and what may be anybody's", () => {
    expect(proxyFault(URL, PROXY, failing("TypeError", "ECONNREFUSED"))?.message).toBe(
      "the proxy http://proxy.example:3128 cannot be reached: the connection was refused (ECONNREFUSED). " +
        "Check HTTPS_PROXY, or put ssm.example into NO_PROXY to connect without it",
    );
    expect(proxyFault(URL, PROXY, failing("TypeError", "ENOTFOUND"))?.message).toContain(
      "its name is unknown",
    );
    expect(
      proxyFault("http://ssm.example/", PROXY, failing("TypeError", "CERT_HAS_EXPIRED"))?.message,
    ).toContain("its certificate has expired");
    expect(proxyFault(URL, "https://proxy.example", failing("TypeError", "CERT_HAS_EXPIRED"))?.message).toBe(
      "the proxy https://proxy.example or the host behind it cannot be trusted: " +
        "its certificate has expired (CERT_HAS_EXPIRED)",
    );
    for (const code of ["CERT_HAS_EXPIRED", "ECONNRESET"]) {
      expect(proxyFault(URL, PROXY, failing("TypeError", code))).toBeUndefined();
    }
    expect(proxyFault(URL, PROXY, failing("TimeoutError"))).toBeUndefined();
    expect(proxyFault(URL, PROXY, "x")).toBeUndefined();
  });
});
