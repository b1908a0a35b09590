/**
 * One run of this face: from the arguments to an exit code, saying AWS's lines on the way.
 */
import {
  ENDED_EARLY,
  harmlessLine,
  type Host,
  hostLog,
  isOn,
  noLog,
  openAccess,
  openHost,
  runSession,
} from "../host/index.ts";
import { errorFields } from "../session/index.ts";
import {
  isTerminal,
  OutputFailedError,
  standardError,
  standardOutput,
  writeErrorLine,
} from "../terminal/index.ts";
import { type Invocation, readArguments, type UnopenedSession } from "./arguments.ts";
import { endedEarly, exitCodeFor, SIGNAL_EXIT_CODES } from "./exit-code.ts";
import * as literal from "./literals.ts";
import { StatusLines, type StatusOutput } from "./status-lines.ts";

/** Longest wait for the API to end a session that could not be opened. */
const TERMINATE_TIMEOUT_MS = 2_000;

type Environment = Record<string, string | undefined>;

/**
 * Runs the program as the AWS CLI's plugin.
 * @param exit ends the process at once with a code; used when waiting any longer would be wrong
 */
export async function runPlugin(
  args: readonly string[],
  environment: Environment,
  version: string,
  exit: (code: number) => never,
): Promise<number> {
  const invocation = readArguments(args, environment);
  switch (invocation.kind) {
    case "installed":
      return say(literal.INSTALLED);
    case "unknown operation":
      return say(literal.unknownOperation(invocation.argument));
    case "invalid operation":
      say(literal.INVALID_OPERATION);
      return invocation.exposed ? 0 : 1;
    case "bad input":
      say(literal.cannotStart(harmlessLine(invocation.reason)));
      await logBadInput(invocation, environment);
      if (invocation.unopened !== undefined) await terminateUnopened(invocation.unopened, environment);
      return invocation.exposed ? 0 : 1;
    case "start":
      return startSession(invocation, environment, version, exit);
  }
}

function say(text: string): number {
  standardOutput().write(Buffer.from(text));
  return 0;
}

async function startSession(
  invocation: Invocation & { kind: "start" },
  environment: Environment,
  version: string,
  exit: (code: number) => never,
): Promise<number> {
  let host: Host;
  const { sessionId } = invocation.session;
  const { region, profile, profileGiven, target, endpoint } = invocation;
  const about = { session: sessionId, target };
  let writeError = writeErrorLine;
  let log = noLog;
  try {
    log = await hostLog(environment, (line) => writeError(line));
    // Its path and what stands before the host may be private.
    const origin = URL.parse(endpoint)?.host ?? "";
    log("info", "plugin started", { version, region, profile, endpoint: origin, ...about });
    host = await openHost({
      log,
      environment,
      version,
      region,
      profile,
      target,
      endpoint,
      endsAfterInput: true,
      ...(profileGiven ? {} : { encryptionRefusal: literal.CLI_TOO_OLD }),
    });
  } catch (error) {
    say(literal.cannotStart(harmlessLine((error as Error).message)));
    log("error", "failed", { ...errorFields(error), ...about });
    await terminateUnopened(invocation, environment);
    return invocation.exposed ? 0 : 1;
  }
  writeError = (line) => host.streams.writeStatus(line);
  if (invocation.endpointIgnored) {
    // What stands there is not repeated: a stream URL is a secret.
    log("warn", "endpoint argument ignored", { reason: "it is no http or https URL" });
  }
  const lines = new StatusLines(invocation.session.sessionId, statusOutput(environment, host));
  // Before the first line, so that whoever has read it can end the session by a signal.
  const running = runSession({
    host,
    parameters: invocation.session,
    observer: lines,
    exitWithParent: isOn(environment, "SSM_PLUGIN_EXIT_WITH_PARENT"),
    terminating: (_, isTunnel) => {
      if (isTunnel) lines.terminating();
    },
    abandon: (received) => exit(invocation.exposed ? 0 : SIGNAL_EXIT_CODES[received]),
  });
  lines.starting();
  const { end, signal, ran } = await running;
  lines.ended(end);
  const circumstances = {
    incomplete: reportLostOutput(),
    exposed: invocation.exposed,
    propagate: isOn(environment, "SSM_PLUGIN_PROPAGATE_EXIT_CODE"),
    isCommand: invocation.separateOutput,
    signal,
    ran,
  };
  if (endedEarly(end, circumstances)) writeErrorLine(`session-manager-plugin: ${ENDED_EARLY}`);
  const exitCode = exitCodeFor(end, circumstances);
  log("info", "plugin ended", { exitCode, signal: signal ?? "", ...about });
  return exitCode;
}

/** Also what cannot be started is in the log. */
async function logBadInput(
  { reason, unopened }: Invocation & { kind: "bad input" },
  environment: Environment,
): Promise<void> {
  const log = await hostLog(environment, writeErrorLine).catch(() => noLog);
  log("error", "failed", {
    code: "HOST_BAD_INPUT",
    message: reason,
    session: unopened?.session.sessionId ?? "",
  });
}

/** Arguments or settings that cannot be used are no reason to leave the session open at the service. */
async function terminateUnopened(unopened: UnopenedSession, environment: Environment): Promise<void> {
  const { session, region, profile, target, endpoint } = unopened;
  const access = openAccess({ environment, region, profile, target, endpoint, log: noLog });
  const terminated = access.then(({ ssm }) => ssm.terminate(session.sessionId));
  const timeUp = new Promise((resolve) => setTimeout(resolve, TERMINATE_TIMEOUT_MS).unref());
  await Promise.race([terminated.catch(() => undefined), timeUp]);
}

/** A reader that left is an ordinary end; a full disk is not, and says so where it can still be read. */
function reportLostOutput(): boolean {
  const { error } = standardOutput();
  if (!(error instanceof OutputFailedError)) return false;
  writeErrorLine(`session-manager-plugin: ${harmlessLine(error.message)}`);
  return true;
}

/** The stream of the status lines, by the environment. */
function statusOutput(environment: Environment, host: Host): StatusOutput {
  const quiet = isOn(environment, "SSM_PLUGIN_QUIET");
  const sink = environment["SSM_PLUGIN_STATUS"] === "stderr" ? standardError() : standardOutput();
  const forPeople = isTerminal(2);
  return {
    status: (text) => {
      if (!quiet) sink.write(Buffer.from(text));
    },
    error: (text) => {
      (quiet ? standardError() : sink).write(Buffer.from(text));
    },
    person: (line) => {
      if (forPeople) host.streams.writeStatus(line);
    },
    warning: (line) => host.streams.writeStatus(line),
    endLine: (wasCut) => host.streams.endLine(wasCut),
  };
}
