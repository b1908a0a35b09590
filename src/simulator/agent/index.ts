/**
 * The stand-in's agent: sessions that behave as those of the real agent 3.3, quirks included.
 * This is the only door.
 */
import type { StartAgentSession } from "../contract.ts";
import { startCommand } from "./command.ts";
import type { StartPlugin } from "./plugin.ts";
import { startPort } from "./port.ts";
import { RunningSession } from "./session.ts";
import { startShell } from "./shell.ts";

const PLUGINS = {
  Standard_Stream: startShell,
  InteractiveCommands: startShell,
  NonInteractiveCommands: startCommand,
  Port: startPort,
} as const satisfies Record<string, StartPlugin>;

/**
 * Starts a session at the agent. Frames begin to go out on the next turn of the event loop.
 * Frames given to `receive` belong to the session.
 */
export const startAgentSession: StartAgentSession = (sessionId, task, options, link) =>
  new RunningSession({ sessionId, task, options, link, startPlugin: PLUGINS[task.sessionType] });
