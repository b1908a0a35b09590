/** Real servers from the system's packages as destinations, each in a directory and on a port of its own. */
import { chownSync, readdirSync } from "node:fs";
import { join } from "node:path";

import { temporaryDirectory } from "../../support/environment.ts";
import { type Outcome, run, start } from "../../support/processes.ts";
import { findProgram } from "../../support/programs.ts";
import { waitFor } from "../../support/wait-for.ts";
import { freePort } from "../ssh/server.ts";

/** A server that runs; it ends with the test file. */
export interface ProgramServer {
  readonly port: number;
}

/** Where Debian puts PostgreSQL's own programs, newest version first. */
export function findPostgresProgram(name: string): string | undefined {
  const versions = "/usr/lib/postgresql";
  let found: readonly string[] = [];
  try {
    found = readdirSync(versions).toSorted((a, b) => Number(b) - Number(a));
  } catch {
    // Not installed, or not by Debian: the search path has to know.
  }
  for (const version of found) {
    const program = join(versions, version, "bin", name);
    if (Bun.which(program) !== null) return program;
  }
  return findProgram(name);
}

/** Who may run PostgreSQL, which refuses root: this user, or `nobody` by way of setpriv. */
function unprivileged(command: readonly string[]): readonly string[] {
  if (process.getuid?.() !== 0) return command;
  return ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", ...command];
}

/** A directory that belongs to that user. */
function unprivilegedDirectory(name: string): string {
  const directory = temporaryDirectory(name);
  if (process.getuid?.() === 0) chownSync(directory, 65_534, 65_534);
  return directory;
}

/** Starts PostgreSQL; its superuser is `test` without a password. */
export async function startPostgres(): Promise<ProgramServer> {
  const directory = unprivilegedDirectory("postgres");
  const data = join(directory, "data");
  const program = (name: string): string => findPostgresProgram(name) ?? name;
  const made = await run(
    unprivileged([
      program("initdb"),
      ...["-D", data, "-U", "test", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"],
    ]),
    { cwd: directory },
  );
  if (made.exitCode !== 0) throw new Error(`initdb: ${made.stderr}`);
  const port = freePort();
  const server = start(
    unprivileged([
      program("postgres"),
      ...[
        "-D",
        data,
        "-p",
        String(port),
        "-k",
        directory,
        "-c",
        "listen_addresses=127.0.0.1",
        "-c",
        "fsync=off",
      ],
    ]),
    { cwd: directory },
  );
  await server.stderr.waitFor("database system is ready to accept connections", { timeoutMs: 20_000 });
  return { port };
}

/** Starts Redis; nothing is kept. */
export async function startRedis(): Promise<ProgramServer> {
  const port = freePort();
  const directory = temporaryDirectory("redis");
  const server = start([
    "redis-server",
    ...[
      "--port",
      String(port),
      "--bind",
      "127.0.0.1",
      "--save",
      "",
      "--appendonly",
      "no",
      "--dir",
      directory,
    ],
  ]);
  await server.stdout.waitFor("Ready to accept connections", { timeoutMs: 15_000 });
  return { port };
}

/** Starts nginx over a directory. */
export async function startNginx(root: string): Promise<ProgramServer> {
  const port = freePort();
  const directory = temporaryDirectory("nginx");
  const configuration = join(directory, "nginx.conf");
  await Bun.write(
    configuration,
    [
      ...(process.getuid?.() === 0 ? ["user root root;"] : []),
      "daemon off; master_process off; worker_processes 1;",
      `pid ${join(directory, "pid")}; error_log ${join(directory, "error.log")};`,
      "events {}",
      "http {",
      `access_log off; sendfile on; root ${root};`,
      ...["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
        (name) => `${name}_temp_path ${join(directory, name)};`,
      ),
      `server { listen 127.0.0.1:${port}; }`,
      "}",
    ].join("\n"),
  );
  start([findProgram("nginx") ?? "nginx", "-c", configuration, "-e", join(directory, "error.log")]);
  await waitFor(async () => (await fetch(`http://127.0.0.1:${port}/`)).status > 0, {
    what: "nginx to answer",
  });
  return { port };
}

/** Runs a client that must succeed. @throws Error with what it said */
export async function client(
  command: readonly string[],
  options: Parameters<typeof run>[1] = {},
): Promise<Outcome> {
  const outcome = await run(command, { timeoutMs: 25_000, ...options });
  if (outcome.exitCode !== 0) {
    throw new Error(
      `${command.join(" ")} ended with ${outcome.exitCode}: ${outcome.stdout}${outcome.stderr}`,
    );
  }
  return outcome;
}
