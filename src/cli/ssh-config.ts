/** `ssh-config`: the block for ~/.ssh/config that makes ssh, scp and sftp reach targets by their ids. */
import { standardOutput } from "../terminal/index.ts";
import { type Command, type CommandContext, COMMON_ARGUMENTS } from "./command.ts";
import { unixCommandLine } from "./quoting.ts";

/** See the file's comment. */
export const sshConfig: Command = {
  meta: {
    name: "ssh-config",
    description: "Print the ~/.ssh/config block that makes ssh reach targets by id.",
  },
  arguments: {
    profile: COMMON_ARGUMENTS.profile,
    region: COMMON_ARGUMENTS.region,
    "endpoint-url": COMMON_ARGUMENTS["endpoint-url"],
  },
  examples: ["ssh-config", "ssh-config --profile prod --region eu-central-1 >> ~/.ssh/config"],
  run,
};

function run({ args }: CommandContext): Promise<number> {
  const options = ["profile", "region", "endpoint-url"].flatMap((name) => {
    const value = args.text(name);
    return value === undefined ? [] : [`--${name}`, value];
  });
  const command = [process.execPath, "ssh-proxy", ...options].map((word) =>
    /^[\w./:@=-]+$/.test(word) ? word : quote(word),
  );
  standardOutput().write(
    Buffer.from(`Host i-* mi-*\n    ProxyCommand ${command.join(" ").replaceAll("%", "%%")} %h %p\n`),
  );
  return Promise.resolve(0);
}

/** As the shell that OpenSSH hands the line to understands it. */
function quote(word: string): string {
  return process.platform === "win32" ? `"${word}"` : unixCommandLine([word]);
}
