/** Where SSM is by region, variables and profile, and what an endpoint's answer or silence comes to. */
import { afterAll, describe, expect, test } from "bun:test";

import { probe, ssmUrl } from "../../src/aws/index.ts";
import { put, restoreEnvironmentAfterEach, useEnvironment } from "./support.ts";

restoreEnvironmentAfterEach();

describe("SSM's URL", () => {
  const urlOf = async (options: Parameters<typeof ssmUrl>[0]): Promise<string> =>
    (await ssmUrl(options)).href;

  test("by region, in every partition", async () => {
    useEnvironment({ AWS_ENDPOINT_URL: undefined });
    expect(await urlOf({ region: "eu-central-1" })).toBe("https://ssm.eu-central-1.amazonaws.com/");
    expect(await urlOf({ region: "cn-north-1" })).toBe("https://ssm.cn-north-1.amazonaws.com.cn/");
    expect(await urlOf({ region: "eusc-de-east-1" })).toBe("https://ssm.eusc-de-east-1.amazonaws.eu/");
  });

  test("as it is given, with its port", async () => {
    useEnvironment({ AWS_ENDPOINT_URL: undefined });
    expect(await urlOf({ region: "us-east-1", endpoint: "http://127.0.0.1:4566" })).toBe(
      "http://127.0.0.1:4566/",
    );
  });

  test("by variables", async () => {
    useEnvironment({ AWS_ENDPOINT_URL: undefined, AWS_USE_FIPS_ENDPOINT: "true" });
    expect(await urlOf({ region: "us-east-1" })).toBe("https://ssm-fips.us-east-1.amazonaws.com/");
    useEnvironment({ AWS_ENDPOINT_URL_SSM: "http://127.0.0.1:99" });
    expect(await urlOf({ region: "us-east-1" })).toBe("http://127.0.0.1:99/");
  });

  test("by the profile that is named", async () => {
    put(
      useEnvironment({ AWS_ENDPOINT_URL: undefined }),
      ".aws/config",
      "[profile local]\nendpoint_url = http://127.0.0.1:77\n",
    );
    expect(await urlOf({ region: "us-east-1", profile: "local" })).toBe("http://127.0.0.1:77/");
  });
});

describe("asking an endpoint", () => {
  const direct = { proxyFor: () => undefined, tls: { rejectUnauthorized: true } } as const;
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: () => new Response("no", { status: 404, headers: { date: "Thu, 01 Jan 2026 12:00:00 GMT" } }),
  });
  const mute = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  afterAll(() => {
    mute.stop(true);
    void server.stop(true);
  });

  test("any answer will do; its date is told", async () => {
    expect(await probe(direct, server.url, 2_000)).toMatchObject({
      kind: "answered",
      httpStatus: 404,
      dateMs: Date.UTC(2026, 0, 1, 12),
    });
  });

  test("what goes wrong is told in words", async () => {
    const nobody = new URL("http://127.0.0.1:1");
    expect(await probe(direct, nobody, 2_000)).toMatchObject({ kind: "failed", code: "ECONNREFUSED" });
    const silent = new URL(`http://127.0.0.1:${mute.port}`);
    expect(await probe(direct, silent, 200)).toEqual({
      kind: "failed",
      text: "there was no answer in time",
      code: "",
    });
  });
});
