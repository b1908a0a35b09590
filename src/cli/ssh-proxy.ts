/** `ssh-proxy`: standard streams as a connection to a port of the target, for OpenSSH's ProxyCommand. */
import { openAccount } from "./account.ts";
import { type Command, type CommandContext, COMMON_ARGUMENTS } from "./command.ts";
import { UsageError } from "./errors.ts";
import { runToEnd } from "./run-to-end.ts";
import { resolveTarget } from "./target.ts";

/** See the file's comment. */
export const sshProxy: Command = {
  meta: {
    name: "ssh-proxy",
    description: "Connect standard input and output to a port of a target (for ProxyCommand).",
  },
  arguments: {
    target: { type: "positional", description: "id, name, tag:KEY=VALUE, private IP or computer name" },
    port: { type: "positional", required: false, description: "port on the target (22)" },
    ...COMMON_ARGUMENTS,
  },
  examples: [
    "ssh-proxy i-0123456789abcdef0 22",
    "ssh-config >> ~/.ssh/config      # then: ssh ec2-user@i-0123456789abcdef0",
  ],
  run,
};

async function run(context: CommandContext): Promise<number> {
  const { args } = context;
  const port = args.text("port") ?? "22";
  if (!/^\d{1,5}$/.test(port) || Number(port) < 1 || Number(port) > 65_535) {
    throw new UsageError(`ssh-proxy: PORT must be a number from 1 to 65535, it is ${JSON.stringify(port)}`);
  }
  const account = await openAccount(context);
  const { id } = await resolveTarget(account.ssm, args.text("target") ?? "");
  const host = await account.host(id);
  const session = await account.start({
    target: id,
    documentName: "AWS-StartSSHSession",
    parameters: { portNumber: [port] },
  });
  return runToEnd(context, host, session);
}
