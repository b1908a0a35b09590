/**
 * Signs the requests for the WebSocket, where it can: without credentials, and with a URL that is signed already, they
 * go unsigned, because it is the token that the service checks. Remembers why, for the case that it is refused.
 */
import type { ServiceCredentials } from "../aws/index.ts";
import type { Log, SessionWorld } from "../session/index.ts";
import { isPresigned, signUpgrade } from "../transport/index.ts";

/** What the signer works with. */
export interface UpgradeSignerOptions {
  readonly region: string;
  readonly log: Log;
  /** Keys that are valid now. */
  readonly credentials: () => Promise<ServiceCredentials>;
  /** Do not look for any. */
  readonly skip: boolean;
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
  /** Why the last connection was not signed. */
  #unsigned: string | undefined;

  constructor(options: UpgradeSignerOptions) {
    this.#options = options;
  }

  /** The headers that sign a connection to the URL; none where it goes unsigned. Never rejects. */
  async authorize(url: string): Promise<Readonly<Record<string, string>>> {
    const { credentials, log, region, skip } = this.#options;
    this.#unsigned = undefined;
    if (isPresigned(url)) return {};
    if (skip) return this.#leaveUnsigned("SSM_PLUGIN_SKIP_CLIENT_CONFIGURE=true");
    try {
      const keys = await credentials();
      return signUpgrade({ url, region, credentials: keys, date: new Date() });
    } catch (error) {
      log("info", "upgrade not signed", { reason: (error as Error).name });
      return this.#leaveUnsigned((error as Error).message);
    }
  }

  /** The same way to connect, whose refusals say why the connection was not signed. */
  explaining(connect: Connect): Connect {
    return (target, events) => {
      const reason = this.#unsigned;
      if (reason === undefined) return connect(target, events);
      return connect(target, {
        opened: () => events.opened(),
        message: (data) => events.message(data),
        pong: () => events.pong(),
        closed: (end) => {
          const refused = end.httpStatus === 401 || end.httpStatus === 403;
          if (!refused || end.error === undefined) return events.closed(end);
          events.closed({ ...end, error: new UnsignedConnectionError(end.error, reason) });
        },
      });
    };
  }

  #leaveUnsigned(reason: string): Readonly<Record<string, string>> {
    this.#unsigned = reason;
    return {};
  }
}
