/** The answers of `--health`, and what it says of addresses that it cannot have. */
import { afterAll, describe, expect, test } from "bun:test";

import { HealthServer, readHealthAddress } from "../../../src/cli/readiness/health-server.ts";

const checks = { startup: "no session yet" as string | undefined, readiness: "waiting", liveness: undefined };
const server = new HealthServer(
  { host: "127.0.0.1", port: 0 },
  {
    startup: () => checks.startup,
    readiness: () => checks.readiness,
    liveness: () => checks.liveness,
    metrics: () => "ssm_plugin_ready 0\n",
  },
);
const url = `http://${server.address}`;
const get = async (path: string, init: RequestInit = {}): Promise<readonly [number, string]> => {
  const response = await fetch(url + path, init);
  return [response.status, await response.text()];
};

afterAll(() => server.close());

test("200 when all is well, 503 with the reason when not", async () => {
  expect(await get("/startup")).toEqual([503, "no session yet\n"]);
  expect(await get("/readiness?full=1")).toEqual([503, "waiting\n"]);
  expect(await get("/liveness")).toEqual([200, "ok\n"]);
  checks.startup = undefined;
  expect(await get("/startup")).toEqual([200, "ok\n"]);
  expect(await get("/startup", { method: "HEAD" })).toEqual([200, ""]);
});

test("metrics have their media type", async () => {
  const response = await fetch(`${url}/metrics`);
  expect(response.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
  expect(await response.text()).toBe("ssm_plugin_ready 0\n");
});

test("anything else is refused in words", async () => {
  expect(await get("/")).toEqual([404, "there are /startup, /readiness, /liveness and /metrics\n"]);
  expect(await get("/liveness", { method: "POST", body: "x" })).toEqual([405, "only GET and HEAD\n"]);
});

test.each(["[", "a b", "x:99999"])("a Host that is none is refused in words: %j", async (host) => {
  expect(await get("/readiness", { headers: { Host: host } })).toEqual([400, "the header Host is no host\n"]);
});

test("a check that fails shows nothing of the program", async () => {
  const fails = (): never => {
    throw new Error("inner workings");
  };
  const broken = new HealthServer(
    { host: "127.0.0.1", port: 0 },
    { startup: fails, readiness: fails, liveness: fails, metrics: fails },
  );
  const response = await fetch(`http://${broken.address}/metrics`);
  expect([response.status, await response.text()]).toEqual([500, "failed\n"]);
  broken.close();
});

describe("addresses", () => {
  test.each([
    ["9090", "127.0.0.1", 9090],
    ["0", "127.0.0.1", 0],
    [":9090", "0.0.0.0", 9090],
    ["*:9090", "0.0.0.0", 9090],
    ["10.0.0.1:9090", "10.0.0.1", 9090],
    ["[::1]:9090", "::1", 9090],
    ["localhost:9090", "localhost", 9090],
  ])("%s", (text, host, port) => {
    expect(readHealthAddress(text)).toEqual({ host, port });
  });

  test.each(["", "x", "65536", "-1", "::1:9090", "a b:1", "1:2:3", "[::1]", "http://127.0.0.1:1"])(
    "%j is none",
    (text) => {
      expect(() => readHealthAddress(text)).toThrow("--health must be PORT or BIND:PORT");
    },
  );

  test.each([
    [server.address, "address already in use"],
    ["192.0.2.1:0", "this machine has no such address"],
  ])("%s: %s", (text, why) => {
    const open = (): HealthServer => new HealthServer(readHealthAddress(text), { ...NO_CHECKS });
    expect(open).toThrow(`--health ${text}: bind: ${why}`);
  });

  test("an address of IPv6 is written in brackets", () => {
    const other = new HealthServer({ host: "::1", port: 0 }, { ...NO_CHECKS });
    expect(other.address).toMatch(/^\[::1\]:\d+$/);
    other.close();
  });
});

const NO_CHECKS = {
  startup: () => undefined,
  readiness: () => undefined,
  liveness: () => undefined,
  metrics: () => "",
};
