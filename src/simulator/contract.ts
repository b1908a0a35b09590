/**
 * Where the stand-in's two halves meet: the gateway, which relays frames and knows sessions, and the agent, which
 * runs what was asked for. Types only.
 */

/** Kinds of session that a document can start. */
export type AgentSessionType = "Standard_Stream" | "InteractiveCommands" | "NonInteractiveCommands" | "Port";

/** What a document and its parameters ask the agent for, placeholders already filled in. */
export interface AgentTask {
  readonly sessionType: AgentSessionType;
  /** Shell line of an interactive command, or the command line of a non-interactive one. */
  readonly command?: string;
  /** Non-interactive commands: stderr and the exit code come apart from stdout. */
  readonly separateOutput?: boolean;
  /** Put before each piece of output when the output is separate. */
  readonly stdOutPrefix?: string;
  readonly stdErrPrefix?: string;
  /** Port sessions: the document's properties as they go into the handshake. */
  readonly properties?: Readonly<Record<string, string>>;
  /** The KMS key that the document wants sessions encrypted with; goes before that of the agent's options. */
  readonly kmsKeyId?: string;
}

/** How an agent encrypts its sessions. */
export interface AgentEncryptionOptions {
  /** KMS key of every session but ports; absent: only documents that name one are encrypted. */
  readonly keyId?: string;
  /** Send a random challenge for the encryption context, as agents of version 3.3 do; true. */
  readonly challenge?: boolean;
  /** Refuse clients that do not acknowledge the challenge (the agent's RequireKMSChallengeResponse); false. */
  readonly requireChallenge?: boolean;
}

/** KMS as an agent can use it. */
export interface AgentKms {
  /** The agent's own id, as it stands in the encryption context. */
  readonly targetId: string;
  /** Decrypts a data key. @throws Error with KMS's words when key, blob or context do not allow it */
  decrypt(ciphertext: Uint8Array, encryptionContext: Readonly<Record<string, string>>): Uint8Array;
}

/** Where a connection really goes. */
export interface HostAddress {
  /** Name or address. */
  readonly host: string;
  /** 1 to 65535. */
  readonly port: number;
}

/** How an agent behaves. */
export interface AgentOptions {
  /** Version it reports; decides the handshake's rules. */
  readonly agentVersion: string;
  /** Sleep of 1 ms after each message of at most 1024 bytes, as the real agent does. */
  readonly pacing: boolean;
  /** Program and arguments of a shell session. */
  readonly shell: readonly string[];
  /** How long a new shell stays silent, in milliseconds; the real agent needs about a second. */
  readonly shellStartDelayMs: number;
  /** Longest wait for acknowledgements at the end; the real agent waits 2000 ms. */
  readonly endAckWaitMs: number;
  /** Longest wait for each answer of a handshake; the real agent waits 15 000 ms. */
  readonly handshakeTimeoutMs: number;
  /** Text of HandshakeComplete for the user; empty for none. */
  readonly customerMessage: string;
  /** Time between sending HandshakeComplete and being ready for input, in milliseconds. */
  readonly readyDelayMs: number;
  /** Environment of the shells and commands that it starts. */
  readonly environment: Readonly<Record<string, string>>;
  /** Paths of programs that the target does not have. */
  readonly missingPrograms: readonly string[];
  /** Destinations of the remote-host document that are refused (the real agent: loopback, credential endpoints). */
  readonly deniedHosts: readonly string[];
  /**
   * Hosts that exist only behind the target, and where they really are: by `name`, or by `name:port` for one port,
   * which goes first. Names in small letters. Without an entry nothing but loopback addresses is dialled.
   */
  readonly hosts: Readonly<Record<string, HostAddress>>;
  /** Encryption of sessions; absent: only documents that name a key are encrypted. */
  readonly encryption?: AgentEncryptionOptions;
}

/** What an agent session can do to the world; given to it by the gateway. */
export interface AgentLink {
  /** Puts one binary frame on the way to the client. */
  send(frame: Uint8Array): void;
  /** The session is over; `output` becomes the reason in channel_closed, empty for a normal end. */
  completed(output: string): void;
  /**
   * Bytes given to `send` that wait at the gateway: a slow link to the client, or a client that does not read. At
   * 64 MiB frames are thrown away; an agent's own socket blocks before that. Absent: never anything to wait for.
   */
  bufferedBytes?(): number;
  /** Absent: sessions cannot be encrypted. */
  readonly kms?: AgentKms;
  /** One line for whoever watches the stand-in; no payload. */
  log(event: string, fields?: Readonly<Record<string, string | number | boolean>>): void;
}

/** One session at the agent, as the gateway drives it. */
export interface AgentSession {
  /** A binary frame from the client or the gateway (start_publication, pause_publication) arrived. */
  receive(frame: Uint8Array): void;
  /** The TerminateSession API was called: end everything that was started. */
  terminate(): void;
  /** Resolves when nothing of the session is left: no process, no socket, no timer. */
  readonly finished: Promise<void>;
}

/** Starts a session at the agent. */
export type StartAgentSession = (
  sessionId: string,
  task: AgentTask,
  options: AgentOptions,
  link: AgentLink,
) => AgentSession;
