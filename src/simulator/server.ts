/**
 * The one server of a stand-in, on a loopback address: keeps away whoever is not a program on this machine and hands the rest
 * to API or gateway. A defect in either ends one request or socket, never the server.
 */
import type { Server, ServerWebSocket } from "bun";

import { answerApiCall } from "./api.ts";
import {
  answerUpgrade,
  socketClosed,
  type SocketData,
  socketDrained,
  socketMessage,
  socketOpened,
} from "./gateway.ts";
import type { World } from "./world.ts";

/** Largest body of an API call; a command line may be 64 KiB long. */
const MAX_BODY_BYTES = 1024 * 1024;
/** Largest frame of a client. Real clients send about 1 KiB, some were seen with 32 KiB. */
const MAX_FRAME_BYTES = 4 * 1024 * 1024;
/** Bytes that may wait for a client that does not read; frames beyond are thrown away. */
const MAX_WAITING_BYTES = 64 * 1024 * 1024;

/** Where to listen. */
export interface ServerOptions {
  readonly hostname: string;
  /** Absent: any free one. */
  readonly port?: number;
  readonly tls?: { readonly cert: string; readonly key: string };
}

/**
 * Starts the server. `neverAnswer` keeps a request open until the stand-in stops.
 * @throws an error with code EADDRINUSE when the port is taken
 */
export function serve(
  world: World,
  { hostname, port = 0, tls }: ServerOptions,
  neverAnswer: () => Promise<never>,
): Server<SocketData> {
  const defect = (error: unknown): void =>
    world.options.hooks.log?.("internal error", {
      error: error instanceof Error ? error.message : String(error),
    });
  const guarded =
    <Rest extends readonly unknown[]>(handle: (socket: ServerWebSocket<SocketData>, ...rest: Rest) => void) =>
    (socket: ServerWebSocket<SocketData>, ...rest: Rest): void => {
      try {
        handle(socket, ...rest);
      } catch (error) {
        defect(error);
        socket.terminate();
      }
    };
  return Bun.serve<SocketData>({
    hostname,
    port,
    ...(tls === undefined ? {} : { tls }),
    development: false,
    maxRequestBodySize: MAX_BODY_BYTES,
    async fetch(request, server) {
      // A page in somebody's browser must not get a shell: it sends an Origin, or comes by a name that was bent here.
      if (request.headers.has("origin") || !isLoopbackHost(request.headers.get("host") ?? ""))
        return new Response("only programs on this machine may ask", { status: 403 });
      const hang = (): Promise<never> => {
        server.timeout(request, 0);
        return neverAnswer();
      };
      try {
        if (request.headers.get("upgrade")?.toLowerCase() === "websocket")
          return await answerUpgrade(world, server, request, hang);
        if (request.method === "POST" && new URL(request.url).pathname === "/")
          return await answerApiCall(world, request, hang);
        // With the time of the stand-in's clock, as every answer of AWS's has it.
        const date = new Date(world.now()).toUTCString();
        return new Response("not found", { status: 404, headers: { date } });
      } catch (error) {
        defect(error);
        return new Response("internal error", { status: 500 });
      }
    },
    websocket: {
      perMessageDeflate: false,
      idleTimeout: 0,
      maxPayloadLength: MAX_FRAME_BYTES,
      backpressureLimit: MAX_WAITING_BYTES,
      open: guarded((socket) => socketOpened(world, socket)),
      message: guarded((socket, message: string | Buffer) => socketMessage(world, socket, message)),
      drain: guarded((socket) => socketDrained(socket)),
      close: guarded((socket) => socketClosed(socket)),
    },
  });
}

function isLoopbackHost(host: string): boolean {
  return /^(?:127\.0\.0\.1|localhost|\[::1\])(?::\d{1,5})?$/i.test(host);
}
