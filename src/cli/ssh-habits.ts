/**
 * Options of ssh that this program has no need of, does in another way, or leaves to ssh: each is answered with the
 * command line that does what was wanted. Pure.
 */
import {
  type Given,
  type GivenOption,
  hostOf,
  isOwn,
  ownWords,
  programLine,
  restWords,
  shellLine,
  targetOf,
} from "./given.ts";

/** Letters of ssh's options that have a value. */
export const SSH_OPTIONS_WITH_VALUE = "BbcDEeFIiJLlmOopQRSWw";

/** ssh's other options. */
const SSH_SWITCHES = "46AaCfGgKkMNnqsTtVvXxYy";

/** Commands that somebody who is used to ssh gives ssh's options to. */
const LIKE_SSH = ["shell", "exec", "forward", "ssh-proxy"];

/** What leads to an account, for `ssh-proxy` too. */
export const ACCOUNT_OPTIONS: readonly string[] = ["profile", "region", "endpoint-url"];

/** Nothing that a session has to be told. */
const NEEDLESS: Readonly<Record<string, string>> = {
  N: "is not needed, a tunnel runs no command on the target",
  T: "is not needed, only a shell and exec -t have a terminal",
  a: "is not needed, no key agent is passed on",
  i: "is not needed, a session is opened by AWS's credentials and not by a key",
  k: "is not needed, no credentials are passed on",
  n: "is not needed, standard input is not read",
  t: "is not needed, a shell has a terminal",
  x: "is not needed, no X11 is passed on",
};

/** The sentence for an option of ssh that the command does not have; undefined where it is none of ssh's. */
export function answerSshOption(given: Given, option: GivenOption): string | undefined {
  const { name: command } = given.command.meta;
  const isSsh = SSH_OPTIONS_WITH_VALUE.includes(option.name) || SSH_SWITCHES.includes(option.name);
  if (!isSsh || !LIKE_SSH.includes(command)) return undefined;
  const foreign = given.tokens
    .filter((token) => token.kind === "option")
    .filter((token) => !isOwn(given, token));
  const answers = foreign.map((token) => ({ token, own: answerByOwnCommand(given, token) }));
  // Of several the one that only ssh can do decides, then the one that makes it a tunnel.
  const decides =
    answers.find(({ own }) => own === undefined) ??
    answers.find(({ token }) => token.name === "L") ??
    answers[0];
  const { rawName } = decides?.token ?? option;
  return `${rawName} ${decides?.own ?? `is left to ssh: ${sshLine(given)}`}`;
}

/** The command line that ssh understands: its options as they were given, on the way through a session. */
export function sshLine(given: Given): string {
  const account: string[] = [];
  const options: string[] = [];
  for (const token of given.tokens) {
    if (token.kind === "positional") continue;
    const { name, rawName, value } = token;
    if (ACCOUNT_OPTIONS.includes(name)) account.push(`--${name}`, value ?? "");
    else if (name === "listen") options.push("-L", value ?? "");
    else if (!isOwn(given, token)) options.push(rawName, ...(value === undefined ? [] : [value]));
  }
  // A tunnel runs no command.
  if (given.command.meta.name === "forward" && !options.includes("-N")) options.unshift("-N");
  return lineThroughSession(account, options, [targetOf(given), ...(given.rest ?? [])]);
}

/** `ssh` on the way through a session. @param account options of the account @param words the target, and what follows */
export function lineThroughSession(
  account: readonly string[],
  options: readonly string[],
  words: readonly string[],
): string {
  const proxy = programLine("ssh-proxy", ...account.map((word) => word.replaceAll("%", "%%")), "%h", "%p");
  return shellLine("ssh", ...options, "-o", `ProxyCommand=${proxy}`, ...words);
}

function answerByOwnCommand(given: Given, { name, value = "" }: GivenOption): string | undefined {
  const { name: command } = given.command.meta;
  const isTunnel = command === "forward" || valuesOf(given, "L").length > 0;
  const own = [...ownWords(given), ...restWords(given)];
  const line = programLine(command, ...own);
  const without = NEEDLESS[name];
  switch (name) {
    case "L":
      return `is what forward does: ${programLine("forward", hostOf(targetOf(given)), ...valuesOf(given, "L").flatMap((spec) => ["-L", spec]))}`;
    case "N":
      return isTunnel ? `${without}: ${line}` : undefined;
    case "f":
      if (!isTunnel) return undefined;
      return `is --background here: ${programLine("forward", ...ownWords(given), "--background", ...restWords(given))}`;
    case "g":
      if (!isTunnel) return undefined;
      return `is said with the address to listen on, * is every one: ${programLine(command, ...rebound(given, "*"))}`;
    case "4":
    case "6":
      if (!isTunnel) return undefined;
      return `is said with the address to listen on: ${programLine(command, ...rebound(given, name === "4" ? "127.0.0.1" : "[::1]"))}`;
    case "E":
      return `is --log-file here: ${programLine(command, ...ownWords(given), "--log-file", value, ...restWords(given))}`;
    case "J":
      return `is not needed, a target is reached through AWS; what lies behind one by a tunnel: ${jumpLine(given, value)}`;
    case "V":
      return `is --version here: ${programLine("--version")}`;
    case "W":
      return answerStdio(given, value);
    case "p":
      if (command === "ssh-proxy")
        return `is the second word here: ${programLine(command, hostOf(targetOf(given)), value)}`;
      return isTunnel
        ? `is the last number of -L here: ${own.some((word) => word === "-L") ? line : programLine(command, hostOf(targetOf(given)), "-L", `0:${value}`)}`
        : undefined;
    case "l":
      return isTunnel ? `is not needed, nobody logs in for a tunnel: ${line}` : undefined;
    case "i":
    case "a":
    case "k":
    case "n":
    case "x":
      return `${without}: ${line}`;
    case "T":
      return command === "shell" && !isTunnel ? undefined : `${without}: ${line}`;
    case "t":
      return command === "shell" ? `${without}: ${line}` : isTunnel ? `${NEEDLESS["T"]}: ${line}` : undefined;
    default:
      return undefined;
  }
}

/** `-W HOST:PORT`: standard streams to the target's own port are ours, to another host ssh's. */
function answerStdio(given: Given, value: string): string | undefined {
  const [, host = "", port = ""] = /^(.*):(\d+)$/.exec(value) ?? [];
  if (!["localhost", "127.0.0.1", "[::1]", hostOf(targetOf(given))].includes(host)) return undefined;
  return `is what ssh-proxy does: ${programLine("ssh-proxy", hostOf(targetOf(given)), port)}`;
}

/** What leads to a host behind a target. */
function jumpLine(given: Given, jumps: string): string {
  const jump = jumps.split(",")[0]?.replace(/^.*@|:\d+$/g, "") ?? "";
  const destination = hostOf(targetOf(given));
  if (given.command.meta.name !== "forward") {
    return programLine("forward", jump, "-L", `0:${destination}:22`, "--", "ssh", "-p", "{port}", "{host}");
  }
  const tunnels = valuesOf(given, "listen").map((spec) => {
    const fields = spec.split(":");
    return fields.length === 2 ? `${fields[0]}:${destination}:${fields[1]}` : spec;
  });
  return programLine("forward", jump, ...tunnels.flatMap((spec) => ["-L", spec]), ...restWords(given));
}

/** The command's words, each tunnel with another address to listen on. */
function rebound(given: Given, bind: string): readonly string[] {
  const tunnels = new Set(valuesOf(given, "listen"));
  return [
    ...ownWords(given).map((word) => (tunnels.has(word) ? `${bind}:${word}` : word)),
    ...restWords(given),
  ];
}

function valuesOf({ tokens }: Given, name: string): readonly string[] {
  return tokens.flatMap((token) =>
    token.kind === "option" && token.name === name && token.value !== undefined ? [token.value] : [],
  );
}
