/**
 * The wire format of smux version 1: constants and the 8-byte header.
 * Facts only; what a frame means to a stream is decided in mux.ts.
 *
 *   offset  size  field
 *   0       1     version, always 1
 *   1       1     command
 *   2       2     length of the payload, little-endian; 0 for everything but PSH
 *   4       4     stream id, little-endian
 */

/** The only version spoken here. Version 2 (with windows per stream) is never used by Session Manager. */
export const SMUX_VERSION = 1;

/** Length of a frame's header in bytes. */
export const HEADER_BYTES = 8;

/** The most payload bytes the 16-bit length of a PSH can announce. */
export const MAX_PAYLOAD_BYTES = 0xffff;

/** The highest stream id; ids are never used twice, so a session ends its numbering here. */
export const MAX_STREAM_ID = 0xffff_ffff;

/**
 * Commands of smux version 1. A session that sees any other is at an end: without a known length there is
 * no way to find the next header.
 *
 * Command 4 (UPD, a window update with 8 bytes behind it) exists in version 2 only. Go's implementation
 * would read over one in a version 1 session; no version 1 peer sends it, so here it counts as unknown.
 */
export const Command = {
  /** Opens the stream named by the id. */
  syn: 0,
  /** The sender is done with the stream. The Session Manager agent then closes it in both directions. */
  fin: 1,
  /** Payload of the stream: `length` bytes follow. */
  psh: 2,
  /** Keep-alive without a meaning; the stream id is 0. */
  nop: 3,
} as const;

/** One of the four commands of version 1. */
export type Command = (typeof Command)[keyof typeof Command];

/** The fields of a header behind the version. The command is still unchecked. */
export interface Header {
  readonly version: number;
  readonly command: number;
  /** Payload bytes that follow, 0 to 65,535. */
  readonly length: number;
  /** 0 to 2^32-1. */
  readonly streamId: number;
}

/**
 * Writes the 8 bytes of a header at `offset`. `length` and `streamId` must fit their fields; the caller has
 * checked them, so nothing is checked here.
 */
export function writeHeader(
  view: DataView,
  offset: number,
  command: Command,
  length: number,
  streamId: number,
): void {
  view.setUint8(offset, SMUX_VERSION);
  view.setUint8(offset + 1, command);
  view.setUint16(offset + 2, length, true);
  view.setUint32(offset + 4, streamId, true);
}

/** Reads the 8 bytes of a header at `offset`; says nothing about whether its values are allowed. */
export function readHeader(view: DataView, offset: number): Header {
  return {
    version: view.getUint8(offset),
    command: view.getUint8(offset + 1),
    length: view.getUint16(offset + 2, true),
    streamId: view.getUint32(offset + 4, true),
  };
}
