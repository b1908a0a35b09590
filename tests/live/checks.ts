/**
 * What is tried on a real target: each check starts the executable as a person would, and compares what comes back.
 * A check that needs what is not there throws {@link SkippedError} with what to set or install.
 */
import { randomBytes } from "node:crypto";
import { join } from "node:path";

import { distDirectory, executablePath, temporaryDirectory } from "../support/environment.ts";
import { type Outcome, run, type RunningProcess, start } from "../support/processes.ts";
import { findProgram } from "../support/programs.ts";
import { waitFor, within } from "../support/wait-for.ts";
import { startCuttingProxy } from "./cutting-proxy.ts";

/** What the checks are told by AWS_E2E_… */
export interface LiveSettings {
  readonly target: string;
  readonly ssh?: { readonly user: string; readonly key?: string; readonly port: string };
  readonly ecsTarget?: string;
  /** The whole environment, with the built executable first on PATH. */
  readonly environment: Readonly<Record<string, string>>;
}

/** One check. */
export interface Check {
  readonly name: string;
  run(settings: LiveSettings): Promise<void>;
}

/** A check cannot be made; the message says what it would take. */
export class SkippedError extends Error {}

/** Reads the settings; undefined without a target. */
export function liveSettings(
  environment: Readonly<Record<string, string | undefined>>,
): LiveSettings | undefined {
  const target = environment["AWS_E2E_TARGET"];
  if (target === undefined || target === "") return undefined;
  const user = environment["AWS_E2E_SSH_USER"];
  const key = environment["AWS_E2E_SSH_KEY"];
  const ecsTarget = environment["AWS_E2E_ECS_TARGET"];
  const set = Object.entries(environment).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  );
  return {
    target,
    ...(user === undefined
      ? {}
      : {
          ssh: { user, port: environment["AWS_E2E_SSH_PORT"] ?? "22", ...(key === undefined ? {} : { key }) },
        }),
    ...(ecsTarget === undefined ? {} : { ecsTarget }),
    environment: { ...Object.fromEntries(set), PATH: `${distDirectory}:${environment["PATH"] ?? ""}` },
  };
}

/** Longest time for one step over a real network. */
const STEP_MS = 90_000;
/** A real agent sends less than 1 MB/s. */
const TRANSFER_BYTES = 1_000_000;
/** Takes a length as a line and so many bytes; answers with their SHA-256 as a line, and with the bytes. */
const SERVER = `
import socket, hashlib
listener = socket.socket()
listener.settimeout(120)
listener.bind(("127.0.0.1", 0))
listener.listen(4)
print("port", listener.getsockname()[1], flush=True)
while True:
    connection, _ = listener.accept()
    with connection, connection.makefile("rb") as reader:
        data = reader.read(int(reader.readline()))
        connection.sendall(hashlib.sha256(data).hexdigest().encode() + b"\\n" + data)
`;

/** In the order in which they build on each other. */
export const CHECKS: readonly Check[] = [
  {
    name: "targets: the target is listed and online",
    async run(settings) {
      const { stdout } = await program(settings, ["targets", "--json"]);
      expectText(stdout, settings.target);
    },
  },
  {
    name: "exec: standard output and error apart, the exit code, arguments as they were given",
    async run(settings) {
      const script = 'printf "[%s]" "$@"; echo problem >&2; exit 7';
      const words = ["it's", 'a "b"', "$HOME", "two\nlines", "{{x}}", ""];
      const outcome = await program(
        settings,
        ["exec", settings.target, "--", "sh", "-c", script, "sh", ...words],
        7,
      );
      expectEqual("standard output", outcome.stdout, words.map((word) => `[${word}]`).join(""));
      expectText(outcome.stderr, "problem");
    },
  },
  {
    name: "shell: input from a pipe, output, the end",
    async run(settings) {
      await checkShell(settings, settings.target);
    },
  },
  {
    name: "aws ssm start-session with this plugin",
    async run(settings) {
      if (findProgram("aws") === undefined) throw new SkippedError("there is no aws on PATH");
      const words = ["ssm", "start-session", "--target", settings.target];
      const outcome = await run(["aws", ...words], {
        wholeEnv: settings.environment,
        input: "echo from-$((40+2))\nexit\n",
        timeoutMs: STEP_MS,
      });
      expectExit(outcome, 0);
      expectText(outcome.stdout, "from-42");
    },
  },
  {
    name: `forward: ${TRANSFER_BYTES} bytes up and down, compared by SHA-256`,
    async run(settings) {
      await throughTunnel(settings, settings.environment);
    },
  },
  {
    name: "forward: the connection is cut in the middle, nothing is lost",
    async run(settings) {
      const proxy = await startCuttingProxy();
      try {
        const environment = { ...settings.environment, HTTPS_PROXY: proxy.url, NO_PROXY: "", no_proxy: "" };
        let cuts = 0;
        const tunnel = await throughTunnel(settings, environment, () => {
          cuts += proxy.cut();
        });
        if (cuts === 0) throw new Error("nothing went through the proxy, so nothing could be cut");
        expectText(tunnel, "connection-restored");
      } finally {
        proxy.stop();
      }
    },
  },
  {
    name: "ssh: input, output and the exit code through ssh-proxy",
    async run({ target, ssh, environment }) {
      if (ssh === undefined) throw new SkippedError("AWS_E2E_SSH_USER is not set");
      if (findProgram("ssh") === undefined) throw new SkippedError("there is no ssh on PATH");
      const options = [
        `ProxyCommand=${executablePath} ssh-proxy %h %p`,
        "BatchMode=yes",
        "StrictHostKeyChecking=accept-new",
        `UserKnownHostsFile=${join(temporaryDirectory("ssh"), "known_hosts")}`,
      ].flatMap((option) => ["-o", option]);
      const key = ssh.key === undefined ? [] : ["-i", ssh.key];
      const words = [...options, ...key, "-p", ssh.port, "-l", ssh.user, target, "cat; exit 9"];
      const text = randomBytes(100_000).toString("hex");
      const outcome = await run(["ssh", ...words], {
        wholeEnv: environment,
        input: text,
        timeoutMs: STEP_MS,
      });
      expectExit(outcome, 9);
      expectEqual("what cat gave back", outcome.stdout, text);
    },
  },
  {
    name: "shell in a container of ECS",
    async run(settings) {
      if (settings.ecsTarget === undefined) throw new SkippedError("AWS_E2E_ECS_TARGET is not set");
      await checkShell(settings, settings.ecsTarget);
    },
  },
];

/** Runs the executable to an expected exit code. */
async function program(settings: LiveSettings, words: readonly string[], exitCode = 0): Promise<Outcome> {
  const outcome = await run([executablePath, ...words], {
    wholeEnv: settings.environment,
    timeoutMs: STEP_MS,
  });
  expectExit(outcome, exitCode);
  return outcome;
}

async function checkShell({ environment }: LiveSettings, target: string): Promise<void> {
  const outcome = await run([executablePath, "shell", target], {
    wholeEnv: environment,
    input: "echo from-$((40+2))\nexit\n",
    timeoutMs: STEP_MS,
  });
  expectExit(outcome, 0);
  expectText(outcome.stdout, "from-42");
}

/**
 * Sends random bytes to a server on the target and gets them back, twice.
 * @param halfway called once when half of the answer is there
 * @returns what the tunnel said
 */
async function throughTunnel(
  settings: LiveSettings,
  environment: Readonly<Record<string, string>>,
  halfway: () => void = () => undefined,
): Promise<string> {
  const { target } = settings;
  const { port, server } = await startServer(settings);
  const tunnel = start([executablePath, "forward", target, "-L", `0:${port}`, "--json"], {
    wholeEnv: environment,
    stdin: "ignore",
  });
  const ready = await tunnel.stdout.waitFor(/\{"event":"ready".*\n/, { timeoutMs: STEP_MS });
  const { port: localPort } = JSON.parse(ready) as { readonly port: number };
  await transfer(localPort, halfway);
  // Again, on the same tunnel: after a cut this needs the connection to be back.
  await transfer(localPort, () => undefined);
  for (const child of [tunnel, server]) child.kill("SIGTERM");
  const [outcome] = await Promise.all([tunnel.finish(), server.finish()]);
  return outcome.stdout + outcome.stderr;
}

async function transfer(port: number, halfway: () => void): Promise<void> {
  const data = randomBytes(TRANSFER_BYTES);
  const answer = await exchange(port, data, halfway);
  const end = answer.indexOf("\n");
  const hash = new Bun.CryptoHasher("sha256").update(data).digest("hex");
  expectEqual("the hash of what went up", answer.subarray(0, end).toString(), hash);
  if (!answer.subarray(end + 1).equals(data)) throw new Error("what came down is not what went up");
}

async function startServer({ target, environment }: LiveSettings): Promise<{
  readonly port: string;
  readonly server: RunningProcess;
}> {
  const python = await run([executablePath, "exec", target, "--", "sh", "-c", "command -v python3"], {
    wholeEnv: environment,
    timeoutMs: STEP_MS,
  });
  if (python.exitCode !== 0) throw new SkippedError("the target has no python3 to answer with");
  const server = start([executablePath, "exec", target, "--", "python3", "-c", SERVER], {
    wholeEnv: environment,
    stdin: "ignore",
  });
  const line = await server.stdout.waitFor(/port \d+/, { timeoutMs: STEP_MS });
  return { port: line.slice("port ".length), server };
}

/** Sends a length and bytes, and reads until the other side closes. */
async function exchange(port: number, data: Buffer, halfway: () => void): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let received = 0;
  let failure: Error | undefined;
  const closed = Promise.withResolvers<void>();
  let unsent = Buffer.concat([Buffer.from(`${data.length}\n`), data]);
  const send = (socket: Bun.Socket): void => {
    const taken = socket.write(unsent);
    if (taken > 0) unsent = unsent.subarray(taken);
  };
  await Bun.connect({
    hostname: "127.0.0.1",
    port,
    socket: {
      open: send,
      drain: send,
      data(_socket, chunk) {
        const before = received;
        chunks.push(Buffer.from(chunk));
        received += chunk.length;
        if (before < data.length / 2 && received >= data.length / 2) halfway();
      },
      error(_socket, error) {
        failure = error;
      },
      close() {
        closed.resolve();
      },
    },
  });
  await within(closed.promise, { what: "the end of the answer", timeoutMs: STEP_MS });
  if (failure !== undefined) throw failure;
  await waitFor(() => unsent.length === 0, { what: "everything to be sent" });
  return Buffer.concat(chunks);
}

function expectExit({ exitCode, stdout, stderr }: Outcome, expected: number): void {
  if (exitCode === expected) return;
  throw new Error(
    `exit code ${exitCode}, expected ${expected}\nstdout: ${stdout.slice(-500)}\nstderr: ${stderr.slice(-500)}`,
  );
}

function expectText(text: string, wanted: string): void {
  if (!text.includes(wanted))
    throw new Error(`no ${JSON.stringify(wanted)} in ${JSON.stringify(text.slice(-1_000))}`);
}

function expectEqual(what: string, actual: string, expected: string): void {
  if (actual === expected) return;
  throw new Error(
    `${what}: ${JSON.stringify(actual.slice(0, 500))}, expected ${JSON.stringify(expected.slice(0, 500))}`,
  );
}
