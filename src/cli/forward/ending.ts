/**
 * How `forward` ends: at once, or after its open connections have finished. Signals end it, unless COMMAND runs: then
 * they are COMMAND's. Whatever is asked for twice is done at once.
 */
import { type Clock, within } from "../../session/index.ts";
import { type ProcessSignal, watchSignals } from "../../terminal/index.ts";
import { SIGNAL_EXIT_CODES } from "../exit-codes.ts";
import type { Tunnel } from "./tunnel.ts";

/** What the tunnels get to end. */
const END_DEADLINE_MS = 2_800;
/** What the last bytes of a COMMAND that has ended get to reach the destination. */
const FLUSH_MS = 10_000;
/** How often open connections are counted while they finish. */
const LOOK_MS = 25;

/** The parts of a tunnel that matter here. */
export type EndingTunnel = Pick<Tunnel, "stop"> & {
  readonly listener: Pick<Tunnel["listener"], "counts" | "unanswered" | "stopAccepting">;
};

/** What it needs. */
export interface EndingOptions {
  readonly tunnels: readonly EndingTunnel[];
  /** What open connections get to finish after SIGTERM and after COMMAND; 0: nothing, Infinity: all they need. */
  readonly drainMs: number;
  readonly clock: Clock;
  /** Connections are being given time to finish. */
  readonly draining: (open: number) => void;
  /** Ends the process at once. */
  readonly exit: (code: number) => void;
  readonly watch?: typeof watchSignals;
}

/** What to wait for before the tunnels are stopped. */
interface Wait {
  readonly limitMs: number;
  /** How many connections of a tunnel have not finished. */
  readonly busy: (listener: EndingTunnel["listener"]) => number;
  /** Told once how many they are, if there are any; none are accepted any more by then. */
  readonly begun: (open: number) => void;
}

/** See the file's comment. */
export class Ending {
  readonly #options: EndingOptions;
  readonly #signalled = Promise.withResolvers<number>();
  readonly #stopped = Promise.withResolvers<void>();
  #drained: Promise<void> | undefined;
  #stopping = false;
  /** Takes the signals while it is set. */
  takeSignal: ((signal: ProcessSignal) => void) | undefined;

  /** Watches the signals from now on. */
  constructor(options: EndingOptions) {
    this.#options = options;
    (options.watch ?? watchSignals)((signal) => this.#receive(signal));
  }

  /** Resolves with the exit code of the signal that ends it. */
  get signalled(): Promise<number> {
    return this.#signalled.promise;
  }

  /** Ends after SIGTERM: stops accepting, lets open connections finish if that was asked for, then stops. */
  drain(exitCode: number): Promise<void> {
    const { drainMs, draining } = this.#options;
    return this.#finish(exitCode, { limitMs: drainMs, busy: ({ counts }) => counts.open, begun: draining });
  }

  /**
   * Ends after COMMAND: what it has sent before it closed its connections arrives, as it would without a tunnel. Where
   * a drain was asked for, all connections finish.
   */
  async flush(exitCode: number): Promise<void> {
    // Its end may be known before its last connection and its last bytes have been seen.
    await this.#sleep(LOOK_MS);
    if (this.#options.drainMs > 0) return await this.drain(exitCode);
    await this.#finish(exitCode, {
      limitMs: FLUSH_MS,
      busy: ({ unanswered }) => unanswered,
      begun: () => {},
    });
  }

  /** Stops the tunnels; the process ends when that takes too long. */
  stop(exitCode: number): void {
    if (this.#stopping) return;
    this.#stopping = true;
    this.#stopped.resolve();
    for (const tunnel of this.#options.tunnels) tunnel.stop();
    this.#options.clock.after(END_DEADLINE_MS, () => this.#options.exit(exitCode));
  }

  #receive(signal: ProcessSignal): void {
    if (this.takeSignal !== undefined) return this.takeSignal(signal);
    const exitCode = SIGNAL_EXIT_CODES[signal];
    if (this.#stopping) return this.#options.exit(exitCode);
    if (signal === "SIGTERM" && this.#drained === undefined) void this.drain(exitCode);
    else this.stop(exitCode);
    this.#signalled.resolve(exitCode);
  }

  #finish(exitCode: number, wait: Wait): Promise<void> {
    this.#drained ??= this.#wait(wait).then(() => this.stop(exitCode));
    return this.#drained;
  }

  async #wait({ limitMs, busy, begun }: Wait): Promise<void> {
    if (limitMs === 0 || this.#stopping) return;
    const { tunnels, clock } = this.#options;
    for (const { listener } of tunnels) listener.stopAccepting();
    const count = (): number => tunnels.reduce((sum, { listener }) => sum + busy(listener), 0);
    if (count() > 0) begun(count());
    const untilMs = clock.now() + limitMs;
    while (!this.#stopping && count() > 0) {
      const leftMs = untilMs - clock.now();
      if (leftMs <= 0) return;
      await this.#sleep(Math.min(LOOK_MS, leftMs));
    }
  }

  /** Until the time is up or the tunnels are stopped. */
  #sleep(delayMs: number): Promise<void> {
    return within(this.#options.clock, delayMs, this.#stopped.promise);
  }
}
