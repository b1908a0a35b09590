/** Door of the channel room: the client's end of a data channel, and the parts that an agent can share. Pure. */
export { DataChannel, type DataChannelOptions } from "./data-channel.ts";
export * from "./errors.ts";
export * from "./events.ts";
export type { KmsAnswer } from "./handshake.ts";
export { type Arrival, Inbox, type InboxLimits, type InboxMessage } from "./inbox.ts";
export { type ChannelLimits, type ChannelPolicies, DEFAULT_LIMITS, DEFAULT_POLICIES } from "./limits.ts";
export { RttEstimator, type RttLimits } from "./rtt.ts";
