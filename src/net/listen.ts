/**
 * Listeners for local connections on TCP: both loopback addresses with one port number, every address of this
 * machine, or one given host.
 * Unix sockets are unix-listener.ts's; the connections are socket-stream.ts's.
 */
import type { Accept, Listen, Listener } from "../session/seams.ts";
import { bareHost, checkPort, formatAddress, isAddress, isHostName } from "./address.ts";
import { AddressInUseError, AddressNotAvailableError, HostNotFoundError, listenError } from "./errors.ts";
import { openStream, type SocketStream, streamHandlers, type StreamSocket } from "./socket-stream.ts";
import { listenUnix } from "./unix-listener.ts";

/** What `localhost` means for browsers and clients: whoever holds the port on one of them receives half of us. */
const LOOPBACK = ["127.0.0.1", "::1"];
/** Every address of this machine, in both families. */
const EVERY = ["0.0.0.0", "::"];
/** How often a free port is looked for that is free on each address. */
const FREE_PORT_ATTEMPTS = 32;

/**
 * Opens a listener, see `Listen`. Without a host (or with `localhost`): 127.0.0.1 and ::1 with the same port; an
 * address that this machine does not have is left out, a port that is taken on one of them is an error. `*` means every
 * address of IPv4 and IPv6, a name each of its addresses that are this machine's, by the same rule.
 * @throws {AddressInUseError | AddressNotAvailableError | PermissionDeniedError | HostNotFoundError |
 *   InvalidPortError | SocketPathTooLongError | InvalidSocketPathError | NotASocketError | ListenFailedError}
 */
export const listen: Listen = async (target, accept) => {
  if (target.kind === "unix") return listenUnix(target.path, accept);
  checkPort("listen tcp", target.port, 0);
  const addresses = await resolve(target.host);
  return listenOnAll(addresses, target.port, accept);
};

async function resolve(host: string | undefined): Promise<readonly string[]> {
  if (host === undefined) return LOOPBACK;
  const bare = bareHost(host);
  if (bare.toLowerCase() === "localhost") return LOOPBACK;
  if (bare === "*") return EVERY;
  if (isAddress(bare)) return [bare];
  if (!isHostName(bare)) throw new HostNotFoundError("listen tcp", host);
  try {
    const found = await Bun.dns.lookup(bare);
    return [...new Set(found.map(({ address }) => address))];
  } catch (cause) {
    throw new HostNotFoundError("listen tcp", host, { cause });
  }
}

/** The first of a listener's addresses that other machines may reach; undefined when there is none. */
export function exposedAddress(addresses: readonly string[]): string | undefined {
  return addresses.find((address) => !address.includes("/") && !/^(?:127\.|\[::1\]:)/.test(address));
}

/** Listens on every address with one port. Synchronous, so that no connection comes before it is complete. */
function listenOnAll(addresses: readonly string[], port: number, accept: Accept): Listener {
  const attempts = port === 0 && addresses.length > 1 ? FREE_PORT_ATTEMPTS : 1;
  for (let attempt = 1; ; attempt++) {
    try {
      return listenOnce(addresses, port, accept);
    } catch (error) {
      // A port that was free on the first address and is not on the next: another one may be on both.
      if (attempt < attempts && error instanceof AddressInUseError) continue;
      throw error;
    }
  }
}

function listenOnce(addresses: readonly string[], wantedPort: number, accept: Accept): Listener {
  let port = wantedPort;
  let stopped = false;
  let unavailable: unknown;
  // Where there are several, `::` must not ask for the port in IPv4 too, where the first has it.
  const ipv6Only = addresses.length > 1;
  const open: {
    readonly address: string;
    readonly server: Bun.TCPSocketListener<SocketStream | undefined>;
  }[] = [];
  const stop = (): void => {
    stopped = true;
    for (const { server } of open.splice(0)) server.stop(false);
  };
  const opened = (socket: StreamSocket): void => {
    if (stopped) socket.terminate();
    else openStream(socket, accept);
  };
  try {
    for (const address of addresses) {
      try {
        const server = bind(address, port, ipv6Only, opened);
        open.push({ address, server });
        port = server.port;
      } catch (error) {
        if (!(error instanceof AddressNotAvailableError)) throw error;
        unavailable ??= error;
      }
    }
  } catch (error) {
    stop();
    throw error;
  }
  if (open.length === 0) throw unavailable;
  return { port, addresses: open.map(({ address }) => formatAddress(address, port)), stop };
}

function bind(
  hostname: string,
  port: number,
  ipv6Only: boolean,
  opened: (socket: StreamSocket) => void,
): Bun.TCPSocketListener<SocketStream | undefined> {
  // Bun's types know `ipv6Only` for connections only.
  const options = { hostname, port, ipv6Only, allowHalfOpen: true, socket: streamHandlers(opened) };
  try {
    return Bun.listen(options);
  } catch (cause) {
    throw listenError(`listen tcp ${formatAddress(hostname, port)}`, cause);
  }
}
