/** `--health`: answers probes of orchestrators and Prometheus over HTTP. Knows nothing of tunnels; reads only. */
import { AddressInUseError, formatAddress, ListenFailedError } from "../../net/index.ts";
import { UsageError } from "../errors.ts";
import { codeOf } from "../messages.ts";
import { METRICS_TYPE } from "./metrics.ts";
import type { ReadinessOutlet } from "./outlet.ts";

/** Where to listen. */
export interface HealthAddress {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
}

/** What it is asked. A check answers with why it fails; undefined: all is well. */
export interface HealthChecks {
  readonly startup: () => string | undefined;
  readonly readiness: () => string | undefined;
  readonly liveness: () => string | undefined;
  readonly metrics: () => string;
}

const DEFAULT_HOST = "127.0.0.1";

/** See the file's comment. */
export class HealthServer implements ReadinessOutlet {
  readonly #server: Bun.Server<undefined>;
  readonly #checks: HealthChecks;

  /** Listens. @throws {AddressInUseError | ListenFailedError} */
  constructor({ host, port }: HealthAddress, checks: HealthChecks) {
    this.#checks = checks;
    try {
      this.#server = Bun.serve({
        hostname: host,
        port,
        // Otherwise the runtime's page for errors shows the source; and outside of development it shares ports.
        development: false,
        reusePort: false,
        fetch: (request) => this.#answer(request),
        error: () => text(500, "failed"),
      });
    } catch (cause) {
      const operation = `--health ${formatAddress(host, port)}`;
      // For the runtime a name that nobody knows is a port in use, too.
      if (codeOf(cause) === "EADDRINUSE" && port !== 0) throw new AddressInUseError(operation, { cause });
      throw new ListenFailedError(operation, reasonOf(cause), { cause });
    }
  }

  /** `127.0.0.1:9090`. */
  get address(): string {
    return formatAddress(this.#server.hostname ?? "", this.#server.port ?? 0);
  }

  close(): void {
    void this.#server.stop(true);
  }

  #answer(request: Request): Response {
    if (request.method !== "GET" && request.method !== "HEAD") {
      return text(405, "only GET and HEAD", { Allow: "GET, HEAD" });
    }
    switch (URL.parse(request.url)?.pathname) {
      case undefined:
        return text(400, "the header Host is no host");
      case "/startup":
        return check(this.#checks.startup());
      case "/readiness":
        return check(this.#checks.readiness());
      case "/liveness":
        return check(this.#checks.liveness());
      case "/metrics":
        return new Response(this.#checks.metrics(), { headers: { "Content-Type": METRICS_TYPE } });
      default:
        return text(404, "there are /startup, /readiness, /liveness and /metrics");
    }
  }
}

/**
 * Reads `PORT` or `BIND:PORT`; an address of IPv6 stands in brackets, an empty BIND or `*` means every address of IPv4.
 * @throws UsageError
 */
export function readHealthAddress(given: string): HealthAddress {
  const match = /^(?:(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]*|\*)):)?(\d{1,5})$/i.exec(given);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) {
    throw new UsageError(
      `forward: --health must be PORT or BIND:PORT, up to 65535, it is ${JSON.stringify(given)}`,
    );
  }
  const bind = match[1] ?? match[2];
  if (bind === undefined) return { host: DEFAULT_HOST, port };
  return { host: bind === "" || bind === "*" ? "0.0.0.0" : bind, port };
}

function check(failure: string | undefined): Response {
  return failure === undefined ? text(200, "ok") : text(503, failure);
}

function text(status: number, body: string, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(`${body}\n`, {
    status,
    headers: { "Content-Type": "text/plain; charset=utf-8", "Cache-Control": "no-store", ...headers },
  });
}

function reasonOf(cause: unknown): string {
  switch (codeOf(cause)) {
    case "EACCES":
    case "EPERM":
      return "permission denied; ports below 1024 may need another user";
    case "EADDRNOTAVAIL":
    case "EADDRINUSE":
      return "this machine has no such address";
    default:
      return cause instanceof Error ? cause.message : String(cause);
  }
}
