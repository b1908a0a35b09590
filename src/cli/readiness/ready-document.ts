/**
 * What a ready file, a ready descriptor and the `ready` events hold: where programs reach the tunnels. Pure, but for
 * the name of this process.
 */
import { z } from "zod";

import { placeOf } from "../forward/command/placeholders.ts";
import type { ObservedTunnel } from "./observed-tunnel.ts";

/** Where a tunnel is and where it leads. */
export interface ReadyTunnel {
  /** The specification as it was given. */
  readonly tunnel: string;
  /** The node that the tunnel goes through. */
  readonly target: string;
  /** Where local programs connect; a Unix socket has neither host nor port, its path is the address. */
  readonly host?: string;
  readonly port?: number;
  readonly address: string;
  /** All that it listens on. */
  readonly addresses: readonly string[];
  /** What it leads to, seen from the target. */
  readonly remoteHost: string;
  readonly remotePort: number;
}

/** All of it. */
export interface ReadyDocument {
  readonly pid: number;
  /** In which namespace the process id means something; where it is another, the id says nothing. Linux only. */
  readonly pidNamespace?: string;
  readonly version: string;
  /** UTC, as in ISO 8601. */
  readonly readyAt: string;
  /** Where `--health` answers; absent without it. */
  readonly health?: string;
  readonly tunnels: readonly ReadyTunnel[];
}

/** One tunnel, bound already. */
export function readyTunnel({ spec, target, listener }: ObservedTunnel): ReadyTunnel {
  return {
    tunnel: spec.text,
    target,
    ...placeOf(spec.listen, listener.addresses),
    addresses: listener.addresses,
    remoteHost: spec.host === "" ? "localhost" : spec.host,
    remotePort: spec.port,
  };
}

/** What must be there to tell whose document it is. */
const OWNER = z.object({
  pid: z.number().int().positive(),
  pidNamespace: z.string().optional(),
  tunnels: z.array(z.unknown()),
});

/** The process that a document belongs to. */
export type ReadyOwner = Pick<z.infer<typeof OWNER>, "pid" | "pidNamespace">;

/** Reads whose document a text is; undefined when it is none, or not complete. */
export function parseOwner(text: string): ReadyOwner | undefined {
  try {
    return OWNER.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}
