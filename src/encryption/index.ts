/** Door of the encryption room: AES-GCM framing of encrypted payloads. Pure. */
export * from "./cipher.ts";
export * from "./errors.ts";
export { NONCE_PREFIX_BYTES } from "./nonces.ts";
