/** smux version 1 as a test writes and reads it, byte by byte; independent of src/smux. */

/** A frame: command 0 SYN, 1 FIN, 2 PSH, 3 NOP. */
export interface SmuxFrame {
  readonly command: number;
  readonly stream: number;
  readonly data: Buffer;
}

/** Writes a frame. */
export function smux(command: number, stream: number, data: Uint8Array | string = ""): Buffer {
  const bytes = Buffer.from(data);
  const out = Buffer.alloc(8 + bytes.length);
  out[0] = 1;
  out[1] = command;
  out.writeUInt16LE(bytes.length, 2);
  out.writeUInt32LE(stream, 4);
  bytes.copy(out, 8);
  return out;
}

/** Takes a byte stream apart; an incomplete frame at the end is left out. */
export function parseSmux(bytes: Buffer): SmuxFrame[] {
  const frames: SmuxFrame[] = [];
  for (let at = 0; at + 8 <= bytes.length;) {
    if (bytes[at] !== 1) throw new Error(`smux version ${bytes[at]} at ${at}`);
    const length = bytes.readUInt16LE(at + 2);
    if (at + 8 + length > bytes.length) break;
    frames.push({
      command: bytes[at + 1] ?? -1,
      stream: bytes.readUInt32LE(at + 4),
      data: bytes.subarray(at + 8, at + 8 + length),
    });
    at += 8 + length;
  }
  return frames;
}

/** Payload bytes of one stream. */
export function streamBytes(frames: readonly SmuxFrame[], stream: number): Buffer {
  return Buffer.concat(frames.filter((f) => f.command === 2 && f.stream === stream).map((f) => f.data));
}

/** How often a command came on a stream. */
export function count(frames: readonly SmuxFrame[], command: number, stream: number): number {
  return frames.filter((frame) => frame.command === command && frame.stream === stream).length;
}
