/**
 * Whether the tunnels of a `forward` can be used, told in every way that was asked for: ready file and descriptor,
 * HTTP, systemd. Decides nothing about the tunnels.
 */
import { harmlessLine } from "../../host/index.ts";
import type { ArgumentDefinitions, CommandContext, ParsedArguments } from "../command.ts";
import { readDuration } from "../duration.ts";
import { type HealthAddress, HealthServer, readHealthAddress } from "./health-server.ts";
import { metricsText } from "./metrics.ts";
import type { ObservedTunnel } from "./observed-tunnel.ts";
import type { ReadinessOutlet } from "./outlet.ts";
import { pidNamespace } from "./process-identity.ts";
import { readDescriptor, ReadyDescriptor } from "./ready-descriptor.ts";
import { readyTunnel } from "./ready-document.ts";
import { ReadyFile } from "./ready-file.ts";
import { ServiceManager } from "./service-manager.ts";

/** Options of a command whose readiness can be told. */
export const READINESS_ARGUMENTS = {
  probe: { type: "boolean", description: "be ready only when the destinations take connections" },
  "ready-file": {
    type: "string",
    description: "once ready, write the addresses there as JSON; removed at the end",
    valueHint: "FILE",
  },
  "ready-fd": {
    type: "string",
    description: "once ready, write the same in one line to this descriptor and close it",
    valueHint: "N",
  },
  "ready-timeout": {
    type: "string",
    description: "fail when it has not come so far by then (never)",
    valueHint: "DURATION",
  },
  health: {
    type: "string",
    description: "answer /startup, /readiness, /liveness and /metrics over HTTP (on 127.0.0.1)",
    valueHint: "[BIND:]PORT",
  },
} as const satisfies ArgumentDefinitions;

/** How readiness is to be told. */
export interface ReadinessOptions {
  readonly probe: boolean;
  readonly file: string | undefined;
  readonly descriptor: number | undefined;
  /** Longest wait, in milliseconds; Infinity: any. */
  readonly timeoutMs: number;
  readonly health: HealthAddress | undefined;
}

/** Reads {@link READINESS_ARGUMENTS}. @throws UsageError */
export function readReadinessOptions(args: ParsedArguments): ReadinessOptions {
  const descriptor = args.text("ready-fd");
  const health = args.text("health");
  return {
    probe: args.flag("probe"),
    file: args.text("ready-file"),
    descriptor: descriptor === undefined ? undefined : readDescriptor(descriptor),
    timeoutMs:
      readDuration(args.text("ready-timeout"), {
        option: "--ready-timeout",
        forms: "30s or 2m",
        zero: false,
      }) ?? Infinity,
    health: health === undefined ? undefined : readHealthAddress(health),
  };
}

/** See the file's comment. */
export class Readiness {
  readonly #version: string;
  readonly #tunnels: readonly ObservedTunnel[];
  readonly #outlets: ReadinessOutlet[] = [];
  /** Why a destination is still being waited for. */
  readonly #waiting = new Map<ObservedTunnel, string>();
  #health: HealthServer | undefined;
  #phase: "starting" | "ready" | "ending" = "starting";

  /**
   * Opens what was asked for; the tunnels are bound and none of their sessions is started.
   * @throws {ReadyFileError | AddressInUseError | ListenFailedError} nothing is left open then
   */
  constructor(
    { version, environment, messages }: Pick<CommandContext, "version" | "environment" | "messages">,
    options: ReadinessOptions,
    tunnels: readonly ObservedTunnel[],
  ) {
    this.#version = version;
    this.#tunnels = tunnels;
    const warn = (text: string): void => messages.warn("readiness-untold", text);
    if (options.file !== undefined) this.#outlets.push(new ReadyFile(options.file));
    if (options.health !== undefined) this.#outlets.push((this.#health = this.#serve(options.health)));
    if (options.descriptor !== undefined) this.#outlets.push(new ReadyDescriptor(options.descriptor, warn));
    const manager = ServiceManager.open({ environment, status: () => this.#status(), failed: warn });
    if (manager !== undefined) this.#outlets.push(manager);
  }

  /** Where HTTP is answered; undefined without `--health`. */
  get health(): string | undefined {
    return this.#health?.address;
  }

  /** Why the tunnels cannot all be used now; undefined: they can. */
  get obstacle(): string | undefined {
    return this.#notReady();
  }

  /** The destination of a tunnel is being waited for, or not any more. @param why undefined: it has answered */
  waiting(tunnel: ObservedTunnel, why: string | undefined): void {
    if (why === undefined) this.#waiting.delete(tunnel);
    else this.#waiting.set(tunnel, why);
    this.changed();
  }

  /** All can be used. @throws ReadyFileError */
  async ready(): Promise<void> {
    this.#phase = "ready";
    const namespace = pidNamespace();
    const document = {
      pid: process.pid,
      ...(namespace === undefined ? {} : { pidNamespace: namespace }),
      version: this.#version,
      readyAt: new Date().toISOString(),
      ...(this.health === undefined ? {} : { health: this.health }),
      tunnels: this.#tunnels.map(readyTunnel),
    };
    await Promise.all(this.#outlets.map((outlet) => outlet.ready?.(document)));
  }

  /** A tunnel has changed its state. */
  changed(): void {
    for (const outlet of this.#outlets) outlet.changed?.();
  }

  /** New connections are not taken any more. @param failure why, when nobody has asked for it */
  ending(failure?: string): void {
    this.#phase = "ending";
    for (const outlet of this.#outlets) outlet.ending?.(failure);
  }

  /** Nothing is told from now on. */
  close(): void {
    for (const outlet of this.#outlets) outlet.close?.();
  }

  #serve(address: HealthAddress): HealthServer {
    return new HealthServer(address, {
      startup: () => (this.#phase === "starting" ? this.#notReady() : undefined),
      readiness: () => this.#notReady(),
      liveness: () => this.#lost(),
      metrics: () =>
        metricsText({
          version: this.#version,
          startedAtSeconds: Math.round(performance.timeOrigin) / 1000,
          memoryBytes: process.memoryUsage.rss(),
          isReady: this.#notReady() === undefined,
          tunnels: this.#tunnels,
        }),
    });
  }

  #status(): string {
    const count = this.#tunnels.length;
    return harmlessLine(this.#notReady() ?? (count === 1 ? "ready, 1 tunnel" : `ready, ${count} tunnels`));
  }

  /** Why they cannot all be used now; undefined: they can. */
  #notReady(): string | undefined {
    if (this.#phase === "ending") return "ending";
    const reasons = this.#tunnels.flatMap((tunnel) => this.#obstacle(tunnel) ?? []);
    if (reasons.length > 0) return reasons.join("; ");
    return this.#phase === "starting" ? "starting" : undefined;
  }

  #obstacle(tunnel: ObservedTunnel): string | undefined {
    const { text } = tunnel.spec;
    switch (tunnel.state) {
      case "starting":
        return `${text}: no session yet`;
      case "reconnecting":
        return `${text}: connection lost, reconnecting`;
      case "restarting":
        return `${text}: session ended, starting another`;
      case "ended":
        return `${text}: lost`;
      case "up":
      // The next connection starts a session: whoever waited for it here would wait for ever.
      case "idle": {
        const why = this.#waiting.get(tunnel);
        return why === undefined ? undefined : `${text}: ${why}`;
      }
    }
  }

  /** A tunnel that does not come back by itself, while the others go on. */
  #lost(): string | undefined {
    if (this.#phase === "ending") return undefined;
    const lost = this.#tunnels
      .filter(({ state }) => state === "ended")
      .map(({ spec }) => `${spec.text}: lost`);
    return lost.length === 0 ? undefined : lost.join("; ");
  }
}
