/** Faults between a real WebSocket client and the gateway. */
import { afterEach, describe, expect, test } from "bun:test";

import { ResumeSessionCommand } from "@aws-sdk/client-ssm";

import { MessageType } from "../../src/protocol/index.ts";
import { type FaultsPatch, type Simulator, startSimulator } from "../../src/simulator/index.ts";
import { waitFor, within } from "../support/wait-for.ts";
import {
  ChannelClient,
  inputFrame,
  openChannel,
  reopenChannel,
  resumeSession,
  ssmClient,
  startSession,
} from "./channel-client.ts";
import { fakeAgent, type FakeAgentSession } from "./fake-agent.ts";

let simulator: Simulator | undefined;

afterEach(async () => {
  await simulator?.stop();
  simulator = undefined;
});

interface Scene {
  readonly running: Simulator;
  readonly agents: FakeAgentSession[];
  readonly client: ChannelClient;
  readonly sessionId: string;
  readonly agent: FakeAgentSession;
}

async function scene(faults: FaultsPatch = {}): Promise<Scene> {
  const { sessions: agents, startAgent } = fakeAgent();
  simulator = await startSimulator({ seed: 42, startAgent, faults });
  const { client, sessionId } = await openChannel(simulator);
  const agent = await waitFor(() => agents[0], { what: "the agent" });
  return { running: simulator, agents, client, sessionId, agent };
}

describe("the link", () => {
  test("loses, doubles and swaps messages, each direction by its own numbers", async () => {
    const { running, client, agent } = await scene();
    await client.message(MessageType.startPublication);
    running.setFaults({ toClient: { loss: 0.3, duplication: 0.3, reordering: 0.3 } });
    for (let number = 0; number < 200; number++) agent.say(`${number}`);
    running.clearFaults();
    agent.complete("");
    await client.end();
    const { toClient, toAgent } = running.counters;
    expect(toClient.lost).toBeGreaterThan(30);
    expect(toClient.duplicated).toBeGreaterThan(30);
    expect(client.outputs).toHaveLength(200 - toClient.lost + toClient.duplicated);
    const numbers = client.outputs.map(Number);
    expect(numbers.some((number, index) => number < (numbers[index - 1] ?? 0))).toBe(true);
    expect(toAgent).toEqual({ lost: 0, duplicated: 0, reordered: 0, corrupted: 0, overflowed: 0 });
    // What suffers no loss is the end.
    expect(client.messages.at(-1)?.type).toBe(MessageType.channelClosed);
  });

  test("that is slow loses what waits at the gateway when the session ends; the agent is not held up", async () => {
    const { running, client, agent, sessionId } = await scene({ toClient: { bytesPerSecond: 200_000 } });
    await client.message(MessageType.startPublication);
    const text = "x".repeat(1024);
    for (let number = 0; number < 2_000; number++) agent.say(text);
    expect(running.session(sessionId).messagesToClient).toBeGreaterThan(2_000);
    await waitFor(() => client.outputs.length > 10, { what: "some output" });
    agent.complete("");
    expect((await client.end()).code).toBe(1000);
    // 2 MB would have needed 10 s.
    expect(client.outputs.length).toBeLessThan(1_500);
    expect(client.messages.at(-1)?.type).toBe(MessageType.channelClosed);
  });

  test("loses in the same way what a client has not read", async () => {
    const { client, agent } = await scene();
    await client.message(MessageType.startPublication);
    // Bun's own: the browsers' has none.
    const socket = client.socket as WebSocket & { pause(): void; resume(): void };
    socket.pause();
    const text = "x".repeat(1024);
    // More than the buffers of two kernels' sockets.
    for (let number = 0; number < 30_000; number++) agent.say(text);
    await Bun.sleep(0);
    agent.complete("");
    socket.resume();
    expect((await client.end()).code).toBe(1000);
    expect(client.outputs.length).toBeGreaterThan(0);
    expect(client.outputs.length).toBeLessThan(30_000);
    expect(client.messages.at(-1)?.type).toBe(MessageType.channelClosed);
  });

  test("corrupts payloads so that digests tell", async () => {
    const { running, client, agent } = await scene({
      toAgent: { payloadCorruption: 1 },
      toClient: { payloadCorruption: 1 },
    });
    client.type("hello");
    await waitFor(() => agent.corrupted === 1, { what: "a corrupted frame" });
    agent.say("hello");
    await waitFor(() => client.frames.length === 2, { what: "a frame" });
    expect(client.types).toEqual([MessageType.startPublication]);
    expect(running.counters.toClient.corrupted).toBe(1);
  });

  test("delays a round trip by the sum of both directions, in order", async () => {
    const { client } = await scene({ toAgent: { delayMs: 40 }, toClient: { delayMs: 60, jitterMs: 5 } });
    await client.message(MessageType.startPublication);
    const before = performance.now();
    for (let number = 0; number < 50; number++) client.type(`${number}`);
    expect(await client.output(50)).toEqual(Array.from({ length: 50 }, (_, number) => `${number}`));
    const tookMs = performance.now() - before;
    expect(tookMs).toBeGreaterThan(99);
    expect(tookMs).toBeLessThan(600);
  });

  test("keeps to its bandwidth and lets TCP push back on a client that sends too fast", async () => {
    const bytesPerSecond = 40_000_000;
    const { running, client, sessionId } = await scene({
      toAgent: { bytesPerSecond, queueBytes: 64 * 1024 },
    });
    await client.message(MessageType.startPublication);
    const frame = inputFrame(0, new Uint8Array(32 * 1024)) as Uint8Array<ArrayBuffer>;
    const count = 600;
    const before = performance.now();
    for (let number = 0; number < count; number++) client.socket.send(frame);
    await waitFor(() => running.session(sessionId).messagesToAgent > 100, {
      what: "messages",
      intervalMs: 1,
    });
    // The sockets hold a few megabytes; the rest waits at the client, not in the gateway.
    expect(client.socket.bufferedAmount).toBeGreaterThan((count * frame.length) / 3);
    await waitFor(() => running.session(sessionId).messagesToAgent === count, { what: "all messages" });
    const expectedMs = (count * frame.length * 1_000) / bytesPerSecond;
    const tookMs = performance.now() - before;
    expect(tookMs).toBeGreaterThan(expectedMs * 0.9);
    expect(tookMs).toBeLessThan(expectedMs * 2 + 300);
  });

  test("keeps the order of messages when its faults are switched off", async () => {
    const { running, client, agent } = await scene({ toClient: { delayMs: 80 } });
    agent.say("first");
    running.clearFaults();
    agent.say("second");
    expect(await client.output(2)).toEqual(["first", "second"]);
    const before = performance.now();
    agent.say("third");
    await client.output(3);
    expect(performance.now() - before).toBeLessThan(60);
  });

  test("can be bad for one session and good for the others", async () => {
    const { running, client, sessionId, agent, agents } = await scene();
    const other = await openChannel(running);
    running.setFaults({ toClient: { loss: 1 } }, sessionId);
    await waitFor(() => agents.length === 2, { what: "the second agent" });
    agent.say("lost");
    agents[1]?.say("heard");
    expect(await other.client.output(1)).toEqual(["heard"]);
    expect(client.outputs).toEqual([]);
    expect(() => running.setFaults({}, "unknown")).toThrow("knows no session unknown");
  });
});

describe("cuts", () => {
  test("abrupt and with any close code; the session lives on", async () => {
    const { running, client, sessionId, agent } = await scene();
    await client.message(MessageType.startPublication);
    expect(running.cut(sessionId)).toBe(true);
    expect((await client.end()).code).toBe(1006);
    expect(running.cut(sessionId)).toBe(false);
    for (const code of [1000, 1001, 1008, 1011, 1012, 4999]) {
      const next = await reopenChannel(running, sessionId);
      await next.message(MessageType.startPublication);
      expect(running.cut(sessionId, { code, reason: "because" })).toBe(true);
      expect(await next.end()).toEqual({ code, reason: "because" });
    }
    expect(running.session(sessionId)).toMatchObject({ status: "Disconnected", connects: 7 });
    expect(agent.received.filter((type) => type === MessageType.pausePublication)).toHaveLength(7);
  });

  test("after so many messages, on each connection anew", async () => {
    const { running, client, sessionId, agent } = await scene({ cuts: { afterMessages: 5 } });
    // start_publication is the first message.
    for (let number = 0; number < 10; number++) agent.say(`${number}`);
    expect((await client.end()).code).toBe(1006);
    expect(client.outputs).toEqual(["0", "1", "2", "3"]);
    const next = await reopenChannel(running, sessionId);
    await next.message(MessageType.startPublication);
    for (let number = 0; number < 10; number++) agent.say(`${number}`);
    await next.end();
    expect(next.outputs).toHaveLength(4);
  });

  test("after a random time, in the way that was chosen", async () => {
    const { client, sessionId, running } = await scene({
      cuts: { minMs: 10, maxMs: 30, how: { code: 1001 } },
    });
    expect((await client.end()).code).toBe(1001);
    const next = await reopenChannel(running, sessionId);
    expect((await next.end()).code).toBe(1001);
  });

  test("the service's hourly close comes with 1000 Bye", async () => {
    const { client, running, sessionId } = await scene();
    await client.message(MessageType.startPublication);
    running.setFaults({ closeAfterMs: 20 });
    expect(await client.end()).toEqual({ code: 1000, reason: "Bye" });
    expect(running.session(sessionId).status).toBe("Disconnected");
  });

  test("silent: the connection stays, nothing is heard, no ping is answered; a new one works", async () => {
    const { running, client, sessionId, agent } = await scene();
    await client.message(MessageType.startPublication);
    running.cut(sessionId, "silent");
    let pongs = 0;
    client.socket.addEventListener("pong", () => pongs++);
    client.socket.ping();
    client.type("unheard");
    agent.say("unheard too");
    const next = await reopenChannel(running, sessionId);
    next.type("heard");
    expect(await next.output(1)).toEqual(["HEARD"]);
    expect(client.outputs).toEqual([]);
    expect(pongs).toBe(0);
    // Nobody told the agent: to the gateway the client was there all the time.
    expect(agent.received).not.toContain(MessageType.pausePublication);
    expect((await client.end()).code).toBe(1006);
  });
});

describe("a gateway that does not read", () => {
  test("makes the client's bytes wait, and reads on after a while", async () => {
    const { running, client, sessionId } = await scene();
    await client.message(MessageType.startPublication);
    expect(running.stopReading(sessionId, 300)).toBe(true);
    const before = performance.now();
    const frame = inputFrame(0, new Uint8Array(256 * 1024)) as Uint8Array<ArrayBuffer>;
    const count = 60;
    for (let number = 0; number < count; number++) client.socket.send(frame);
    await waitFor(() => client.socket.bufferedAmount > 4_000_000, { what: "bytes that have to wait" });
    expect(running.session(sessionId).messagesToAgent).toBeLessThan(count / 2);
    await waitFor(() => running.session(sessionId).messagesToAgent === count, { what: "all messages" });
    expect(performance.now() - before).toBeGreaterThan(290);
  });

  test("can be made to stop after so many messages", async () => {
    const { client, agent } = await scene({ stalls: { afterMessages: 2, forMs: 200 } });
    const before = performance.now();
    client.type("one");
    await client.output(1);
    client.type("two");
    expect(await client.output(2)).toEqual(["ONE", "TWO"]);
    expect(performance.now() - before).toBeGreaterThan(190);
    expect(agent.received).toHaveLength(3);
  });
});

describe("upgrades", () => {
  test("can be refused with any status, so many times", async () => {
    const { running, sessionId } = await scene();
    for (const status of [403, 404, 429, 500, 503]) {
      running.setFaults({ upgrade: { answer: "refuse", status, times: 1 } });
      const { url, token } = await resumeSession(running, sessionId);
      const refused = new ChannelClient(url);
      await refused.end();
      expect(refused.error).toContain(String(status));
      const accepted = new ChannelClient(url);
      await accepted.open(token);
      await accepted.message(MessageType.startPublication);
    }
    expect(running.upgrades.map(({ status }) => status)).toEqual([
      101, 403, 101, 404, 101, 429, 101, 500, 101, 503, 101,
    ]);
  });

  test("can be left without an answer", async () => {
    const { running, sessionId } = await scene();
    running.setFaults({ upgrade: { answer: "hang" } });
    const { url } = await resumeSession(running, sessionId);
    const client = new ChannelClient(url);
    await waitFor(() => running.upgrades.at(-1)?.status === 0, { what: "the request" });
    expect(client.socket.readyState).toBe(WebSocket.CONNECTING);
    client.socket.terminate();
  });

  test("can be closed right after they were opened, or met with silence", async () => {
    const { running, sessionId } = await scene();
    running.setFaults({ opening: { answer: "close", code: 4003, reason: "go away", times: 1 } });
    const { url, token } = await resumeSession(running, sessionId);
    const closed = new ChannelClient(url);
    expect(await closed.end()).toEqual({ code: 4003, reason: "go away" });
    running.setFaults({ opening: { answer: "ignore", times: 1 } });
    const ignored = new ChannelClient(url);
    await ignored.open(token);
    // The token was not looked at: another connection can still use it.
    const accepted = new ChannelClient(url);
    await accepted.open(token);
    await accepted.message(MessageType.startPublication);
    expect(ignored.messages).toEqual([]);
  });
});

describe("the API", () => {
  test("ResumeSession fails as often and as it is told", async () => {
    const { running, sessionId } = await scene();
    running.setFaults({
      api: {
        ResumeSession: { times: 2, type: "ThrottlingException", status: 400, message: "Rate exceeded" },
      },
    });
    const names: string[] = [];
    for (let call = 0; call < 3; call++)
      await resumeSession(running, sessionId).then(
        ({ token }) => names.push(token === "" ? "gone" : "resumed"),
        (error: unknown) => names.push(error instanceof Error ? `${error.name}: ${error.message}` : "?"),
      );
    expect(names).toEqual([
      "ThrottlingException: Rate exceeded",
      "ThrottlingException: Rate exceeded",
      "resumed",
    ]);
    running.setFaults({ resumeGone: true });
    expect((await resumeSession(running, sessionId)).token).toBe("");
    running.clearFaults();
    expect((await resumeSession(running, sessionId)).token).not.toBe("");
    expect(running.counters.calls["ResumeSession"]).toBe(5);
  });

  test("can answer late, with something that is no JSON, or not at all", async () => {
    const { running, sessionId } = await scene();
    running.setFaults({ api: { ResumeSession: { delayMs: 80, status: 200 } } });
    const before = performance.now();
    expect((await resumeSession(running, sessionId)).token).not.toBe("");
    expect(performance.now() - before).toBeGreaterThan(79);
    running.clearFaults();
    running.setFaults({
      api: { ResumeSession: { type: "", status: 503, message: "<html>Bad gateway</html>" } },
    });
    await expect(resumeSession(running, sessionId)).rejects.toThrow();
    running.clearFaults();
    running.setFaults({ api: { ResumeSession: { hang: true } } });
    const abort = new AbortController();
    const call = ssmClient(running).send(new ResumeSessionCommand({ SessionId: sessionId }), {
      abortSignal: abort.signal,
    });
    call.catch(() => undefined);
    await waitFor(() => running.counters.calls["ResumeSession"] === 3, { what: "the call" });
    abort.abort();
    await expect(call).rejects.toThrow();
  });
});

test("a client that does not read makes the agent's bytes add up, up to a limit", async () => {
  const { running, client, agent } = await scene();
  await client.message(MessageType.startPublication);
  client.socket.pause();
  const frame = inputFrame(0, new Uint8Array(256 * 1024));
  // More than sockets hold.
  for (let number = 0; number < 200; number++) agent.sendFrame(frame);
  await waitFor(() => agent.bufferedBytes > 30_000_000, {
    what: "buffered bytes",
    context: () => `${agent.bufferedBytes}`,
  });
  for (let number = 0; number < 200; number++) agent.sendFrame(frame);
  await waitFor(() => running.counters.clientBufferFull > 0, { what: "the limit" });
  expect(agent.bufferedBytes).toBeLessThan(80_000_000);
  client.socket.resume();
  await waitFor(() => agent.bufferedBytes === 0, { what: "the client to catch up" });
});

test("nothing is left behind by a stand-in that is stopped in the middle of faults", async () => {
  const { running, client, sessionId } = await scene({ toClient: { delayMs: 50 } });
  running.cut(sessionId, "silent");
  const { url } = await startSession(running);
  running.setFaults({ upgrade: { answer: "hang" }, api: { ResumeSession: { hang: true } } });
  const hanging = new ChannelClient(url);
  const call = resumeSession(running, sessionId);
  call.catch(() => undefined);
  await waitFor(() => running.upgrades.at(-1)?.status === 0, { what: "the request" });
  await within(running.stop(), { what: "the end" });
  await Promise.all([client.end(), hanging.end()]);
  await expect(call).rejects.toThrow();
});
