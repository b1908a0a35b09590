/**
 * Tells systemd how things are (sd_notify), where it has asked for that by NOTIFY_SOCKET: ready, a line of status,
 * that the end has begun, and, for its watchdog, that this process lives.
 */
import { type NotifySocket, openNotifySocket } from "./notify-socket.ts";
import type { ReadinessOutlet } from "./outlet.ts";

/** A message that was not taken is sent again. */
const RETRY_MS = 200;
const MAX_ATTEMPTS = 5;

/** What it needs. */
export interface ServiceManagerOptions {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** How things are, in one line. */
  readonly status: () => string;
  /** Told in words when systemd cannot be told; once. */
  readonly failed: (text: string) => void;
  readonly open?: typeof openNotifySocket;
}

/** See the file's comment. */
export class ServiceManager implements ReadinessOutlet {
  readonly #socket: NotifySocket;
  readonly #status: () => string;
  readonly #failed: (text: string) => void;
  readonly #watchdog: ReturnType<typeof setInterval> | undefined;
  #lastStatus = "";
  #hasFailed = false;
  #closed = false;

  /** Undefined where nobody has asked. One that cannot be told is told of, and everything goes on. */
  static open(options: ServiceManagerOptions): ServiceManager | undefined {
    const { environment, failed, open = openNotifySocket } = options;
    const address = environment["NOTIFY_SOCKET"] ?? "";
    if (address === "") return undefined;
    const socket = open(address);
    if (typeof socket !== "string") return new ServiceManager(socket, options);
    failed(`systemd cannot be told of anything through NOTIFY_SOCKET ${address}: ${socket}`);
    return undefined;
  }

  private constructor(socket: NotifySocket, { environment, status, failed }: ServiceManagerOptions) {
    this.#socket = socket;
    this.#status = status;
    this.#failed = (text) => {
      if (!this.#hasFailed) failed(text);
      this.#hasFailed = true;
    };
    const intervalMs = watchdogInterval(environment);
    if (intervalMs !== undefined) {
      this.#watchdog = setInterval(() => this.#send("WATCHDOG=1"), intervalMs);
      this.#watchdog.unref();
    }
    this.changed();
  }

  ready(): void {
    this.#tell("READY=1\n");
  }

  changed(): void {
    if (this.#status() !== this.#lastStatus) this.#tell();
  }

  ending(): void {
    this.#tell("STOPPING=1\n");
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#watchdog);
    this.#socket.close();
  }

  #tell(before = ""): void {
    this.#lastStatus = this.#status();
    this.#send(`${before}STATUS=${this.#lastStatus}`);
  }

  #send(text: string, attempt = 1): void {
    if (this.#closed || this.#socket.send(text)) return;
    if (attempt < MAX_ATTEMPTS) {
      setTimeout(() => this.#send(text, attempt + 1), RETRY_MS).unref();
    } else {
      this.#failed("systemd does not take what it is told through NOTIFY_SOCKET");
    }
  }
}

/** Half of the time after which systemd takes this process for dead; undefined: it does not watch it. */
function watchdogInterval(environment: Readonly<Record<string, string | undefined>>): number | undefined {
  const watched = environment["WATCHDOG_PID"];
  if (watched !== undefined && watched !== String(process.pid)) return undefined;
  const microseconds = Number(environment["WATCHDOG_USEC"]);
  return microseconds > 0 ? Math.max(1, Math.floor(microseconds / 2_000)) : undefined;
}
