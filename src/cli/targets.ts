/** `targets`: the nodes that sessions can be started on. */
import { openAccount } from "./account.ts";
import { type Command, type CommandContext, COMMON_ARGUMENTS } from "./command.ts";
import { nodeColumns, nodeRow } from "./node-row.ts";
import { showRows, WIDE_ARGUMENT } from "./table.ts";

/** See the file's comment. */
export const targets: Command = {
  meta: { name: "targets", description: "List the nodes that sessions can be started on." },
  arguments: { wide: WIDE_ARGUMENT, ...COMMON_ARGUMENTS },
  examples: ["targets", "targets --wide", "targets --region eu-central-1 --json"],
  run,
};

async function run(context: CommandContext): Promise<number> {
  const { ssm, region } = await openAccount(context);
  const nodes = await ssm.describeInstances([]);
  if (nodes.length === 0) context.messages.say("empty", `There are no targets in ${region}.`);
  showRows(context, nodes.map(nodeRow), nodeColumns(Date.now()));
  return 0;
}
