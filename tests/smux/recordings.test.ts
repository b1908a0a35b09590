/**
 * Recorded port sessions between real programs: their smux bytes, cut anywhere, must tell the same story,
 * and our own client's bytes for that story must be understood the same way.
 */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";

import { client, hex, join, pullAll, server, text } from "./support.ts";

interface RecordedLine {
  readonly from: "client" | "agent" | "gateway";
  readonly hex?: string;
}

/** The smux bytes of one direction, resent messages left out. */
function recorded(name: string, from: "client" | "agent"): Uint8Array {
  const file = new URL(`../fixtures/recordings/${name}.jsonl`, import.meta.url);
  const parts = new Map<bigint, Uint8Array>();
  for (const line of readFileSync(file, "utf8").split("\n")) {
    if (line === "") continue;
    const entry = JSON.parse(line) as RecordedLine;
    if (entry.from !== from || entry.hex === undefined) continue;
    const message = hex(entry.hex);
    const view = new DataView(message.buffer);
    const type = text(message.subarray(4, 36)).trim();
    const wanted = from === "client" ? "input_stream_data" : "output_stream_data";
    if (type !== wanted || view.getUint32(112) !== 1) continue;
    parts.set(view.getBigInt64(48), message.subarray(120));
  }
  return join([...parts].sort(([a], [b]) => Number(a - b)).map(([, part]) => part));
}

const BULK = "b".repeat(3000);
const CLIENT_STORIES: Record<string, string[]> = {
  "port-mux": [
    "opened 3",
    'data 3 "hello from a"',
    "opened 5",
    `data 5 "${BULK}"`,
    "finished 3",
    "finished 5",
  ],
  "port-mux-resume": ["opened 3", 'data 3 "beforeafter"'],
};
const AGENT_STORIES: Record<string, string[]> = {
  "port-mux": ['data 3 "hello from a"', `data 5 "${BULK}"`, "finished 3", "finished 5"],
  "port-mux-resume": ['data 3 "beforeafter"'],
};

function everySplit(bytes: Uint8Array, check: (parts: Uint8Array[]) => void): void {
  expect(bytes.length).toBeGreaterThan(0);
  check(Array.from(bytes, (byte) => Uint8Array.of(byte)));
  for (let at = 0; at <= bytes.length; at++) check([bytes.subarray(0, at), bytes.subarray(at)]);
}

describe.each(Object.keys(CLIENT_STORIES))("%s", (name) => {
  test("the client's bytes, cut at every byte", () => {
    everySplit(recorded(name, "client"), (parts) => {
      const { mux, events } = server();
      for (const part of parts) mux.receive(part, 0);
      expect(events.take()).toEqual(CLIENT_STORIES[name] ?? []);
    });
  });

  test("the agent's bytes, cut at every byte", () => {
    everySplit(recorded(name, "agent"), (parts) => {
      const { mux, events } = client();
      mux.open();
      mux.open();
      for (const part of parts) mux.receive(part, 0);
      expect(events.take()).toEqual(AGENT_STORIES[name] ?? []);
      expect([mux.skippedBytes, mux.refusedStreams]).toEqual([0, 0]);
    });
  });
});

test("our client, told to do what the recorded one did, says the same thing", () => {
  const { mux } = client();
  const first = mux.open();
  mux.write(first, new TextEncoder().encode("hello from a"));
  const sent = pullAll(mux);
  const second = mux.open();
  sent.push(...pullAll(mux));
  mux.write(second, new TextEncoder().encode(BULK));
  sent.push(...pullAll(mux));
  mux.finish(first);
  mux.finish(second);
  sent.push(...pullAll(mux));

  const ours = server();
  ours.mux.receive(join(sent), 0);
  expect(ours.events.take()).toEqual(CLIENT_STORIES["port-mux"] ?? []);
  // Up to the bulk, which real clients frame by socket read and we by message, the bytes are the same.
  expect(join(sent).subarray(0, 36)).toEqual(recorded("port-mux", "client").subarray(0, 36));
});
