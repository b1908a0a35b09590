/**
 * Where things are, and the environment that children of tests get. It is built, not inherited: the variables of
 * this machine (proxies, certificates, AWS profiles) must not decide how a test ends.
 */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, isAbsolute, join, resolve } from "node:path";

import { clearLater } from "./leftovers.ts";

/** The directory that holds package.json. */
export const repositoryRoot = resolve(import.meta.dir, "../..");

/** Where `bun run build` puts its results. */
export const distDirectory = join(repositoryRoot, "dist");

/** The built executable for this machine; `bun run verify` builds it before the tests run. */
export const executablePath = join(
  distDirectory,
  process.platform === "win32" ? "session-manager-plugin.exe" : "session-manager-plugin",
);

let home: string | undefined;

/** An empty home directory, one for each test file; gone after it. */
export function homeDirectory(): string {
  home ??= temporaryDirectory("home");
  return home;
}

/** A new empty directory; gone after the test file. */
export function temporaryDirectory(name = "test"): string {
  const directory = mkdtempSync(join(tmpdir(), `session-manager-plugin-${name}-`));
  clearLater(() => {
    if (directory === home) home = undefined;
    rmSync(directory, { recursive: true, force: true });
  });
  return directory;
}

/** This machine's PATH with dist/ first; relative entries and node_modules are left out. */
export function searchPath(): string {
  const inherited = (process.env["PATH"] ?? "").split(delimiter);
  const kept = inherited.filter(
    (directory) =>
      isAbsolute(directory) && !directory.includes("node_modules") && directory !== distDirectory,
  );
  return [distDirectory, ...kept].join(delimiter);
}

/**
 * The whole environment of a child: PATH with dist/ first, an empty HOME, English UTF-8, a terminal type, and AWS
 * settings that keep the AWS CLI and SDK from asking anything but what a test tells them.
 * @param extra is added; a variable set to undefined is taken out.
 */
export function environment(
  extra: Readonly<Record<string, string | undefined>> = {},
): Record<string, string> {
  const variables: Record<string, string | undefined> = {
    PATH: searchPath(),
    HOME: homeDirectory(),
    LANG: "C.UTF-8",
    LC_ALL: "C.UTF-8",
    TERM: "xterm-256color",
    TMPDIR: tmpdir(),
    AWS_EC2_METADATA_DISABLED: "true",
    AWS_PAGER: "",
    ...extra,
  };
  // Without these Windows starts neither a shell nor a socket.
  if (process.platform === "win32") {
    for (const name of ["SystemRoot", "ComSpec", "PATHEXT", "TEMP", "TMP"])
      variables[name] ??= process.env[name];
  }
  return Object.fromEntries(
    Object.entries(variables).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}
