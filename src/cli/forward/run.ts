/**
 * The life of the tunnels of one `forward`: bind, start, run, end. Each phase is a step of `runTunnels`; how the last
 * one goes is ending.ts's.
 */
import { harmlessLine } from "../../host/index.ts";
import { exposedAddress, listen } from "../../net/index.ts";
import type { ListenTarget, SessionWorld } from "../../session/index.ts";
import { tellError } from "../advice.ts";
import type { CommandContext } from "../command.ts";
import { ExitCode } from "../exit-codes.ts";
import { ReadyTimeoutError } from "../readiness/errors.ts";
import { probeDestination } from "../readiness/probe.ts";
import { Readiness, type ReadinessOptions } from "../readiness/readiness.ts";
import type { Background } from "./background/background.ts";
import { CommandStartError } from "./command/errors.ts";
import { type CommandPlan, runCommand } from "./command/run-command.ts";
import { Ending } from "./ending.ts";
import type { Reporter } from "./reporter.ts";
import type { Tunnel } from "./tunnel.ts";

/** What a run is made of. */
export interface TunnelsRun {
  readonly context: CommandContext;
  readonly tunnels: readonly Tunnel[];
  readonly reporter: Reporter;
  readonly world: Pick<SessionWorld, "clock" | "settings">;
  /** When the tunnels count as usable, and how that is told. */
  readonly readiness: ReadinessOptions;
  /** What open connections get to finish at the end, see `Ending`. */
  readonly drainMs: number;
  /** It runs once all tunnels can be used, and they end with it. */
  readonly command: CommandPlan | undefined;
  /** Once they are ready they go on in the background. */
  readonly background: Background | undefined;
}

/** An exit code, or what went wrong. */
type Outcome = number | Error;

/** See the file's comment. Resolves with the exit code. @throws what keeps a listener from being opened */
export async function runTunnels(run: TunnelsRun): Promise<number> {
  const { context, tunnels, reporter, drainMs, command: plan } = run;
  const draining = (open: number): void => {
    const may = open === 1 ? "the open one may finish" : `the ${open} open ones may finish`;
    reporter.say("draining", `No new connections, ${may}`, { open });
  };
  const ending = new Ending({ tunnels, clock: run.world.clock, drainMs, draining, exit: context.exit });
  const readiness = await open(run);
  const starting = new AbortController();
  const running = Promise.all(tunnels.map((tunnel) => tunnel.run().then(() => readiness.changed())));
  const lost = Promise.race(tunnels.map((tunnel) => tunnel.lost));
  const ended: Promise<Outcome> = Promise.race([ending.signalled, lost]);
  const { signal } = starting;
  const early = await Promise.race([ended, start(run, readiness, signal), overdue(run, readiness, signal)]);
  starting.abort();
  const command =
    early === undefined && plan !== undefined ? runCommand({ context, plan, tunnels, ending }) : undefined;
  const outcome = early ?? (await (command ?? ended));
  const exitCode = typeof outcome === "number" ? outcome : exitCodeOf(outcome);
  const error = typeof outcome === "number" ? undefined : outcome;
  readiness.ending(error === undefined ? undefined : harmlessLine(tellError(error)));
  if (error !== undefined) {
    reporter.fail(error);
    ending.stop(exitCode);
  } else if (command !== undefined) await ending.flush(exitCode);
  await running;
  run.background?.close();
  readiness.close();
  reporter.ended(exitCode, error);
  return exitCode;
}

function exitCodeOf(error: Error): number {
  return error instanceof CommandStartError ? error.exitCode : ExitCode.failure;
}

/** Everything local is opened before any session is started, or nothing: a port that is taken leaves nothing behind. */
async function open(run: TunnelsRun): Promise<Readiness> {
  const { context, tunnels, reporter, readiness: options } = run;
  try {
    for (const tunnel of tunnels) await bind(run, tunnel);
    await run.background?.open(tunnels);
    const readiness = new Readiness(context, options, tunnels);
    reporter.heard = () => readiness.changed();
    const { health } = readiness;
    if (health !== undefined) reporter.say("health", `Answering on http://${health}/readiness`, { health });
    return readiness;
  } catch (error) {
    for (const tunnel of tunnels) tunnel.listener.stop();
    run.background?.close();
    throw error;
  }
}

/** Binds one listener; says so when others than this machine can reach it. */
async function bind({ context, world }: TunnelsRun, { listener, spec }: Tunnel): Promise<void> {
  const { localHost } = world.settings;
  const target: ListenTarget =
    spec.listen.kind === "unix" || localHost === undefined
      ? spec.listen
      : { host: localHost, ...spec.listen };
  await listener.bind(listen, target);
  const exposed = exposedAddress(listener.addresses);
  if (exposed === undefined) return;
  const text = `${spec.text} listens on ${exposed}: whoever reaches this machine can use it`;
  context.messages.warn("exposed", text, { tunnel: spec.text, address: exposed });
}

/** Resolves when all tunnels can be used and that has been said, or with what keeps them from it. */
async function start(run: TunnelsRun, readiness: Readiness, signal: AbortSignal): Promise<Error | undefined> {
  const { tunnels, reporter } = run;
  const usable = new UsableTunnels(reporter, tunnels.length);
  try {
    await Promise.all(
      tunnels.map(async (tunnel) => {
        await tunnel.ready;
        if (run.readiness.probe) await probe(run, tunnel, readiness, usable, signal);
        if (!signal.aborted) usable.add(tunnel);
      }),
    );
    // The end has been quicker.
    if (signal.aborted) return undefined;
    await readiness.ready();
    reporter.ready(tunnels);
    await run.background?.ready(reporter);
    return undefined;
  } catch (error) {
    return error as Error;
  }
}

/** Resolves with the error when the tunnels cannot be used in time; never without a limit. */
function overdue(
  { readiness: { timeoutMs }, world: { clock } }: TunnelsRun,
  readiness: Readiness,
  signal: AbortSignal,
): Promise<Error> {
  return new Promise((resolve) => {
    if (timeoutMs === Infinity) return;
    const cancel = clock.after(timeoutMs, () =>
      resolve(new ReadyTimeoutError(timeoutMs / 1000, readiness.obstacle ?? "starting")),
    );
    signal.addEventListener("abort", cancel, { once: true });
  });
}

/** Waits until the destination of a tunnel takes connections. */
async function probe(
  { world, reporter }: TunnelsRun,
  tunnel: Tunnel,
  readiness: Readiness,
  usable: UsableTunnels,
  signal: AbortSignal,
): Promise<void> {
  const { text } = tunnel.spec;
  let said = "";
  readiness.waiting(tunnel, "waiting for the destination");
  tunnel.isProbed = true;
  await probeDestination({
    connect: (stream) => tunnel.listener.connect(stream),
    clock: world.clock,
    lingerMs: world.settings.lingerMs,
    signal,
    unanswered(why) {
      readiness.waiting(tunnel, why);
      if (why !== said) {
        reporter.say("destination-unanswered", `${text}: ${why}, trying again`, {
          tunnel: text,
          reason: why,
        });
      }
      said = why;
      usable.waitForOther();
    },
  });
  tunnel.isProbed = false;
  readiness.waiting(tunnel, undefined);
}

/** While the destination of one tunnel is waited for, those that can be used already are named. */
class UsableTunnels {
  readonly #reporter: Reporter;
  readonly #unsaid: Tunnel[] = [];
  #missing: number;
  #waiting = false;

  /** @param count tunnels there are */
  constructor(reporter: Reporter, count: number) {
    this.#reporter = reporter;
    this.#missing = count;
  }

  add(tunnel: Tunnel): void {
    this.#unsaid.push(tunnel);
    this.#missing--;
    this.#say();
  }

  /** The destination of another tunnel does not answer: it may take long. */
  waitForOther(): void {
    this.#waiting = true;
    this.#say();
  }

  #say(): void {
    if (!this.#waiting || this.#missing === 0) return;
    for (const tunnel of this.#unsaid.splice(0)) this.#reporter.usable(tunnel);
  }
}
