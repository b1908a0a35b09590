/**
 * Port sessions: reads what the document asked for and chooses the way of forwarding by both versions.
 */
import type { Destination } from "./destination.ts";
import type { Plugin, PluginContext } from "./plugin.ts";
import { MuxPort } from "./port-mux.ts";
import { SinglePort } from "./port-single.ts";
import { agentMultiplexes, clientMultiplexes } from "./version-order.ts";

/** Value of `type` for sessions that have a listener at the client. */
const LOCAL_PORT_FORWARDING = "LocalPortForwarding";

/** Starts the port session that the task's properties ask for. */
export function startPort(context: PluginContext): Plugin {
  const { portNumber = "", host = "", type = "" } = context.task.properties ?? {};
  if (portNumber === "") {
    return refused(context, "Port number is empty in session properties.");
  }
  const destination: Destination = { host, portNumber };
  const forwarding = type === LOCAL_PORT_FORWARDING;
  const multiplexed =
    agentMultiplexes(context.options.agentVersion) && clientMultiplexes(context.clientVersion);
  if (forwarding && multiplexed) return new MuxPort(context, destination);
  return new SinglePort(context, destination, forwarding ? "basic" : "stdio");
}

/** A session that could not even begin. */
function refused(context: PluginContext, output: string): Plugin {
  context.end({ output, terminating: false });
  return { input: () => "refused", stop: () => undefined, gone: Promise.resolve() };
}
