/** The header's layout, against a second codec and against literal bytes. */
import { describe, expect, test } from "bun:test";

import { Command, HEADER_BYTES, readHeader, writeHeader } from "../../src/smux/frame.ts";
import { naiveDecode, naiveEncode } from "./naive-codec.ts";
import { hex } from "./support.ts";

const LENGTHS = [0, 1, 0xff, 0x100, 1016, 0x8000, 0xfffe, 0xffff];
const STREAM_IDS = [0, 1, 3, 0xff, 0x100, 0x1_0203, 0x7fff_ffff, 0x8000_0000, 0xffff_fffe, 0xffff_ffff];

function encode(command: Command, length: number, streamId: number): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES);
  writeHeader(new DataView(bytes.buffer), 0, command, length, streamId);
  return bytes;
}

describe("header", () => {
  test("is little-endian in the recorded order", () => {
    expect(encode(Command.syn, 0, 3)).toEqual(hex("01 00 0000 03000000"));
    expect(encode(Command.fin, 0, 5)).toEqual(hex("01 01 0000 05000000"));
    expect(encode(Command.psh, 3000, 0x01020304)).toEqual(hex("01 02 b80b 04030201"));
    expect(encode(Command.nop, 0, 0)).toEqual(hex("01 03 0000 00000000"));
  });

  test("agrees with the second codec for every boundary value", () => {
    for (const command of Object.values(Command)) {
      for (const length of command === Command.psh ? LENGTHS : [0]) {
        for (const streamId of STREAM_IDS) {
          const payload = new Uint8Array(length).fill(7);
          const header = encode(command, length, streamId);
          const whole = new Uint8Array([...header, ...payload]);
          expect(naiveDecode(whole)).toEqual([{ command, streamId, payload }]);
          expect(naiveEncode([{ command, streamId, payload: payload }]).subarray(0, 8)).toEqual(header);
          expect(readHeader(new DataView(header.buffer), 0)).toEqual({
            version: 1,
            command,
            length,
            streamId,
          });
        }
      }
    }
  });
});
