/** `ssh-proxy`: standard streams as a connection to a port of the target, for OpenSSH's ProxyCommand. */
import type { Host } from "../../host/index.ts";
import { watchSignals } from "../../terminal/index.ts";
import { type Account, openAccount } from "../account.ts";
import { type Command, type CommandContext, COMMON_ARGUMENTS, KEEPALIVE_ARGUMENT } from "../command.ts";
import { UsageError } from "../errors.ts";
import { runToEnd } from "../run-to-end.ts";
import { resolveTarget } from "../target.ts";
import { PushKeyError } from "./errors.ts";
import { absolutePath, OWN_KEY } from "./files.ts";
import { readPublicKey } from "./public-key.ts";
import { PUSH_SECONDS, type PushedKey, pushKey } from "./push-key.ts";
import { isLogin } from "./push-script.ts";

/** See the file's comment. */
export const sshProxy: Command = {
  meta: {
    name: "ssh-proxy",
    description: "Connect standard input and output to a port of a target (for ProxyCommand).",
  },
  arguments: {
    target: { type: "positional", description: "id, name, tag:KEY=VALUE, private IP or computer name" },
    port: { type: "positional", required: false, description: "port on the target (22)" },
    "push-key": {
      type: "string",
      description: `push this public key first, for ${PUSH_SECONDS} s (${OWN_KEY}.pub)`,
      valueHint: "FILE",
      implied: `${OWN_KEY}.pub`,
    },
    user: {
      type: "string",
      description: "with --push-key: whose authorized_keys gets it",
      valueHint: "USER",
    },
    keepalive: KEEPALIVE_ARGUMENT,
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
  const push = await readPush(context);
  const word = args.text("target") ?? "";
  context.messages.about({ target: word });
  const account = await openAccount(context);
  const { id, platform } = await resolveTarget(account.ssm, word);
  context.messages.about({ target: id });
  const host = await account.host(id, { separateOutput: true });
  if (push !== undefined && platform === "Windows") {
    throw new PushKeyError(args.text("user") ?? "", id, "on Windows keys lie elsewhere");
  }
  const pushed = push === undefined ? undefined : await push(account, host, id);
  // A signal ends both sessions at the same time: whoever sent it does not wait for long.
  const stopSignals = watchSignals(() => void pushed?.withdraw());
  try {
    const session = await account.start({
      target: id,
      documentName: "AWS-StartSSHSession",
      parameters: { portNumber: [port] },
    });
    return await runToEnd(context, host, session, { canKeepAlive: !args.flag("keepalive") });
  } finally {
    await pushed?.withdraw();
    stopSignals();
  }
}

type Push = (account: Account, host: Host, target: string) => Promise<PushedKey>;

/** What pushes the key, once the target is known; undefined when none is to be pushed. @throws UsageError, SshFileError */
async function readPush({ args, environment, messages }: CommandContext): Promise<Push | undefined> {
  const file = args.text("push-key");
  const user = args.text("user");
  if (file === undefined) {
    if (user !== undefined) throw new UsageError("ssh-proxy: --user goes with --push-key");
    return undefined;
  }
  if (user === undefined) {
    throw new UsageError("ssh-proxy: --push-key needs --user, in ssh's configuration: --user '%r'");
  }
  if (!isLogin(user)) throw new UsageError(`ssh-proxy: ${JSON.stringify(user)} is no login's name`);
  const key = await readPublicKey(absolutePath(file, environment));
  return async (account, host, target) => {
    const pushed = await pushKey({ account, host, target, user, key });
    const text = `The key ${key.fingerprint} is in ${user}'s authorized_keys on ${target} for ${PUSH_SECONDS} s.`;
    messages.say("key-pushed", text, { target, user, fingerprint: key.fingerprint });
    return pushed;
  };
}
