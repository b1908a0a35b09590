/**
 * What a session needs from the world, as small interfaces.
 * The rooms that do IO (transport, net, terminal, aws) implement them; tests replace them by literals.
 * No implementation belongs here.
 */

/** How a WebSocket ended. Exactly one of these is reported for each connection that was started. */
export interface TransportEnd {
  /** WebSocket close code; 1006 when no close frame came. */
  readonly code: number;
  /** Text of the close frame, untrusted. */
  readonly reason: string;
  /** Status of an HTTP answer that refused the upgrade. */
  readonly httpStatus?: number;
  /** Why it failed, in words without the URL's query; absent after an orderly close. */
  readonly error?: Error;
}

/** What a transport tells its owner. Calls are never made before `connect` has returned. */
export interface TransportEvents {
  /** The upgrade is done, frames may be sent. */
  opened(): void;
  /** One whole message; a binary one is a private copy that may be kept. */
  message(data: Uint8Array | string): void;
  /** A pong arrived. */
  pong(): void;
  /** The socket is gone; comes exactly once, also when it never opened. */
  closed(end: TransportEnd): void;
}

/** One WebSocket to the message gateway. */
export interface Transport {
  /** Sends one message; the bytes are copied before the call returns. Ignored after the end. */
  send(data: Uint8Array | string): void;
  /** Bytes accepted by `send` that the kernel has not taken yet. */
  readonly bufferedBytes: number;
  /** Stops reading; a paused transport sees no pong and no close. */
  pause(): void;
  resume(): void;
  ping(): void;
  /** Close frame, then a short wait for the peer's. */
  close(code: number, reason: string): void;
  /** Drops the connection at once. */
  terminate(): void;
}

/** Where and how to connect. */
export interface TransportTarget {
  /** ws: or wss: URL with its query; never logged. */
  readonly url: string;
  /** Headers of the upgrade request (a signature, for example). */
  readonly headers: Readonly<Record<string, string>>;
  /** The connect, TLS and upgrade together may take this long. */
  readonly timeoutMs: number;
}

/** Starts a connection; never throws for network reasons, they come as `closed`. */
export type Connect = (target: TransportTarget, events: TransportEvents) => Transport;

/** What a local byte stream tells its owner. */
export interface LocalStreamEvents {
  /** Bytes were read; the array is the receiver's to keep. */
  data(bytes: Uint8Array): void;
  /** The local side will send no more (FIN, end of file); writing to it still works. */
  ended(): void;
  /** That many queued bytes have been taken by the kernel. */
  written(bytes: number): void;
  /** The stream is gone, both ways; comes exactly once. `error` is set when it was not orderly. */
  closed(error?: Error): void;
}

/** One local byte stream: a TCP or Unix connection, or standard input and output as a pair. */
export interface LocalStream {
  /** Queues bytes and keeps them until written; nothing is dropped. The array now belongs to the stream. */
  write(bytes: Uint8Array): void;
  /** Bytes queued and not yet taken by the kernel. */
  readonly queuedBytes: number;
  /** Sends FIN once the queue is written; reading goes on. */
  endWriting(): void;
  /** Closes both ways once the queue is written. */
  close(): void;
  /** Closes at once and discards the queue; a TCP peer sees a reset. */
  reset(): void;
  /** Stops reading, so that the peer feels it. */
  pause(): void;
  resume(): void;
}

/** Where a listener should listen. */
export type ListenTarget =
  | {
      /** Port 1-65535, or 0 for any free one. */
      readonly kind: "tcp";
      readonly port: number;
      /** An address or name; absent: 127.0.0.1 and ::1 with the same port. */
      readonly host?: string;
    }
  | { readonly kind: "unix"; readonly path: string };

/** A listener for local connections. */
export interface Listener {
  /** The port really listened on; 0 for a Unix socket. */
  readonly port: number;
  /** What it listens on, for people: `127.0.0.1:5432`, `[::1]:5432`, `/tmp/db.sock`. */
  readonly addresses: readonly string[];
  /** Stops accepting; open connections live on. A Unix socket's file is removed. */
  stop(): void;
}

/**
 * Called for each accepted connection; returns who listens to its events, or undefined to refuse it
 * (the peer sees a reset).
 */
export type Accept = (stream: LocalStream) => LocalStreamEvents | undefined;

/** Opens a listener. Rejects with an error whose message is fit to be shown. */
export type Listen = (target: ListenTarget, accept: Accept) => Promise<Listener>;

/** Size of a terminal window in characters. */
export interface WindowSize {
  readonly cols: number;
  readonly rows: number;
}

/**
 * How standard input is used: keys for a terminal at the other side (raw mode and escapes where it is a terminal),
 * plain bytes, or not read at all.
 */
export type InputUse = "keyboard" | "bytes" | "none";

/** Standard input, output and error of this process, and the terminal's window. */
export interface StandardStreams {
  /**
   * Standard input and output as one stream. There is one owner at a time: after another call, which a session makes
   * when its kind turns out to be another one, only the newest events are told.
   */
  attach(events: LocalStreamEvents, input: InputUse): LocalStream;
  /** Queues bytes for standard error; `written` is told as they leave, also when nobody can read them any more. */
  writeError(bytes: Uint8Array, written: (bytes: number) => void): void;
  /**
   * The window's size; 300 columns by 100 rows where there is no terminal, as AWS's client reports it. Undefined on a
   * terminal that does not know its size: the other side is told none.
   */
  windowSize(): WindowSize | undefined;
  /** Whether the size is that of a real window. */
  readonly hasWindow: boolean;
  /** Calls back when the window has changed; the result stops it. */
  onResize(changed: () => void): () => void;
}

/** A fresh token and stream URL for a session that goes on. */
export interface ResumedSession {
  readonly streamUrl: string;
  readonly tokenValue: string;
}

/** The two calls of the Session Manager API that a running session makes. */
export interface SessionApi {
  /**
   * Asks for a new token and URL; undefined when the service says that the session has ended.
   * Rejects with an error that has `retryable: boolean` for everything else.
   */
  resume(sessionId: string): Promise<ResumedSession | undefined>;
  /** Ends the session at the service. One that has ended already is no error: gone is gone. */
  terminate(sessionId: string): Promise<void>;
}

/** Where the keys of an encrypted session come from. */
export interface DataKeySource {
  /** Why this session must not be encrypted, in words for the user; absent when it may be. */
  readonly refusal?: string;
  /** The session's target, as it stands in the request. */
  readonly target: string;
  /** A data key of 64 bytes, plain and encrypted by KMS. Rejects with an error in words. */
  generate(
    keyId: string,
    encryptionContext: Readonly<Record<string, string>>,
  ): Promise<{ readonly plaintext: Uint8Array; readonly ciphertext: Uint8Array }>;
  randomBytes(count: number): Uint8Array;
}

/** Severity of a log line, in rising order. */
export type LogLevel = "debug" | "info" | "warn" | "error";

/** Writes one log line. Fields are numbers and short words: never payload, tokens, keys or a URL's query. */
export type Log = (
  level: LogLevel,
  event: string,
  fields?: Readonly<Record<string, string | number | boolean>>,
) => void;

/** Time, as the session needs it; a test drives it by hand. */
export interface Clock {
  /** Monotonic milliseconds. */
  now(): number;
  /** Wall-clock milliseconds since the epoch. */
  wallNow(): number;
  /** Calls back once after `delayMs`; the result cancels. */
  after(delayMs: number, callback: () => void): () => void;
}
