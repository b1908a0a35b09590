/** The operations of the API as AWS's own client sees them. */
import { afterEach, describe, expect, test } from "bun:test";

import {
  DescribeInstanceInformationCommand,
  DescribeInstancePropertiesCommand,
  DescribeSessionsCommand,
  GetConnectionStatusCommand,
  paginateDescribeInstanceInformation,
  ResumeSessionCommand,
  type SSMClient,
  StartSessionCommand,
  type StartSessionCommandInput,
  TerminateSessionCommand,
} from "@aws-sdk/client-ssm";

import {
  ApiError,
  type Simulator,
  type SimulatorOptions,
  startSimulator,
} from "../../src/simulator/index.ts";
import { OFFLINE, ONLINE, ssmClient } from "./channel-client.ts";
import { fakeAgent, type FakeAgentSession } from "./fake-agent.ts";

let simulator: Simulator | undefined;

afterEach(async () => {
  await simulator?.stop();
  simulator = undefined;
});

async function scene(
  options: SimulatorOptions = {},
): Promise<{ readonly running: Simulator; readonly ssm: SSMClient; readonly agents: FakeAgentSession[] }> {
  const { sessions, startAgent } = fakeAgent();
  simulator = await startSimulator({ agentStart: "session", ...options, startAgent });
  return { running: simulator, ssm: ssmClient(simulator), agents: sessions };
}

/** `Name: message` of what a call is refused with. */
async function refusal(call: Promise<unknown>): Promise<string> {
  return await call.then(
    () => "accepted",
    (error: unknown) => (error instanceof Error ? `${error.name}: ${error.message}` : "?"),
  );
}

describe("StartSession", () => {
  test("hands out an id, a token and a stream URL with a cell number", async () => {
    const { running, ssm, agents } = await scene();
    const answer = await ssm.send(new StartSessionCommand({ Target: ONLINE, Reason: "because" }));
    expect(answer.SessionId).toMatch(/^demo-user-[0-9a-f]{17}$/);
    expect(answer.TokenValue?.length).toBeGreaterThan(100);
    const url = new URL(answer.StreamUrl ?? "");
    expect(`${url.protocol}//${url.host}${url.pathname}`).toBe(
      `ws://127.0.0.1:${running.port}/v1/data-channel/${answer.SessionId}`,
    );
    expect(url.searchParams.get("role")).toBe("publish_subscribe");
    expect(url.searchParams.get("cell-number")).toMatch(/^AA\/.*==$/);
    expect(agents[0]?.task).toEqual({ sessionType: "Standard_Stream" });
    expect(running.session(answer.SessionId ?? "")).toMatchObject({
      target: ONLINE,
      document: "SSM-SessionManagerRunShell",
      reason: "because",
      status: "Connecting",
    });
  });

  test.each<[string, NonNullable<StartSessionCommandInput["Parameters"]>, object]>([
    [
      "AWS-StartInteractiveCommand",
      { command: ["top -b"] },
      { sessionType: "InteractiveCommands", command: "top -b" },
    ],
    [
      "AWS-StartNonInteractiveCommand",
      { command: ["ls $HOME"] },
      {
        sessionType: "NonInteractiveCommands",
        command: "ls $HOME",
        separateOutput: false,
        stdOutPrefix: "",
        stdErrPrefix: "",
      },
    ],
    [
      "AWS-StartNonInteractiveCommand",
      {
        command: ["{{separateOutputStream}} $& $1"],
        separateOutputStream: ["true"],
        stdOutSeparatorPrefix: ["out:"],
        stdErrSeparatorPrefix: ["err:"],
      },
      {
        sessionType: "NonInteractiveCommands",
        command: "{{separateOutputStream}} $& $1",
        separateOutput: true,
        stdOutPrefix: "out:",
        stdErrPrefix: "err:",
      },
    ],
    [
      "AWS-StartPortForwardingSession",
      { portNumber: ["8080"] },
      {
        sessionType: "Port",
        properties: { localPortNumber: "0", portNumber: "8080", type: "LocalPortForwarding" },
      },
    ],
    [
      "AWS-StartPortForwardingSessionToRemoteHost",
      { host: ["db.example"], portNumber: ["5432"], localPortNumber: ["15432"] },
      {
        sessionType: "Port",
        properties: {
          host: "db.example",
          localPortNumber: "15432",
          portNumber: "5432",
          type: "LocalPortForwarding",
        },
      },
    ],
    [
      "AWS-StartPortForwardingSessionToSocket",
      { portNumber: ["5432"], localUnixSocket: ["/tmp/db.sock"] },
      {
        sessionType: "Port",
        properties: {
          localConnectionType: "unix",
          localUnixSocket: "/tmp/db.sock",
          portNumber: "5432",
          type: "LocalPortForwarding",
        },
      },
    ],
    ["AWS-StartSSHSession", {}, { sessionType: "Port", properties: { portNumber: "22" } }],
    ["Custom-Bad", { kind: ["Foo"] }, { sessionType: "Port", properties: { portNumber: "x", type: "Foo" } }],
  ])("%s with %o", async (DocumentName, Parameters, task) => {
    const { ssm, agents } = await scene({
      documents: {
        "Custom-Bad": {
          sessionType: "Port",
          parameters: { kind: {} },
          properties: { portNumber: "x", type: "{{ kind }}" },
        },
      },
    });
    await ssm.send(new StartSessionCommand({ Target: ONLINE, DocumentName, Parameters }));
    expect(agents[0]?.task).toEqual(task as never);
  });

  test("port properties stand in the handshake in the order of recorded ones", async () => {
    const { ssm, agents } = await scene();
    await ssm.send(
      new StartSessionCommand({
        Target: ONLINE,
        DocumentName: "AWS-StartPortForwardingSession",
        Parameters: { portNumber: ["36779"] },
      }),
    );
    const recordings = new URL("../fixtures/recordings/", import.meta.url).pathname;
    const lines = (await Bun.file(`${recordings}port-mux-resume.jsonl`).text()).split("\n");
    const recorded = lines
      .map((line) =>
        line === "" ? "" : Buffer.from((JSON.parse(line) as { hex?: string }).hex ?? "", "hex").toString(),
      )
      .find((text) => text.includes("RequestedClientActions"));
    expect(recorded).toContain(`"Properties":${JSON.stringify(agents[0]?.task.properties)}`);
  });

  test("is refused as AWS refuses it", async () => {
    const { ssm } = await scene();
    const start = async (request: object): Promise<string> =>
      await refusal(ssm.send(new StartSessionCommand(request as StartSessionCommandInput)));
    expect(await start({ Target: OFFLINE })).toBe(`TargetNotConnected: ${OFFLINE} is not connected.`);
    expect(await start({ Target: "i-00000000000000000" })).toBe(
      "TargetNotConnected: i-00000000000000000 is not connected.",
    );
    expect(await start({})).toBe(
      "ValidationException: 1 validation error detected: Value null at 'target' failed to satisfy constraint: Member must not be null",
    );
    expect(await start({ Target: ONLINE, DocumentName: "No" })).toStartWith("ValidationException: ");
    for (const DocumentName of ["Nope", "toString", "AWS-RunShellScript"])
      expect(await start({ Target: ONLINE, DocumentName })).toBe(
        `InvalidDocument: Document with name ${DocumentName} does not exist.`,
      );
    const port = "AWS-StartPortForwardingSession";
    for (const [DocumentName, Parameters] of [
      [port, { portNumber: ["http"] }],
      [port, { portNumber: ["0"] }],
      [port, { portNumber: ["1", "2"] }],
      [port, { portNumber: [] }],
      [port, { portNumber: ["22\n"] }],
      [port, { port: ["22"] }],
      ["AWS-StartPortForwardingSessionToRemoteHost", { portNumber: ["22"] }],
      ["AWS-StartPortForwardingSessionToRemoteHost", { host: ["a;b c"], portNumber: ["22"] }],
      ["AWS-StartPortForwardingSessionToSocket", { portNumber: ["22"] }],
      ["AWS-StartInteractiveCommand", {}],
      ["AWS-StartNonInteractiveCommand", { command: ["ls"], separateOutputStream: ["yes"] }],
      ["SSM-SessionManagerRunShell", { command: ["ls"] }],
    ] as const)
      expect(await start({ Target: ONLINE, DocumentName, Parameters })).toStartWith("InvalidParameters: ");
    expect(await start({ Target: ONLINE, Parameters: { command: "ls" } })).toStartWith(
      "SerializationException: ",
    );
  });

  test("is denied to whom options deny it; a hook may refuse anything", async () => {
    const { ssm } = await scene({
      targets: [{ id: "i-a" }, { id: "i-b" }],
      denied: [{ operation: "StartSession", target: "i-a" }, { operation: "DescribeSessions" }],
      hooks: {
        call: (operation) =>
          operation === "GetConnectionStatus" ? new ApiError("InternalServerError", "oops", 500) : undefined,
      },
    });
    expect(await refusal(ssm.send(new StartSessionCommand({ Target: "i-a" })))).toStartWith(
      "AccessDeniedException: User: arn:aws:iam::111122223333:user/demo-user is not authorized to perform: ssm:StartSession on resource: arn:aws:ec2:us-east-1:111122223333:instance/i-a",
    );
    expect(await refusal(ssm.send(new StartSessionCommand({ Target: "i-b" })))).toBe("accepted");
    expect(await refusal(ssm.send(new DescribeSessionsCommand({ State: "Active" })))).toStartWith(
      "AccessDeniedException: ",
    );
    expect(await refusal(ssm.send(new GetConnectionStatusCommand({ Target: "i-b" })))).toBe(
      "InternalServerError: oops",
    );
  });
});

describe("ResumeSession and TerminateSession", () => {
  test("know sessions that are, were and never were", async () => {
    const { running, ssm, agents } = await scene();
    const {
      SessionId = "",
      TokenValue,
      StreamUrl,
    } = await ssm.send(new StartSessionCommand({ Target: ONLINE }));
    const resumed = await ssm.send(new ResumeSessionCommand({ SessionId }));
    expect(resumed.SessionId).toBe(SessionId);
    expect(resumed.TokenValue).not.toBe(TokenValue);
    expect(resumed.StreamUrl).not.toBe(StreamUrl);
    expect((await ssm.send(new TerminateSessionCommand({ SessionId }))).SessionId).toBe(SessionId);
    expect(agents[0]?.terminated).toBe(true);
    const { $metadata: _, ...gone } = await ssm.send(new ResumeSessionCommand({ SessionId }));
    expect(gone as object).toEqual({ SessionId });
    expect(await refusal(ssm.send(new TerminateSessionCommand({ SessionId })))).toBe(
      "ValidationException: Session is not in a valid state",
    );
    const unknown = { SessionId: "demo-user-0" };
    const message = "DoesNotExistException: Session demo-user-0 does not exist.";
    expect(await refusal(ssm.send(new ResumeSessionCommand(unknown)))).toBe(message);
    expect(await refusal(ssm.send(new TerminateSessionCommand(unknown)))).toBe(message);
    expect(running.counters).toMatchObject({
      calls: { StartSession: 1, ResumeSession: 3, TerminateSession: 3 },
      errors: { DoesNotExistException: 2, ValidationException: 1 },
    });
  });
});

describe("looking around", () => {
  const targets = Array.from({ length: 23 }, (_, index) => ({
    id: index === 5 ? "mi-0123456789abcdef5" : `i-${String(index).padStart(17, "0")}`,
    name: `host-${index}`,
    connected: index % 2 === 0,
    tags: { Stage: index < 3 ? "prod" : "test" },
    ...(index === 7 ? { platformType: "Windows" as const, agentVersion: "3.1.0.0" } : {}),
  }));

  test("DescribeInstanceInformation gives pages and honours filters", async () => {
    const { ssm } = await scene({ targets });
    const pages: number[] = [];
    const ids: (string | undefined)[] = [];
    for await (const { InstanceInformationList = [] } of paginateDescribeInstanceInformation(
      { client: ssm, pageSize: 10 },
      {},
    )) {
      pages.push(InstanceInformationList.length);
      ids.push(...InstanceInformationList.map(({ InstanceId }) => InstanceId));
    }
    expect(pages).toEqual([10, 10, 3]);
    expect(ids).toEqual(targets.map(({ id }) => id));
    const find = async (Key: string, ...Values: string[]): Promise<number> =>
      (await ssm.send(new DescribeInstanceInformationCommand({ Filters: [{ Key, Values }], MaxResults: 50 })))
        .InstanceInformationList?.length ?? -1;
    expect(await find("PingStatus", "Online")).toBe(12);
    expect(await find("InstanceIds", "mi-0123456789abcdef5", "i-1")).toBe(1);
    expect(await find("ResourceType", "ManagedInstance")).toBe(1);
    expect(await find("PlatformTypes", "Windows")).toBe(1);
    expect(await find("tag:Name", "host-3", "host-4")).toBe(2);
    expect(await find("tag:Stage", "prod")).toBe(3);
    expect(await find("tag:Nothing", "prod")).toBe(0);
    expect(await find("tag-key", "Stage")).toBe(23);
    expect(
      await refusal(
        ssm.send(new DescribeInstanceInformationCommand({ Filters: [{ Key: "Nope", Values: ["x"] }] })),
      ),
    ).toStartWith("InvalidFilterKey: ");
    expect(await refusal(ssm.send(new DescribeInstanceInformationCommand({ NextToken: "x" })))).toStartWith(
      "InvalidNextToken: ",
    );
    expect(await refusal(ssm.send(new DescribeInstanceInformationCommand({ MaxResults: 3 })))).toStartWith(
      "ValidationException: ",
    );
    const [windows] =
      (
        await ssm.send(
          new DescribeInstanceInformationCommand({
            InstanceInformationFilterList: [{ key: "AgentVersion", valueSet: ["3.1.0.0"] }],
          }),
        )
      ).InstanceInformationList ?? [];
    expect(windows).toMatchObject({
      PlatformType: "Windows",
      PingStatus: "ConnectionLost",
      IPAddress: "10.0.0.10",
    });
    expect(windows?.LastPingDateTime).toBeInstanceOf(Date);
  });

  test("DescribeInstanceProperties tells the tag Name of nodes; targets of other services are not listed", async () => {
    const { ssm } = await scene({
      targets: [
        ...targets,
        { id: "ecs:a_b_c", name: "task" },
        { id: "i-00000000000000abc", tags: { Stage: "x" } },
      ],
    });
    const { InstanceProperties = [], NextToken } = await ssm.send(new DescribeInstancePropertiesCommand({}));
    expect(InstanceProperties.map(({ Name }) => Name)).toEqual(targets.slice(0, 10).map(({ name }) => name));
    const rest = await ssm.send(new DescribeInstancePropertiesCommand({ MaxResults: 1_000, NextToken }));
    expect(rest.InstanceProperties).toHaveLength(14);
    expect(rest.InstanceProperties?.at(-1)).toMatchObject({ InstanceId: "i-00000000000000abc", Name: "" });
    const all = await ssm.send(new DescribeInstanceInformationCommand({ MaxResults: 50 }));
    expect(all.InstanceInformationList).toHaveLength(24);
  });

  test("DescribeSessions tells active from ended ones, newest first", async () => {
    const { ssm } = await scene({ targets });
    const ids: string[] = [];
    for (let index = 0; index < 3; index++) {
      const { SessionId = "" } = await ssm.send(
        new StartSessionCommand({ Target: targets[2 * index]?.id, Reason: `reason ${index}` }),
      );
      ids.push(SessionId);
    }
    await ssm.send(new TerminateSessionCommand({ SessionId: ids[1] }));
    const active = await ssm.send(new DescribeSessionsCommand({ State: "Active" }));
    expect(active.Sessions?.map(({ SessionId }) => SessionId)).toEqual([ids[2], ids[0]]);
    expect(active.Sessions?.[0]).toMatchObject({
      Target: targets[4]?.id,
      Status: "Connecting",
      Reason: "reason 2",
      DocumentName: "SSM-SessionManagerRunShell",
      Owner: "arn:aws:iam::111122223333:user/demo-user",
    });
    const history = await ssm.send(new DescribeSessionsCommand({ State: "History" }));
    expect(history.Sessions?.map(({ SessionId, Status }) => [SessionId, Status])).toEqual([
      [ids[1], "Terminated"],
    ]);
    expect(history.Sessions?.[0]?.EndDate).toBeInstanceOf(Date);
    const filtered = await ssm.send(
      new DescribeSessionsCommand({ State: "Active", Filters: [{ key: "Target", value: targets[0]?.id }] }),
    );
    expect(filtered.Sessions?.map(({ SessionId }) => SessionId)).toEqual([ids[0]]);
    const first = await ssm.send(new DescribeSessionsCommand({ State: "Active", MaxResults: 1 }));
    const second = await ssm.send(
      new DescribeSessionsCommand({ State: "Active", MaxResults: 1, NextToken: first.NextToken }),
    );
    expect([first, second].map(({ Sessions }) => Sessions?.[0]?.SessionId)).toEqual([ids[2], ids[0]]);
    expect(second.NextToken).toBeUndefined();
  });

  test("GetConnectionStatus", async () => {
    const { ssm } = await scene();
    const status = async (Target: string): Promise<string | undefined> =>
      (await ssm.send(new GetConnectionStatusCommand({ Target }))).Status;
    expect(await status(ONLINE)).toBe("connected");
    expect(await status(OFFLINE)).toBe("notconnected");
    expect(await status("i-unknown")).toBe("notconnected");
  });
});

test("a target's own agent version reaches its agent", async () => {
  const versions: string[] = [];
  const { startAgent } = fakeAgent();
  simulator = await startSimulator({
    targets: [{ id: "i-new" }, { id: "i-old", agentVersion: "2.3.700.0" }],
    agent: { agentVersion: "3.3.9.9" },
    agentStart: "session",
    startAgent: (sessionId, task, options, link) => {
      versions.push(options.agentVersion);
      return startAgent(sessionId, task, options, link);
    },
  });
  const ssm = ssmClient(simulator);
  for (const Target of ["i-new", "i-old"]) await ssm.send(new StartSessionCommand({ Target }));
  expect(versions).toEqual(["3.3.9.9", "2.3.700.0"]);
});
