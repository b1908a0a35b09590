/** What readiness looks at of a tunnel. Types only. */
import type { Tunnel } from "../forward/tunnel.ts";

/** See the file's comment. */
export type ObservedTunnel = Pick<
  Tunnel,
  "spec" | "target" | "state" | "sessionsUp" | "reconnects" | "destinationFailures" | "rttMs"
> & {
  readonly listener: Pick<Tunnel["listener"], "addresses" | "counts">;
};
