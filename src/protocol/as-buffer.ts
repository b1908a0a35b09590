/** Buffer's methods for arrays that may be Buffers already, as everything that comes off a WebSocket is. */

/** The same bytes as a Buffer; a new view only where that is needed, for there are two messages to each KiB. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
