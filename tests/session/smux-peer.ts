/** The agent's end of a multiplexed port session, as a test's puppet. */
import { PayloadType } from "../../src/protocol/index.ts";
import { Mux } from "../../src/smux/index.ts";
import type { FakeAgent } from "./fake-agent.ts";
import { FORWARDING, Rig, type RigOptions } from "./rig.ts";

/** Payload of one message, as the agent sends it. */
const MESSAGE_BYTES = 1024;

/** See the file's comment. Answers nothing by itself but what `onEvent` does. */
export class SmuxPeer {
  readonly mux: Mux;
  /** `open 3`, `fin 3`, in order, without data. */
  readonly events: string[] = [];
  readonly #received = new Map<number, Uint8Array[]>();
  readonly #agent: FakeAgent;
  onData: (streamId: number, bytes: Uint8Array) => void = () => {};
  onFinished: (streamId: number) => void = () => {};

  constructor(agent: FakeAgent) {
    this.#agent = agent;
    this.mux = new Mux({
      role: "server",
      events: {
        opened: (streamId) => {
          this.events.push(`open ${streamId}`);
          this.#received.set(streamId, []);
        },
        data: (streamId, bytes) => {
          this.#received.get(streamId)?.push(new Uint8Array(bytes));
          this.onData(streamId, bytes);
        },
        finished: (streamId) => {
          this.events.push(`fin ${streamId}`);
          this.onFinished(streamId);
        },
        closed: () => {},
      },
    });
    agent.onInput = ({ payloadType, payload }) => {
      if (payloadType === PayloadType.output) this.mux.receive(payload, 0);
    };
  }

  /** Everything received on a stream. */
  received(streamId: number): Buffer {
    return Buffer.concat(this.#received.get(streamId) ?? []);
  }

  /** The destination sends. */
  write(streamId: number, bytes: Uint8Array | string): void {
    this.mux.write(streamId, typeof bytes === "string" ? Buffer.from(bytes) : bytes);
    this.flush();
  }

  /** The destination is gone: the agent closes both ways. */
  finish(streamId: number): void {
    this.mux.finish(streamId);
    this.flush();
  }

  flush(): void {
    for (;;) {
      const message = this.mux.pull(MESSAGE_BYTES);
      if (message === undefined) return;
      this.#agent.output(message);
    }
  }
}

/** A multiplexed port session that listens. */
export async function startTunnels(
  options: RigOptions = {},
  agentVersion = "3.3.0.0",
): Promise<{ rig: Rig; peer: SmuxPeer }> {
  const rig = new Rig(options);
  const peer = new SmuxPeer(rig.agent);
  await rig.startKind("Port", FORWARDING, agentVersion);
  return { rig, peer };
}
