import { parseTunnelSpec } from "../../../src/cli/forward/spec.ts";
/** Tunnels as readiness sees them, made up. */
import type { ObservedTunnel } from "../../../src/cli/readiness/observed-tunnel.ts";

/** A tunnel that is up; what is given replaces its parts. */
export function observed({
  spec = "0:db:5432",
  addresses = ["127.0.0.1:40001", "[::1]:40001"],
  ...parts
}: Omit<Partial<ObservedTunnel>, "spec" | "listener"> & {
  readonly spec?: string;
  readonly addresses?: readonly string[];
} = {}): { -readonly [Name in keyof ObservedTunnel]: ObservedTunnel[Name] } {
  return {
    spec: parseTunnelSpec(spec),
    target: "i-1",
    state: "up",
    sessionsUp: 1,
    reconnects: 0,
    destinationFailures: 0,
    rttMs: undefined,
    listener: { addresses, counts: { open: 0, total: 0, sentBytes: 0, receivedBytes: 0 } },
    ...parts,
  };
}
