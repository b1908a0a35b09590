/** `exec`: one command on a target, stdout and stderr apart, with its exit code. */
import type { Host } from "../../host/index.ts";
import type { SessionParameters, StandardStreams } from "../../session/index.ts";
import { isUnreadFile, waitingInputBytes } from "../../terminal/index.ts";
import { openAccount } from "../account.ts";
import { chooseTarget, requireTarget } from "../choose-target.ts";
import { type Command, type CommandContext, COMMON_ARGUMENTS, TARGET_ARGUMENT } from "../command.ts";
import { readDuration } from "../duration.ts";
import { UsageError } from "../errors.ts";
import { ExitCode } from "../exit-codes.ts";
import { unixCommandLine } from "../quoting.ts";
import { type Ran, runAndTell } from "../run-to-end.ts";
import { platformOf, type Target } from "../target.ts";
import { windowsCommandLine, windowsShellLine } from "../windows-quoting.ts";
import { JSON_FORMS, type JsonForm, type JsonOutput, openJsonOutput, type RunFacts } from "./json-output.ts";

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
  const output =
    form === undefined ? undefined : openJsonOutput(form, factsOf(target, session), host.streams);
  const ran = await runAndTell(context, output === undefined ? host : withStreams(host, output), session, {
    isCommand: true,
    hasExitCode: !tty,
    sayId: args.flag("verbose"),
    ...(timeoutMs === undefined || timeoutMs === Infinity ? {} : { timeoutMs }),
  });
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

/** A host whose session's output goes elsewhere. */
function withStreams(host: Host, streams: StandardStreams): Host {
  return { ...host, world: { ...host.world, streams } };
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
