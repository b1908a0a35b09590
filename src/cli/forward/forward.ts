/** `forward`: any number of tunnels in one process, which stay up until they are ended. */
import { listen } from "../../net/index.ts";
import { isTerminal, standardError, standardOutput, watchSignals } from "../../terminal/index.ts";
import { openAccount } from "../account.ts";
import { tellError } from "../advice.ts";
import { chooseTarget, requireTarget } from "../choose-target.ts";
import { type Command, type CommandContext, COMMON_ARGUMENTS, TARGET_ARGUMENT } from "../command.ts";
import { UsageError } from "../errors.ts";
import { ExitCode, SIGNAL_EXIT_CODES } from "../exit-codes.ts";
import { codeOf } from "../messages.ts";
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
    target: TARGET_ARGUMENT,
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
const MAX_SESSIONS = 16;

async function run(context: CommandContext): Promise<number> {
  const { args, messages } = context;
  const specs = args.list("listen").map(parseTunnelSpec);
  if (specs.length === 0) throw new UsageError("forward: at least one -L is needed, for example -L 8080:80");
  const sessions = readSessions(args.text("sessions"));
  requireTarget(context, "forward");
  const account = await openAccount(context);
  const { id } = await chooseTarget(context, account);
  const { world } = await account.host(id);
  const open = (spec: TunnelSpec): Tunnel =>
    new Tunnel({
      spec,
      target: id,
      sessions,
      once: args.flag("once"),
      world,
      start: account.start,
      say: (event, text) => messages.say(event, text, { tunnel: spec.text }),
    });
  const tunnels = specs.map(open);
  const ended = endings(context, tunnels);
  // Every port is bound before any session is started: one that is taken leaves nothing behind.
  await bindAll(tunnels);
  const running = Promise.all(tunnels.map((tunnel) => tunnel.run()));
  const lost = Promise.race(tunnels.map((tunnel) => tunnel.lost));
  const ready = Promise.all(tunnels.map((tunnel) => tunnel.ready)).then(() => undefined);
  const first = await Promise.race([ended, lost, ready]).catch((error: unknown) => error as Error);
  const status = first === undefined ? announce(context, tunnels) : undefined;
  const outcome = first ?? (await Promise.race([ended, lost]));
  for (const tunnel of tunnels) tunnel.stop();
  await running;
  status?.stop();
  if (typeof outcome === "number") return outcome;
  messages.fail(tellError(outcome), codeOf(outcome));
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
      const exitCode = SIGNAL_EXIT_CODES[signal];
      if (received) context.exit(exitCode);
      received = true;
      for (const tunnel of tunnels) tunnel.stop();
      setTimeout(() => context.exit(exitCode), SIGNAL_DEADLINE_MS).unref();
      resolve(exitCode);
    });
  });
}

/** Says that all tunnels are up, in the form that was asked for; on a terminal as a status that stays alive. */
function announce({ args, messages }: CommandContext, tunnels: readonly Tunnel[]): LiveStatus | undefined {
  if (messages.json) {
    const lines = tunnels.map((tunnel) =>
      JSON.stringify({
        event: "ready",
        tunnel: tunnel.spec.text,
        port: tunnel.listener.port,
        addresses: tunnel.listener.addresses,
      }),
    );
    standardOutput().write(Buffer.from(`${lines.join("\n")}\n`));
    return undefined;
  }
  // Log lines would be drawn over.
  const logged = args.flag("verbose") && args.text("log-file") === undefined;
  if (isTerminal(2) && !messages.quiet && !logged) {
    const status = new LiveStatus(tunnels, (text) => void standardError().write(Buffer.from(text)));
    messages.write = (line) => status.say(line);
    return status;
  }
  for (const tunnel of tunnels) {
    const where = tunnel.listener.addresses.join(" and ");
    messages.say("ready", `Listening on ${where} for ${destination(tunnel)}`);
  }
  return undefined;
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
