/**
 * A real OpenSSH server on a free loopback port, with keys and a configuration of its own, for the account that runs
 * the tests; and the client's options to match. Nothing of the machine's own configuration is used or changed; a
 * server that root starts needs a directory that the system's service would make.
 */
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";

import { environment, temporaryDirectory } from "../../support/environment.ts";
import { run, start } from "../../support/processes.ts";
import { findProgram } from "../../support/programs.ts";

/** Where a server that root starts changes its root to; the system's own service makes it in the same way. */
const PRIVILEGE_SEPARATION_DIRECTORY = "/run/sshd";

/** A running server. */
export interface SshServer {
  readonly port: number;
  readonly user: string;
  /** The user's private key, as a path. */
  readonly key: string;
  /** A configuration file of the client: keys, known host, nothing from the user's own. */
  readonly clientConfig: string;
  /** An empty directory for files. */
  readonly directory: string;
  /** What it has logged. */
  log(): string;
}

/**
 * Starts the server; it ends with the test file.
 * @param options.authorizedKeys file with the keys that it takes, which the caller writes; absent: one with the user's key
 */
export async function startSshServer(options: { readonly authorizedKeys?: string } = {}): Promise<SshServer> {
  const directory = temporaryDirectory("ssh");
  const file = (name: string): string => join(directory, name);
  for (const key of ["host", "user"]) {
    const made = await run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", key, "-f", file(key)]);
    if (made.exitCode !== 0) throw new Error(`ssh-keygen: ${made.stderr}`);
  }
  await Bun.write(file("authorized_keys"), Bun.file(file("user.pub")));
  // Not os.userInfo(): Bun takes that from the environment.
  const username = (await run(["id", "-un"])).stdout.trim();
  makePrivilegeSeparationDirectory();
  const port = freePort();
  await Bun.write(
    file("sshd_config"),
    [
      `ListenAddress 127.0.0.1:${port}`,
      `HostKey ${file("host")}`,
      `AuthorizedKeysFile ${options.authorizedKeys ?? file("authorized_keys")}`,
      `PidFile none`,
      `PermitRootLogin prohibit-password`,
      // The directories above are anybody's.
      `StrictModes no`,
      `PasswordAuthentication no`,
      `KbdInteractiveAuthentication no`,
      `UsePAM no`,
      `UseDNS no`,
      `PrintMotd no`,
      `PrintLastLog no`,
      `Subsystem sftp internal-sftp`,
      "",
    ].join("\n"),
  );
  const hostKey = (await Bun.file(file("host.pub")).text()).split(" ").slice(0, 2).join(" ");
  await Bun.write(file("known_hosts"), `target ${hostKey}\n`);
  await Bun.write(
    file("ssh_config"),
    [
      `Host *`,
      `  User ${username}`,
      `  IdentityFile ${file("user")}`,
      `  IdentitiesOnly yes`,
      `  IdentityAgent none`,
      `  UserKnownHostsFile ${file("known_hosts")}`,
      `  GlobalKnownHostsFile none`,
      `  HostKeyAlias target`,
      `  StrictHostKeyChecking yes`,
      `  BatchMode yes`,
      `  LogLevel ERROR`,
      "",
    ].join("\n"),
  );
  // sshd insists on its full path: it starts itself again for each connection.
  const server = start([findProgram("sshd") ?? "sshd", "-D", "-e", "-f", file("sshd_config")], {
    wholeEnv: environment(),
  });
  await server.stderr.waitFor("Server listening on");
  return {
    port,
    user: username,
    key: file("user"),
    clientConfig: file("ssh_config"),
    directory: temporaryDirectory("files"),
    log: () => server.stderr.text(),
  };
}

/** A port that was free a moment ago. */
export function freePort(): number {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const { port } = listener;
  listener.stop(true);
  return port;
}

function makePrivilegeSeparationDirectory(): void {
  if (process.getuid?.() !== 0 || existsSync(PRIVILEGE_SEPARATION_DIRECTORY)) return;
  // Left there: it is empty, it is gone at the next start of the machine, and other servers may need it by now.
  mkdirSync(PRIVILEGE_SEPARATION_DIRECTORY, { mode: 0o755, recursive: true });
}
