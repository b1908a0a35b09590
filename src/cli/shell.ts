/** `shell`: an interactive shell on a target. */
import { openAccount } from "./account.ts";
import { chooseTarget, requireTarget } from "./choose-target.ts";
import { type Command, type CommandContext, COMMON_ARGUMENTS, TARGET_ARGUMENT } from "./command.ts";
import { UsageError } from "./errors.ts";
import { runToEnd } from "./run-to-end.ts";

/** See the file's comment. */
export const shell: Command = {
  meta: { name: "shell", description: "Open a shell on a target." },
  arguments: {
    target: TARGET_ARGUMENT,
    document: {
      type: "string",
      description: "session document instead of the account's default",
      valueHint: "NAME",
    },
    parameters: {
      type: "string",
      description: "parameter of the document",
      valueHint: "KEY=VALUE",
      multiple: true,
    },
    ...COMMON_ARGUMENTS,
  },
  examples: [
    "shell i-0123456789abcdef0",
    "shell web-1 --region eu-central-1",
    "shell tag:Role=db --reason 'ticket 42'",
  ],
  run,
};

async function run(context: CommandContext): Promise<number> {
  const { args } = context;
  requireTarget(context, "shell");
  const parameters = documentParameters(args.list("parameters"));
  const documentName = args.text("document");
  const account = await openAccount(context);
  const { id } = await chooseTarget(context, account);
  const host = await account.host(id);
  const session = await account.start({
    target: id,
    ...(documentName === undefined ? {} : { documentName }),
    ...(Object.keys(parameters).length === 0 ? {} : { parameters }),
  });
  return runToEnd(context, host, session, { sayId: args.flag("verbose") });
}

/** `key=value`, several of one key make a list. @throws UsageError */
function documentParameters(words: readonly string[]): Record<string, string[]> {
  const parameters: Record<string, string[]> = {};
  for (const word of words) {
    const seam = word.indexOf("=");
    if (seam < 1)
      throw new UsageError(`--parameters must have the form KEY=VALUE, it is ${JSON.stringify(word)}`);
    (parameters[word.slice(0, seam)] ??= []).push(word.slice(seam + 1));
  }
  return parameters;
}
