/** The way of a program's bytes into a session: order, room, the caller's array, the end. */
import { describe, expect, test } from "bun:test";

import { Inlet } from "../../src/library/inlet.ts";
import { failureOf } from "./simulated.ts";

/** An inlet whose session takes everything until it is paused. */
function createInlet(): { readonly inlet: Inlet; readonly seen: string[] } {
  const seen: string[] = [];
  const inlet = new Inlet({
    data: (bytes) => void seen.push(Buffer.from(bytes).toString()),
    ended: () => void seen.push("END"),
  });
  return { inlet, seen };
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("an inlet", () => {
  test("keeps the order of the calls, the end included", async () => {
    const { inlet, seen } = createInlet();
    await Promise.all([inlet.write(Buffer.from("a")), inlet.write(Buffer.from("b")), inlet.end()]);
    expect(seen).toEqual(["a", "b", "END"]);
  });

  test("hands over piece by piece, and only while there is room; resolves when there is room for more", async () => {
    const { inlet, seen } = createInlet();
    inlet.pause();
    let resolved = false;
    const write = inlet.write(Buffer.alloc(70_000, "x")).then(() => (resolved = true));
    await settle();
    expect(seen).toEqual([]);
    inlet.resume();
    inlet.pause();
    await settle();
    expect(seen).toEqual([]);
    inlet.resume();
    await write;
    expect(seen.map((piece) => piece.length)).toEqual([32_768, 32_768, 4_464]);
    expect(resolved).toBe(true);
  });

  test("hands over copies: the array is the caller's again", async () => {
    const kept: Uint8Array[] = [];
    const inlet = new Inlet({ data: (bytes) => void kept.push(bytes), ended() {} });
    const array = Buffer.from("before");
    await inlet.write(array);
    array.fill("x");
    expect(Buffer.concat(kept).toString()).toBe("before");
  });

  test("a write behind the last byte of which there is no room does not resolve", async () => {
    const seen: number[] = [];
    const inlet: Inlet = new Inlet({
      data(bytes) {
        seen.push(bytes.length);
        inlet.pause();
      },
      ended() {},
    });
    let resolved = false;
    const write = inlet.write(Buffer.from("abc")).then(() => (resolved = true));
    await settle();
    expect(seen).toEqual([3]);
    expect(resolved).toBe(false);
    inlet.resume();
    await write;
  });

  test("closed: writes that wait and later ones get the first reason; an end says nothing", async () => {
    const { inlet, seen } = createInlet();
    inlet.pause();
    const waiting = failureOf(inlet.write(Buffer.from("a")));
    const [first, second] = [new Error("first"), new Error("second")];
    inlet.close(first);
    inlet.close(second);
    expect(await waiting).toBe(first);
    expect(await failureOf(inlet.write(Buffer.from("b")))).toBe(first);
    await inlet.end();
    expect(seen).toEqual([]);
  });

  test("ended: a later write is refused, a second end is none", async () => {
    const { inlet, seen } = createInlet();
    await inlet.end();
    await inlet.end();
    expect(await failureOf(inlet.write(Buffer.from("b")))).toMatchObject({ code: "LIBRARY_SESSION_STATE" });
    expect(seen).toEqual(["END"]);
  });
});
