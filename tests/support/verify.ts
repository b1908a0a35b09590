/**
 * `bun run verify`: everything that must hold before a change goes in. Works in a fresh clone, so it imports
 * nothing that has to be installed. Its last line is "N passed, N failed" from the test runs' own reports;
 * a step that fails for another reason counts as one failure more.
 */

import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";

import { devDependencies, version } from "../../package.json";
import { audit } from "./audit.ts";
import { coverageReport, readLcov } from "./coverage.ts";
import { environment, executablePath, repositoryRoot } from "./environment.ts";
import { clearLeftovers } from "./leftovers.ts";
import { run } from "./processes.ts";
import { readTestReport, type ReportedTest } from "./test-report.ts";

/** Tests in these places share the machine with nothing else: they time real processes. */
const ALONE = ["tests/e2e/**", "tests/fault/**", "tests/bench/**"];
/** Longest time for one test, unless it sets its own. */
const TEST_TIMEOUT_MS = 30_000;

const results = join(repositoryRoot, "coverage");
const failedSteps: string[] = [];
const tests: ReportedTest[] = [];

/** Runs bun itself, its output passed on. Resolves with its exit code. */
async function bun(args: readonly string[], quiet = false): Promise<number> {
  const child = Bun.spawn([process.execPath, ...args], {
    cwd: repositoryRoot,
    stdin: "ignore",
    stdout: quiet ? "pipe" : "inherit",
    stderr: quiet ? "pipe" : "inherit",
  });
  const [out, err] = await Promise.all([textOf(child.stdout), textOf(child.stderr), child.exited]);
  if (child.exitCode !== 0) process.stdout.write(`${out}${err}`);
  return child.exitCode ?? 1;
}

async function textOf(stream: ReadableStream<Uint8Array> | undefined | null): Promise<string> {
  return stream ? await new Response(stream).text() : "";
}

/**
 * Runs one step; it fails by returning false or throwing, and the next steps run all the same.
 * "counted": it failed by tests that are counted one by one.
 */
async function step(name: string, body: () => Promise<boolean | "counted">): Promise<void> {
  const start = performance.now();
  process.stdout.write(`${name} …\n`);
  let passed: boolean | "counted" = false;
  try {
    passed = await body();
  } catch (error) {
    process.stdout.write(`${error instanceof Error ? error.message : String(error)}\n`);
  }
  const seconds = ((performance.now() - start) / 1_000).toFixed(1);
  process.stdout.write(`${name}: ${passed === true ? "passed" : "FAILED"} (${seconds} s)\n`);
  if (passed === false) failedSteps.push(name);
}

/**
 * Runs the tests that share the machine with nothing, or all the others. Throws when the run says less than it should:
 * no report, a file that ran no test, a failure that no test accounts for.
 */
async function runTests(name: string, only: "alone" | "together"): Promise<boolean | "counted"> {
  const expected = testFiles(only);
  if (expected.length === 0) return true;
  const report = join(results, `${name}.xml`);
  const exitCode = await bun([
    "test",
    ...expected.map((file) => `./${file}`),
    only === "alone" ? "--isolate" : "--parallel",
    `--timeout=${TEST_TIMEOUT_MS}`,
    "--only-failures",
    "--coverage",
    "--coverage-reporter=lcov",
    `--coverage-dir=${join(results, name)}`,
    "--reporter=junit",
    `--reporter-outfile=${report}`,
  ]);
  if (!(await Bun.file(report).exists())) throw new Error(`the tests ended with ${exitCode} and no report`);
  const reported = readTestReport(await Bun.file(report).text());
  tests.push(...reported);
  const silent = expected.filter(
    (file) => !reported.some((test) => test.file.replaceAll("\\", "/") === file),
  );
  if (silent.length > 0) throw new Error(`no test of these files was run: ${silent.join(", ")}`);
  const failed = reported.some(({ result }) => result === "failed");
  if (exitCode !== 0 && !failed) throw new Error(`the tests ended with ${exitCode}, though none failed`);
  return failed ? "counted" : true;
}

function testFiles(only: "alone" | "together"): string[] {
  const alone = ALONE.map((pattern) => new Bun.Glob(pattern));
  return [...new Bun.Glob("tests/**/*.test.ts").scanSync({ cwd: repositoryRoot })]
    .map((path) => path.replaceAll("\\", "/"))
    .filter((path) => alone.some((glob) => glob.match(path)) === (only === "alone"))
    .toSorted();
}

/** The built executable answers the two questions that an installation is checked with. */
async function smokeTest(): Promise<boolean> {
  const asked = await run([executablePath, "--version"], { wholeEnv: environment() });
  if (
    asked.exitCode !== 0 ||
    asked.stdout !== `${version}\n` ||
    !/^\d+(\.\d+){0,3}$/.test(asked.stdout.trim())
  )
    throw new Error(`--version: ${JSON.stringify(asked)}, expected ${version}`);
  const bare = await run([executablePath], { wholeEnv: environment() });
  const text =
    "\nThe Session Manager plugin was installed successfully. Use the AWS CLI to start a session.\n\n";
  if (bare.exitCode !== 0 || bare.stdout !== text || bare.stderr !== "")
    throw new Error(`without arguments: ${JSON.stringify(bare)}`);
  return true;
}

rmSync(results, { recursive: true, force: true });
mkdirSync(results, { recursive: true });

await step("Bun's version", async () => {
  if (Bun.version === devDependencies.bun) return true;
  throw new Error(
    `this is Bun ${Bun.version}, the project is built with ${devDependencies.bun}: ` +
      `npx --yes bun@${devDependencies.bun} run verify`,
  );
});
await step("install", async () => (await bun(["install", "--frozen-lockfile"], true)) === 0);
await step("known vulnerabilities", async () => {
  const { verdict, text } = await audit();
  process.stdout.write(
    `${verdict === "not asked" ? "passed over, the registry cannot be asked: " : ""}${text}\n`,
  );
  return verdict !== "vulnerable";
});
await step("type check", async () => (await bun(["check"], true)) === 0);
await step("format check", async () => (await bun(["fmt", "--check"], true)) === 0);
await step("build", async () => (await bun(["build.ts"])) === 0);
await step("smoke test", smokeTest);
await step("tests", async () => await runTests("tests", "together"));
await step("end-to-end tests", async () => await runTests("end-to-end", "alone"));
await step("coverage", async () => {
  const reports = [...new Bun.Glob("*/lcov.info").scanSync({ cwd: results, absolute: true })];
  if (reports.length === 0) throw new Error("no coverage was reported");
  const texts = await Promise.all(reports.map(async (path) => await Bun.file(path).text()));
  const { text, reached } = coverageReport(readLcov(texts));
  process.stdout.write(`${text}\n`);
  return reached;
});
await clearLeftovers();

const count = (result: ReportedTest["result"]): number =>
  tests.filter((test) => test.result === result).length;
for (const { name, result } of tests) if (result === "skipped") process.stdout.write(`skipped: ${name}\n`);
for (const { name, result } of tests) if (result === "failed") process.stdout.write(`failed: ${name}\n`);
for (const name of failedSteps) process.stdout.write(`failed step: ${name}\n`);
const failed = count("failed") + failedSteps.length;
const skipped = count("skipped") === 0 ? "" : `, ${count("skipped")} skipped`;
process.stdout.write(`\n${count("passed")} passed, ${failed} failed${skipped}\n`);
process.exitCode = failed === 0 ? 0 : 1;
