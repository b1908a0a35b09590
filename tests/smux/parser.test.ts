/** The parser: every split, payload as it arrives, and what it refuses. */
import { describe, expect, test } from "bun:test";

import {
  BadLengthError,
  BadVersionError,
  type FrameSink,
  Parser,
  SmuxError,
  UnknownCommandError,
} from "../../src/smux/index.ts";
import { naiveEncode } from "./naive-codec.ts";
import { bytes, forSeeds, hex, text, thrownBy } from "./support.ts";

/** Joins the parts of a payload, since where they are cut depends on the split. */
class Log implements FrameSink {
  lines: string[] = [];
  syn(id: number): void {
    this.lines.push(`syn ${id}`);
  }
  fin(id: number): void {
    this.lines.push(`fin ${id}`);
  }
  payload(id: number, part: Uint8Array): void {
    if (part.length === 0) throw new Error("empty payload");
    const start = `payload ${id} `;
    const last = this.lines.at(-1);
    if (last?.startsWith(start)) this.lines[this.lines.length - 1] = last + text(part);
    else this.lines.push(start + text(part));
  }
}

const NONE = new Uint8Array(0);
const FRAMES = naiveEncode([
  { command: 0, streamId: 3, payload: NONE },
  { command: 2, streamId: 3, payload: bytes("hello") },
  { command: 3, streamId: 0, payload: NONE },
  { command: 2, streamId: 3, payload: NONE },
  { command: 0, streamId: 0xffff_ffff, payload: NONE },
  { command: 2, streamId: 0xffff_ffff, payload: bytes("\u0001\u0002\u0000 looks like a header") },
  { command: 2, streamId: 3, payload: bytes("!") },
  { command: 1, streamId: 3, payload: NONE },
  { command: 1, streamId: 0xffff_ffff, payload: NONE },
]);
const LINES = [
  "syn 3",
  "payload 3 hello",
  "syn 4294967295",
  "payload 4294967295 \u0001\u0002\u0000 looks like a header",
  "payload 3 !",
  "fin 3",
  "fin 4294967295",
];

function parse(parts: readonly Uint8Array[]): string[] {
  const log = new Log();
  const parser = new Parser(log);
  for (const part of parts) parser.receive(part);
  return log.lines;
}

describe("splits", () => {
  test("in one piece", () => {
    expect(parse([FRAMES])).toEqual(LINES);
  });

  test("in two pieces, at every place", () => {
    for (let at = 0; at <= FRAMES.length; at++) {
      expect(parse([FRAMES.subarray(0, at), FRAMES.subarray(at)])).toEqual(LINES);
    }
  });

  test("in three pieces, at every pair of places", () => {
    for (let a = 0; a <= FRAMES.length; a++) {
      for (let b = a; b <= FRAMES.length; b++) {
        expect(parse([FRAMES.subarray(0, a), FRAMES.subarray(a, b), FRAMES.subarray(b)])).toEqual(LINES);
      }
    }
  });

  test("byte by byte", () => {
    expect(parse(Array.from(FRAMES, (byte) => Uint8Array.of(byte)))).toEqual(LINES);
  });
});

describe("payload", () => {
  test("is handed on as it arrives, not when the frame is whole", () => {
    const log = new Log();
    const parser = new Parser(log);
    parser.receive(hex("01 02 ffff 03000000 61 62"));
    expect(log.lines).toEqual(["payload 3 ab"]);
    parser.receive(bytes("c"));
    expect(log.lines).toEqual(["payload 3 abc"]);
  });

  test("is a view of what was received, not a copy", () => {
    const received = hex("01 02 0300 03000000 616263 0101000003000000");
    const views: Uint8Array[] = [];
    const parser = new Parser({ syn() {}, fin() {}, payload: (_, part) => views.push(part) });
    parser.receive(received);
    expect(views.map((view) => view.buffer)).toEqual([received.buffer]);
  });
});

describe("refusals", () => {
  test.each([
    ["version 0", "00 00 0000 03000000", BadVersionError, "SMUX_BAD_VERSION", "version 0"],
    ["version 2", "02 02 0100 03000000 61", BadVersionError, "SMUX_BAD_VERSION", "version 2"],
    ["UPD of version 2", "01 04 0800 03000000", UnknownCommandError, "SMUX_UNKNOWN_COMMAND", "command 4"],
    ["command 255", "01 ff 0000 03000000", UnknownCommandError, "SMUX_UNKNOWN_COMMAND", "command 255"],
    ["SYN with length", "01 00 0100 03000000", BadLengthError, "SMUX_BAD_LENGTH", "length 1"],
    ["FIN with length", "01 01 ffff 03000000", BadLengthError, "SMUX_BAD_LENGTH", "length 65535"],
    ["NOP with length", "01 03 0800 00000000", BadLengthError, "SMUX_BAD_LENGTH", "length 8"],
  ])("%s", (_, frame, kind, code, part) => {
    const log = new Log();
    const error = thrownBy(() => new Parser(log).receive(hex(`0100000003000000 ${frame}`)));
    expect(error).toBeInstanceOf(kind);
    expect(error).toMatchObject({ code, name: kind.name, fatal: true });
    expect((error as Error).message).toContain(part);
    expect(log.lines).toEqual(["syn 3"]);
  });

  test("garbage throws nothing but the room's own errors", () => {
    forSeeds(500, (random) => {
      const parser = new Parser(new Log());
      for (let i = 0; i < 20; i++) {
        const part = random.bytes(random.below(64));
        // Half of the time a header that is nearly right, so that the later fields are reached as well.
        if (random.below(2) === 0) part.set([1, random.below(6)].slice(0, part.length));
        try {
          parser.receive(part);
        } catch (error) {
          expect(error).toBeInstanceOf(SmuxError);
          return;
        }
      }
    });
  });
});
