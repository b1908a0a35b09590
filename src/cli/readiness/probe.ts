/**
 * `--probe`: whether the destination of a tunnel takes connections. A connection is opened through the tunnel and
 * half-closed at once. Nothing confirms that it was made, but the agent passes the half-close on only afterwards, and
 * answers it by closing: so one that is closed after the half-close's linger was made, one that is closed or reset
 * before it was refused. Bytes from the destination are an answer at once.
 */
import { type Clock, type LocalStream, type LocalStreamEvents, within } from "../../session/index.ts";

const FIRST_DELAY_MS = 500;
const LAST_DELAY_MS = 5_000;
/** The agent makes connections one after the other, and waits for minutes where nothing answers: no second is tried. */
const SILENCE_MS = 5_000;
/** With a longer linger the half-close is not waited for. */
const MAX_QUIET_MS = 10_000;

/** What it needs. */
export interface ProbeOptions {
  /** Opens a connection through the tunnel; undefined while no session takes one. */
  readonly connect: (stream: LocalStream) => LocalStreamEvents | undefined;
  readonly clock: Clock;
  /** How long sessions hold a half-close back, in milliseconds. */
  readonly lingerMs: number;
  /** Told, each time it is found out, why there is no answer yet. */
  readonly unanswered: (why: string) => void;
  readonly signal: AbortSignal;
}

/** Tries until the destination answers; later and later. Resolves with false when `signal` came first. */
export async function probeDestination(options: ProbeOptions): Promise<boolean> {
  const { clock, unanswered, signal } = options;
  const aborted = new Promise<void>((resolve) =>
    signal.addEventListener("abort", () => resolve(), { once: true }),
  );
  for (let delayMs = FIRST_DELAY_MS; !signal.aborted; delayMs = Math.min(2 * delayMs, LAST_DELAY_MS)) {
    const why = await tryOnce(options, aborted);
    if (signal.aborted) break;
    if (why === undefined) return true;
    unanswered(why);
    await within(clock, delayMs, aborted);
  }
  return false;
}

/** Resolves with why the destination has not answered; undefined: it has. */
async function tryOnce(
  { connect, clock, lingerMs, unanswered }: ProbeOptions,
  aborted: Promise<void>,
): Promise<string | undefined> {
  const quietMs = Math.min(lingerMs, MAX_QUIET_MS);
  const probe = new ProbeStream(clock, quietMs);
  const events = connect(probe);
  if (events === undefined) return "no session takes connections";
  events.ended();
  const cancelSilence = clock.after(quietMs + SILENCE_MS, () => {
    if (lingerMs > MAX_QUIET_MS) probe.settle(undefined);
    else unanswered("nothing has answered so far");
  });
  const why = await Promise.race([probe.settled, aborted.then(() => "it is over")]);
  cancelSilence();
  events.closed();
  return why;
}

/** The local end of a probe: no socket, only what happens to it. */
class ProbeStream implements LocalStream {
  readonly queuedBytes = 0;
  readonly #clock: Clock;
  readonly #quietUntilMs: number;
  readonly #settled = Promise.withResolvers<string | undefined>();

  constructor(clock: Clock, quietMs: number) {
    this.#clock = clock;
    this.#quietUntilMs = clock.now() + quietMs;
  }

  get settled(): Promise<string | undefined> {
    return this.#settled.promise;
  }

  /** The first call counts. @param why there is no answer; undefined: there is one */
  settle(why: string | undefined): void {
    this.#settled.resolve(why);
  }

  write(): void {
    this.settle(undefined);
  }

  close(): void {
    const inTime = this.#clock.now() >= this.#quietUntilMs;
    this.settle(inTime ? undefined : "the destination closes connections at once");
  }

  reset(): void {
    this.settle("the destination refuses connections, or the target cannot reach it");
  }

  endWriting(): void {}

  pause(): void {}

  resume(): void {}
}
