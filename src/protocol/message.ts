/**
 * The vocabulary of the data channel: message types, payload types, flags and the message itself.
 * Values only; how they lie on the wire is codec.ts.
 */

/** Types of message on a data channel (the text of the MessageType field, without padding). */
export const MessageType = {
  /** Client to agent, sequenced. */
  inputStreamData: "input_stream_data",
  /** Agent to client, sequenced. */
  outputStreamData: "output_stream_data",
  /** Both directions, one for each sequenced message, itself not sequenced. */
  acknowledge: "acknowledge",
  /** Gateway to client: the end of the session. */
  channelClosed: "channel_closed",
  /** Gateway to both: the other side is there (again). */
  startPublication: "start_publication",
  /** Gateway to both: the other side is away. */
  pausePublication: "pause_publication",
  /** Agent to gateway; a client that sees one ignores it. */
  agentSessionState: "agent_session_state",
} as const;

/** What the payload of a sequenced message is (PayloadType field). */
export const PayloadType = {
  /** Messages without a typed payload: acknowledge, channel_closed and the like. */
  none: 0,
  /** Bytes of stdin, stdout or a tunnel. */
  output: 1,
  error: 2,
  /** JSON `{"cols":n,"rows":n}`. */
  size: 3,
  parameter: 4,
  handshakeRequest: 5,
  handshakeResponse: 6,
  handshakeComplete: 7,
  encChallengeRequest: 8,
  encChallengeResponse: 9,
  /** Big-endian u32, one of {@link FlagValue}. */
  flag: 10,
  /** Bytes of stderr. */
  stdErr: 11,
  /** Text `EXIT_CODE: <n>`. */
  exitCode: 12,
} as const;

/** Values of a payload of type Flag. */
export const FlagValue = {
  /** Client to agent, basic port sessions: close the connection to the destination. */
  disconnectToPort: 1,
  /** Client to agent: end the session. */
  terminateSession: 2,
  /** Agent to client: a destination could not be reached. */
  connectToPortError: 3,
} as const;

/** Values of the header's Flags field. */
export const HeaderFlags = {
  data: 0,
  /** The agent's first message of a session. */
  syn: 1,
  /** Acknowledge and the gateway's own messages. */
  acknowledge: 3,
} as const;

/** One message of the data channel. */
export interface Message {
  /** MessageType without padding; one of {@link MessageType} or something unknown. */
  readonly type: string;
  /** SchemaVersion, 1. */
  readonly schemaVersion: number;
  /** CreatedDate in milliseconds since the epoch. */
  readonly createdDate: number;
  /** SequenceNumber, 0 for messages that are not sequenced. */
  readonly sequenceNumber: number;
  /** Flags field, see {@link HeaderFlags}. */
  readonly flags: number;
  /** MessageId as UUID text. */
  readonly messageId: string;
  /** PayloadType field, see {@link PayloadType}; any u32 may arrive. */
  readonly payloadType: number;
  /** The payload; a view of the frame it was decoded from. */
  readonly payload: Uint8Array;
}

/** A message that came off the wire. */
export interface DecodedMessage extends Message {
  /**
   * The MessageType field as it stood on the wire: 32 Latin-1 characters with their padding (spaces or
   * NULs), so that the frame can be encoded again byte for byte.
   */
  readonly rawType: string;
}
