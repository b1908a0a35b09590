/** What verify makes of `bun audit`: canned answers, and the real command against a registry of our own. */

import { afterAll, describe, expect, test } from "bun:test";

import { audit, judgeAudit } from "./audit.ts";
import { environment } from "./environment.ts";

const advisory = (severity: string) => ({
  id: 1,
  url: "https://github.com/advisories/GHSA-aaaa-bbbb-cccc",
  title: "Bad thing",
  severity,
  vulnerable_versions: "<99",
});

describe("the answer", () => {
  test.each([
    ["nothing known", 0, "{}", "", "clean"],
    ["only lesser ones", 0, JSON.stringify({ zod: [advisory("moderate")] }), "", "clean"],
    ["a high one", 1, JSON.stringify({ zod: [advisory("high")] }), "", "vulnerable"],
    ["a critical one", 1, JSON.stringify({ zod: [advisory("critical")] }), "", "vulnerable"],
    ["a severity that is new", 1, JSON.stringify({ zod: [advisory("dire")] }), "", "vulnerable"],
    ["no such endpoint", 1, "", "error: POST https://registry.example/bulk - 405\n", "not asked"],
    ["no network", 1, "", "error: ConnectionRefused\n", "not asked"],
    ["a login page", 1, "", "error: returned a non-JSON audit response\n", "not asked"],
    ["an error object", 1, '{"error":"no"}', "", "not asked"],
    ["an array", 0, "[]", "", "not asked"],
    ["nothing at all", 0, "", "", "not asked"],
    ["silence", null, "", "", "not asked"],
  ] as const)("%s", (_name, exitCode, stdout, stderr, verdict) => {
    expect(judgeAudit({ exitCode, stdout, stderr }).verdict).toBe(verdict);
  });

  test("names package, severity and advisory of the serious ones, and why nobody was asked", () => {
    const stdout = JSON.stringify({ zod: [advisory("low"), advisory("high")] });
    expect(judgeAudit({ exitCode: 1, stdout, stderr: "" }).text).toBe(
      "zod <99: high: Bad thing https://github.com/advisories/GHSA-aaaa-bbbb-cccc",
    );
    expect(judgeAudit({ exitCode: 1, stdout: "", stderr: "error: 405\nmore" }).text).toBe("error: 405");
  });
});

describe("the command", () => {
  const asked: string[][] = [];
  let answer: () => Response | Promise<Response> = () => Response.json({});
  const registry = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      asked.push(
        Object.keys(
          JSON.parse(new TextDecoder().decode(Bun.gunzipSync(await request.arrayBuffer()))) as object,
        ),
      );
      return await answer();
    },
  });
  afterAll(() => registry.stop(true));
  const run = (timeoutMs?: number) => {
    const url = registry.url.href;
    return audit({ ...environment(), NPM_CONFIG_REGISTRY: url, npm_config_registry: url }, timeoutMs);
  };

  test("asks for what is shipped, not for what is for development only", async () => {
    expect(await run()).toMatchObject({ verdict: "clean" });
    const packages = asked.flat();
    expect(packages).toContain("@aws-sdk/client-ssm");
    expect(packages).not.toContain("bun");
  });

  test("a high vulnerability is told", async () => {
    answer = () => Response.json({ zod: [advisory("high")] });
    expect(await run()).toMatchObject({
      verdict: "vulnerable",
      text: expect.stringContaining("zod <99: high"),
    });
  });

  test("a registry without that endpoint, and one that says nothing, are passed over", async () => {
    answer = () => new Response("", { status: 405 });
    expect(await run()).toMatchObject({ verdict: "not asked", text: expect.stringContaining("405") });
    answer = () => new Promise<Response>(() => undefined);
    expect(await run(500)).toMatchObject({ verdict: "not asked" });
  });
});
