/**
 * What process 1 of a container has to do besides its work: end at signals that nobody handles yet (for it the system
 * has no default action), and take the ended processes that were left to it.
 */
import { type ProcessSignal, watchSignals } from "../terminal/index.ts";
import { SIGNAL_EXIT_CODES } from "./exit-codes.ts";
import { reapOrphans } from "./orphan-reaper.ts";

/** The parts that tests replace. */
export interface ProcessOneOptions {
  readonly processId?: number;
  /** Whether anybody but us handles a signal now. */
  readonly isHandled?: (signal: ProcessSignal) => boolean;
  readonly watch?: typeof watchSignals;
  readonly reap?: typeof reapOrphans;
}

/**
 * Does what process 1 has to do, until the end; nothing in any other process.
 * @param exit ends the process at once
 */
export function actAsProcessOne(exit: (code: number) => void, options: ProcessOneOptions = {}): void {
  if ((options.processId ?? process.pid) !== 1) return;
  const isHandled = options.isHandled ?? ((signal) => process.listenerCount(signal) > 1);
  (options.watch ?? watchSignals)((signal) => {
    if (!isHandled(signal)) exit(SIGNAL_EXIT_CODES[signal]);
  });
  (options.reap ?? reapOrphans)();
}
