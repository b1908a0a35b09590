/**
 * `bun run bench`: the compiled executable against the stand-in in a process of its own, beside plain loopback TCP.
 * Prints one table; the same figures go to dist/bench.json, or with `--json` to standard output instead of the table.
 * `--quick` moves less.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";

import { version } from "../../package.json";
import { distDirectory, executablePath } from "../support/environment.ts";
import { clearLeftovers } from "../support/leftovers.ts";
import { startLoadServer } from "./load.ts";
import { FULL, measure, QUICK } from "./measures.ts";
import { json, surroundings, table } from "./report.ts";
import { startStandIn } from "./tunnel.ts";

const options = process.argv.slice(2);
const unknown = options.find((option) => option !== "--quick" && option !== "--json");
if (unknown !== undefined) {
  process.stderr.write(`unknown option ${unknown}; there are --quick and --json\n`);
  process.exitCode = 2;
} else if (!(await Bun.file(executablePath).exists())) {
  process.stderr.write("there is no executable to measure: run `bun run build` first\n");
  process.exitCode = 2;
} else {
  await bench();
}

async function bench(): Promise<void> {
  const sizes = options.includes("--quick") ? QUICK : FULL;
  const server = startLoadServer();
  const simulator = await startStandIn();
  try {
    const figures = await measure({
      simulator,
      destination: server.address,
      sizes,
      progress: (what) => process.stderr.write(`measuring ${what} …\n`),
    });
    const text = json(figures, sizes, surroundings(version));
    mkdirSync(distDirectory, { recursive: true });
    await Bun.write(join(distDirectory, "bench.json"), `${text}\n`);
    process.stdout.write(`${options.includes("--json") ? text : table(figures)}\n`);
  } finally {
    server.stop();
    await simulator.stop();
    await clearLeftovers();
  }
}
