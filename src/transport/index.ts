/** Door of the transport room: the WebSocket to the gateway, where it may lead, and the signature of its upgrade. */
export * from "./certificates.ts";
export { CLOSE_GRACE_MS, type ConnectOptions, createConnect } from "./connect.ts";
export * from "./errors.ts";
export { peerIssuer, type PeerQuestion } from "./peer-certificate.ts";
export { prepareConnection } from "./prepare.ts";
export * from "./proxy.ts";
export { type SigningCredentials, signUpgrade, type UpgradeRequest } from "./signing.ts";
export { isPresigned, parseStreamUrl, type StreamUrlPolicy } from "./stream-url.ts";
