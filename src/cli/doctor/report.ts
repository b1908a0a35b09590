/** How findings are shown: a line each for people, one array of JSON for programs. */
import { harmlessLine } from "../../host/index.ts";
import { standardOutput } from "../../terminal/index.ts";
import { writeJson } from "../table.ts";
import type { Finding, Result } from "./finding.ts";

/** A check by its name, stable for programs. */
export type Check = readonly [name: string, finding: Promise<Finding>];

/**
 * Shows each check as soon as it and those before it are done; for programs all of them at the end. The results, in
 * the same order.
 */
export async function showReport(checks: readonly Check[], json: boolean): Promise<readonly Result[]> {
  const width = Math.max(...checks.map(([name]) => name.length));
  const rows: Record<string, string>[] = [];
  const results: Result[] = [];
  for (const [name, finding] of checks) {
    const { result, text, advice } = await finding;
    results.push(result);
    rows.push({ check: name, result, text, ...(advice === undefined ? {} : { advice }) });
    if (json) continue;
    const mend = advice === undefined ? "" : ` → ${advice}`;
    const line = harmlessLine(`${result.padEnd(4)}  ${name.padEnd(width)}  ${text}${mend}`);
    standardOutput().write(Buffer.from(`${line}\n`));
  }
  if (json) writeJson(rows);
  return results;
}
