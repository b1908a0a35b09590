/** An HTTP proxy on a loopback port that knows CONNECT alone, and cuts what goes through it when it is told to. */
import { connect, createServer, type Socket } from "node:net";

/** A running proxy. */
export interface CuttingProxy {
  /** For HTTPS_PROXY. */
  readonly url: string;
  /** Connections that are open through it. */
  readonly open: number;
  /** Resets every connection, as a router does that has forgotten them. Returns how many there were. */
  cut(): number;
  /** Cuts everything and stops listening. */
  stop(): void;
}

/** Starts it. */
export async function startCuttingProxy(): Promise<CuttingProxy> {
  const pairs = new Set<readonly [client: Socket, upstream: Socket]>();
  const server = createServer((client) => {
    client.on("error", () => client.destroy());
    client.once("data", (head: Buffer) => {
      const [, host = "", port = ""] =
        /^CONNECT \[?([^\s\]]+?)\]?:(\d+) /.exec(head.toString("latin1")) ?? [];
      if (host === "") return client.end("HTTP/1.1 405 Method Not Allowed\r\n\r\n");
      const upstream = connect(Number(port), host, () => {
        client.write("HTTP/1.1 200 OK\r\n\r\n");
        client.pipe(upstream).pipe(client);
      });
      const pair = [client, upstream] as const;
      pairs.add(pair);
      for (const socket of pair) {
        socket.on("error", () => undefined);
        socket.on("close", () => {
          pairs.delete(pair);
          for (const each of pair) each.destroy();
        });
      }
      return undefined;
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const cut = (): number => {
    const count = pairs.size;
    for (const [client, upstream] of pairs) {
      client.resetAndDestroy();
      upstream.resetAndDestroy();
    }
    return count;
  };
  return {
    url: `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`,
    get open() {
      return pairs.size;
    },
    cut,
    stop() {
      cut();
      server.close();
    },
  };
}
