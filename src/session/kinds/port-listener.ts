/** The local listener of a port session: opens it, says so, and ends the session when it cannot be opened. */
import type { Destination, LocalEnd } from "../../protocol/index.ts";
import { ListenError } from "../errors.ts";
import type { LogFields } from "../log-fields.ts";
import type { Accept, Listener } from "../seams.ts";
import type { KindContext } from "./kind.ts";

/** What log lines call the destination of a port session. */
export function destinationFields({ host, portNumber }: Destination): LogFields {
  return { host: host === "" ? "localhost" : host, port: portNumber };
}

/** See the file's comment. */
export class PortListener {
  readonly #context: KindContext;
  readonly #local: LocalEnd;
  readonly #mode: "multiplexed" | "basic";
  readonly #accept: Accept;
  #listener: Listener | undefined;
  #stopped = false;

  constructor(context: KindContext, local: LocalEnd, mode: "multiplexed" | "basic", accept: Accept) {
    this.#context = context;
    this.#local = local;
    this.#mode = mode;
    this.#accept = accept;
  }

  /** Begins to listen; a failure ends the session. */
  start(): void {
    void this.#listen();
  }

  /** Stops accepting. */
  stop(): void {
    this.#stopped = true;
    this.#listener?.stop();
  }

  async #listen(): Promise<void> {
    const { listen, observer, settings } = this.#context;
    const local = this.#local;
    try {
      const target =
        local.kind === "unix" || settings.localHost === undefined
          ? local
          : { ...local, host: settings.localHost };
      const listener = await listen(target, (stream) => (this.#stopped ? undefined : this.#accept(stream)));
      this.#listener = listener;
      if (this.#stopped) return listener.stop();
      observer.listening(
        {
          port: listener.port,
          addresses: listener.addresses,
          ...(local.kind === "unix" ? { unixPath: local.path } : {}),
        },
        this.#mode,
      );
    } catch (cause) {
      if (!this.#stopped) this.#context.fail(new ListenError((cause as Error).message, { cause }));
    }
  }
}
