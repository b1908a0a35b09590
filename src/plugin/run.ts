/**
 * One run of this face: from the arguments to an exit code. Signals, the parent's death and `~.` end the session
 * through the one way out at the end of this file.
 */
import { type Host, openHost } from "../host/index.ts";
import { Session, type SessionEnd } from "../session/index.ts";
import {
  isTerminal,
  type ProcessSignal,
  standardError,
  standardOutput,
  watchParent,
  watchSignals,
} from "../terminal/index.ts";
import { type Invocation, readArguments } from "./arguments.ts";
import { exitCodeFor, SIGNAL_EXIT_CODES } from "./exit-code.ts";
import { harmlessLine } from "./harmless.ts";
import * as literal from "./literals.ts";
import { StatusLines, type StatusOutput } from "./status-lines.ts";

/** What a signalled session may take to end before the process ends without it. */
const SIGNAL_DEADLINE_MS = 2_800;

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
    case "version":
      return say(`${version}\n`);
    case "unknown operation":
      return say(literal.unknownOperation(invocation.argument));
    case "invalid operation":
      say(literal.INVALID_OPERATION);
      return invocation.exposed ? 0 : 1;
    case "bad input":
      say(literal.cannotStart(harmlessLine(invocation.reason)));
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
  try {
    host = openHost({
      environment,
      version,
      region: invocation.region,
      profile: invocation.profile,
      target: invocation.target,
      endpoint: invocation.endpoint,
      escaped: () => session.terminate(),
    });
  } catch (error) {
    say(literal.cannotStart(harmlessLine((error as Error).message)));
    return invocation.exposed ? 0 : 1;
  }
  const output = statusOutput(environment, host);
  const lines = new StatusLines(invocation.session.sessionId, output);
  const session = new Session(invocation.session, host.world, lines);
  const propagate = environment["SSM_PLUGIN_PROPAGATE_EXIT_CODE"] === "true";

  let signal: ProcessSignal | undefined;
  let ran = false;
  const code = (end: SessionEnd): number =>
    exitCodeFor(end, { exposed: invocation.exposed, propagate, signal, ran });
  const abandon = (): never => {
    host.streams.restoreNow();
    return exit(invocation.exposed ? 0 : SIGNAL_EXIT_CODES[signal ?? "SIGTERM"]);
  };
  const endBy = (received: ProcessSignal): void => {
    if (signal !== undefined) abandon();
    signal = received;
    ran = session.isRunning;
    if (session.isTunnel) lines.terminating();
    session.terminate();
    setTimeout(abandon, SIGNAL_DEADLINE_MS).unref();
  };
  const stopSignals = watchSignals((received) => {
    if ((received === "SIGINT" || received === "SIGQUIT") && session.signal(received)) return;
    endBy(received);
  });
  const stopParent = watchParent({ force: environment["SSM_PLUGIN_EXIT_WITH_PARENT"] === "true" }, () =>
    endBy("SIGHUP"),
  );

  lines.starting();
  if (host.warning !== undefined) output.person(host.warning);
  const end = await session.run();
  stopParent();
  // What was received is written before the terminal goes back to its own line ends.
  await host.streams.restore(end.kind === "terminated" ? 500 : Infinity);
  lines.ended(end);
  stopSignals();
  return code(end);
}

/** The stream of the status lines, by the environment. */
function statusOutput(environment: Environment, host: Host): StatusOutput {
  const quiet = environment["SSM_PLUGIN_QUIET"] === "true";
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
  };
}
