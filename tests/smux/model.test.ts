/**
 * Two multiplexers joined by a byte stream that is cut anywhere, driven at random, against a short model:
 * per stream and direction the bytes written, whether it was finished, and whether it was aborted.
 */
import { expect, test } from "bun:test";

import { Mux } from "../../src/smux/index.ts";
import { naiveDecode } from "./naive-codec.ts";
import { forSeeds, join, type Random } from "./support.ts";

/** One direction of one stream as it should be. */
interface Flow {
  written: Uint8Array[];
  finished: boolean;
  /** The sender gave up: any beginning of `written` may arrive. */
  cut: boolean;
  /** The receiver gave up: it may stop hearing at any point. */
  deaf: boolean;
  received: Uint8Array[];
  finReceived: boolean;
}

class Side {
  readonly mux: Mux;
  /** Outgoing flow of each stream. */
  readonly flows = new Map<number, Flow>();
  readonly closed = new Set<number>();
  peer: Side | undefined;
  /** Bytes on their way to the peer. */
  wire: Uint8Array[] = [];
  /** The same bytes, whole messages, for the check of the format. */
  sent: Uint8Array[] = [];

  constructor(role: "client" | "server", maxFrameBytes: number) {
    this.mux = new Mux({
      role,
      limits: { maxFrameBytes, maxStreams: 1000 },
      events: {
        opened: (id) => {
          expect(this.flows.has(id)).toBe(false);
          // The opener may have given up while its SYN was on the way.
          this.flows.set(id, { ...newFlow(), deaf: this.peer?.flows.get(id)?.cut === true });
        },
        data: (id, bytes) => this.incoming(id).received.push(bytes.slice()),
        finished: (id) => {
          this.incoming(id).finReceived = true;
        },
        closed: (id) => {
          expect(this.closed.has(id)).toBe(false);
          this.closed.add(id);
        },
      },
    });
  }

  /** Each event passes here: none may come after the end, after FIN, or after we stopped listening. */
  incoming(id: number): Flow {
    const flow = this.peer?.flows.get(id);
    if (flow === undefined) throw new Error(`event for unknown stream ${id}`);
    if (this.closed.has(id) || flow.deaf || flow.finReceived) throw new Error(`event after the end of ${id}`);
    return flow;
  }

  open(): void {
    const id = this.mux.open();
    this.flows.set(id, newFlow());
  }

  act(random: Random): void {
    const ids = [...this.flows.keys()].filter((id) => !this.closed.has(id));
    const id = ids[random.below(ids.length)];
    const flow = id === undefined ? undefined : this.flows.get(id);
    if (id === undefined || flow === undefined) return;
    const choice = random.below(20);
    if (choice === 0) {
      flow.cut = true;
      flow.finished = true;
      const back = this.peer?.flows.get(id);
      if (back !== undefined) back.deaf = true;
      this.mux.abort(id);
    } else if (choice < 3) {
      flow.finished = true;
      this.mux.finish(id);
    } else if (!flow.finished) {
      const sizes = [0, 1, 10, 500, 600, 3000, 20_000];
      const bytes = random.bytes(sizes[random.below(sizes.length)] ?? 0);
      flow.written.push(bytes.slice());
      this.mux.write(id, bytes);
    }
  }

  pull(maxBytes: number): void {
    const message = this.mux.pull(maxBytes);
    expect(message !== undefined && message.length > maxBytes).toBe(false);
    if (message === undefined) return;
    this.sent.push(message);
    this.wire.push(message);
  }

  deliver(random: Random, whole: boolean): void {
    const all = join(this.wire);
    const size = whole ? all.length : random.below(all.length + 1);
    this.wire = [all.subarray(size)];
    this.peer?.mux.receive(all.subarray(0, size), 0);
  }
}

function newFlow(): Flow {
  return { written: [], finished: false, cut: false, deaf: false, received: [], finReceived: false };
}

/** What a third party sees on the wire: per stream SYN, then data, then one FIN and nothing more. */
function checkWire(messages: readonly Uint8Array[], opener: boolean): void {
  const open = new Set<number>();
  const over = new Set<number>();
  for (const message of messages) {
    for (const { command, streamId } of naiveDecode(message)) {
      if (over.has(streamId)) throw new Error(`stream ${streamId}: a frame after FIN`);
      if (command === 0) {
        if (!opener || open.has(streamId)) throw new Error(`stream ${streamId}: SYN out of place`);
        open.add(streamId);
      }
      if (opener && !open.has(streamId)) throw new Error(`stream ${streamId}: a frame before SYN`);
      if (command === 1) over.add(streamId);
    }
  }
}

function run(random: Random): void {
  const maxFrameBytes = [1, 100, 32_768, 65_535][random.below(4)] ?? 1;
  const near = new Side("client", maxFrameBytes);
  const far = new Side("server", maxFrameBytes);
  near.peer = far;
  far.peer = near;
  const pullBytes = (): number => [9, 10, 24, 200, 1024, 32_768][random.below(6)] ?? 9;

  for (let step = 0; step < 150; step++) {
    const side = random.below(2) === 0 ? near : far;
    const choice = random.below(8);
    if (choice === 0) near.open();
    else if (choice < 4) side.act(random);
    else if (choice < 6) side.pull(pullBytes());
    else side.deliver(random, false);
  }
  for (const side of [near, far]) {
    for (const [id, flow] of side.flows) {
      flow.finished = true;
      side.mux.finish(id);
    }
  }
  while (near.mux.hasOutput || far.mux.hasOutput || near.wire.length + far.wire.length > 2) {
    for (const side of [near, far]) {
      side.pull(1024);
      side.deliver(random, true);
      // Streams that the far side only heard of now.
      for (const id of far.flows.keys()) far.mux.finish(id);
    }
  }

  checkWire(near.sent, true);
  checkWire(far.sent, false);
  for (const side of [near, far]) {
    expect([side.mux.streamCount, side.mux.queuedBytes, side.closed.size]).toEqual([0, 0, side.flows.size]);
    for (const flow of side.flows.values()) {
      const written = join(flow.written);
      const received = join(flow.received);
      expect(received).toEqual(written.subarray(0, received.length));
      if (flow.cut || flow.deaf) continue;
      expect(received.length).toBe(written.length);
      expect(flow.finReceived).toBe(true);
    }
  }
}

test("each stream's bytes arrive once and in order, FIN behind them, and nothing is left over", () => {
  forSeeds(process.env["SOAK"] === undefined ? 150 : 5000, run);
}, 600_000);
