/** `forward`: any number of tunnels in one process, which stay up until they are ended. */
import { listen } from "../../net/index.ts";
import {
  isTerminal,
  type ProcessSignal,
  standardError,
  standardOutput,
  watchSignals,
} from "../../terminal/index.ts";
import { openAccount } from "../account.ts";
import { type Command, type CommandContext, COMMON_ARGUMENTS, ExitCode } from "../command.ts";
import { UsageError } from "../errors.ts";
import { resolveTarget } from "../target.ts";
import { parseTunnelSpec, type TunnelSpec } from "./spec.ts";
import { destination, LiveStatus } from "./status.ts";
import { Tunnel } from "./tunnel.ts";

/** See the file's comment. */
export const forward: Command = {
  meta: {
    name: "forward",
    description: "Forward local ports or Unix sockets to a target, or to hosts behind it.",
  },
  arguments: {
    target: { type: "positional", description: "id, name, tag:KEY=VALUE, private IP or computer name" },
    listen: {
      type: "string",
      alias: "L",
      description:
        "LOCAL:PORT, LOCAL:HOST:PORT or BIND:LOCAL:HOST:PORT; LOCAL is a port, 0, or a socket's path",
      valueHint: "SPEC",
      multiple: true,
    },
    sessions: { type: "string", description: "sessions side by side for each tunnel (1)", valueHint: "N" },
    once: { type: "boolean", description: "end when a session has ended, instead of starting another" },
    ...COMMON_ARGUMENTS,
  },
  examples: [
    "forward bastion -L 5432:db.internal:5432",
    "forward i-0123456789abcdef0 -L 8080:80 -L 0:cache.internal:6379",
    "forward bastion -L /tmp/db.sock:db.internal:5432 -L '[::1]:8443:web.internal:443'",
  ],
  run,
};

/** What the tunnels get to end after a signal. */
const SIGNAL_DEADLINE_MS = 2_800;
const SIGNAL_CODES: Readonly<Record<ProcessSignal, number>> = {
  SIGHUP: 129,
  SIGINT: 0,
  SIGQUIT: 131,
  SIGTERM: 143,
};
const MAX_SESSIONS = 16;

async function run(context: CommandContext): Promise<number> {
  const { args } = context;
  const specs = args.list("listen").map(parseTunnelSpec);
  if (specs.length === 0) throw new UsageError("forward: at least one -L is needed, for example -L 8080:80");
  const sessions = readSessions(args.text("sessions"));
  const account = await openAccount(context);
  const { id } = await resolveTarget(account.ssm, args.text("target") ?? "");
  let status: LiveStatus | undefined;
  const say = (line: string): void => {
    if (args.flag("quiet")) return;
    if (status === undefined) standardError().write(Buffer.from(`${line}\n`));
    else status.say(line);
  };
  const { world } = await account.host(id);
  const open = (spec: TunnelSpec): Tunnel =>
    new Tunnel({ spec, target: id, sessions, once: args.flag("once"), world, start: account.start, say });
  const tunnels = specs.map(open);
  // Every port is bound before any session is started: one that is taken leaves nothing behind.
  await bindAll(tunnels);
  const ended = endings(context, tunnels);
  const running = Promise.all(tunnels.map((tunnel) => tunnel.run()));
  const lost = Promise.race(tunnels.map((tunnel) => tunnel.lost));
  const ready = Promise.all(tunnels.map((tunnel) => tunnel.ready)).then(() => undefined);
  const first = await Promise.race([ready, ended, lost]).catch((error: unknown) => error as Error);
  if (first === undefined) {
    announce(context, tunnels);
    if (isTerminal(2) && !args.flag("quiet") && !args.flag("json")) status = new LiveStatus(tunnels);
  }
  const outcome = first ?? (await Promise.race([ended, lost]));
  status?.stop();
  for (const tunnel of tunnels) tunnel.stop();
  await running;
  if (typeof outcome === "number") return outcome;
  standardError().write(Buffer.from(`session-manager-plugin: ${outcome.message}\n`));
  return ExitCode.failure;
}

/** Binds all or none. */
async function bindAll(tunnels: readonly Tunnel[]): Promise<void> {
  try {
    for (const tunnel of tunnels) await tunnel.listener.bind(listen, tunnel.spec.listen);
  } catch (error) {
    for (const tunnel of tunnels) tunnel.listener.stop();
    throw error;
  }
}

/** The exit code of the signal that ends the command; a second one ends it at once. */
function endings(context: CommandContext, tunnels: readonly Tunnel[]): Promise<number> {
  return new Promise((resolve) => {
    let received = false;
    watchSignals((signal) => {
      if (received) context.exit(SIGNAL_CODES[signal]);
      received = true;
      for (const tunnel of tunnels) tunnel.listener.stop();
      setTimeout(() => context.exit(SIGNAL_CODES[signal]), SIGNAL_DEADLINE_MS).unref();
      resolve(SIGNAL_CODES[signal]);
    });
  });
}

function announce({ args }: CommandContext, tunnels: readonly Tunnel[]): void {
  if (args.flag("json")) {
    const lines = tunnels.map((tunnel) =>
      JSON.stringify({
        event: "ready",
        tunnel: tunnel.spec.text,
        port: tunnel.listener.port,
        addresses: tunnel.listener.addresses,
      }),
    );
    standardOutput().write(Buffer.from(`${lines.join("\n")}\n`));
    return;
  }
  if (args.flag("quiet") || isTerminal(2)) return;
  for (const tunnel of tunnels) {
    standardError().write(
      Buffer.from(`Listening on ${tunnel.listener.addresses.join(" and ")} for ${destination(tunnel)}\n`),
    );
  }
}

function readSessions(text: string | undefined): number {
  if (text === undefined) return 1;
  const count = /^\d{1,2}$/.test(text) ? Number(text) : Number.NaN;
  if (!(count >= 1 && count <= MAX_SESSIONS)) {
    throw new UsageError(
      `--sessions must be a number from 1 to ${MAX_SESSIONS}, it is ${JSON.stringify(text)}`,
    );
  }
  return count;
}
