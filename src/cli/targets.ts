/** `targets`: the nodes that sessions can be started on. */
import { openAccount } from "./account.ts";
import { type Command, type CommandContext, COMMON_ARGUMENTS } from "./command.ts";
import { showRows } from "./table.ts";

/** See the file's comment. */
export const targets: Command = {
  meta: { name: "targets", description: "List the nodes that sessions can be started on." },
  arguments: COMMON_ARGUMENTS,
  examples: ["targets", "targets --region eu-central-1 --json"],
  run,
};

async function run(context: CommandContext): Promise<number> {
  const { ssm, region } = await openAccount(context);
  const nodes = await ssm.describeInstances([]);
  const rows = nodes.map((node) => ({
    id: node.InstanceId ?? "",
    name: node.Name ?? node.ComputerName ?? "",
    state: node.PingStatus ?? "",
    platform: [node.PlatformName ?? node.PlatformType, node.PlatformVersion].filter(Boolean).join(" "),
    agent: node.AgentVersion ?? "",
    ip: node.IPAddress ?? "",
    "last ping": node.LastPingDateTime?.toISOString() ?? "",
  }));
  if (rows.length === 0) context.messages.say("empty", `There are no targets in ${region}.`);
  showRows(rows, context.args.flag("json"), ["id", "name", "state", "platform", "agent", "ip", "last ping"]);
  return 0;
}
