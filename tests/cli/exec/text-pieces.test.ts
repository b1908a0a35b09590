/** Bytes become text or Base64 without losing any, wherever they are cut. */
import { expect, test } from "bun:test";

import { type Piece, pieceOf, TextPieces } from "../../../src/cli/exec/text-pieces.ts";
import { forSeeds } from "../../support/seeded-random.ts";

function bytesOf(piece: Piece | undefined): Uint8Array {
  if (piece === undefined) return new Uint8Array(0);
  return "text" in piece ? Buffer.from(piece.text, "utf8") : Buffer.from(piece.base64, "base64");
}

test("whole bytes", () => {
  expect(pieceOf(Buffer.from("é💥\n"))).toEqual({ text: "é💥\n" });
  expect(pieceOf(Uint8Array.of(0xff, 0x00))).toEqual({ base64: "/wA=" });
  expect(pieceOf(new Uint8Array(0))).toEqual({ text: "" });
});

test("a character that comes in parts is one, and text stays text", () => {
  const pieces = new TextPieces();
  const bytes = Buffer.from("a💥b");
  const made = [...bytes].map((byte) => pieces.push(Uint8Array.of(byte)));
  expect(made).toEqual([{ text: "a" }, undefined, undefined, undefined, { text: "💥" }, { text: "b" }]);
  expect(pieces.end()).toBeUndefined();
});

test("the beginning of a character at the end is Base64", () => {
  const pieces = new TextPieces();
  expect(pieces.push(Uint8Array.of(0x61, 0xf0, 0x9f))).toEqual({ text: "a" });
  expect(pieces.end()).toEqual({ base64: "8J8=" });
});

test("any bytes, cut anywhere, come back", () => {
  forSeeds(2_000, (random) => {
    const parts = Array.from({ length: random.between(1, 8) }, () =>
      random.between(0, 2) === 0
        ? Buffer.from(random.pick(["é", "💥", "text", "\n", "€"]))
        : Buffer.from([random.between(0, 255), random.between(128, 255)]),
    );
    const all = Buffer.concat(parts);
    const pieces = new TextPieces();
    const back: Uint8Array[] = [];
    for (let at = 0; at < all.length;) {
      const end = at + random.between(1, 4);
      back.push(bytesOf(pieces.push(all.subarray(at, end))));
      at = end;
    }
    back.push(bytesOf(pieces.end()));
    expect(Buffer.concat(back).equals(all)).toBe(true);
  });
});
