/**
 * Signs the requests for the WebSocket, where it can: without credentials, and with a URL that is signed already, they
 * go unsigned, because it is the token that the service checks. Knows how the last one went, and finds out more when
 * it is refused.
 */
import { ClockSkewError, probe, type ServiceCredentials } from "../aws/index.ts";
import { errorFields, type Log, type SessionWorld } from "../session/index.ts";
import { isPresigned, prepareConnection, signUpgrade } from "../transport/index.ts";
import type { AwsAccess } from "./access.ts";

/** A look-up that is done sooner leaves no time to prepare anything in. */
const PREPARE_AFTER_MS = 5;
/** How far a signature's date may be off: the service's rule. */
const MAX_SKEW_MS = 5 * 60_000;
/** What finding out the gateway's time may take. */
const PROBE_TIMEOUT_MS = 2_000;

/** What the signer works with. */
export interface UpgradeSignerOptions {
  readonly region: string;
  readonly log: Log;
  /** Keys that are valid now. */
  readonly credentials: () => Promise<ServiceCredentials>;
  /** Do not look for any. */
  readonly skip: boolean;
  /** The way to the gateway. */
  readonly http: AwsAccess["http"];
}

/** The gateway refused a connection that was not signed; the reason of both is in the message. */
export class UnsignedConnectionError extends Error {
  override readonly name = "UnsignedConnectionError";
  readonly code = "HOST_UNSIGNED_CONNECTION";

  constructor(refusal: Error, reason: string) {
    super(`${refusal.message}. The connection was not signed: ${reason}`, { cause: refusal });
  }
}

type Connect = SessionWorld["connect"];

/** See the file's comment. One for each session. */
export class UpgradeSigner {
  readonly #options: UpgradeSignerOptions;
  /** How the last connection went: signed by us, or not and why, or by somebody else. */
  #last: { readonly signed: boolean; readonly reason?: string } = { signed: false };

  constructor(options: UpgradeSignerOptions) {
    this.#options = options;
  }

  /**
   * The headers that sign a connection to the URL; none where it goes unsigned. Never rejects. What of the connection
   * does not need them is done while the credentials are looked for.
   */
  async authorize(url: string): Promise<Readonly<Record<string, string>>> {
    const { credentials, http, log, region, skip } = this.#options;
    this.#last = { signed: false };
    if (isPresigned(url)) return {};
    if (skip) return this.#leaveUnsigned("SSM_PLUGIN_SKIP_CLIENT_CONFIGURE=true");
    const preparing = setTimeout(() => prepareConnection(url, http), PREPARE_AFTER_MS);
    try {
      const keys = await credentials();
      const headers = signUpgrade({ url, region, credentials: keys, date: new Date() });
      this.#last = { signed: true };
      return headers;
    } catch (error) {
      log("info", "upgrade not signed", { reason: (error as Error).name, ...errorFields(error) });
      return this.#leaveUnsigned((error as Error).message);
    } finally {
      clearTimeout(preparing);
    }
  }

  /** The same way to connect, whose refusals say that the clock is wrong, or why the connection was not signed. */
  explaining(connect: Connect): Connect {
    return (target, events) => {
      const { signed, reason } = this.#last;
      return connect(target, {
        opened: () => events.opened(),
        message: (data) => events.message(data),
        pong: () => events.pong(),
        closed: (end) => {
          const { error, httpStatus } = end;
          if (error === undefined || (httpStatus !== 401 && httpStatus !== 403)) return events.closed(end);
          if (reason !== undefined)
            return events.closed({ ...end, error: new UnsignedConnectionError(error, reason) });
          if (!signed) return events.closed(end);
          void this.#clockError(target.url, httpStatus, error).then((skewed) =>
            events.closed({ ...end, error: skewed ?? error }),
          );
        },
      });
    };
  }

  /**
   * The error of a clock that is too far off for any signature; undefined when it is not, or nobody can tell. The
   * runtime does not show the headers of a refusal: the gateway is asked once more, for nothing but its time.
   */
  async #clockError(url: string, httpStatus: number, cause: Error): Promise<ClockSkewError | undefined> {
    const answer = await probe(
      this.#options.http,
      new URL("/", url.replace(/^ws/, "http")),
      PROBE_TIMEOUT_MS,
    );
    if (answer.kind === "failed" || answer.dateMs === undefined) return undefined;
    const skewMs = answer.answeredAtMs - answer.dateMs;
    if (Math.abs(skewMs) < MAX_SKEW_MS) return undefined;
    return new ClockSkewError({ action: "ssmmessages:OpenDataChannel", httpStatus }, skewMs, { cause });
  }

  #leaveUnsigned(reason: string): Readonly<Record<string, string>> {
    this.#last = { signed: false, reason };
    return {};
  }
}
