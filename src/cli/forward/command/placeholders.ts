/**
 * Where COMMAND finds the tunnels: `{port}`, `{host}` and `{address}` in its arguments, TUNNEL_PORT, TUNNEL_HOST and
 * TUNNEL_ADDRESS in its environment, each with a number behind it where there are several tunnels. Pure.
 */
import type { ListenTarget } from "../../../session/index.ts";
import { UsageError } from "../../errors.ts";

/** Where a local program reaches a tunnel. A Unix socket has neither host nor port. */
export interface Place {
  readonly host?: string;
  readonly port?: number;
  /** `127.0.0.1:5432`, `[::1]:5432`, or the path of a Unix socket. */
  readonly address: string;
}

/**
 * `${port}` and `{{port}}` are left alone: they belong to the shells and templates that COMMAND may be given.
 */
const PLACEHOLDER = /(?<![${])\{(port|host|address)(?:_(\d+))?\}/g;
const VARIABLE = /^TUNNEL_(PORT|HOST|ADDRESS)(_\d+)?$/;
/** What systemd gives to us alone: COMMAND must not answer for us. */
const SERVICE_VARIABLE = /^(NOTIFY_SOCKET|WATCHDOG_USEC|WATCHDOG_PID)$/;

/** Addresses to listen on that nobody can connect to everywhere, and those that reach them. */
const REACHABLE: Readonly<Record<string, string>> = { "0.0.0.0": "127.0.0.1", "::": "::1" };

/**
 * Checks that every placeholder stands for something, before there are any tunnels.
 * @param args the arguments of COMMAND, itself not among them
 * @throws UsageError
 */
export function checkPlaceholders(args: readonly string[], tunnels: readonly ListenTarget[]): void {
  for (const arg of args) {
    for (const [placeholder, field, number] of arg.matchAll(PLACEHOLDER)) {
      const tunnel = tunnels[indexOf(number)];
      if (tunnel === undefined) {
        const known = tunnels.length === 1 ? "there is only one" : `there are ${tunnels.length}, from 1`;
        throw new UsageError(`forward: ${placeholder} in ${JSON.stringify(arg)} names no tunnel: ${known}`);
      }
      if (tunnel.kind === "unix" && field !== "address") {
        const address = placeholder.replace(field ?? "", "address");
        throw new UsageError(
          `forward: ${placeholder} in ${JSON.stringify(arg)}: a Unix socket has no ${field}. Its path is ${address}`,
        );
      }
    }
  }
}

/** Where programs reach a tunnel that listens on these addresses (as a listener gives them, at least one). */
export function placeOf(listen: ListenTarget, addresses: readonly string[]): Place {
  const [first = ""] = addresses;
  if (listen.kind === "unix") return { address: first };
  const colon = first.lastIndexOf(":");
  const bound = first.slice(0, colon).replace(/^\[(.*)\]$/, "$1");
  const host = REACHABLE[bound] ?? bound;
  const port = Number(first.slice(colon + 1));
  return { host, port, address: host.includes(":") ? `[${host}]:${port}` : `${host}:${port}` };
}

/** The arguments with the placeholders replaced. They have been checked. */
export function fillPlaceholders(args: readonly string[], places: readonly Place[]): readonly string[] {
  return args.map((arg) =>
    arg.replace(PLACEHOLDER, (placeholder, field: keyof Place, number: string | undefined) =>
      String(places[indexOf(number)]?.[field] ?? placeholder),
    ),
  );
}

/**
 * The environment of COMMAND: ours with the variables of the tunnels. Those of tunnels around us, and the socket on
 * which we and nobody else speak to systemd, are left out.
 */
export function commandEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
  places: readonly Place[],
): Record<string, string> {
  const variables: Record<string, string> = {};
  for (const [name, value] of Object.entries(environment)) {
    if (value !== undefined && !SERVICE_VARIABLE.test(name) && !VARIABLE.test(name)) variables[name] = value;
  }
  for (const [index, { host, port, address }] of places.entries()) {
    for (const suffix of index === 0 ? ["", "_1"] : [`_${index + 1}`]) {
      if (port !== undefined) variables[`TUNNEL_PORT${suffix}`] = String(port);
      if (host !== undefined) variables[`TUNNEL_HOST${suffix}`] = host;
      variables[`TUNNEL_ADDRESS${suffix}`] = address;
    }
  }
  return variables;
}

/** Tunnels are counted from 1; without a number the first is meant. */
function indexOf(number: string | undefined): number {
  return number === undefined ? 0 : Number(number) - 1;
}
