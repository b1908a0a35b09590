/** Proxies on loopback ports for tests: tinyproxy, which records what it was asked for, and small ones of our own. */
import { writeFileSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { createServer as createTlsServer } from "node:tls";

import { temporaryDirectory } from "../../support/environment.ts";
import { clearLater } from "../../support/leftovers.ts";
import { start } from "../../support/processes.ts";
import { findProgram } from "../../support/programs.ts";
import { waitFor } from "../../support/wait-for.ts";

/** A running proxy. */
export interface Proxy {
  readonly port: number;
  /** What it was asked to connect to, `host:port` each, in order; plain requests by their whole URL. */
  requests(): string[];
}

/** How a tinyproxy behaves. */
export interface TinyproxyOptions {
  /** `user password` that it wants. */
  readonly login?: string;
  /** Refuse every destination, without connecting anywhere. */
  readonly refuse?: boolean;
}

/** Starts Debian's tinyproxy. It ends with the test file. */
export async function startTinyproxy({ login, refuse = false }: TinyproxyOptions = {}): Promise<Proxy> {
  const program = findProgram("tinyproxy");
  if (program === undefined) throw new Error("tinyproxy is missing");
  const directory = temporaryDirectory("proxy");
  const nothing = join(directory, "nothing");
  writeFileSync(nothing, "^nothing-at-all$\n");
  // It cannot be told to take any free port; one that was free a moment ago is tried, and another when it is gone.
  let said = "";
  for (let attempt = 0; attempt < 5; attempt++) {
    const port = freePort();
    const configuration = join(directory, `configuration-${attempt}`);
    writeFileSync(
      configuration,
      [
        `Port ${port}`,
        "Listen 127.0.0.1",
        "Timeout 60",
        "LogLevel Info",
        ...(login === undefined ? [] : [`BasicAuth ${login}`]),
        ...(refuse ? [`Filter "${nothing}"`, "FilterDefaultDeny Yes"] : []),
        "",
      ].join("\n"),
    );
    const child = start([program, "-d", "-c", configuration], { stdin: "ignore" });
    let ended = false;
    void child.done.then(({ stdout, stderr }) => {
      said = stdout + stderr;
      ended = true;
    });
    await waitFor(() => ended || child.stdout.text().includes("Accepting connections"), {
      what: "tinyproxy",
    });
    if (!ended) {
      return {
        port,
        requests: () =>
          [...child.stdout.text().matchAll(/Request \(file descriptor \d+\): [A-Z]+ (\S+) HTTP/g)].map(
            ([, wanted = ""]) => wanted,
          ),
      };
    }
  }
  throw new Error(`tinyproxy does not start: ${said}`);
}

/** A proxy that is itself spoken to by TLS, with this certificate. It ends with the test file. */
export function startTlsProxy(tls: { readonly cert: string; readonly key: string }): Promise<Proxy> {
  return startTunnelling((connected) => createTlsServer(tls, connected));
}

/** A proxy that leads to one port of this machine, whatever it is asked for. It ends with the test file. */
export function startProxyTo(port: number): Promise<Proxy> {
  return startTunnelling(createServer, port);
}

/** A proxy that knows CONNECT only. @param leadsTo a port of this machine, instead of what is asked for */
async function startTunnelling(
  create: (connected: (client: Socket) => void) => Server,
  leadsTo?: number,
): Promise<Proxy> {
  const requests: string[] = [];
  const sockets = new Set<Socket>();
  const server = create((client) => {
    sockets.add(client);
    client.on("error", () => client.destroy());
    client.once("data", (head: Buffer) => {
      const [, host = "", port = ""] = /^CONNECT ([^\s:]+):(\d+) /.exec(head.toString("latin1")) ?? [];
      requests.push(`${host}:${port}`);
      const [to, at] = leadsTo === undefined ? [Number(port), host] : [leadsTo, "127.0.0.1"];
      const upstream = connect(to, at, () => {
        client.write("HTTP/1.1 200 OK\r\n\r\n");
        client.pipe(upstream).pipe(client);
      });
      sockets.add(upstream);
      upstream.on("error", () => client.destroy());
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  clearLater(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : 0,
    requests: () => [...requests],
  };
}

/** A port that nobody listens on. */
export function freePort(): number {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const { port } = listener;
  listener.stop(true);
  return port;
}
