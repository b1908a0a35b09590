/** Runs a session that a command has started on the standard streams, to the exit code of the CLI. */
import { ENDED_EARLY, type Host, runSession } from "../host/index.ts";
import {
  errorFields,
  isIdleEnd,
  OutputIncompleteError,
  type SessionEnd,
  type SessionObserver,
  type SessionParameters,
  wasCut,
} from "../session/index.ts";
import { isTerminal, type ProcessSignal } from "../terminal/index.ts";
import type { CommandContext } from "./command.ts";
import { endedBecause, endedLine } from "./ended-line.ts";
import { ExitCode, SIGNAL_EXIT_CODES } from "./exit-codes.ts";
import { peopleLines } from "./people-lines.ts";

/** What is particular about a run. */
export interface RunToEndOptions {
  /** End the session after this long; absent: never. */
  readonly timeoutMs?: number;
  /** It runs a command: lost for good, its output is incomplete. */
  readonly isCommand?: boolean;
  /** The command's exit code comes at its end: an end without one is no end of the command. */
  readonly hasExitCode?: boolean;
  /** That code is the command's own in any case; an agent's is always 1 after a signal that was passed on. */
  readonly isExact?: boolean;
  /** --keepalive was not given and would have kept it from an idle time-out. */
  readonly canKeepAlive?: boolean;
  /** Say which session it is. */
  readonly sayId?: boolean;
}

/** How a run went. */
export interface Ran {
  readonly exitCode: number;
  /** The exit code is the command's own. */
  readonly isCommandsCode: boolean;
  /** What was said of an end that was not as it should have been. */
  readonly failure?: { readonly code: string; readonly message: string };
  readonly durationMs: number;
}

/**
 * See the file's comment. Says on standard error why a session did not end as it should, and on a terminal which one
 * has ended and after how long.
 */
export async function runToEnd(
  context: Pick<CommandContext, "log" | "messages" | "exit">,
  host: Host,
  parameters: SessionParameters,
  options: RunToEndOptions = {},
): Promise<number> {
  return (await runAndTell(context, host, parameters, options)).exitCode;
}

/** {@link runToEnd} for whoever tells more of it. */
export async function runAndTell(
  { log, messages, exit }: Pick<CommandContext, "log" | "messages" | "exit">,
  host: Host,
  parameters: SessionParameters,
  options: RunToEndOptions = {},
): Promise<Ran> {
  // The host knows how lines are ended while the terminal is raw.
  messages.write = (line) => host.streams.writeStatus(line);
  const { sessionId } = parameters;
  messages.about({ session: sessionId });
  if (options.sayId === true) messages.say("session", `Session ${sessionId}`, { sessionId });
  let timedOut = false;
  let kind: Parameters<SessionObserver["started"]>[0] | undefined;
  const { end, signal, forwarded, left, durationMs } = await runSession({
    host,
    parameters,
    observer: { ...peopleLines(messages), started: (info) => void (kind = info) },
    exitWithParent: false,
    endAtSecondSignal: options.isCommand === true,
    abandon: (received) => exit(SIGNAL_EXIT_CODES[received]),
    ...(options.timeoutMs === undefined
      ? {}
      : {
          timeoutMs: options.timeoutMs,
          timedOut: () => {
            timedOut = true;
          },
        }),
  });
  if (signal !== undefined) log("info", "ended by signal", { signal, session: sessionId });
  if (timedOut && end.kind !== "failed" && end.kind !== "lost") {
    const seconds = (options.timeoutMs ?? 0) / 1000;
    const told = {
      code: "EXEC_TIMEOUT",
      text: `the time is up (--timeout ${seconds} s), the command was ended`,
    };
    messages.fail(told.text, told.code);
    return { exitCode: ExitCode.timeout, isCommandsCode: false, ...failureOf(told), durationMs };
  }
  const told = describeEnd(end, {
    signal,
    forwarded,
    isCommand: options.isCommand === true,
    hasExitCode: options.hasExitCode === true,
    isExact: options.isExact === true,
  });
  const hint =
    options.canKeepAlive === true && isIdleEnd(end) ? "; --keepalive keeps one from its idle time-out" : "";
  const ended = { sessionId, durationMs, left, signal, terminated: end.kind === "terminated" };
  // A person has been in it for a while, or has a connection through it. A command speaks for itself.
  const isTold = isTerminal(2) && (kind?.isInteractive === true || kind?.ownsOutput === true);
  const text = told.text + hint;
  if (told.text !== "") {
    const detail = "error" in end ? errorFields(end.error) : {};
    messages.fail(isTold ? endedBecause(text, ended) : text, told.code, detail);
  }
  if (kind?.isInteractive === true) {
    const line = told.text === "" && isTold ? endedLine(ended) : undefined;
    if (line !== undefined)
      messages.say("session-closed", line, { sessionId, durationMs: Math.round(durationMs) });
    host.streams.endLine(wasCut(end));
  }
  return {
    exitCode: told.exitCode,
    isCommandsCode:
      end.kind === "closed" &&
      end.exitCode !== undefined &&
      (end.exitCode === told.exitCode || forwarded !== undefined),
    ...failureOf(told),
    durationMs,
  };
}

function failureOf({ code, text }: Pick<ToldEnd, "code" | "text">): Pick<Ran, "failure"> {
  return text === "" ? {} : { failure: { code, message: text } };
}

/** How an end is told. */
interface ToldEnd {
  readonly exitCode: number;
  /** Empty: nothing has to be said. */
  readonly text: string;
  readonly code: string;
}

/** What else an exit code depends on. */
export interface EndCircumstances {
  /** It ended the session. */
  readonly signal: ProcessSignal | undefined;
  /** It was passed on to the other side. */
  readonly forwarded: ProcessSignal | undefined;
  readonly isCommand: boolean;
  readonly hasExitCode: boolean;
  readonly isExact: boolean;
}

/** The exit code of an end and the sentence that goes with it. */
export function describeEnd(
  end: SessionEnd,
  { signal, forwarded, isCommand, hasExitCode, isExact }: EndCircumstances,
): ToldEnd {
  switch (end.kind) {
    case "closed": {
      const { exitCode, reason } = end;
      if (exitCode === undefined && hasExitCode) {
        const because = reason.trim() === "" ? "" : ` (${reason.trim()})`;
        return { exitCode: ExitCode.incomplete, text: `${ENDED_EARLY}${because}`, code: "EXEC_ENDED_EARLY" };
      }
      // A reason instead of an exit code is the agent's refusal or the service's time-out.
      if (exitCode === undefined) {
        return { exitCode: reason === "" ? 0 : ExitCode.failure, text: reason, code: "SESSION_CLOSED" };
      }
      const isOfSignal = exitCode === -1 || (exitCode === 1 && !isExact);
      if (forwarded !== undefined && isOfSignal) {
        return { exitCode: SIGNAL_EXIT_CODES[forwarded], text: reason, code: "SESSION_CLOSED" };
      }
      if (exitCode >= 0 && exitCode <= 255) return { exitCode, text: reason, code: "SESSION_CLOSED" };
      const what = exitCode === -1 ? "a signal ended the command" : `the command ended with code ${exitCode}`;
      return { exitCode: ExitCode.failure, text: reason === "" ? what : reason, code: "SESSION_CLOSED" };
    }
    case "terminated":
      return { exitCode: signal === undefined ? 0 : SIGNAL_EXIT_CODES[signal], text: "", code: "" };
    case "failed":
    case "lost": {
      const { code, message } = end.error;
      if (end.kind === "lost" && isCommand) {
        const text =
          end.error instanceof OutputIncompleteError ? message : `${message}; output is incomplete`;
        return { exitCode: ExitCode.incomplete, text, code };
      }
      return { exitCode: ExitCode.failure, text: message, code };
    }
  }
}
