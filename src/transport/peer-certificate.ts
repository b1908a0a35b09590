/**
 * Who has signed the certificate that a host shows: for diagnosis of a connection that was refused because nobody
 * knows the authority. Nothing but the TLS handshake is sent, and nothing that is received is trusted.
 */
import type { Socket } from "node:net";

/** What to ask. */
export interface PeerQuestion {
  /** https: or wss: URL; host and port count. */
  readonly url: URL;
  /** Proxy in between, as `ProxyFor` names it; absent: none. */
  readonly proxy?: string;
  /** Certificates that a proxy which is itself spoken to by TLS must be signed by; absent: the runtime's own roots. */
  readonly ca?: readonly string[];
  readonly timeoutMs: number;
}

/** The longest answer of a proxy that is read. */
const MAX_ANSWER_BYTES = 16 * 1024;
/** The longest name that is passed on. */
const MAX_NAME_CHARACTERS = 200;

/** The issuer's name (`CN=…, O=…`); undefined where it cannot be learnt. Never rejects. */
export async function peerIssuer(question: PeerQuestion): Promise<string | undefined> {
  const sockets: Socket[] = [];
  const late = Promise.withResolvers<undefined>();
  const timer = setTimeout(late.resolve, question.timeoutMs);
  try {
    return await Promise.race([ask(question, sockets), late.promise]);
  } catch {
    return undefined;
  } finally {
    clearTimeout(timer);
    for (const socket of sockets) socket.destroy();
  }
}

async function ask({ url, proxy, ca }: PeerQuestion, sockets: Socket[]): Promise<string | undefined> {
  const { connect } = process.getBuiltinModule("node:tls");
  const host = bare(url.hostname);
  const port = url.port === "" ? 443 : Number(url.port);
  const tunnel =
    proxy === undefined
      ? undefined
      : await openTunnel(new URL(proxy), ca, `${url.hostname}:${port}`, sockets);
  const socket = connect({
    ...(tunnel === undefined ? { host, port } : { socket: tunnel }),
    ...serverName(host),
    // The certificate is looked at because it is not trusted; not one byte of data follows.
    rejectUnauthorized: false,
  });
  sockets.push(socket);
  await opened(socket, "secureConnect");
  const { CN, O } = socket.getPeerCertificate().issuer as { readonly CN?: string; readonly O?: string };
  const parts = [...(CN === undefined ? [] : [`CN=${CN}`]), ...(O === undefined ? [] : [`O=${O}`])];
  return parts.length === 0 ? undefined : parts.join(", ").slice(0, MAX_NAME_CHARACTERS);
}

/** A connection through a proxy's CONNECT. */
async function openTunnel(
  proxy: URL,
  ca: readonly string[] | undefined,
  authority: string,
  sockets: Socket[],
): Promise<Socket> {
  const host = bare(proxy.hostname);
  const secure = proxy.protocol === "https:";
  const port = proxy.port === "" ? (secure ? 443 : 80) : Number(proxy.port);
  const socket = secure
    ? process.getBuiltinModule("node:tls").connect({
        host,
        port,
        ...serverName(host),
        ...(ca === undefined ? {} : { ca: [...ca] }),
        rejectUnauthorized: true,
      })
    : process.getBuiltinModule("node:net").connect({ host, port });
  sockets.push(socket);
  await opened(socket, secure ? "secureConnect" : "connect");
  const login = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`;
  const authorization =
    login === ":" ? "" : `Proxy-Authorization: Basic ${Buffer.from(login).toString("base64")}\r\n`;
  socket.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n${authorization}\r\n`);
  const answer = await head(socket);
  if (!/^HTTP\/1\.[01] 200\b/.test(answer)) throw new Error("the proxy opened no tunnel");
  return socket;
}

/** The head of the proxy's answer. The host on the other side is silent until it is spoken to. */
function head(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    socket.on("data", (bytes: Buffer) => {
      text += bytes.toString("latin1");
      if (!text.includes("\r\n\r\n") && text.length <= MAX_ANSWER_BYTES) return;
      socket.removeAllListeners("data");
      resolve(text);
    });
    socket.once("error", reject);
    socket.once("close", () => reject(new Error("the proxy closed the connection")));
  });
}

function opened(socket: Socket, event: "connect" | "secureConnect"): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once(event, resolve);
    socket.on("error", reject);
  });
}

/** Addresses are no server names. */
function serverName(host: string): { readonly servername?: string } {
  return process.getBuiltinModule("node:net").isIP(host) === 0 ? { servername: host } : {};
}

function bare(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, "");
}
