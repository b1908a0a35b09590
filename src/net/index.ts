/** Door of the net room: listeners and connections on TCP and Unix sockets. */
export { bareHost, formatAddress, isAddress } from "./address.ts";
export * from "./dial.ts";
export {
  AddressInUseError,
  AddressNotAvailableError,
  ConnectionBrokenError,
  ConnectionRefusedError,
  ConnectionResetError,
  DialFailedError,
  DialTimeoutError,
  HostNotFoundError,
  InvalidPortError,
  InvalidSocketPathError,
  ListenFailedError,
  NetError,
  NotASocketError,
  PermissionDeniedError,
  SocketNotFoundError,
  SocketPathTooLongError,
} from "./errors.ts";
export * from "./listen.ts";
export { CLOSE_LINGER_MS } from "./socket-stream.ts";
