/** `exec`: one command on a target, stdout and stderr apart, with its exit code. */
import { randomBytes } from "node:crypto";

import { isNewerVersion } from "../../protocol/index.ts";
import type { SessionParameters } from "../../session/index.ts";
import { isUnreadFile, waitingInputBytes } from "../../terminal/index.ts";
import { type Account, openAccount } from "../account.ts";
import { chooseTarget, requireTarget } from "../choose-target.ts";
import { type Command, type CommandContext, COMMON_ARGUMENTS, TARGET_ARGUMENT } from "../command.ts";
import { readDuration } from "../duration.ts";
import { UsageError } from "../errors.ts";
import { ExitCode } from "../exit-codes.ts";
import { unixCommandLine } from "../quoting.ts";
import { type Ran, runAndTell } from "../run-to-end.ts";
import { describeTarget, SEPARATE_OUTPUT_SINCE, type Target } from "../target.ts";
import { windowsCommandLine, windowsShellLine } from "../windows-quoting.ts";
import { JSON_FORMS, type JsonForm, type JsonOutput, openJsonOutput, type RunFacts } from "./json-output.ts";
import { WrappedRun } from "./wrapped-kinds.ts";
import { markerWord, wrappedWords } from "./wrapper.ts";

/** So many that nobody guesses them. */
const MARKER_BYTES = 16;

/** See the file's comment. */
export const exec: Command = {
  meta: { name: "exec", description: "Run a command on a target and exit with its code." },
  arguments: {
    target: TARGET_ARGUMENT,
    shell: { type: "string", description: "run a line with the target's shell instead", valueHint: "LINE" },
    tty: { type: "boolean", alias: "t", description: "give the command a terminal" },
    timeout: {
      type: "string",
      description: "end it after this time, for example 90s",
      valueHint: "DURATION",
    },
    plain: {
      type: "boolean",
      description:
        "run the command by itself: without the sh around it that keeps its end from being cut off",
    },
    ...COMMON_ARGUMENTS,
    json: {
      type: "string",
      implied: JSON_FORMS[0],
      description: "one JSON object at the end, or events as they come; messages and errors as JSON",
      valueHint: "stream",
    },
  },
  rest: "COMMAND ARG …",
  examples: [
    "exec i-0123456789abcdef0 -- uname -a",
    "exec web-1 --shell 'df -h | tail -1'",
    "exec web-1 --timeout 30s -- systemctl is-active nginx",
    "exec web-1 --json -- cat /etc/os-release | jq -r .stdout",
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
  const form = readJsonForm(context, tty);
  if (!tty && isUnreadFile()) {
    throw new UsageError(
      "exec: standard input is a file, and cannot reach such a command: use --tty, ssh through ssh-proxy, or < /dev/null",
    );
  }
  requireTarget(context, "exec");
  const account = await openAccount(context);
  const target = await describeTarget(account.ssm, await chooseTarget(context, account));
  const isWindows = target.platform === "Windows";
  const { agentVersion } = target;
  const isOld = agentVersion !== undefined && isNewerVersion(SEPARATE_OUTPUT_SINCE, agentVersion);
  if (!tty && waitingInputBytes() > 0) {
    // A list that a loop reads (`while read …; done < hosts`) is not at its start any more.
    context.messages.warn(
      "input-ignored",
      "standard input cannot reach such a command and is not read; --tty, or ssh through ssh-proxy, can pass it on",
    );
  }
  if (!tty && isOld) {
    context.messages.warn(
      "old-agent",
      `its agent (${agentVersion}) shows output only at the end and tells no exit code; from ${SEPARATE_OUTPUT_SINCE} on it does`,
    );
  }
  const task: Task = {
    target,
    tty,
    form,
    ...(timeoutMs === undefined || timeoutMs === Infinity ? {} : { timeoutMs }),
  };
  if (isWindows) {
    const command = line === undefined ? windowsCommandLine(words, { tty }) : windowsShellLine(line, { tty });
    return runTask(context, account, { ...task, command });
  }
  const argv = line === undefined ? words : ["/bin/sh", "-c", line];
  const plain = { ...task, command: unixCommandLine(argv) };
  if (args.flag("plain") || (isOld && !tty)) return runTask(context, account, plain);
  const wrapped = new WrappedRun(markerWord(randomBytes(MARKER_BYTES)), () =>
    context.messages.warn(
      "not-started",
      "the start of the command has not been shown for 10 s: the target may show nothing before its end. Ctrl-C ends it",
    ),
  );
  const wrappedLine = unixCommandLine(wrappedWords(argv, wrapped.word, { tty }));
  // A shell runs the line of a command on a terminal, and would stay beside it.
  const command = tty ? `exec ${wrappedLine}` : wrappedLine;
  return runTask(context, account, { ...task, command, wrapped, instead: plain });
}

/** One session that is to run a command. */
interface Task {
  readonly target: Target;
  readonly tty: boolean;
  readonly form: JsonForm | undefined;
  readonly timeoutMs?: number;
}

/** With its command line, as the target's agent takes it. */
interface CommandTask extends Task {
  readonly command: string;
  /** It stands under the script; absent: it is the command itself. */
  readonly wrapped?: WrappedRun;
  /** What to run where the script cannot be started. */
  readonly instead?: CommandTask;
}

/** Runs it to an exit code. */
async function runTask(context: CommandContext, account: Account, task: CommandTask): Promise<number> {
  const { target, tty, form, timeoutMs, command, wrapped, instead } = task;
  const host = await account.host(target.id, { separateOutput: !tty });
  const session = await account.start({
    target: target.id,
    documentName: tty ? "AWS-StartInteractiveCommand" : "AWS-StartNonInteractiveCommand",
    parameters: tty ? { command: [command] } : { command: [command], separateOutputStream: ["true"] },
  });
  const output =
    form === undefined ? undefined : openJsonOutput(form, factsOf(target, session), host.streams);
  const world = {
    ...host.world,
    ...(output === undefined ? {} : { streams: output }),
    ...(wrapped === undefined ? {} : { kinds: wrapped.kinds() }),
  };
  const ran = await runAndTell(context, { ...host, world }, session, {
    isCommand: true,
    hasExitCode: !tty || wrapped !== undefined,
    isExact: wrapped !== undefined,
    sayId: context.args.flag("verbose"),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  });
  if (wrapped?.couldNotStart === true && instead !== undefined) return runTask(context, account, instead);
  return output === undefined ? ran.exitCode : answer(context, output, ran);
}

/** The form that `--json` names; undefined without it. @throws UsageError */
function readJsonForm({ args }: CommandContext, tty: boolean): JsonForm | undefined {
  const word = args.text("json");
  if (word === undefined) return undefined;
  const form = JSON_FORMS.find((known) => known === word);
  if (form === undefined) {
    throw new UsageError(`exec: --json stands alone or is --json=stream, it is ${JSON.stringify(word)}`);
  }
  if (tty)
    throw new UsageError("exec: a terminal's output is no answer for programs: either --tty or --json");
  return form;
}

function factsOf({ id }: Target, { sessionId }: SessionParameters): RunFacts {
  return { target: id, sessionId };
}

/** Completes the JSON of a run that has ended. @returns the exit code */
function answer({ messages }: CommandContext, output: JsonOutput, ran: Ran): number {
  const { failure } = output;
  if (failure !== undefined) {
    messages.fail(failure.message, failure.code);
    return ExitCode.failure;
  }
  output.end({ ...ran, exitCode: ran.isCommandsCode ? ran.exitCode : undefined });
  return ran.exitCode;
}
