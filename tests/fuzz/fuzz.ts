/**
 * Runs one target on input after input for a limited time: every input comes from its own seed, no exception but the
 * ones that are expected may come out, none may take long, and memory must not grow. Past findings are kept as files
 * and tried first.
 *
 * One second for each target in `verify`; `bun run fuzz` takes FUZZ_SECONDS, a minute unless told, and new seeds.
 */
import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { SeededRandom } from "../support/seeded-random.ts";

/** What is tried. */
export interface FuzzTarget {
  /** Name of the test, and of the directory in tests/fixtures/fuzz that holds past findings. */
  readonly name: string;
  /** Errors that are an answer and no finding. */
  readonly expected: readonly (abstract new (...args: never[]) => Error)[];
  /** Makes an input of a seed. */
  readonly make: (random: SeededRandom) => Uint8Array;
  /**
   * Tries an input. Whatever is random here comes from `random`, so that an input and a seed repeat everything.
   * Throws one of the expected errors, or a finding.
   */
  readonly check: (input: Uint8Array, random: SeededRandom) => void;
  /** Longest time for one input, in milliseconds; far above what any should take on a busy machine. */
  readonly maxMs?: number;
}

const FINDINGS = join(import.meta.dir, "../fixtures/fuzz");
/** Memory that may be in use after a run beyond that before it. */
const MAX_GROWTH_BYTES = 48 * 1024 * 1024;
/** Inputs between two looks at the clock. */
const BATCH = 16;

const long = process.env["FUZZ"] !== undefined || process.env["SOAK"] !== undefined;
const seconds = Number(process.env["FUZZ_SECONDS"] ?? (long ? 60 : 1));

/** The first seed: always the same in `verify`, a new one in long runs, TEST_SEED to repeat a finding. */
function firstSeed(): number {
  const chosen = process.env["TEST_SEED"];
  if (chosen !== undefined) return Number(chosen);
  return long ? Date.now() % 0x1_0000_0000 : 1;
}

/** Registers the target as tests: its past findings, then new inputs. */
export function fuzz(target: FuzzTarget): void {
  test(`${target.name}: past findings`, () => {
    for (const { file, input } of findings(target.name)) attempt(target, input, 1, file);
  });

  test(
    `${target.name}: no exception but our own, no hang, no growth`,
    () => {
      const only = process.env["TEST_SEED"] !== undefined;
      const from = firstSeed();
      const before = usedBytes();
      const endMs = performance.now() + seconds * 1_000;
      let seed = from;
      do {
        for (let each = 0; each < (only ? 1 : BATCH); each++, seed++) {
          attempt(target, target.make(new SeededRandom(seed)), seed, `seed ${seed}`);
        }
      } while (!only && performance.now() < endMs);
      const grown = usedBytes() - before;
      if (long) console.log(`  ${target.name}: ${seed - from} inputs from seed ${from}, ${grown} bytes more`);
      expect(grown).toBeLessThan(MAX_GROWTH_BYTES);
    },
    seconds * 1_000 + 60_000,
  );
}

function attempt(target: FuzzTarget, input: Uint8Array, seed: number, from: string): void {
  const startedMs = performance.now();
  try {
    target.check(input, new SeededRandom(seed ^ 0x5eed));
  } catch (error) {
    if (!target.expected.some((kind) => error instanceof kind)) throw finding(target, input, from, error);
  }
  const ms = performance.now() - startedMs;
  const { maxMs = 2_000 } = target;
  if (ms > maxMs) throw finding(target, input, from, new Error(`it took ${Math.round(ms)} ms`));
}

function finding(target: FuzzTarget, input: Uint8Array, from: string, cause: unknown): Error {
  const hex = Buffer.from(input).toString("hex");
  return new Error(
    `${from}: ${String(cause)}\nrepeat with TEST_SEED, keep as tests/fixtures/fuzz/${target.name}/<what>.hex: ` +
      (hex.length > 4_000 ? `${hex.slice(0, 4_000)}… (${input.length} bytes)` : hex),
    { cause },
  );
}

function findings(name: string): { readonly file: string; readonly input: Uint8Array }[] {
  const directory = join(FINDINGS, name);
  let files: string[];
  try {
    files = readdirSync(directory);
  } catch {
    return [];
  }
  return files.toSorted().map((file) => ({
    file,
    input: new Uint8Array(
      Buffer.from(readFileSync(join(directory, file), "latin1").replace(/\s/g, ""), "hex"),
    ),
  }));
}

function usedBytes(): number {
  Bun.gc(true);
  return process.memoryUsage().heapUsed;
}
