/** A tunnel as an object of a program: one session, a listener with a real address or none, connections without sockets. */
import { portRequest } from "../host/index.ts";
import type { Connection } from "./connection.ts";
import { InvalidOptionError } from "./errors.ts";
import { checkPort, type CommonOptions } from "./options.ts";
import { Session } from "./session.ts";

/** What to reach, and how. */
export interface ForwardOptions extends CommonOptions {
  /** `i-…`, `mi-…` or `ecs:CLUSTER_TASK_RUNTIME`. */
  readonly target: string;
  /** Port of the destination. */
  readonly port: number;
  /** Name or address of the destination as the target sees it; absent: the target itself. */
  readonly host?: string;
  /** Kept in the session's history. */
  readonly reason?: string;
}

/** A tunnel that is up. It survives lost connections; when its session has ended for good, so has it. */
export class PortForward implements AsyncDisposable {
  /** The session that carries it. */
  readonly session: Session;

  /** @param session one that is open */
  constructor(session: Session) {
    this.session = session;
  }

  /** The local port; undefined where it listens on a Unix socket or nowhere. */
  get port(): number | undefined {
    return this.session.port;
  }

  /** What it listens on: `127.0.0.1:5432`, `[::1]:5432`, `/tmp/db.sock`. */
  get addresses(): readonly string[] {
    return this.session.addresses;
  }

  /** A connection to the destination without a socket. @throws NotAcceptedError */
  connect(): Connection {
    return this.session.connect();
  }

  /** Stops listening, resets open connections and ends the session. Never rejects. */
  async close(): Promise<void> {
    await this.session.terminate();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/**
 * Opens a tunnel to a port of the target, or of a host behind it. It listens on a free port of both loopback addresses
 * unless `listen` says otherwise. Rejects with why it did not come up; nothing is left behind then.
 * @throws InvalidOptionError as a rejection
 */
export async function forwardPort(options: ForwardOptions): Promise<PortForward> {
  const { target, port, host = "", listen = {}, ...rest } = options;
  checkPort("port", port, 1);
  if (typeof host !== "string") throw new InvalidOptionError("host", "must be a text");
  const { documentName, parameters } = portRequest(target, host, port);
  const session = new Session({ ...rest, target, document: documentName, parameters, listen });
  await session.open();
  return new PortForward(session);
}
