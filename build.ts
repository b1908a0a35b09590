/**
 * Builds the executable: `bun run build` for this machine, `bun run build --all` for every target.
 * A build appears under its final name only when it is whole, so that a running test never starts half a file.
 */

import { chmod, mkdir, mkdtemp, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";

import { description, name, version } from "./package.json";

/** Every target of `--all`; each gets a directory of its own under dist/. */
const TARGETS = [
  "bun-linux-x64",
  "bun-linux-arm64",
  "bun-linux-x64-musl",
  "bun-linux-arm64-musl",
  "bun-darwin-x64",
  "bun-darwin-arm64",
  "bun-windows-x64",
  "bun-windows-arm64",
] as const;

type Target = (typeof TARGETS)[number];

/** Flags that the executable starts its runtime with. */
const RUNTIME_FLAGS = [
  // Nothing that a working directory or BUN_OPTIONS offers becomes code: no --preload, no eval, no inspector.
  "--disallow-code-generation-from-strings=strict",
  // The roots that the machine's owner trusts, a company's proxy among them.
  "--use-system-ca",
];

const root = import.meta.dir;
const dist = join(root, "dist");
/** Names of unfinished builds in dist/ begin like this. */
const UNFINISHED = ".unfinished-";

/**
 * Compiles one executable to `destination`.
 * @param target undefined: this machine.
 * @throws Error with every message of the bundler.
 */
async function buildExecutable(destination: string, target?: Target): Promise<void> {
  await mkdir(dist, { recursive: true });
  // In dist/, so that the rename stays on one file system.
  const workshop = await mkdtemp(join(dist, UNFINISHED));
  try {
    await Bun.build({
      entrypoints: [join(root, "src/main.ts")],
      // Together these halve the start-up time, and the AWS CLI starts us twice a session. Splitting keeps what a
      // path does not need (the AWS SDK above all) from being loaded at all.
      format: "esm",
      splitting: true,
      bytecode: true,
      // Names stay readable in stack traces, and out of reach of the bundler's collisions.
      minify: { whitespace: true, syntax: true, identifiers: false },
      // Embedded, so that a stack trace names file and line; the files beside it go with the workshop.
      sourcemap: "linked",
      define: { BUILD_VERSION: JSON.stringify(version) },
      compile: {
        ...(target === undefined ? {} : { target }),
        outfile: join(workshop, name),
        // A .env, bunfig.toml, tsconfig.json or package.json in the working directory is a stranger's.
        autoloadDotenv: false,
        autoloadBunfig: false,
        autoloadTsconfig: false,
        autoloadPackageJson: false,
        execArgv: RUNTIME_FLAGS,
        // Only a build on Windows can write these.
        ...(process.platform === "win32"
          ? { windows: { title: name, version: `${version}.0`, description } }
          : {}),
      },
    });
    // The bundler adds .exe itself for Windows.
    const built = (await readdir(workshop)).find((file) => file === name || file === `${name}.exe`);
    if (built === undefined) throw new Error("the bundler left no executable behind");
    await chmod(join(workshop, built), 0o755);
    await rename(join(workshop, built), destination);
  } catch (error) {
    throw new Error(messagesOf(error).join("\n"), { cause: error });
  } finally {
    await rm(workshop, { recursive: true, force: true });
  }
}

/** Everything the bundler had to say; its own error says only "Bundle failed". */
function messagesOf(error: unknown): string[] {
  if (error instanceof AggregateError) return error.errors.flatMap(messagesOf);
  if (error instanceof BuildMessage || error instanceof ResolveMessage) {
    const { position } = error;
    return [
      `${position === null ? "" : `${position.file}:${position.line}:${position.column}: `}${error.message}`,
    ];
  }
  return [error instanceof Error ? error.message : String(error)];
}

/** Builds every target; one that fails does not stop the others. Returns false when any failed. */
async function buildAll(): Promise<boolean> {
  const sums: string[] = [];
  const failed: string[] = [];
  for (const target of TARGETS) {
    const file = target.includes("windows") ? `${name}.exe` : name;
    const destination = join(dist, target, file);
    await mkdir(join(dist, target), { recursive: true });
    try {
      await buildExecutable(destination, target);
      sums.push(`${await sha256(destination)}  ${target}/${file}\n`);
      await report(destination);
    } catch (error) {
      failed.push(target);
      await rm(join(dist, target), { recursive: true, force: true });
      process.stderr.write(`${target} could not be built: ${(error as Error).message}\n`);
    }
  }
  const list = join(dist, "SHA256SUMS");
  await Bun.write(`${list}.new`, sums.join(""));
  await rename(`${list}.new`, list);
  if (failed.length > 0)
    process.stderr.write(`${failed.length} of ${TARGETS.length} targets failed: ${failed.join(", ")}\n`);
  return failed.length === 0;
}

async function sha256(path: string): Promise<string> {
  const hasher = new Bun.CryptoHasher("sha256");
  for await (const chunk of Bun.file(path).stream()) hasher.update(chunk);
  return hasher.digest("hex");
}

async function report(destination: string): Promise<void> {
  if (quiet) return;
  const { size } = await stat(destination);
  process.stdout.write(`${destination.slice(root.length + 1)}  ${(size / 1e6).toFixed(1)} MB\n`);
}

const options = process.argv.slice(2);
const quiet = options.includes("--quiet");
const unknown = options.find((option) => option !== "--all" && option !== "--quiet");
if (unknown !== undefined) {
  process.stderr.write(`unknown option ${unknown}; there are --all (every target) and --quiet\n`);
  process.exitCode = 2;
} else if (options.includes("--all")) {
  process.exitCode = (await buildAll()) ? 0 : 1;
} else {
  const destination = join(dist, process.platform === "win32" ? `${name}.exe` : name);
  try {
    await buildExecutable(destination);
    await report(destination);
  } catch (error) {
    process.stderr.write(`the build failed:\n${(error as Error).message}\n`);
    process.exitCode = 1;
  }
}
