/** What a TARGET word means, and how often the service is asked for it. */
import { describe, expect, test } from "bun:test";

import { TargetError } from "../../src/cli/errors.ts";
import { describeTarget, type Node, type NodeDirectory, resolveTarget } from "../../src/cli/target.ts";

type Filters = Parameters<NodeDirectory["describeInstances"]>[0];

const NODES: readonly (Node & { readonly tags?: Readonly<Record<string, string>> })[] = [
  {
    InstanceId: "i-0000000a",
    IPAddress: "10.0.0.1",
    ComputerName: "web.example",
    tags: { Name: "web-1", Role: "web" },
  },
  { InstanceId: "i-0000000b", IPAddress: "10.0.0.2", ComputerName: "DB", tags: { Name: "db", Role: "db" } },
  {
    InstanceId: "i-0000000c",
    IPAddress: "10.0.0.3",
    ComputerName: "twin.a",
    tags: { Name: "twin", Role: "web" },
    PingStatus: "Online",
  },
  {
    InstanceId: "i-0000000d",
    IPAddress: "10.0.0.4",
    ComputerName: "twin.b",
    tags: { Name: "twin", Empty: "" },
    PingStatus: "ConnectionLost",
  },
  { InstanceId: "i-0000000e", IPAddress: "2001:db8::6", tags: { Name: "team:blue" } },
  { InstanceId: "mi-00000000000000001", Name: "office", IPAddress: "10.0.0.4", PlatformType: "Windows" },
];

/** A directory that answers filters as SSM does, and remembers the questions. */
function directory(nodes: typeof NODES = NODES): NodeDirectory & { readonly asked: Filters[] } {
  const asked: Filters[] = [];
  return {
    asked,
    describeInstances(filters = [], limit = Infinity) {
      asked.push(filters);
      const found = nodes.filter(({ InstanceId = "", tags = {} }) =>
        filters.every(({ Key = "", Values = [] }) =>
          Values.includes(Key === "InstanceIds" ? InstanceId : (tags[Key.slice("tag:".length)] ?? "\0")),
        ),
      );
      return Promise.resolve(found.slice(0, limit));
    },
  };
}

async function refusal(word: string): Promise<string> {
  try {
    await resolveTarget(directory(), word);
  } catch (error) {
    expect(error).toBeInstanceOf(TargetError);
    return (error as Error).message;
  }
  throw new Error(`${word} was resolved`);
}

describe("taken as it is, without a question", () => {
  test.each([
    "i-0123456789abcdef0",
    "i-12345678",
    "mi-0123456789abcdef0",
    "ecs:cluster_0123abcd_0123abcd-42",
    "ecs:cluster_task",
    "codebuild:0123abcd",
    "sagemaker-cluster:0123abcd_workers-i-0123456789abcdef0",
  ])("%s", async (word) => {
    const ssm = directory();
    expect(await resolveTarget(ssm, word)).toEqual({ id: word, platform: undefined });
    expect(ssm.asked).toEqual([]);
  });
});

describe("looked up", () => {
  test.each([
    ["web-1", "i-0000000a"],
    ["tag:Role=db", "i-0000000b"],
    ["tag:Name=web-1", "i-0000000a"],
    ["10.0.0.1", "i-0000000a"],
    ["web.example", "i-0000000a"],
    ["web", "i-0000000a"],
    ["WEB", "i-0000000a"],
    ["office", "mi-00000000000000001"],
    ["2001:db8::6", "i-0000000e"],
    ["[2001:DB8::6]", "i-0000000e"],
    ["team:blue", "i-0000000e"],
    ["lambda:0123abcd", "lambda:0123abcd"],
  ])("%s is %s", async (word, id) => {
    expect((await resolveTarget(directory(), word)).id).toBe(id);
  });

  test("tags and names are filtered by the service", async () => {
    const ssm = directory();
    await resolveTarget(ssm, "tag:Role=db");
    await resolveTarget(ssm, "db");
    expect(ssm.asked).toEqual([[{ Key: "tag:Role", Values: ["db"] }], [{ Key: "tag:Name", Values: ["db"] }]]);
  });

  test("the platform comes with it, or is asked for by the id", async () => {
    const ssm = directory();
    expect((await describeTarget(ssm, await resolveTarget(ssm, "office"))).platform).toBe("Windows");
    expect((await describeTarget(ssm, { id: "mi-00000000000000001", platform: undefined })).platform).toBe(
      "Windows",
    );
    expect((await describeTarget(ssm, { id: "i-0000000a", platform: undefined })).platform).toBeUndefined();
    const denied: NodeDirectory = { describeInstances: () => Promise.reject(new Error("denied")) };
    expect(
      (await describeTarget(denied, { id: "i-0000000a", platform: undefined })).platform,
    ).toBeUndefined();
  });
});

describe("refused", () => {
  test.each([
    ["nobody", /no target is called "nobody". See: session-manager-plugin targets/],
    ["i-xyz", /no target is called "i-xyz"/],
    ["10.0.0.9", /no target is called/],
    ["tag:Role", /must have the form tag:KEY=VALUE/],
    ["tag:=x", /must have the form tag:KEY=VALUE/],
    ["tag:Role=", /must have the form tag:KEY=VALUE/],
    ["2001:db8::9", /no target is called "2001:db8::9"/],
    ["[2001:db8::9]", /no target is called/],
    ["fe80::1%eth0", /no target is called/],
    ["tag:Role=nobody", /no target is called/],
  ])("%s", async (word, says) => {
    expect(await refusal(word)).toMatch(says);
  });

  test("several are listed with what tells them apart", async () => {
    const twin = "i-0000000c (twin.a, Online), i-0000000d (twin.b, ConnectionLost)";
    expect(await refusal("twin")).toBe(`"twin" means 2 targets, name one by its id: ${twin}`);
    expect(await refusal("10.0.0.4")).toMatch(/means 2 targets.*i-0000000d.*mi-0{16}1 \(office\)/);
  });

  test("very many are cut short", async () => {
    const many = Array.from({ length: 30 }, (_, index) => ({
      InstanceId: `i-${index}`,
      tags: { Name: "many" },
    }));
    await expect(resolveTarget(directory(many), "many")).rejects.toThrow(/means 30 targets.* and 10 more$/);
  });
});
