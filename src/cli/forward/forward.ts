/** `forward`: any number of tunnels in one process, which stay up until they are ended. */
import { existsSync } from "node:fs";
import { resolve } from "node:path";

import { harmlessLine } from "../../host/index.ts";
import { guardTerminalAtExit } from "../../terminal/index.ts";
import { openAccount } from "../account.ts";
import { tellError } from "../advice.ts";
import { chooseTarget, requireTarget } from "../choose-target.ts";
import {
  type Command,
  type CommandContext,
  COMMON_ARGUMENTS,
  KEEPALIVE_ARGUMENT,
  TARGET_ARGUMENT,
} from "../command.ts";
import { readDuration } from "../duration.ts";
import { UsageError } from "../errors.ts";
import { readForwardState, writeForwardState } from "../readiness/forward-state.ts";
import { isRunning } from "../readiness/process-identity.ts";
import { READINESS_ARGUMENTS, readReadinessOptions } from "../readiness/readiness.ts";
import { background } from "./background/background.ts";
import { runBackgroundCommand } from "./background/commands.ts";
import { CommandStartError } from "./command/errors.ts";
import { readCommand } from "./command/run-command.ts";
import { Reporter } from "./reporter.ts";
import { runTunnels } from "./run.ts";
import { parseTunnelSpec, type TunnelSpec } from "./spec.ts";
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
      description: "[BIND:]LOCAL:PORT or [BIND:]LOCAL:HOST:PORT; LOCAL is a port, 0, or a socket's path",
      valueHint: "SPEC",
      multiple: true,
    },
    sessions: { type: "string", description: "sessions side by side for each tunnel (1)", valueHint: "N" },
    keepalive: KEEPALIVE_ARGUMENT,
    once: { type: "boolean", description: "end when a session has ended, instead of starting another" },
    drain: {
      type: "string",
      description: "after SIGTERM, or COMMAND, let open connections finish for this long",
      valueHint: "DURATION",
    },
    ...READINESS_ARGUMENTS,
    keep: { type: "boolean", description: "let COMMAND go on when a tunnel is lost for good" },
    background: { type: "boolean", description: "go on in the background once ready" },
    name: { type: "string", description: "what it is called there (after TARGET)", valueHint: "NAME" },
    list: { type: "boolean", description: "list the forwards in the background" },
    stop: { type: "boolean", description: "end the forward in the background that TARGET names" },
    all: { type: "boolean", description: "with --stop: all of them" },
    ...COMMON_ARGUMENTS,
  },
  rest: "COMMAND ARG …",
  examples: [
    "forward bastion -L 5432:db.internal:5432",
    "forward i-0123456789abcdef0 -L 8080:80 -L 0:cache.internal:6379",
    "forward bastion -L /tmp/db.sock:db.internal:5432 -L '[::1]:8443:web.internal:443'",
    "forward bastion -L 5432:db.internal:5432 --probe --ready-file tunnel.json",
    "forward bastion -L 5432:db.internal:5432 --background --name db",
    "forward --stop db",
    "forward bastion -L 0:db.internal:5432 -- psql -h {host} -p {port} -c 'select 1'",
  ],
  run,
};

const MAX_SESSIONS = 16;

async function run(context: CommandContext): Promise<number> {
  guardTerminalAtExit();
  try {
    return await openTunnels(context);
  } catch (error) {
    const file = context.args.text("ready-file");
    if (file !== undefined) tellWaiting(resolve(file), error);
    if (!(error instanceof CommandStartError)) throw error;
    context.messages.fail(error.message, error.code);
    return error.exitCode;
  }
}

/** Whoever waits for the ready file is told, unless another forward has it by now. */
function tellWaiting(readyFile: string, error: unknown): void {
  try {
    const state = readForwardState(readyFile);
    if (state !== undefined && state.pid !== process.pid && isRunning(state)) return;
    if (existsSync(readyFile)) return;
    writeForwardState(readyFile, harmlessLine(tellError(error)));
  } catch {
    // What was wrong may be the file's place.
  }
}

async function openTunnels(context: CommandContext): Promise<number> {
  const { args } = context;
  const done = await runBackgroundCommand(context);
  if (done !== undefined) return done;
  const specs = args.list("listen").map(parseTunnelSpec);
  if (specs.length === 0) throw new UsageError("forward: at least one -L is needed, for example -L 8080:80");
  const sessions = readSessions(args.text("sessions"));
  const drainMs = readDuration(args.text("drain"), { option: "--drain", forms: "10s or 5m" }) ?? 0;
  const readiness = readReadinessOptions(args);
  const command = readCommand(context, specs);
  requireTarget(context, "forward");
  const inBackground = await background(context);
  if (typeof inBackground === "number") return inBackground;
  const account = await openAccount(context);
  const { id } = await chooseTarget(context, account);
  const { world } = await account.host(id);
  const reporter = new Reporter(context);
  const open = (spec: TunnelSpec): Tunnel =>
    new Tunnel({
      spec,
      target: id,
      sessions,
      once: args.flag("once"),
      world,
      start: account.start,
      say: (event, text, fields) => reporter.say(event, text, { tunnel: spec.text, ...fields }),
      note: (event, fields) => reporter.note(event, { tunnel: spec.text, ...fields }),
    });
  return await runTunnels({
    context,
    tunnels: specs.map(open),
    reporter,
    world,
    readiness,
    drainMs,
    command,
    background: inBackground,
  });
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
