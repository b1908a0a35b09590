/**
 * The WebSocket to the message gateway on Bun's client: no compression, a time limit for the upgrade, one report of
 * the end with a reason that holds no secret. Knows nothing of what the messages mean, and signs nothing.
 */
import type { Connect, Transport, TransportEnd, TransportEvents, TransportTarget } from "../session/seams.ts";
import type { TlsSettings } from "./certificates.ts";
import { GatewayLostError, InvalidTargetError, UpgradeRefusedError, UpgradeTimeoutError } from "./errors.ts";
import { classifyFailure, gatewayName, wayTo } from "./failure.ts";
import type { ProxyFor } from "./proxy.ts";

/** How long the peer's close frame is waited for after one's own, in milliseconds. */
export const CLOSE_GRACE_MS = 1000;
/** How long Bun may take to report the end of a socket that was dropped. */
const DROP_GRACE_MS = 250;
/** What a close frame holds beside its code, in bytes of UTF-8 (RFC 6455, section 5.5). */
const MAX_CLOSE_REASON_BYTES = 123;
/** RFC 6455: the connection ended without a close frame. */
const ABNORMAL_CLOSURE = 1006;

/** How connections are made; everything may be absent. Environment variables are not read here. */
export interface ConnectOptions {
  /** The HTTP proxy for a gateway; what it throws becomes the reason of the end. */
  readonly proxyFor?: ProxyFor;
  /** Certificates (PEM) to trust instead of the runtime's own roots. */
  readonly tls?: Pick<TlsSettings, "ca">;
}

/** Makes a `Connect` of those options. */
export function createConnect(options: ConnectOptions = {}): Connect {
  return (target, events) => new WebSocketTransport(target, events, options);
}

/**
 * See the file's comment. What the interface leaves open:
 * - Messages up to 128 MiB are taken; a larger one, like every breach of the protocol, ends the connection.
 * - {@link send} and {@link ping} are ignored before `opened`.
 * - After {@link pause} the messages of one read (512 KiB) may still arrive.
 * - After {@link close} or {@link terminate} only `closed` is reported, and without an error.
 * - Certificates are always verified, whatever NODE_TLS_REJECT_UNAUTHORIZED says.
 */
class WebSocketTransport implements Transport {
  readonly #events: TransportEvents;
  readonly #gateway: string;
  #socket: WebSocket | undefined;
  /** Open for sending. */
  #isOpen = false;
  /** The owner has asked for the end. */
  #released = false;
  #ended = false;
  #failure: Error | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(target: TransportTarget, events: TransportEvents, options: ConnectOptions) {
    this.#events = events;
    let gateway = "the gateway";
    try {
      const url = readUrl(target.url);
      gateway = gatewayName(url);
      const proxy = options.proxyFor?.(url);
      gateway = wayTo(gateway, proxy);
      this.#socket = this.#start(url, target, options, proxy);
      this.#timer = setTimeout(
        () => this.#fail(new UpgradeTimeoutError(gateway, target.timeoutMs)),
        target.timeoutMs,
      );
    } catch (cause) {
      const error = cause instanceof Error ? cause : new Error(String(cause));
      queueMicrotask(() => this.#end({ code: ABNORMAL_CLOSURE, reason: "", error }));
    }
    this.#gateway = gateway;
  }

  #start(url: URL, target: TransportTarget, { tls }: ConnectOptions, proxy: string | undefined): WebSocket {
    const secure = url.protocol === "wss:" || proxy?.startsWith("https:") === true;
    const socket = openWebSocket(url, {
      headers: { ...target.headers },
      perMessageDeflate: false,
      ...(secure ? { tls: { ...tls, rejectUnauthorized: true } } : {}),
      ...(proxy === undefined ? {} : { proxy }),
    });
    // Buffers of their own, one for each message.
    socket.binaryType = "nodebuffer";
    socket.onopen = () => this.#opened();
    socket.onmessage = ({ data }: MessageEvent<Uint8Array | string>) => {
      if (!this.#released) this.#events.message(data);
    };
    socket.addEventListener("pong", () => {
      if (!this.#released) this.#events.pong();
    });
    socket.onerror = (event) => {
      const error: unknown = event.error;
      const code =
        error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
      this.#failure ??= classifyFailure(socket.url, { message: event.message, code }, proxy);
    };
    socket.onclose = ({ code, reason }) => this.#closed(code, reason);
    return socket;
  }

  /** Bytes that the kernel has not taken; 0 after the end. */
  get bufferedBytes(): number {
    return this.#ended ? 0 : (this.#socket?.bufferedAmount ?? 0);
  }

  /** See `Transport`. */
  send(data: Uint8Array | string): void {
    if (this.#canSend()) this.#socket?.send(data);
  }

  /** See `Transport`. */
  ping(): void {
    if (this.#canSend()) this.#socket?.ping();
  }

  /** See `Transport`. */
  pause(): void {
    if (!this.#released && !this.#ended) this.#socket?.pause();
  }

  /** See `Transport`. */
  resume(): void {
    if (!this.#released && !this.#ended) this.#socket?.resume();
  }

  /**
   * Close frame behind everything that is buffered (Bun reads again for the answer, also when paused); after {@link CLOSE_GRACE_MS} the connection is dropped.
   * A connection that is not open yet is given up.
   * @param code 1000-1003, 1007-1014 or 3000-4999; Bun throws an InvalidAccessError for others
   * @param reason cut to what a close frame holds
   */
  close(code: number, reason: string): void {
    if (this.#released || this.#ended) return;
    this.#socket?.close(code, cutToBytes(reason, MAX_CLOSE_REASON_BYTES));
    this.#released = true;
    this.#isOpen = false;
    this.#dropAfter(CLOSE_GRACE_MS);
  }

  /** See `Transport`. */
  terminate(): void {
    if (this.#ended) return;
    this.#released = true;
    this.#drop();
  }

  /** Whether frames go out; a peer that has closed but keeps its socket open is not waited for long. */
  #canSend(): boolean {
    if (!this.#isOpen) return false;
    if (this.#socket?.readyState === WebSocket.OPEN) return true;
    this.#isOpen = false;
    this.#dropAfter(CLOSE_GRACE_MS);
    return false;
  }

  #opened(): void {
    if (this.#released || this.#ended) return;
    clearTimeout(this.#timer);
    this.#isOpen = true;
    this.#events.opened();
  }

  /** Ends the connection for a reason of our own; nothing is waited for. */
  #fail(error: Error): void {
    this.#end({ code: ABNORMAL_CLOSURE, reason: "", error });
    this.#socket?.terminate();
  }

  #dropAfter(delayMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#drop(), delayMs);
  }

  #drop(): void {
    this.#isOpen = false;
    this.#socket?.terminate();
    clearTimeout(this.#timer);
    // Bun reports the close in the next turn; the owner's bookkeeping must not hang on that.
    this.#timer = setTimeout(() => this.#closed(ABNORMAL_CLOSURE, ""), DROP_GRACE_MS);
  }

  #closed(code: number, reason: string): void {
    if (code !== ABNORMAL_CLOSURE || this.#released) return this.#end({ code, reason });
    const error = this.#failure ?? new GatewayLostError(this.#gateway);
    const status = error instanceof UpgradeRefusedError ? { httpStatus: error.httpStatus } : {};
    this.#end({ code, reason, ...status, error });
  }

  #end(end: TransportEnd): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#released = true;
    this.#isOpen = false;
    clearTimeout(this.#timer);
    this.#events.closed(end);
  }
}

function readUrl(text: string): URL {
  const url = URL.parse(text);
  if (url === null) throw new InvalidTargetError("its URL is not valid");
  if (url.protocol !== "ws:" && url.protocol !== "wss:") {
    throw new InvalidTargetError("its URL is not ws: or wss:");
  }
  if (url.hash !== "") throw new InvalidTargetError("its URL has a fragment");
  return url;
}

/** Bun's constructor throws texts that contain the URL or a header's name; they stay inside. */
function openWebSocket(url: URL, options: Bun.WebSocketOptions): WebSocket {
  try {
    return new WebSocket(url, options);
  } catch (error) {
    throw new InvalidTargetError(
      error instanceof TypeError && /header/i.test(error.message)
        ? "a header of the upgrade request has a character that cannot be sent"
        : "its URL, or that of its proxy, is not valid",
    );
  }
}

/** The longest beginning of a text that fits, no character cut in two. */
function cutToBytes(text: string, maxBytes: number): string {
  const { read } = new TextEncoder().encodeInto(text, new Uint8Array(maxBytes));
  return text.slice(0, read);
}
