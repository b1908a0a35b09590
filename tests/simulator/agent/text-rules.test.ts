/** The small pure parts: UTF-8 filter, splitting of command lines, order of versions, the byte queue. */
import { describe, expect, test } from "bun:test";

import { splitCommand } from "../../../src/simulator/agent/argv.ts";
import { ByteQueue } from "../../../src/simulator/agent/byte-queue.ts";
import { Utf8Filter } from "../../../src/simulator/agent/utf8-filter.ts";
import {
  clientMultiplexes,
  compareVersions,
  keepAliveOff,
} from "../../../src/simulator/agent/version-order.ts";
import { forSeeds } from "../../support/seeded-random.ts";

const bytes = (...values: readonly number[]): Uint8Array => new Uint8Array(values);

/** The agent's loop, written as simply as can be. */
function slowFilter(held: number[], piece: Uint8Array): { passed: number[]; held: number[] } {
  const pending = [...held, ...piece];
  const passed: number[] = [];
  for (let at = 0; at < pending.length;) {
    let length = 0;
    for (let size = 1; size <= 4 && at + size <= pending.length; size++) {
      try {
        const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(
          new Uint8Array(pending.slice(at, at + size)),
        );
        if ([...text].length === 1) {
          length = text === "\ufffd" ? -size : size;
          break;
        }
      } catch {
        // Not a whole character yet.
      }
    }
    if (length > 0) {
      passed.push(...pending.slice(at, at + length));
      at += length;
      continue;
    }
    if (pending.length - at < 4) return { passed, held: pending.slice(at) };
    passed.push(pending[at] as number);
    at += length < 0 ? -length : 1;
  }
  return { passed, held: [] };
}

describe("UTF-8 filter", () => {
  test("passes text, whatever its alphabet", () => {
    const filter = new Utf8Filter();
    expect(Buffer.from(filter.push(Buffer.from("aé€😀"))).toString()).toBe("aé€😀");
    expect(filter.heldBytes).toBe(0);
  });

  test("holds an incomplete character back and completes it", () => {
    const filter = new Utf8Filter();
    expect(filter.push(bytes(0x61, 0xe2, 0x82))).toEqual(bytes(0x61));
    expect(filter.heldBytes).toBe(2);
    expect(filter.push(bytes(0xac, 0x62))).toEqual(bytes(0xe2, 0x82, 0xac, 0x62));
  });

  test("passes an invalid byte only when four bytes or more follow from it", () => {
    const filter = new Utf8Filter();
    expect(filter.push(bytes(0xff, 0x61, 0x62, 0x63))).toEqual(bytes(0xff, 0x61, 0x62, 0x63));
    // Held with everything behind it, and lost if nothing comes.
    expect(filter.push(bytes(0xff, 0x61, 0x0a))).toEqual(bytes());
    expect(filter.heldBytes).toBe(3);
  });

  test("shortens U+FFFD to its first byte", () => {
    expect(new Utf8Filter().push(Buffer.from("\ufffdabc"))).toEqual(bytes(0xef, 0x61, 0x62, 0x63));
  });

  test("does what the simple loop does, for any bytes in any pieces", () => {
    forSeeds(300, (random) => {
      const filter = new Utf8Filter();
      let held: number[] = [];
      for (let piece = 0; piece < 12; piece++) {
        const input = random.chance(0.5)
          ? random.bytes(random.int(40))
          : Buffer.from(random.pick(["é", "€", "😀", "a", "\ufffd"]).repeat(random.int(9)));
        const cut = input.subarray(0, random.between(0, input.length));
        const expected = slowFilter(held, cut);
        held = expected.held;
        expect([...filter.push(cut)]).toEqual(expected.passed);
        expect(filter.heldBytes).toBe(held.length);
      }
    });
  });
});

describe("command lines", () => {
  const cases: readonly (readonly [string, readonly string[]])[] = [
    ["ls -l /tmp", ["ls", "-l", "/tmp"]],
    ["  a\t b\n c ", ["a", "b", "c"]],
    [`echo 'one two' "three four"`, ["echo", "one two", "three four"]],
    [`a"b"'c'd`, ["abcd"]],
    [`'' ""`, ["", ""]],
    [`'a\\b' "a\\"b" a\\ b "a\\nb"`, ["a\\b", `a"b`, "a b", "anb"]],
    [`echo $HOME *.ts | cat && x; y > z`, ["echo", "$HOME", "*.ts", "|", "cat", "&&", "x;", "y", ">", "z"]],
    ["a # comment\nb c#d", ["a", "b", "c#d"]],
    ["", []],
  ];
  for (const [line, words] of cases) {
    test(JSON.stringify(line), () => expect(splitCommand(line)).toEqual({ words }));
  }

  test("open quotes and a last backslash are errors", () => {
    for (const line of [`a 'b`, `a "b`]) {
      expect(splitCommand(line)).toEqual({ problem: "EOF found when expecting closing quote" });
    }
    expect(splitCommand("a \\")).toEqual({ problem: "EOF found after escape character" });
  });
});

describe("versions", () => {
  test("compare by number, else by text, and the longer is newer", () => {
    expect(compareVersions("1.2.10", "1.2.9")).toBeGreaterThan(0);
    expect(compareVersions("1.1.70", "1.1.70")).toBe(0);
    expect(compareVersions("1.1.70.0", "1.1.70")).toBeGreaterThan(0);
    expect(compareVersions("1.1.7x", "1.1.70")).toBeGreaterThan(0);
    expect(compareVersions("", "1.1.70")).toBeLessThan(0);
  });

  test("decide about multiplexing and keep-alive", () => {
    expect(["1.1.69.9", "1.1.70", "1.1.70.0", "1.2.0.0"].map(clientMultiplexes)).toEqual([
      false,
      true,
      true,
      true,
    ]);
    expect(["1.2.331.0", "1.2.331.1", "1.2.332"].map(keepAliveOff)).toEqual([false, true, true]);
  });
});

describe("byte queue", () => {
  test("gives back what was put in, in other pieces", () => {
    forSeeds(100, (random) => {
      const queue = new ByteQueue();
      const all: number[] = [];
      const taken: number[] = [];
      for (let step = 0; step < 200; step++) {
        if (random.chance(0.5)) {
          const piece = random.bytes(random.int(30));
          all.push(...piece);
          queue.push(piece);
        } else {
          taken.push(...((random.chance(0.2) ? queue.shift() : queue.take(random.between(1, 50))) ?? []));
        }
        expect(queue.bytes).toBe(all.length - taken.length);
      }
      taken.push(...(queue.take(1_000_000) ?? []));
      expect(taken).toEqual(all);
      expect([queue.bytes, queue.entries, queue.take(1)]).toEqual([0, 0, undefined]);
    });
  });
});
