/**
 * Compiles the fixture program as the product is compiled, because what Bun does with standard streams, signals and
 * the C library is only certain in an executable.
 */
import { join } from "node:path";

import { temporaryDirectory } from "../support/environment.ts";

let built: Promise<string> | undefined;

/** Path of the compiled fixture; built once for each test file. */
export function fixture(): Promise<string> {
  built ??= build();
  return built;
}

async function build(): Promise<string> {
  const outfile = join(temporaryDirectory("terminal-fixture"), "fixture");
  await Bun.build({
    entrypoints: [join(import.meta.dir, "fixture.ts")],
    format: "esm",
    splitting: true,
    bytecode: true,
    minify: { whitespace: true, syntax: true, identifiers: false },
    compile: {
      outfile,
      autoloadDotenv: false,
      autoloadBunfig: false,
      execArgv: ["--disallow-code-generation-from-strings=strict", "--use-system-ca"],
    },
  });
  return outfile;
}
