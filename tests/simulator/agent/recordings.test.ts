/** What the agent sends, compared with recorded sessions of the real one: order, types, numbers, payloads. */
import { describe, expect, test } from "bun:test";
import { join } from "node:path";

import type { AgentTask } from "../../../src/simulator/contract.ts";
import { waitFor } from "../../support/wait-for.ts";
import { echoServer } from "./destination.ts";
import { NaiveClient, type NaiveFrame, parseFrame } from "./naive-client.ts";
import { parseSmux, type SmuxFrame, streamBytes } from "./smux.ts";

interface Recorded {
  readonly from: "client" | "agent" | "gateway";
  readonly frame: NaiveFrame;
}

async function recording(name: string): Promise<Recorded[]> {
  const text = await Bun.file(join(import.meta.dir, `../../fixtures/recordings/${name}.jsonl`)).text();
  return text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { from: Recorded["from"]; hex?: string })
    .flatMap(({ from, hex }) =>
      // The stand-in gateway of the recordings pads with NULs.
      hex === undefined || from === "gateway" ? [] : [{ from, frame: parseFrame(Buffer.from(hex, "hex")) }],
    );
}

/** What must be the same in both: everything but ids, dates, durations and the session's id. */
function essence(frame: NaiveFrame): unknown {
  const text = frame.payload.toString("latin1");
  return {
    type: frame.type,
    sequence: frame.sequence,
    flags: frame.flags,
    payloadType: frame.payloadType,
    payload: text
      .replace(/"AcknowledgedMessageId":"[^"]+"/, '"AcknowledgedMessageId":""')
      .replace(/"HandshakeTimeToComplete":\d+/, '"HandshakeTimeToComplete":0')
      .replace(/"SessionId":"[^"]+"/, '"SessionId":""'),
  };
}

function agentFrames(recorded: readonly Recorded[]): NaiveFrame[] {
  return recorded.filter(({ from }) => from === "agent").map(({ frame }) => frame);
}

/** Sequenced messages in order, repetitions left out. */
function messages(frames: readonly NaiveFrame[], type: string): NaiveFrame[] {
  const byNumber = new Map(
    frames.filter((frame) => frame.type === type).map((frame) => [frame.sequence, frame]),
  );
  return [...byNumber.values()].sort((a, b) => a.sequence - b.sequence);
}

const PARAMETERS = { options: { agentVersion: "3.3.0.0" } } as const;

describe("a recorded session comes out the same", () => {
  test("interactive command", async () => {
    const recorded = agentFrames(await recording("interactive-command"));
    const client = new NaiveClient(
      { sessionType: "InteractiveCommands", command: "echo one; echo two" },
      {
        ...PARAMETERS,
        // The recorded client sends its size right behind its first acknowledgement.
        acknowledge: (frame) => {
          if (frame.sequence === 0) queueMicrotask(() => client.size(300, 100));
          return true;
        },
      },
    );
    await client.finish();
    expect(client.frames.map(essence)).toEqual(recorded.map(essence));
  });

  test("non-interactive command with separate output", async () => {
    const recorded = agentFrames(await recording("non-interactive-separate-output"));
    const client = new NaiveClient(
      {
        sessionType: "NonInteractiveCommands",
        command: `sh -c "echo out; sleep 0.05; echo err >&2; sleep 0.05; exit 7"`,
        separateOutput: true,
      },
      {
        ...PARAMETERS,
        acknowledge: (frame) => {
          if (frame.payloadType === 7) queueMicrotask(() => client.size(300, 100));
          return true;
        },
      },
    );
    await client.finish();
    const withoutAcks = (frames: readonly NaiveFrame[]): unknown[] =>
      frames.filter(({ type }) => type !== "acknowledge").map(essence);
    const acks = (frames: readonly NaiveFrame[]): unknown[] =>
      frames.filter(({ type }) => type === "acknowledge").map(essence);
    // Whether HandshakeComplete overtakes an acknowledgement is a matter of chance at the real agent.
    expect(withoutAcks(client.frames)).toEqual(withoutAcks(recorded));
    expect(acks(client.frames)).toEqual(acks(recorded));
  });

  test("shell", async () => {
    const all = await recording("shell");
    const expected = Buffer.concat(
      messages(agentFrames(all), "output_stream_data").map((m) => m.payload),
    ).toString();
    const client = new NaiveClient({ sessionType: "Standard_Stream" }, PARAMETERS);
    await client.see("$ ");
    for (const { frame } of all.filter(
      ({ from, frame: { type } }) => from === "client" && type === "input_stream_data",
    )) {
      client.send(frame.payloadType, frame.payload, frame.sequence);
      // As a person would: the next line when the prompt is there again.
      if (frame.payloadType === 1 && !frame.payload.includes("exit")) {
        const prompts = frame.sequence + 1;
        await waitFor(() => client.text().split("$ ").length > prompts, {
          what: "the prompt",
          context: () => client.describe(),
        });
      }
    }
    expect(await client.finish()).toBe("");
    expect(client.text()).toBe(expected);
  });
});

/** Order of a stream's frames, data as one. */
function life(frames: readonly SmuxFrame[], stream: number): number[] {
  const commands = frames.filter((frame) => frame.stream === stream).map((frame) => frame.command);
  return commands.filter((command, index) => command !== commands[index - 1]);
}

describe("a recorded port session, its client's frames played to the agent", () => {
  for (const name of ["port-mux", "port-mux-resume", "ssh-stdio"]) {
    test(name, async () => {
      const all = await recording(name);
      const recorded = messages(agentFrames(all), "output_stream_data");
      const request = JSON.parse(recorded[0]?.payload.toString() ?? "{}") as {
        RequestedClientActions: { ActionParameters: { Properties: Record<string, string> } }[];
      };
      const properties = request.RequestedClientActions[0]?.ActionParameters.Properties ?? {};
      const server = echoServer();
      const task: AgentTask = {
        sessionType: "Port",
        // In another order, to see that the agent sorts them.
        properties: Object.fromEntries(
          Object.entries({ ...properties, portNumber: String(server.port) }).reverse(),
        ),
      };
      const client = new NaiveClient(task, { ...PARAMETERS, handshake: false });
      await waitFor(() => client.messages.size > 0, { what: "the request" });
      expect(client.text(5).replaceAll(String(server.port), properties["portNumber"] ?? "")).toBe(
        recorded[0]?.payload.toString() ?? "",
      );

      const inputs = all.filter(({ from, frame }) => from === "client" && frame.type === "input_stream_data");
      const output = (): Buffer => client.bytes();
      // An echo is waited for, as in the recording, before whatever would cut it off.
      const sent: Buffer[] = [];
      const answered = (): boolean => {
        const wire = Buffer.concat(sent);
        if (name === "ssh-stdio") return output().equals(wire);
        const [asked, got] = [parseSmux(wire), parseSmux(output())];
        return asked.every(({ stream }) => streamBytes(got, stream).equals(streamBytes(asked, stream)));
      };
      const waiting = { what: "the answers", context: () => client.describe() };
      for (const { frame } of inputs) {
        if (frame.payloadType === 10) await waitFor(answered, waiting);
        if (frame.payloadType === 1) {
          await waitFor(() => client.payloadTypes().includes(7), { what: "HandshakeComplete" });
          await waitFor(() => frame.payload[1] !== 1 || answered(), waiting);
          sent.push(frame.payload);
        }
        await waitFor(
          () => {
            client.send(frame.payloadType, frame.payload, frame.sequence);
            return client.acknowledged.includes(frame.sequence);
          },
          { what: `the acknowledgement of ${frame.sequence}`, context: () => client.describe() },
        );
      }
      await waitFor(answered, waiting);

      const theirs = Buffer.concat(recorded.filter((m) => m.payloadType === 1).map((m) => m.payload));
      if (name === "ssh-stdio") {
        expect(output().toString()).toBe(theirs.toString());
      } else {
        const [ours, real] = [parseSmux(output()), parseSmux(theirs)];
        const streams = [...new Set(real.map((frame) => frame.stream))];
        for (const stream of streams) {
          expect(streamBytes(ours, stream).equals(streamBytes(real, stream))).toBe(true);
          expect(life(ours, stream)).toEqual(life(real, stream));
        }
        expect(await client.finish()).toBe("");
      }
    });
  }
});
