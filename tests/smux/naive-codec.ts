/**
 * A second smux codec, written as plainly as possible and without looking at the first: the witness against
 * which the real one is compared. It needs the whole byte stream at once and copies everything.
 */

export interface NaiveFrame {
  readonly command: number;
  readonly streamId: number;
  readonly payload: Uint8Array;
}

export function naiveEncode(frames: readonly NaiveFrame[]): Uint8Array {
  const out: number[] = [];
  for (const { command, streamId, payload } of frames) {
    const view = new DataView(new ArrayBuffer(8));
    view.setUint8(0, 1);
    view.setUint8(1, command);
    view.setUint16(2, payload.length, true);
    view.setUint32(4, streamId, true);
    out.push(...new Uint8Array(view.buffer), ...payload);
  }
  return Uint8Array.from(out);
}

/** Throws on anything that is not a whole number of valid frames. */
export function naiveDecode(bytes: Uint8Array): NaiveFrame[] {
  const frames: NaiveFrame[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let offset = 0;
  while (offset < bytes.length) {
    if (view.getUint8(offset) !== 1) throw new Error(`naive codec: bad version at ${offset}`);
    const command = view.getUint8(offset + 1);
    const length = view.getUint16(offset + 2, true);
    const streamId = view.getUint32(offset + 4, true);
    if (command > 3 || (command !== 2 && length > 0)) throw new Error(`naive codec: bad frame at ${offset}`);
    if (offset + 8 + length > bytes.length) throw new Error(`naive codec: cut off at ${offset}`);
    frames.push({ command, streamId, payload: bytes.slice(offset + 8, offset + 8 + length) });
    offset += 8 + length;
  }
  return frames;
}
