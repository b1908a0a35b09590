/** `targets`: the nodes that sessions can be started on. */
import { openAccount } from "./account.ts";
import { type Command, type CommandContext, COMMON_ARGUMENTS } from "./command.ts";
import { ago } from "./duration.ts";
import { type Column, showTable, writeJson } from "./table.ts";
import { nameOf, type Node } from "./target.ts";

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
  const rows = nodes.map(rowOf);
  if (rows.length === 0) context.messages.say("empty", `There are no targets in ${region}.`);
  if (context.args.flag("json")) writeJson(rows);
  else showTable(rows, columns(Date.now()));
  return 0;
}

/** What is told of a node. */
function rowOf(node: Node) {
  return {
    id: node.InstanceId ?? "",
    name: nameOf(node),
    state: node.PingStatus ?? "",
    platform: [node.PlatformName ?? node.PlatformType, node.PlatformVersion].filter(Boolean).join(" "),
    agent: node.AgentVersion ?? "",
    ip: node.IPAddress ?? "",
    lastPing: node.LastPingDateTime?.toISOString() ?? "",
  };
}

function columns(nowMs: number): readonly Column<keyof ReturnType<typeof rowOf>>[] {
  return [
    { key: "id" },
    { key: "name" },
    { key: "state" },
    { key: "platform" },
    { key: "agent" },
    { key: "ip" },
    { key: "lastPing", show: (time) => ago(time, nowMs) },
  ];
}
