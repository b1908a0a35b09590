/** `exec`: one command on a target, stdout and stderr apart, with its exit code. */
import { isUnreadFile, waitingInputBytes } from "../terminal/index.ts";
import { openAccount } from "./account.ts";
import { chooseTarget, requireTarget } from "./choose-target.ts";
import { type Command, type CommandContext, COMMON_ARGUMENTS, TARGET_ARGUMENT } from "./command.ts";
import { readDuration } from "./duration.ts";
import { UsageError } from "./errors.ts";
import { unixCommandLine } from "./quoting.ts";
import { runToEnd } from "./run-to-end.ts";
import { platformOf } from "./target.ts";
import { windowsCommandLine, windowsShellLine } from "./windows-quoting.ts";

/** See the file's comment. */
export const exec: Command = {
  meta: { name: "exec", description: "Run a command on a target and exit with its code." },
  arguments: {
    target: TARGET_ARGUMENT,
    shell: { type: "string", description: "run a line with the target's shell instead", valueHint: "LINE" },
    tty: { type: "boolean", alias: "t", description: "give the command a terminal (no exit code then)" },
    timeout: {
      type: "string",
      description: "end it after this time, for example 90s",
      valueHint: "DURATION",
    },
    ...COMMON_ARGUMENTS,
  },
  rest: "COMMAND ARG …",
  examples: [
    "exec i-0123456789abcdef0 -- uname -a",
    "exec web-1 --shell 'df -h | tail -1'",
    "exec web-1 --timeout 30s -- systemctl is-active nginx",
  ],
  run,
};

async function run(context: CommandContext): Promise<number> {
  const { args } = context;
  const line = args.text("shell");
  const words = args.rest ?? [];
  if (line !== undefined && words.length > 0)
    throw new UsageError("exec: either --shell LINE or -- COMMAND, not both");
  if (line === undefined && words.length === 0) {
    throw new UsageError("exec: COMMAND is missing, it goes behind --: exec TARGET -- uname -a");
  }
  const timeoutMs = readDuration(args.text("timeout"), {
    option: "--timeout",
    forms: "30s or 5m",
    zero: false,
  });
  const tty = args.flag("tty");
  if (!tty && isUnreadFile()) {
    throw new UsageError(
      "exec: standard input is a file, and cannot reach such a command: use --tty, ssh through ssh-proxy, or < /dev/null",
    );
  }
  requireTarget(context, "exec");
  const account = await openAccount(context);
  const target = await chooseTarget(context, account);
  const windows = (await platformOf(account.ssm, target)) === "Windows";
  const command = windows
    ? line === undefined
      ? windowsCommandLine(words, { tty })
      : windowsShellLine(line, { tty })
    : unixCommandLine(line === undefined ? words : ["/bin/sh", "-c", line]);
  const host = await account.host(target.id, { separateOutput: !tty });
  if (!tty && waitingInputBytes() > 0) {
    // A list that a loop reads (`while read …; done < hosts`) is not at its start any more.
    context.messages.warn(
      "input-ignored",
      "standard input cannot reach such a command and is not read; --tty, or ssh through ssh-proxy, can pass it on",
    );
  }
  const session = await account.start({
    target: target.id,
    documentName: tty ? "AWS-StartInteractiveCommand" : "AWS-StartNonInteractiveCommand",
    parameters: tty ? { command: [command] } : { command: [command], separateOutputStream: ["true"] },
  });
  return runToEnd(context, host, session, {
    isCommand: true,
    hasExitCode: !tty,
    sayId: args.flag("verbose"),
    ...(timeoutMs === undefined || timeoutMs === Infinity ? {} : { timeoutMs }),
  });
}
