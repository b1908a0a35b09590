/** The byte stream of the multiplexer, nearly right, in whatever pieces; and a whole multiplexer that gets it. */
import { Command, HEADER_BYTES, Mux, Parser, SmuxError } from "../../src/smux/index.ts";
import type { SeededRandom } from "../support/seeded-random.ts";
import { fuzz } from "./fuzz.ts";
import { mutateBytes } from "./mutations.ts";

/** A valid stream of some frames. */
function stream(random: SeededRandom): Uint8Array {
  const parts: Uint8Array[] = [];
  for (let frames = random.between(1, 12); frames > 0; frames--) {
    const command = random.pick([Command.syn, Command.fin, Command.psh, Command.psh, Command.nop]);
    const length = command === Command.psh ? random.int(200) : 0;
    const header = Buffer.alloc(HEADER_BYTES);
    header.set([1, command], 0);
    header.writeUInt16LE(length, 2);
    header.writeUInt32LE(random.pick([1, 2, 3, 4, 5, 7, 9, 0xffffffff]), 4);
    parts.push(header, random.bytes(length));
  }
  return new Uint8Array(Buffer.concat(parts));
}

const make = (random: SeededRandom): Uint8Array =>
  random.chance(0.1)
    ? random.bytes(random.int(400))
    : random.chance(0.2)
      ? stream(random)
      : mutateBytes(random, stream(random));

/** The input in random pieces. */
function* pieces(input: Uint8Array, random: SeededRandom): Generator<Uint8Array> {
  for (let at = 0; at < input.length;) {
    const length = random.between(1, 40);
    yield input.slice(at, at + length);
    at += length;
  }
}

fuzz({
  name: "smux-parser",
  expected: [],
  make,
  check(input, random) {
    // Where the stream was cut must make no difference.
    const whole = said([input]);
    const cut = said(pieces(input, random));
    if (whole !== cut) throw new Error(`in one piece:\n${whole}\nin many:\n${cut}`);
  },
});

/** What a parser says of a stream, line by line, and how it ends. Data of one stream in a row is one line. */
function said(parts: Iterable<Uint8Array>): string {
  const lines: string[] = [];
  const parser = new Parser({
    syn: (id) => void lines.push(`syn ${id}`),
    fin: (id) => void lines.push(`fin ${id}`),
    payload(id, bytes) {
      const start = `data ${id} `;
      if (lines.at(-1)?.startsWith(start) !== true) lines.push(start);
      lines.push((lines.pop() ?? "") + Buffer.from(bytes).toString("hex"));
    },
  });
  try {
    for (const part of parts) parser.receive(part);
  } catch (error) {
    if (!(error instanceof SmuxError)) throw error;
    lines.push(error.code);
  }
  return lines.join("\n");
}

fuzz({
  name: "smux",
  expected: [SmuxError],
  make,
  check(input, random) {
    let delivered = 0;
    const mux = new Mux({
      role: random.chance(0.8) ? "client" : "server",
      limits: { maxStreams: 64, maxPendingRefusals: 16 },
      ...(random.chance(0.5) ? { keepAlive: { intervalMs: 10, timeoutMs: 1_000, startedAt: 0 } } : {}),
      events: {
        opened: () => {},
        data: (_, bytes) => (delivered += bytes.length),
        finished: (id) => mux.finish(id),
        closed: () => {},
        drained: () => {},
      },
    });
    const open: number[] = [mux.open(), mux.open()];
    let now = 0;
    for (const piece of pieces(input, random)) {
      now += random.int(5);
      switch (random.int(6)) {
        case 0:
          if (mux.streamCount < 32) open.push(mux.open());
          break;
        case 1: {
          const id = random.pick(open);
          try {
            mux.write(id, random.bytes(random.int(100)));
          } catch (error) {
            if (!(error instanceof SmuxError)) throw error;
          }
          break;
        }
        case 2:
          mux.finish(random.pick(open));
          break;
        case 3:
          mux.abort(random.pick(open));
          break;
        default:
          mux.tick(now);
      }
      mux.receive(piece, now);
      const message = mux.pull(random.between(9, 2_000));
      if (message !== undefined && message.length === 0) throw new Error("an empty message");
    }
    if (delivered > input.length) throw new Error("more came out than went in");
    for (let pulls = 0; mux.pull(1_024) !== undefined; pulls++) {
      if (pulls > 1_000) throw new Error("output without end");
    }
  },
});
