/** Who may reach the stand-in at all: loopback names only, no browser, signed calls and upgrades. */
import { afterEach, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";

import { DescribeInstanceInformationCommand, SSMClient } from "@aws-sdk/client-ssm";

import { MessageType } from "../../src/protocol/index.ts";
import { type Simulator, simulatorEnvironmentLines, startSimulator } from "../../src/simulator/index.ts";
import { within } from "../support/wait-for.ts";
import { ChannelClient, ssmClient, startSession } from "./channel-client.ts";
import { fakeAgent } from "./fake-agent.ts";

let simulator: Simulator | undefined;

afterEach(async () => {
  await simulator?.stop();
  simulator = undefined;
});

/** Sends bytes as they are and returns the status line of the answer. */
async function rawStatus(port: number, request: string): Promise<string> {
  const answer = Promise.withResolvers<string>();
  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port,
    socket: {
      data: (_socket, bytes) => answer.resolve(bytes.toString("latin1").split("\r\n")[0] ?? ""),
      close: () => answer.resolve("closed"),
    },
  });
  socket.write(request);
  try {
    return await within(answer.promise, { what: "an answer" });
  } finally {
    socket.end();
  }
}

const describe = new DescribeInstanceInformationCommand({});

test("a Host that is not loopback and any Origin are refused, for the API and for WebSockets", async () => {
  simulator = await startSimulator(fakeAgent());
  const { url } = await startSession(simulator);
  const { pathname, search } = new URL(url);
  const upgrade =
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw==";
  const get = (headers: string): string =>
    `GET ${pathname}${search} HTTP/1.1\r\n${headers}\r\n${upgrade}\r\n\r\n`;
  const post = (headers: string): string => `POST / HTTP/1.1\r\n${headers}\r\nContent-Length: 2\r\n\r\n{}`;
  const { port } = simulator;
  for (const host of ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80", "10.0.0.1"]) {
    expect(await rawStatus(port, get(`Host: ${host}`))).toContain("403");
    expect(await rawStatus(port, post(`Host: ${host}`))).toContain("403");
  }
  for (const origin of ["http://evil.example", "null", `http://127.0.0.1:${port}`]) {
    expect(await rawStatus(port, get(`Host: 127.0.0.1\r\nOrigin: ${origin}`))).toContain("403");
    expect(await rawStatus(port, post(`Host: 127.0.0.1\r\nOrigin: ${origin}`))).toContain("403");
  }
  for (const host of [`127.0.0.1:${port}`, `localhost:${port}`, "[::1]"])
    expect(await rawStatus(port, post(`Host: ${host}`))).toContain("400");
  expect(await rawStatus(port, get(`Host: localhost:${port}`))).toContain("101");
});

test("it listens on 127.0.0.1 and nowhere else", async () => {
  simulator = await startSimulator(fakeAgent());
  expect(simulator.url).toBe(`http://127.0.0.1:${simulator.port}`);
  // The whole of 127/8 is this machine: a listener on all addresses would answer here.
  await expect(
    Bun.connect({ hostname: "127.0.0.2", port: simulator.port, socket: { data() {} } }),
  ).rejects.toThrow();
});

test("calls are refused unless signed with this run's keys", async () => {
  simulator = await startSimulator(fakeAgent());
  const { url, region, credentials } = simulator;
  const refusal = async (changes: object, more: object = {}): Promise<string> => {
    const client = new SSMClient({
      region,
      endpoint: url,
      credentials: { ...credentials, ...changes },
      maxAttempts: 1,
      ...more,
    });
    return await client.send(describe).then(
      () => "accepted",
      (error: unknown) => (error instanceof Error ? error.name : "?"),
    );
  };
  expect(await refusal({})).toBe("accepted");
  expect(await refusal({ accessKeyId: "AKIAIOSFODNN7EXAMPLE" })).toBe("UnrecognizedClientException");
  expect(await refusal({ sessionToken: "another" })).toBe("UnrecognizedClientException");
  expect(await refusal({ sessionToken: undefined })).toBe("UnrecognizedClientException");
  expect(await refusal({ secretAccessKey: randomBytes(30).toString("base64") })).toBe(
    "InvalidSignatureException",
  );
  expect(await refusal({}, { region: "eu-west-1" })).toBe("InvalidSignatureException");
  expect(await refusal({}, { systemClockOffset: 10 * 60_000 })).toBe("InvalidSignatureException");
  expect(await refusal({}, { systemClockOffset: -10 * 60_000 })).toBe("InvalidSignatureException");
  const unsigned = await fetch(url, {
    method: "POST",
    headers: {
      "x-amz-target": "AmazonSSM.DescribeInstanceInformation",
      "content-type": "application/x-amz-json-1.1",
    },
    body: "{}",
  });
  expect(unsigned.status).toBe(400);
  expect(await unsigned.json()).toEqual({
    __type: "MissingAuthenticationTokenException",
    message: "Missing Authentication Token",
  });
});

test("every run has credentials of its own; lasting ones come without a session token", async () => {
  simulator = await startSimulator(fakeAgent());
  const other = await startSimulator({ ...fakeAgent(), temporaryCredentials: false });
  try {
    expect(other.credentials.accessKeyId).toStartWith("AKIA");
    expect(other.credentials.accessKeyId.slice(4)).not.toBe(simulator.credentials.accessKeyId.slice(4));
    expect(other.credentials.secretAccessKey).not.toBe(simulator.credentials.secretAccessKey);
    expect(other.credentials.sessionToken).toBeUndefined();
    expect(other.unset).toContain("AWS_SESSION_TOKEN");
    expect((await ssmClient(other).send(describe)).InstanceInformationList).toHaveLength(2);
  } finally {
    await other.stop();
  }
});

test("environment lines can be read by a POSIX shell", async () => {
  simulator = await startSimulator(fakeAgent());
  const lines = simulatorEnvironmentLines({
    ...simulator,
    environment: { ...simulator.environment, ODD: "it's $HOME; `id`" },
  });
  const shell = Bun.spawn(["/bin/sh", "-c", `${lines.join("\n")}\nenv -0`], {
    env: { PATH: "/usr/bin:/bin", AWS_PROFILE: "mine" },
  });
  const variables = (await new Response(shell.stdout).text()).split("\0");
  for (const [name, value] of Object.entries(simulator.environment))
    expect(variables).toContain(`${name}=${value}`);
  expect(variables).toContain("ODD=it's $HOME; `id`");
  expect(variables.filter((variable) => variable.startsWith("AWS_PROFILE"))).toEqual([]);
});

test("an unsigned upgrade passes unless signatures are required; a wrong one never does", async () => {
  simulator = await startSimulator(fakeAgent());
  const wrong = {
    authorization: `AWS4-HMAC-SHA256 Credential=${simulator.credentials.accessKeyId}/20260101/us-east-1/ssmmessages/aws4_request, SignedHeaders=host;x-amz-date, Signature=00`,
    "x-amz-date": "20260101T000000Z",
  };
  const { url } = await startSession(simulator);
  const refused = new ChannelClient(url, wrong);
  await refused.end();
  expect(refused.error).toContain("403");
  expect(simulator.upgrades.at(-1)).toMatchObject({ signed: "header", status: 403 });
  expect(simulator.upgrades.at(-1)?.headers["authorization"]).toContain("AWS4-HMAC-SHA256");
  const unsigned = new ChannelClient(url);
  await unsigned.opened;
  expect(simulator.upgrades.at(-1)).toMatchObject({ signed: "none", status: 101 });
  await simulator.stop();

  simulator = await startSimulator({ ...fakeAgent(), requireSignedUpgrade: true });
  const strict = new ChannelClient((await startSession(simulator)).url);
  await strict.end();
  expect(strict.error).toContain("403");
});

test("a presigned stream URL is good for an upgrade, a changed one is not", async () => {
  simulator = await startSimulator({ ...fakeAgent(), requireSignedUpgrade: true, presignedStreamUrls: true });
  const { url, token } = await startSession(simulator);
  expect(url).toContain("X-Amz-Signature=");
  const changed = new ChannelClient(url.replace("X-Amz-Expires=300", "X-Amz-Expires=3000"));
  await changed.end();
  expect(changed.error).toContain("403");
  const client = new ChannelClient(url);
  await client.open(token);
  await client.message(MessageType.startPublication);
  expect(simulator.upgrades.at(-1)).toMatchObject({ signed: "query", status: 101 });
});
