/**
 * Door of the library: sessions and tunnels for Bun programs. No terminal, no signals, nothing printed. The pure rooms
 * have doors of their own: `session-manager-plugin/protocol`, `/channel`, `/smux` and `/encryption`; the stand-in for
 * AWS, for tests, is `session-manager-plugin/simulator`.
 */
export type { ServiceCredentials } from "../aws/index.ts";
export { BadInputError } from "../host/index.ts";
export {
  ClosedEarlyError,
  ConnectFailedError,
  ConnectionLostError,
  HandshakeTimeoutError,
  ListenError,
  OutputIncompleteError,
  OutputMissingError,
  PeerError,
  SessionError,
  SessionGoneError,
} from "../session/index.ts";
export type {
  ForwardedSignal,
  Kind,
  KindContext,
  KindFactory,
  Log,
  LogLevel,
  SessionSettings,
  WindowSize,
} from "../session/index.ts";
export type { Connection } from "./connection.ts";
export * from "./errors.ts";
export type {
  AccessOptions,
  CommonOptions,
  GivenOptions,
  ListenOption,
  SessionOptions,
  StartOptions,
} from "./options.ts";
export { type ForwardOptions, forwardPort, PortForward } from "./port-forward.ts";
export { Session } from "./session.ts";
export type { CodedError, SessionEnd, SessionEvents, SessionStatus, StatusChange } from "./status.ts";
