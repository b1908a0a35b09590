/**
 * The machines that the stand-in pretends to manage. They all are this machine; only their descriptions differ.
 */

/** A machine as Systems Manager describes it. */
export interface SimulatedTarget {
  /** `i-…`, `mi-…`, or a target of another service (`ecs:cluster_task_runtime`, `codebuild:…`). */
  readonly id: string;
  /** Value of its tag `Name`, and the name of a managed machine; may be empty. */
  readonly name: string;
  readonly platformType: "Linux" | "Windows" | "MacOS";
  readonly platformName: string;
  readonly platformVersion: string;
  readonly agentVersion: string;
  readonly pingStatus: "Online" | "ConnectionLost" | "Inactive";
  /** When it was last heard of; milliseconds since the epoch. */
  readonly lastPingMs: number;
  readonly ipAddress: string;
  readonly computerName: string;
  readonly tags: Readonly<Record<string, string>>;
  /** Whether sessions can be started. */
  readonly connected: boolean;
}

/** A target as options name it: the id, and what differs from the defaults. */
export type TargetOptions = Pick<SimulatedTarget, "id"> & Partial<SimulatedTarget>;

/** What there is unless options say otherwise: a Linux server that works, one that is offline. */
export const DEFAULT_TARGETS: readonly TargetOptions[] = [
  { id: "i-0123456789abcdef0", name: "demo" },
  { id: "i-0fedcba9876543210", name: "offline", connected: false, ipAddress: "10.0.0.20" },
];

/** Fills in the defaults. @param agentVersion of targets that name none; `nowMs` is wall-clock time. */
export function createTargets(
  targets: readonly TargetOptions[],
  agentVersion: string,
  nowMs: number,
): Map<string, SimulatedTarget> {
  return new Map(
    targets.map((options) => {
      const connected = options.connected ?? (options.pingStatus ?? "Online") === "Online";
      const name = options.name ?? "";
      const target: SimulatedTarget = {
        name,
        platformType: "Linux",
        platformName: "Amazon Linux",
        platformVersion: "2023",
        agentVersion,
        pingStatus: connected ? "Online" : "ConnectionLost",
        lastPingMs: connected ? nowMs : nowMs - 3 * 3_600_000,
        ipAddress: "10.0.0.10",
        computerName: `${name === "" ? options.id : name}.example.internal`,
        ...options,
        connected,
        tags: { ...(name === "" ? {} : { Name: name }), ...options.tags },
      };
      return [options.id, target];
    }),
  );
}
