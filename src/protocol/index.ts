/** Door of the protocol room: frames and payloads of the data channel. Pure. */
export * from "./acknowledge.ts";
export * from "./codec.ts";
export * from "./control.ts";
export * from "./errors.ts";
export * from "./handshake.ts";
export * from "./json.ts";
export * from "./message.ts";
export * from "./port-properties.ts";
export * from "./uuid.ts";
export * from "./version.ts";
