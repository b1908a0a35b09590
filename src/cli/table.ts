/** Tables of text for people, as wide as their terminal, and JSON for programs. */
import { isTerminal, SIZE_WITHOUT_TERMINAL, standardOutput, windowSize } from "../terminal/index.ts";
import { cellsOf, type Column, layOut, lineOf, type Row, titlesOf } from "./columns.ts";
import type { CommandContext } from "./command.ts";

/** The option for tables that are wider than the terminal. */
export const WIDE_ARGUMENT = {
  type: "boolean",
  alias: "w",
  description: "all columns, nothing cut, however wide the terminal is",
} as const;

/** Writes an answer for programs. */
export function writeJson(value: unknown): void {
  standardOutput().write(Buffer.from(`${JSON.stringify(value, null, 2)}\n`));
}

/**
 * Answers with rows as `--json` and `--wide` want it. Only a terminal's width limits a table: whatever else reads it gets
 * all of it. Without rows there is no table.
 */
export function showRows<Key extends string>(
  { args }: CommandContext,
  rows: readonly Row<Key>[],
  columns: readonly Column<Key>[],
): void {
  if (args.flag("json")) return writeJson(rows);
  if (rows.length === 0) return;
  const width = isTerminal(1) && !args.flag("wide") ? (windowSize() ?? SIZE_WITHOUT_TERMINAL).cols : Infinity;
  const lines = [titlesOf(columns), ...rows.map((row) => cellsOf(row, columns))];
  const layout = layOut(lines, columns, width);
  standardOutput().write(Buffer.from(lines.map((cells) => `${lineOf(cells, layout)}\n`).join("")));
}
