/** Figures as a table for people (and the README) and as JSON for programs. */
import { cpus } from "node:os";

import type { Figure, Sizes } from "./measures.ts";

/** How the measured machine is described. */
export interface Surroundings {
  readonly version: string;
  readonly bun: string;
  readonly platform: string;
  readonly processors: number;
  readonly processor: string;
}

/** This machine. */
export function surroundings(version: string): Surroundings {
  const all = cpus();
  return {
    version,
    bun: Bun.version,
    platform: `${process.platform} ${process.arch}`,
    processors: all.length,
    processor: all[0]?.model ?? "",
  };
}

/** Whether a figure reaches its target; undefined when there is none, or nothing was measured. */
export function isMet({ value, target }: Figure): boolean | undefined {
  if (target === undefined || value === undefined) return undefined;
  if (target.at === "least") return value >= target.value;
  return target.at === "most" ? value <= target.value : value < target.value;
}

/** A Markdown table, its columns aligned. */
export function table(figures: readonly Figure[]): string {
  const rows = figures.map((figure) => [
    figure.name,
    show(figure.value, figure.unit),
    figure.plain === undefined ? "" : show(figure.plain, figure.unit),
    showTarget(figure),
  ]);
  const head = ["", "through the tunnel", "plain TCP", "target"];
  const widths = head.map((title, column) =>
    Math.max(title.length, 3, ...rows.map((row) => (row[column] ?? "").length)),
  );
  const line = (cells: readonly string[], fill = " "): string =>
    `| ${cells
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[0] ?? 0, fill) : cell.padStart(widths[column] ?? 0, fill),
      )
      .join(" | ")} |`;
  const rule = widths.map((width, column) =>
    column === 0 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`,
  );
  return [line(head), line(rule), ...rows.map((row) => line(row))].join("\n");
}

/** Everything as one JSON text. */
export function json(figures: readonly Figure[], sizes: Sizes, around: Surroundings): string {
  const entries = figures.map((figure) => ({ ...figure, met: isMet(figure) ?? null }));
  return JSON.stringify({ ...around, sizes, figures: entries }, null, 2);
}

function show(value: number | undefined, unit: string): string {
  if (value === undefined) return "unknown";
  return `${value < 10 ? value.toFixed(2) : value < 100 ? value.toFixed(1) : Math.round(value)} ${unit}`;
}

function showTarget(figure: Figure): string {
  const { target, unit } = figure;
  if (target === undefined) return "";
  const words = { least: "≥", most: "≤", below: "<" } as const;
  const missed = isMet(figure) === false ? " missed" : "";
  return `${words[target.at]} ${target.value} ${unit}${missed}`;
}
