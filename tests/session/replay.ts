/**
 * Plays a recorded session to a real one: what agent and gateway sent, at the times they sent it, and what the user
 * did, as far as the recorded client's messages tell. Keeps what our client sends.
 */
import { decodeMessage, decodeSize, MessageType, PayloadType } from "../../src/protocol/index.ts";
import { Mux } from "../../src/smux/index.ts";
import type { FakeLocal } from "./fakes.ts";
import { acknowledgedBy, inOrder, type RecordedMessage, type Recording } from "./recording.ts";
import { Rig, type RigOptions } from "./rig.ts";

/** Something that happens at a time of the recording. */
interface Step {
  readonly ms: number;
  readonly act: () => void;
}

/** How to play. */
export interface ReplayOptions extends RigOptions {
  /** The user has a window; its size is told by the recorded Size messages. */
  readonly hasWindow?: boolean;
  /** What the user typed, from the recorded payload; the payload itself unless told otherwise. */
  readonly typed?: (payload: Uint8Array) => Uint8Array;
  /** Milliseconds of the recording at which the connection is cut. */
  readonly cutAtMs?: number;
  /** Moves what happened in local connections between these two times to the first: into the cut, for example. */
  readonly earlier?: readonly [toMs: number, fromMs: number];
}

/** What came of it. */
export interface Replayed {
  readonly rig: Rig;
  /** Opening frames. */
  readonly openings: string[];
  /** Sequenced messages in order, each once. */
  readonly inputs: RecordedMessage[];
  readonly acknowledged: number[];
}

/** Plays a recording to its end. */
export async function replay(recording: Recording, options: ReplayOptions = {}): Promise<Replayed> {
  const rig = new Rig(options);
  const [opening, secondOpening] = recording.openings;
  const startMs = opening?.ms ?? 0;
  rig.streams.hasWindow = options.hasWindow === true;
  const steps: Step[] = [
    ...recording.played.map(({ ms, frame }) => ({ ms, act: () => rig.transport.message(frame) })),
    ...userSteps(recording, rig, options),
  ];
  if (options.cutAtMs !== undefined && secondOpening !== undefined) {
    steps.push({ ms: options.cutAtMs, act: () => rig.transport.end({ code: 1006 }) });
    steps.push({ ms: secondOpening.ms, act: () => rig.transport.opened() });
  }
  await rig.start();
  for (const { ms, act } of steps.toSorted((a, b) => a.ms - b.ms)) {
    await rig.pass(Math.max(0, ms - startMs - passedMs(rig)));
    act();
    await rig.settle();
  }
  await rig.pass(50);
  const sent = rig.transports.flatMap((transport) => transport.sent);
  const messages = sent.flatMap((data) => (typeof data === "string" ? [] : [decodeMessage(data)]));
  return {
    rig,
    openings: sent.filter((data) => typeof data === "string"),
    inputs: inOrder(
      messages
        .filter(({ type }) => type === MessageType.inputStreamData)
        .map((message) => ({ ms: 0, message })),
    ),
    acknowledged: acknowledgedBy(messages),
  };
}

/** The manual clock starts at a million. */
function passedMs(rig: Rig): number {
  return rig.clock.now() - 1_000_000;
}

/** What the user of the recorded session did. */
function userSteps(recording: Recording, rig: Rig, options: ReplayOptions): Step[] {
  const multiplexed = recording.outputs.length > 0 && isMultiplexed(recording);
  const steps: Step[] = [];
  if (multiplexed) steps.push(...connectionSteps(recording, rig, options));
  let sized = false;
  for (const { ms, message } of recording.inputs) {
    const { payloadType, payload } = message;
    if (payloadType === PayloadType.output && !multiplexed) {
      const typed = options.typed?.(payload) ?? payload;
      steps.push({ ms, act: () => rig.streams.pair.send(typed) });
    } else if (payloadType === PayloadType.size) {
      const { cols, rows } = decodeSize(payload);
      if (sized) steps.push({ ms, act: () => rig.streams.resize(cols, rows) });
      else rig.streams.size = { cols, rows };
      sized = true;
    } else if (payloadType === PayloadType.flag) {
      steps.push({ ms, act: () => rig.session.terminate() });
    }
  }
  return steps;
}

function isMultiplexed(recording: Recording): boolean {
  return recording.frames.some(
    ({ hex }) => hex !== undefined && Buffer.from(hex, "hex").includes("LocalPortForwarding"),
  );
}

/** Local connections as the recorded client's streams show them: opened at SYN, half-closed at FIN. */
function connectionSteps(recording: Recording, rig: Rig, { earlier }: ReplayOptions): Step[] {
  const steps: Step[] = [];
  const locals = new Map<number, FakeLocal>();
  let nowMs = 0;
  const step = (act: () => void): void => {
    const moved = earlier !== undefined && nowMs >= earlier[0] && nowMs <= earlier[1];
    steps.push({ ms: moved ? earlier[0] : nowMs, act });
  };
  forEachStreamEvent(recording.inputs, {
    at: (ms) => (nowMs = ms),
    opened: (streamId) => step(() => locals.set(streamId, rig.connect())),
    data: (streamId, bytes) => step(() => locals.get(streamId)?.send(bytes)),
    finished: (streamId) => step(() => locals.get(streamId)?.end()),
  });
  return steps;
}

/** What to do with the events of the streams in a series of messages. */
export interface StreamEvents {
  at?(ms: number): void;
  opened(streamId: number): void;
  data(streamId: number, bytes: Uint8Array): void;
  finished(streamId: number): void;
}

/** Takes apart the streams in the Output of these messages. */
export function forEachStreamEvent(messages: readonly RecordedMessage[], events: StreamEvents): void {
  const mux = new Mux({
    role: "server",
    events: {
      opened: (streamId) => events.opened(streamId),
      data: (streamId, bytes) => events.data(streamId, new Uint8Array(bytes)),
      finished: (streamId) => events.finished(streamId),
      closed: () => {},
    },
  });
  for (const { ms, message } of messages) {
    events.at?.(ms);
    if (message.payloadType === PayloadType.output) mux.receive(message.payload, 0);
  }
}
