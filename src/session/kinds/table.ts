/**
 * Which kind runs which SessionType, as the agent names it in the handshake. A new kind is a class that implements
 * `Kind`, and a line in this table; nothing else in the program knows the names. (A session may be given a table of its
 * own, which is how the library takes kinds from its callers.)
 */
import { parsePortProperties } from "../../protocol/index.ts";
import { BasicPortKind } from "./basic.ts";
import { CommandKind } from "./command.ts";
import type { Kind, KindContext, KindFactory } from "./kind.ts";
import { MultiplexedPortKind } from "./multiplexed.ts";
import { ShellKind } from "./shell.ts";
import { StdioPortKind } from "./stdio.ts";

/** SessionType of sessions that have no handshake. */
export const PLAIN_SESSION_TYPE = "Standard_Stream";

/** Kind of a session that began without a handshake. */
export function createPlainKind(context: KindContext): Kind {
  return new ShellKind(context);
}

/** SessionType to factory. */
export const SESSION_KINDS: ReadonlyMap<string, KindFactory> = new Map<string, KindFactory>([
  [PLAIN_SESSION_TYPE, createPlainKind],
  ["InteractiveCommands", (context) => new ShellKind(context)],
  ["NonInteractiveCommands", (context) => new CommandKind(context)],
  ["Port", createPortKind],
]);

function createPortKind(context: KindContext, properties: unknown): Kind {
  const port = parsePortProperties(properties);
  if (port.mode === "stdio") return new StdioPortKind(context);
  return context.abilities?.multiplexing === true
    ? new MultiplexedPortKind(context, port.local, port)
    : new BasicPortKind(context, port.local, port);
}
