/** The gateway: tokens, publication messages, relaying, replacing, the end. */
import { afterEach, describe, expect, test } from "bun:test";

import { decodeChannelClosed, decodeMessage, MessageType } from "../../src/protocol/index.ts";
import { type Simulator, type SimulatorOptions, startSimulator } from "../../src/simulator/index.ts";
import { sessionMembers } from "../support/leftovers.ts";
import { waitFor } from "../support/wait-for.ts";
import {
  ChannelClient,
  inputFrame,
  openChannel,
  reopenChannel,
  resumeSession,
  startSession,
} from "./channel-client.ts";
import { fakeAgent, type FakeAgentSession } from "./fake-agent.ts";

let simulator: Simulator | undefined;

afterEach(async () => {
  await simulator?.stop();
  simulator = undefined;
});

async function startWithFake(
  options: SimulatorOptions = {},
): Promise<{ readonly running: Simulator; readonly agents: FakeAgentSession[] }> {
  const { sessions, startAgent } = fakeAgent();
  simulator = await startSimulator({ seed: 1, ...options, startAgent });
  return { running: simulator, agents: sessions };
}

describe("a channel", () => {
  test("relays frames both ways, unchanged, once its opening frame was accepted", async () => {
    const { running, agents } = await startWithFake();
    const { client, sessionId } = await openChannel(running);
    client.type("hello");
    expect(await client.output(1)).toEqual(["HELLO"]);
    // agent_session_state is for the gateway alone.
    expect(client.types).toEqual([
      MessageType.startPublication,
      MessageType.acknowledge,
      MessageType.outputStreamData,
    ]);
    const view = running.session(sessionId);
    expect(view).toMatchObject({
      status: "Connected",
      connected: true,
      connects: 1,
      clientVersion: "1.2.999.0",
      messagesToAgent: 1,
      messagesToClient: 3,
      droppedWithoutClient: 0,
    });
    expect(view.agentStates[0]).toContain('"SessionState":"Connected"');
    expect(agents[0]?.received).toEqual([MessageType.startPublication, MessageType.inputStreamData]);
  });

  test("keeps frames apart that arrive together: each may be kept by the agent", async () => {
    const kept: Uint8Array[] = [];
    const finished = Promise.withResolvers<void>();
    simulator = await startSimulator({
      startAgent: () => ({
        receive: (frame) => kept.push(frame),
        terminate: finished.resolve,
        finished: finished.promise,
      }),
    });
    const { client } = await openChannel(simulator);
    await waitFor(() => kept.length === 1, { what: "start_publication" });
    const sent = Array.from({ length: 500 }, (_, index) =>
      inputFrame(index, new Uint8Array(1024).fill(index)),
    );
    for (const frame of sent) client.socket.send(frame as Uint8Array<ArrayBuffer>);
    await waitFor(() => kept.length === 501, { what: "all frames" });
    expect(Buffer.concat(kept.slice(1)).equals(Buffer.concat(sent))).toBe(true);
  });

  test("tells the agent when its client goes and comes, and drops what is said meanwhile", async () => {
    const { running, agents } = await startWithFake();
    const { client, sessionId } = await openChannel(running);
    client.type("one");
    await client.output(1);
    client.socket.close();
    await waitFor(() => running.session(sessionId).status === "Disconnected", { what: "the close" });
    agents[0]?.say("into the void");
    const again = await reopenChannel(running, sessionId);
    again.type("two");
    expect(await again.output(1)).toEqual(["TWO"]);
    expect(agents).toHaveLength(1);
    expect(agents[0]?.received).toEqual([
      MessageType.startPublication,
      MessageType.inputStreamData,
      MessageType.pausePublication,
      MessageType.startPublication,
      MessageType.inputStreamData,
    ]);
    const { clientIds, ...view } = running.session(sessionId);
    expect(view).toMatchObject({ connects: 2, droppedWithoutClient: 1 });
    expect(new Set(clientIds).size).toBe(2);
  });

  test("ends with channel_closed and 1000 when the agent is done; the session cannot be resumed", async () => {
    const { running, agents } = await startWithFake();
    const { client, sessionId } = await openChannel(running);
    await client.message(MessageType.startPublication);
    agents[0]?.complete("Unable to connect to specified port: 1");
    expect((await client.end()).code).toBe(1000);
    const closed = client.messages.at(-1);
    expect(closed?.type).toBe(MessageType.channelClosed);
    expect(closed?.rawType).toBe("channel_closed".padEnd(32, "\0"));
    expect(decodeChannelClosed(closed?.payload ?? new Uint8Array(0))).toEqual({
      sessionId,
      output: "Unable to connect to specified port: 1",
    });
    expect(await resumeSession(running, sessionId)).toEqual({ sessionId, token: "", url: "" });
    expect(running.openSessions()).toEqual([]);
  });

  test("is closed in favour of a newer one of the same session", async () => {
    const { running, agents } = await startWithFake();
    const { client, sessionId } = await openChannel(running);
    await client.message(MessageType.startPublication);
    const newer = await reopenChannel(running, sessionId);
    expect(await client.end()).toEqual({ code: 1000, reason: "replaced" });
    newer.type("still there");
    expect(await newer.output(1)).toEqual(["STILL THERE"]);
    expect(agents[0]?.received).not.toContain(MessageType.pausePublication);
  });

  test("hears of an agent that is away", async () => {
    const { running, agents } = await startWithFake();
    const { client, sessionId } = await openChannel(running);
    await client.message(MessageType.startPublication);
    running.setAgentAway(sessionId, true);
    await client.message(MessageType.pausePublication);
    agents[0]?.say("lost");
    running.setAgentAway(sessionId, false);
    agents[0]?.say("heard");
    expect(await client.output(1)).toEqual(["heard"]);
  });

  test("survives an agent that throws: the session ends, the stand-in goes on", async () => {
    const finished = Promise.withResolvers<void>();
    simulator = await startSimulator({
      startAgent: () => ({
        receive: () => {
          throw new Error("defect");
        },
        terminate: finished.resolve,
        finished: finished.promise,
      }),
    });
    for (let round = 0; round < 2; round++) {
      const { client, sessionId } = await openChannel(simulator);
      expect((await client.end()).code).toBe(1000);
      expect(simulator.session(sessionId)).toMatchObject({ status: "Terminated" });
    }
  });
});

describe("tokens", () => {
  test("work once, and only on the stream URL they came with", async () => {
    const { running } = await startWithFake();
    const first = await startSession(running);
    const second = await resumeSession(running, first.sessionId);
    expect(second.url).not.toBe(first.url);
    // The cell of the first URL has expired with the new one.
    const stale = new ChannelClient(first.url);
    await stale.end();
    expect(running.upgrades.at(-1)?.status).toBe(404);

    const wrong = new ChannelClient(second.url);
    await wrong.open(first.token);
    expect(await wrong.end()).toEqual({ code: 1008, reason: "invalid token" });

    const right = new ChannelClient(second.url);
    await right.open(second.token);
    await right.message(MessageType.startPublication);
    const used = new ChannelClient(second.url);
    await used.open(second.token);
    expect((await used.end()).code).toBe(1008);
    expect(running.counters.tokensRefused).toBe(2);
    // A refused opening has not disturbed the connection that is there.
    right.type("a");
    expect(await right.output(1)).toEqual(["A"]);
  });

  test("of a newer URL do not open a connection that was made by an older one", async () => {
    const { running } = await startWithFake();
    const first = await startSession(running);
    const early = [new ChannelClient(first.url), new ChannelClient(first.url)] as const;
    await Promise.all(early.map((client) => client.opened));
    const second = await resumeSession(running, first.sessionId);
    await early[0].open(first.token);
    expect((await early[0].end()).code).toBe(1008);
    await early[1].open(second.token);
    expect((await early[1].end()).code).toBe(1008);
    const right = new ChannelClient(second.url);
    await right.open(second.token);
    await right.message(MessageType.startPublication);
  });
});

describe("an opening frame", () => {
  test("that is no JSON, no opening frame, or binary is refused", async () => {
    const { running } = await startWithFake();
    for (const first of ["not json", '{"TokenValue":1}', new Uint8Array(200)]) {
      const { url } = await startSession(running);
      const client = new ChannelClient(url);
      await client.opened;
      client.socket.send(first);
      expect((await client.end()).code).toBe(1008);
    }
    expect(running.counters.openingsRefused).toBe(3);
  });

  test("has to come in time", async () => {
    const { running } = await startWithFake({ openingTimeoutMs: 20 });
    const { url } = await startSession(running);
    const client = new ChannelClient(url);
    expect(await client.end()).toEqual({ code: 1008, reason: "no opening frame" });
  });
});

describe("the agent", () => {
  test("starts with the client's channel, or with the session when told so", async () => {
    const lazy = await startWithFake();
    await startSession(lazy.running);
    expect(lazy.agents).toHaveLength(0);
    await lazy.running.stop();
    const eager = await startWithFake({ agentStart: "session" });
    const { sessionId } = await startSession(eager.running);
    expect(eager.agents.map((agent) => agent.sessionId)).toEqual([sessionId]);
  });

  test("is ended by TerminateSession, by `terminate` and when nobody connects", async () => {
    const { running, agents } = await startWithFake({ agentStart: "session", abandonedAfterMs: 30 });
    const { sessionId } = await startSession(running);
    await waitFor(() => running.session(sessionId).status === "Terminated", { what: "the end" });
    expect(agents[0]?.terminated).toBe(true);

    const { client, sessionId: other } = await openChannel(running);
    await client.message(MessageType.startPublication);
    running.terminate(other, "ended by the administrator");
    const closed = await client.message(MessageType.channelClosed);
    expect(decodeChannelClosed(closed.payload).output).toBe("ended by the administrator");
    expect(agents[1]?.terminated).toBe(true);
  });
});

test("hooks see every frame and event, and no event tells a secret", async () => {
  const frames: string[] = [];
  const events: string[] = [];
  const { running } = await startWithFake({
    hooks: {
      frame: (_sessionId, direction, frame) => frames.push(`${direction} ${decodeMessage(frame).type}`),
      log: (event, fields) => events.push(JSON.stringify({ event, ...fields })),
    },
  });
  const { sessionId, token, url } = await startSession(running);
  const client = new ChannelClient(url);
  await client.open(token);
  client.type("secret words");
  await client.output(1);
  running.terminate(sessionId);
  await client.end();
  expect(frames).toEqual([
    "toClient start_publication",
    "toAgent start_publication",
    "toAgent input_stream_data",
    "toClient acknowledge",
    "toClient output_stream_data",
    "toClient channel_closed",
  ]);
  expect(events.map((line) => (JSON.parse(line) as { event: string }).event)).toEqual([
    "session started",
    "upgrade",
    "channel opened",
    "agent session state",
    "session ended",
  ]);
  for (const secret of [token, running.credentials.secretAccessKey, "cell-number", "secret words", "SECRET"])
    expect(events.join("\n")).not.toContain(secret);
});

test("stop ends everything and may be called twice", async () => {
  const { running, agents } = await startWithFake();
  const { client } = await openChannel(running);
  await client.message(MessageType.startPublication);
  await Promise.all([running.stop(), running.stop()]);
  await client.end();
  expect(agents[0]?.terminated).toBe(true);
  expect(running.openSessions()).toEqual([]);
  await expect(fetch(running.url, { method: "POST" })).rejects.toThrow();
});

// Who belongs to a shell can only be asked on Linux.
test.skipIf(process.platform !== "linux")(
  "with the real agent a shell answers, and none of its processes outlives the stand-in",
  async () => {
    simulator = await startSimulator({
      agent: { shellStartDelayMs: 0, pacing: false, shell: ["/bin/sh"], environment: { PS1: "$ " } },
    });
    const { client } = await openChannel(simulator);
    await client.output(1);
    client.type("sleep 1000 & echo shell=$$\r");
    const [, shell = ""] = await waitFor(() => /shell=(\d+)/.exec(client.outputs.join("")), {
      what: "the answer of the shell",
      context: () => client.outputs.join(""),
    });
    expect(sessionMembers(Number(shell))).toHaveLength(2);
    await simulator.stop();
    expect(sessionMembers(Number(shell))).toEqual([]);
  },
);
