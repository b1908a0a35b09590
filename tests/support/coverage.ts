/**
 * Sums the line coverage of several files, which Bun's own threshold does not (it looks at each file alone).
 * `bun tests/support/coverage.ts FILE.lcov…` prints the sums and fails below the floors.
 */

import { join, relative } from "node:path";

import { repositoryRoot } from "./environment.ts";

/** Which lines of one source file were executed. */
export interface FileCoverage {
  /** Path from the repository, with forward slashes. */
  readonly path: string;
  /** Executions by line number, of the lines that hold code. */
  readonly hits: ReadonlyMap<number, number>;
}

/** A set of files that together must reach a floor. */
export interface CoverageGroup {
  readonly name: string;
  /** Least share of executed lines, in percent. */
  readonly floorPercent: number;
  readonly includes: (path: string) => boolean;
}

/** How a group did. */
export interface GroupResult {
  readonly name: string;
  readonly floorPercent: number;
  readonly lines: number;
  readonly executed: number;
  /** 100 when the group has no lines. */
  readonly percent: number;
  readonly reached: boolean;
}

const PURE_ROOMS = ["protocol", "channel", "smux", "encryption"];
/** The faces and the terminal live in the executable, which the end-to-end tests run as a process of its own. */
const COVERED_END_TO_END = ["src/main.ts", "src/terminal/", "src/plugin/", "src/cli/"];

/** The floors of this project. */
export const GROUPS: readonly CoverageGroup[] = [
  {
    name: `pure rooms (${PURE_ROOMS.join(", ")})`,
    floorPercent: 97,
    includes: (path) => PURE_ROOMS.some((room) => path.startsWith(`src/${room}/`)),
  },
  {
    name: "src without main.ts, terminal, plugin and cli",
    floorPercent: 95,
    includes: (path) =>
      path.startsWith("src/") && !COVERED_END_TO_END.some((excluded) => path.startsWith(excluded)),
  },
];

/** Reads lcov texts and merges what they say of the same line. */
export function readLcov(texts: readonly string[]): FileCoverage[] {
  const files = new Map<string, Map<number, number>>();
  for (const text of texts) {
    let hits: Map<number, number> | undefined;
    for (const line of text.split("\n")) {
      if (line.startsWith("SF:")) {
        const path = relative(repositoryRoot, join(repositoryRoot, line.slice(3).trim())).replaceAll(
          "\\",
          "/",
        );
        hits = files.get(path) ?? new Map();
        files.set(path, hits);
      } else if (line.startsWith("DA:")) {
        const [number = NaN, count = NaN] = line.slice(3).split(",").map(Number);
        hits?.set(number, (hits.get(number) ?? 0) + count);
      }
    }
  }
  return [...files].map(([path, hits]) => ({ path, hits }));
}

/** Sums the lines of the group's files. */
export function sumGroup(group: CoverageGroup, files: readonly FileCoverage[]): GroupResult {
  let lines = 0;
  let executed = 0;
  for (const { path, hits } of files) {
    if (!group.includes(path)) continue;
    lines += hits.size;
    for (const count of hits.values()) if (count > 0) executed++;
  }
  const percent = lines === 0 ? 100 : (100 * executed) / lines;
  const { name, floorPercent } = group;
  return { name, floorPercent, lines, executed, percent, reached: percent >= floorPercent };
}

/** The lines that were not executed, as ranges: `12-15, 20`. */
export function missedLines({ hits }: FileCoverage): string {
  const ranges: [first: number, last: number][] = [];
  let open: [number, number] | undefined;
  for (const [line, count] of [...hits].toSorted(([a], [b]) => a - b)) {
    if (count > 0) {
      open = undefined;
    } else if (open === undefined) {
      open = [line, line];
      ranges.push(open);
    } else {
      open[1] = line;
    }
  }
  return ranges.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(", ");
}

/** The sums as text, with the worst files of each group that misses its floor. */
export function coverageReport(files: readonly FileCoverage[]): { text: string; reached: boolean } {
  const out: string[] = [];
  let reached = true;
  for (const group of GROUPS) {
    const result = sumGroup(group, files);
    reached &&= result.reached;
    out.push(
      `${result.percent.toFixed(2)} % of ${result.lines} lines, floor ${result.floorPercent} %: ${result.name}`,
    );
    if (result.reached) continue;
    const worst = files
      .filter(({ path }) => group.includes(path))
      .map((file) => ({ file, missed: [...file.hits.values()].filter((count) => count === 0).length }))
      .filter(({ missed }) => missed > 0)
      .toSorted((a, b) => b.missed - a.missed);
    for (const { file, missed } of worst.slice(0, 20))
      out.push(`  ${file.path}: ${missed} of ${file.hits.size} lines missed (${missedLines(file)})`);
  }
  return { text: out.join("\n"), reached };
}

if (import.meta.main) {
  const texts = await Promise.all(process.argv.slice(2).map(async (path) => await Bun.file(path).text()));
  const { text, reached } = coverageReport(readLcov(texts));
  process.stdout.write(`${text}\n`);
  process.exitCode = reached ? 0 : 1;
}
