/** Runs COMMAND while the tunnels are up, and decides what the end of the one means for the others. */
import { isTerminal } from "../../../terminal/index.ts";
import type { CommandContext } from "../../command.ts";
import { UsageError } from "../../errors.ts";
import type { Ending } from "../ending.ts";
import type { TunnelSpec } from "../spec.ts";
import type { Tunnel } from "../tunnel.ts";
import { ChildCommand } from "./child-command.ts";
import { findCommand } from "./command-file.ts";
import { TunnelLostError } from "./errors.ts";
import { checkPlaceholders, commandEnvironment, fillPlaceholders, placeOf } from "./placeholders.ts";

/** Lines that are kept for after a COMMAND that has the terminal; of more, the newest. */
const MAX_HELD_LINES = 50;

/** What is to be run, and how. */
export interface CommandPlan {
  /** COMMAND and its arguments, as they were given. */
  readonly words: readonly [command: string, ...args: readonly string[]];
  /** It goes on when a tunnel is lost. */
  readonly keep: boolean;
}

/**
 * Reads what stands behind `--`; undefined without one. A COMMAND that could not be started is found out here, before
 * there are any tunnels.
 * @throws {UsageError | CommandStartError}
 */
export function readCommand(
  { args, environment }: Pick<CommandContext, "args" | "environment">,
  specs: readonly TunnelSpec[],
): CommandPlan | undefined {
  const { rest } = args;
  const keep = args.flag("keep");
  if (rest === undefined) {
    if (keep) throw new UsageError("forward: --keep is about a COMMAND, which goes behind --");
    return undefined;
  }
  const [command, ...words] = rest;
  if (command === undefined) {
    throw new UsageError(
      "forward: COMMAND is missing behind --, for example: forward TARGET -L 0:5432 -- psql -p {port}",
    );
  }
  checkPlaceholders(
    words,
    specs.map(({ listen }) => listen),
  );
  findCommand(command, environment["PATH"] ?? "");
  return { words: [command, ...words], keep };
}

/** What COMMAND runs with. */
export interface CommandRun {
  readonly context: Pick<CommandContext, "environment" | "messages">;
  readonly plan: CommandPlan;
  /** All of them are up. */
  readonly tunnels: readonly Pick<Tunnel, "spec" | "listener" | "lost">[];
  readonly ending: Pick<Ending, "takeSignal">;
}

/**
 * Runs COMMAND to its end. Resolves with its exit code, with why it could not be started, or with why a tunnel was
 * lost, which has ended COMMAND.
 */
export async function runCommand(run: CommandRun): Promise<number | Error> {
  const { tunnels, plan, ending, context } = run;
  const places = tunnels.map(({ spec, listener }) => placeOf(spec.listen, listener.addresses));
  const [name, ...args] = plan.words;
  const release = holdMessages(context.messages);
  try {
    const command = new ChildCommand(
      [name, ...fillPlaceholders(args, places)],
      commandEnvironment(context.environment, places),
    );
    ending.takeSignal = (signal) => command.pass(signal);
    if (plan.keep) warnOfLost(run);
    const first = await Promise.race([command.ended, ...(plan.keep ? [] : tunnels.map(lostOf))]);
    if (typeof first !== "number") await command.end();
    return first;
  } catch (error) {
    return error as Error;
  } finally {
    ending.takeSignal = undefined;
    release();
  }
}

async function lostOf({ spec, lost }: CommandRun["tunnels"][number]): Promise<Error> {
  return new TunnelLostError(spec.text, await lost);
}

function warnOfLost({ tunnels, context }: CommandRun): void {
  for (const { spec, lost } of tunnels) {
    void lost.then(({ message }) =>
      context.messages.warn("tunnel-lost", `${spec.text}: the tunnel is lost (${message}), COMMAND goes on`, {
        tunnel: spec.text,
      }),
    );
  }
}

/** While COMMAND has the terminal nothing else is written there; the result writes what was to be said meanwhile. */
function holdMessages(messages: CommandContext["messages"]): () => void {
  if (!isTerminal(2)) return () => {};
  const { write } = messages;
  const held: string[] = [];
  messages.write = (line) => {
    held.push(line);
    if (held.length > MAX_HELD_LINES) held.shift();
  };
  return () => {
    messages.write = write;
    for (const line of held) write(line);
  };
}
