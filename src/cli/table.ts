/** Tables of text for people, and JSON for programs. */
import { harmlessLine } from "../host/index.ts";
import { standardOutput } from "../terminal/index.ts";

/** What is known of one thing, by names that programs can rely on. */
export type Row<Key extends string> = Readonly<Record<Key, string>>;

/** A column of a table. */
export interface Column<Key extends string> {
  /** Member of the row; the title is made of it: `LAST PING` of `lastPing`. */
  readonly key: Key;
  /** How people see a value; absent: as it is. */
  readonly show?: (value: string) => string;
}

/** Writes an answer for programs. */
export function writeJson(value: unknown): void {
  standardOutput().write(Buffer.from(`${JSON.stringify(value, null, 2)}\n`));
}

/** Writes a table with columns as wide as they need to be; nothing for no rows. */
export function showTable<Key extends string>(
  rows: readonly Row<Key>[],
  columns: readonly Column<Key>[],
): void {
  if (rows.length === 0) return;
  const cells = [
    columns.map(({ key }) => titleOf(key)),
    ...rows.map((row) => columns.map(({ key, show }) => harmlessLine(show?.(row[key]) ?? row[key]))),
  ];
  const widths = columns.map((_, index) => Math.max(...cells.map((line) => (line[index] ?? "").length)));
  const lines = cells.map((line) =>
    line
      .map((cell, index) => cell.padEnd(widths[index] ?? 0))
      .join("  ")
      .trimEnd(),
  );
  standardOutput().write(Buffer.from(lines.map((line) => `${line}\n`).join("")));
}

function titleOf(key: string): string {
  return key.replace(/[A-Z]/g, " $&").toUpperCase();
}
