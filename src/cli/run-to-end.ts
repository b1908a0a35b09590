/** Runs a session that a command has started, to the exit code of this face. */
import { harmlessLine, type Host, runSession } from "../host/index.ts";
import { OutputIncompleteError, type SessionEnd, type SessionParameters } from "../session/index.ts";
import type { ProcessSignal } from "../terminal/index.ts";
import { type CommandContext, ExitCode } from "./command.ts";
import { peopleLines } from "./people-lines.ts";

/** 128 + number of the signal. */
const SIGNAL_CODES: Readonly<Record<ProcessSignal, number>> = {
  SIGHUP: 129,
  SIGINT: 130,
  SIGQUIT: 131,
  SIGTERM: 143,
};

/** Limits of a run. */
export interface RunLimits {
  /** End the session after this long; absent: never. */
  readonly timeoutMs?: number;
}

/** See the file's comment. Says on standard error why a session did not end by itself. */
export async function runToEnd(
  context: Pick<CommandContext, "exit"> & { readonly quiet: boolean },
  host: Host,
  parameters: SessionParameters,
  limits: RunLimits = {},
): Promise<number> {
  let timedOut = false;
  const { end, signal } = await runSession({
    host,
    parameters,
    observer: peopleLines(host.streams, context.quiet),
    exitWithParent: false,
    abandon: (received) => context.exit(SIGNAL_CODES[received]),
    ...(limits.timeoutMs === undefined
      ? {}
      : {
          timeoutMs: limits.timeoutMs,
          timedOut: () => {
            timedOut = true;
          },
        }),
  });
  if (timedOut) {
    host.streams.writeStatus("session-manager-plugin: the time is up, the session was ended");
    return ExitCode.failure;
  }
  return exitCode(end, signal, host);
}

function exitCode(end: SessionEnd, signal: ProcessSignal | undefined, host: Host): number {
  switch (end.kind) {
    case "closed":
      if (end.reason !== "") host.streams.writeStatus(`session-manager-plugin: ${harmlessLine(end.reason)}`);
      // A reason instead of an exit code is the agent's refusal or the service's time-out.
      return remoteCode(end.exitCode) ?? (end.reason === "" ? 0 : ExitCode.failure);
    case "terminated":
      return signal === undefined ? 0 : SIGNAL_CODES[signal];
    case "failed":
    case "lost":
      host.streams.writeStatus(`session-manager-plugin: ${harmlessLine(end.error.message)}`);
      return end.error instanceof OutputIncompleteError ? ExitCode.incomplete : ExitCode.failure;
  }
}

/** -1 stands for a command that a signal killed. */
function remoteCode(code: number | undefined): number | undefined {
  if (code === undefined) return undefined;
  return code < 0 || code > 255 ? ExitCode.failure : code;
}
