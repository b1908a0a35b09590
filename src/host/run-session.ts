/**
 * Runs one session in this process to its end: signals, the parent's death and `~.` end it, the terminal is put back
 * after everything for it has been written. What is printed and which code it makes is the face's business.
 */
import {
  type ForwardedSignal,
  Session,
  type SessionEnd,
  type SessionObserver,
  type SessionParameters,
} from "../session/index.ts";
import { guardTerminalAtExit, type ProcessSignal, watchParent, watchSignals } from "../terminal/index.ts";
import type { Host } from "./host.ts";
import { runKnown } from "./open-sessions.ts";

/** What a signalled session may take to end before the process ends without it. */
const SIGNAL_DEADLINE_MS = 2_800;
/** What is interrupted because its time is up gets this long to end by itself. */
const TIMED_OUT_MS = 2_000;
/** What a reader of our output gets when a person waits for the end. */
const IMPATIENT_DRAIN_MS = 500;

/** How to run a session. */
export interface RunOptions {
  readonly host: Host;
  readonly parameters: SessionParameters;
  readonly observer: SessionObserver;
  /** End with whatever started this process, not only with the AWS CLI. */
  readonly exitWithParent: boolean;
  /** A signal is about to end the session; `isTunnel` when local programs are connected to it. */
  readonly terminating?: (signal: ProcessSignal, isTunnel: boolean) => void;
  /** Signals may be passed on once: agents give a command the first one only, and it may not be moved by that. */
  readonly endAtSecondSignal?: boolean;
  /**
   * Interrupt what runs in the session after this long, and end the session a little later; absent: never. Nothing else
   * can be sent in between.
   */
  readonly timeoutMs?: number;
  /** The time is up. */
  readonly timedOut?: () => void;
  /** Ends the process at once: the second signal, or a session that does not end. */
  readonly abandon: (signal: ProcessSignal) => never;
}

/** How it went. */
export interface RunResult {
  readonly end: SessionEnd;
  /** The signal that ended it, if one did. */
  readonly signal: ProcessSignal | undefined;
  /** The last signal that was passed on to the other side instead. */
  readonly forwarded: ForwardedSignal | undefined;
  /** Whether the session had come up before that. */
  readonly ran: boolean;
  /** `~.` ended it. */
  readonly left: boolean;
  /** How long it was there, from its start to its end. */
  readonly durationMs: number;
}

/** See the file's comment. Never rejects. */
export async function runSession(options: RunOptions): Promise<RunResult> {
  const { host, observer } = options;
  guardTerminalAtExit();
  const { streamUrl } = options.parameters;
  const parameters = { ...options.parameters, streamUrl: host.mapStreamUrl(streamUrl) };
  const session = new Session(parameters, host.world, observer);
  let signal: ProcessSignal | undefined;
  let forwarded: ForwardedSignal | undefined;
  let ran = true;
  let left = false;
  const { clock } = host.world;
  const startedAtMs = clock.now();
  const endBy = (received: ProcessSignal): void => {
    if (signal !== undefined) {
      host.streams.restoreNow();
      options.abandon(received);
    }
    signal = received;
    ran = session.isRunning;
    options.terminating?.(received, session.isTunnel);
    session.terminate();
    setTimeout(() => {
      host.streams.restoreNow();
      options.abandon(received);
    }, SIGNAL_DEADLINE_MS).unref();
  };
  const stopSignals = watchSignals((received) => {
    const isEnough = options.endAtSecondSignal === true && forwarded !== undefined;
    if (!isEnough && isForwarded(received) && session.signal(received)) forwarded = received;
    else endBy(received);
  });
  const stopParent = watchParent({ force: options.exitWithParent }, () => endBy("SIGHUP"));
  host.streams.onEscape = () => {
    left = true;
    session.terminate();
  };
  let stopTimeout = (): void => {};
  if (options.timeoutMs !== undefined) {
    stopTimeout = clock.after(options.timeoutMs, () => {
      options.timedOut?.();
      if (forwarded !== undefined || !session.signal("SIGINT")) return session.terminate();
      stopTimeout = clock.after(TIMED_OUT_MS, () => session.terminate());
    });
  }
  const end = await runKnown(session);
  const durationMs = clock.now() - startedAtMs;
  stopParent();
  stopTimeout();
  await host.streams.restore(end.kind === "terminated" ? IMPATIENT_DRAIN_MS : Infinity);
  stopSignals();
  return { end, signal, forwarded, ran, left, durationMs };
}

function isForwarded(signal: ProcessSignal): signal is ForwardedSignal {
  return signal === "SIGINT" || signal === "SIGQUIT";
}
