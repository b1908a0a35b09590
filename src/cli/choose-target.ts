/** The target of a command: the word that was given, or the one that a person at the terminal picks. */
import { isTerminal } from "../terminal/index.ts";
import type { Account } from "./account.ts";
import type { CommandContext } from "./command.ts";
import { TargetError, UsageError } from "./errors.ts";
import { hostOf } from "./given.ts";
import { ACCOUNT_OPTIONS, lineThroughSession } from "./ssh-habits.ts";
import { MAX_NODES, resolveTarget, type Target, targetOf } from "./target.ts";

/** Refuses a command line without TARGET where nobody can be asked; before anything else is done. @throws UsageError */
export function requireTarget(context: CommandContext, name: string): void {
  if (context.args.text("target") !== undefined || canAsk(context)) return;
  throw new UsageError(`${name}: TARGET is missing. See: session-manager-plugin ${name} --help`);
}

/** The target. @throws TargetError, InterruptedError */
export async function chooseTarget(context: CommandContext, account: Account): Promise<Target> {
  const word = context.args.text("target");
  if (word !== undefined) {
    context.messages.about({ target: word });
    const target = await resolveTarget(account.ssm, word).catch((error: unknown) => {
      throw error instanceof TargetError && hostOf(word) !== word
        ? new TargetError(withUser(context, word, error))
        : error;
    });
    context.messages.about({ target: target.id });
    return target;
  }
  const nodes = await account.ssm.describeInstances([], MAX_NODES);
  const { pickNode } = await import("./picker/picker.ts");
  const target = targetOf(await pickNode(nodes, account.region, context.environment));
  context.messages.about({ target: target.id });
  return target;
}

function canAsk({ messages }: CommandContext): boolean {
  return isTerminal(0) && isTerminal(2) && !messages.json;
}

/** ssh's `user@host`: who one is on the target is not for the command line of a session to say. */
function withUser({ args }: CommandContext, word: string, { message }: TargetError): string {
  const account = ACCOUNT_OPTIONS.flatMap((name) => {
    const value = args.text(name);
    return value === undefined ? [] : [`--${name}`, value];
  });
  const user = word.slice(0, word.lastIndexOf(hostOf(word)) - 1);
  return `${message}. Without a user: ${hostOf(word)}; as ${user} by ssh: ${lineThroughSession(account, [], [word])}`;
}
