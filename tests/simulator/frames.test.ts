/** The gateway's own frames against recorded ones. */
import { expect, test } from "bun:test";
import { join } from "node:path";

import { decodeMessage, MessageType } from "../../src/protocol/index.ts";
import { channelClosedFrame, isAgentSessionState, publicationFrame } from "../../src/simulator/frames.ts";

interface Line {
  readonly from: string;
  readonly hex?: string;
}

async function recorded(name: string): Promise<{ readonly from: string; readonly frame: Uint8Array }[]> {
  const text = await Bun.file(join(import.meta.dir, "../fixtures/recordings", `${name}.jsonl`)).text();
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Line)
    .flatMap(({ from, hex }) => (hex === undefined ? [] : [{ from, frame: Buffer.from(hex, "hex") }]));
}

test("channel_closed has the layout of a recorded one", async () => {
  const original =
    (await recorded("shell")).find(({ from }) => from === "gateway")?.frame ?? new Uint8Array(0);
  const wanted = decodeMessage(original);
  const payload = JSON.parse(Buffer.from(wanted.payload).toString("utf8")) as Record<string, string>;
  const made = decodeMessage(
    channelClosedFrame(payload["SessionId"] ?? "", payload["DestinationId"] ?? "", payload["Output"] ?? "?"),
  );
  expect({ ...made, createdDate: 0, messageId: "", payload: "" }).toEqual({
    ...wanted,
    createdDate: 0,
    messageId: "",
    payload: "",
  } as never);
  const shape = (bytes: Uint8Array): unknown =>
    Object.entries(JSON.parse(Buffer.from(bytes).toString("utf8")) as object).map(
      ([key, value]: [string, unknown]) =>
        ["MessageId", "CreatedDate"].includes(key)
          ? [key, String(value).replace(/[\da-f]/g, "#")]
          : [key, value],
    );
  expect(shape(made.payload)).toEqual(shape(wanted.payload));
});

test("publication messages are such as have to be taken without validation", () => {
  for (const type of [MessageType.startPublication, MessageType.pausePublication]) {
    const message = decodeMessage(publicationFrame(type));
    expect(message).toMatchObject({ type, createdDate: 0, sequenceNumber: 0, payloadType: 0 });
    expect(message.rawType).toBe(type.padEnd(32, "\0"));
    expect(message.payload).toHaveLength(0);
  }
});

test("only agent_session_state is taken for one, in everything an agent was recorded to send", async () => {
  let states = 0;
  for (const name of ["shell", "port-mux", "shell-kms", "non-interactive-separate-output"])
    for (const { from, frame } of await recorded(name)) {
      if (from !== "agent") continue;
      const { type } = decodeMessage(frame);
      expect(isAgentSessionState(frame)).toBe(type === MessageType.agentSessionState);
      if (type === MessageType.agentSessionState) states++;
    }
  expect(states).toBeGreaterThan(4);
});
