/** `completion`: prints what teaches a shell to complete this program's command lines, made from their definitions. */
import { standardOutput } from "../../terminal/index.ts";
import { readEndpoint } from "../account.ts";
import { type Command, type CommandContext, COMMON_ARGUMENTS } from "../command.ts";
import { COMMANDS } from "../commands.ts";
import { UsageError } from "../errors.ts";
import { programNames } from "../program-name.ts";
import { bashScript } from "./bash.ts";
import { fishScript } from "./fish.ts";
import { ASKED, type CommandShape, shapeOf } from "./shape.ts";
import { profileLines, targetLines } from "./targets.ts";
import { zshScript } from "./zsh.ts";

/** Scripts by shell. */
export const SCRIPTS: Readonly<
  Record<string, (commands: readonly CommandShape[], names: readonly string[]) => string>
> = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
};

/** See the file's comment. */
export const completion: Command = {
  meta: {
    name: ASKED,
    description: "Print a script that makes a shell complete commands, options and targets.",
  },
  arguments: {
    shell: {
      type: "positional",
      description: "bash, zsh or fish. What the scripts ask for themselves: targets, profiles",
      valueHint: "bash|zsh|fish",
    },
    profile: COMMON_ARGUMENTS.profile,
    region: COMMON_ARGUMENTS.region,
    "endpoint-url": COMMON_ARGUMENTS["endpoint-url"],
  },
  examples: [
    "completion bash    # in ~/.bashrc: source <(session-manager-plugin completion bash)",
    "completion zsh     # in ~/.zshrc: source <(session-manager-plugin completion zsh)",
    "completion fish    # into ~/.config/fish/completions/session-manager-plugin.fish",
  ],
  run,
};

async function run({ args, environment }: CommandContext): Promise<number> {
  const wanted = args.text("shell") ?? "";
  const script = Object.hasOwn(SCRIPTS, wanted) ? SCRIPTS[wanted] : undefined;
  if (script !== undefined) {
    const commands = await Promise.all(Array.from(COMMANDS.values(), async (load) => shapeOf(await load())));
    return print(script(commands, programNames(environment["PATH"] ?? "")));
  }
  if (wanted === "profiles") return print(await profileLines(environment));
  if (wanted === "targets") {
    const endpoint = readEndpoint(args.text("endpoint-url"));
    return print(
      await targetLines({
        environment,
        profile: args.text("profile") ?? "",
        region: args.text("region"),
        endpoint,
      }),
    );
  }
  throw new UsageError(
    `completion: there is no script for ${JSON.stringify(wanted)}, only for ${Object.keys(SCRIPTS).join(", ")}`,
  );
}

function print(text: string): number {
  standardOutput().write(Buffer.from(text));
  return 0;
}
