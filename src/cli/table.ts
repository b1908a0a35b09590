/** Tables of text for people, and JSON for programs. */
import { harmlessLine } from "../host/index.ts";
import { standardOutput } from "../terminal/index.ts";

/** Writes rows as JSON, or as a table with columns as wide as they need to be; nothing for none. */
export function showRows(
  rows: readonly Readonly<Record<string, string>>[],
  json: boolean,
  columns: readonly string[],
): void {
  if (!json && rows.length === 0) return;
  const text = json ? `${JSON.stringify(rows, null, 2)}\n` : table(rows, columns);
  standardOutput().write(Buffer.from(text));
}

function table(rows: readonly Readonly<Record<string, string>>[], columns: readonly string[]): string {
  const cells = [
    columns.map((column) => column.toUpperCase()),
    ...rows.map((row) => columns.map((column) => harmlessLine(row[column] ?? ""))),
  ];
  const widths = columns.map((_, index) => Math.max(...cells.map((line) => (line[index] ?? "").length)));
  return cells
    .map(
      (line) =>
        `${line
          .map((cell, index) => cell.padEnd(widths[index] ?? 0))
          .join("  ")
          .trimEnd()}\n`,
    )
    .join("");
}
