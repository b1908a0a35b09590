/**
 * What is said of a word in a command line that its command does not know: what may have been meant, and the command
 * line that does it. Pure; only for command lines that were refused.
 */
import type { Command } from "./command.ts";
import { type Given, type GivenOption, isOwn, programLine, readGiven, restWords } from "./given.ts";
import { answerSshOption, SSH_OPTIONS_WITH_VALUE } from "./ssh-habits.ts";
import { didYouMean, nearWords } from "./suggestion.ts";

/** `8080`, `8080:80`, `8080:host:80`. */
const TUNNEL = /^(?:\S*:)?\d{1,5}$/;

/** What is wrong; a better command line, or the question for it, stands at the end. */
interface Mistake {
  readonly what: string;
  readonly instead?: string;
}

/** Whether the help is asked for; not where the option belongs to a word that has no place there. */
export function asksForHelp(command: Command, words: readonly string[]): boolean {
  const given = readGiven(command, words, SSH_OPTIONS_WITH_VALUE);
  const asked = given.tokens.findIndex(
    (token) => token.kind === "option" && ["-h", "--help"].includes(token.rawName),
  );
  const surplus = surplusAt(given);
  return asked >= 0 && (surplus < 0 || asked < surplus);
}

/**
 * Tells of the first word that does not belong there, and what to write instead.
 * @param words those behind the command's name, `--` and what follows included
 */
export function explainMistake(command: Command, words: readonly string[]): string {
  const { name } = command.meta;
  const { what, instead } = firstMistake(readGiven(command, words, SSH_OPTIONS_WITH_VALUE));
  return `${name}: ${what}${instead ?? `. See: ${programLine(name, "--help")}`}`;
}

function firstMistake(given: Given): Mistake {
  const surplus = surplusAt(given);
  for (const [index, token] of given.tokens.entries()) {
    if (token.kind === "option" && !isOwn(given, token)) return explainOption(given, token);
    if (token.kind === "positional" && index === surplus) return explainSurplus(given, token.index);
  }
  const { args, command, rest } = given;
  return {
    what: `nothing may follow --, ${JSON.stringify(rest?.[0] ?? "")} does`,
    ...(command.meta.name === "shell"
      ? { instead: `: ${programLine("exec", ...args, ...restWords(given))}` }
      : {}),
  };
}

/** Which token is the first word too many; -1: none. */
function surplusAt({ command, tokens }: Given): number {
  const places = Object.values(command.arguments).filter(({ type }) => type === "positional").length;
  let found = 0;
  return tokens.findIndex(({ kind }) => kind === "positional" && ++found > places);
}

function explainOption(given: Given, option: GivenOption): Mistake {
  const { name, rawName } = option;
  const { arguments: definitions } = given.command;
  if (definitions[name]?.type === "positional" && rawName.startsWith("--")) {
    return { what: `${name.toUpperCase()} is a word of its own, without ${rawName}` };
  }
  const what = `there is no option ${rawName}`;
  if (!rawName.startsWith("--")) {
    const answer = answerSshOption(given, option);
    return answer === undefined ? { what } : { what: "", instead: answer };
  }
  const options = Object.entries(definitions).filter(([, { type }]) => type !== "positional");
  const near = nearWords(name, [...options.map(([known]) => known), "help"]);
  return near.length === 0 ? { what } : { what, instead: didYouMean(near.map((known) => `--${known}`)) };
}

/** @param index where the word stands in front of `--` */
function explainSurplus(given: Given, index: number): Mistake {
  const { args, command } = given;
  const { name } = command.meta;
  const word = args[index] ?? "";
  const before = args.slice(0, index);
  const from = [...args.slice(index), ...restWords(given)];
  const what = `${JSON.stringify(word)} is one word too many`;
  if (name === "forward" && TUNNEL.test(word)) {
    const tunnels = from.flatMap((each) =>
      TUNNEL.test(each) ? ["-L", each.includes(":") ? each : `${each}:${each}`] : [each],
    );
    return { what, instead: `, tunnels stand behind -L: ${programLine(name, ...before, ...tunnels)}` };
  }
  if (name === "exec" && /\s/.test(word) && from.length === 1) {
    const line = programLine(name, ...before, "--shell", word);
    return { what, instead: `, a line for the target's shell stands behind --shell: ${line}` };
  }
  if (command.rest !== undefined) {
    const line = programLine(name, ...before, "--", ...from);
    return { what, instead: `, a command stands behind --: ${line}` };
  }
  if (name !== "shell") return { what };
  return { what, instead: `, a command is run by exec: ${programLine("exec", ...before, "--", ...from)}` };
}
