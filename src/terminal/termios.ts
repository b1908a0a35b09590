/**
 * The settings of a terminal line (`struct termios`) as bytes, and what is changed in them. Pure; the layout is that of
 * Linux (glibc and musl, x64 and arm64) and macOS, both little-endian.
 */

/** Larger than `struct termios` anywhere (60 bytes on Linux, 72 on macOS). */
export const TERMIOS_BYTES = 256;

interface Layout {
  /** The output flags: from where to where. */
  readonly output: readonly [from: number, to: number];
  /** Where the local flags begin; three of them follow. */
  readonly local: number;
  readonly echo: number;
  readonly echoEnter: number;
  readonly signals: number;
  /** Where the key stands that stops a job (Ctrl-Z), and what stands there for none. */
  readonly suspendKey: number;
  readonly noKey: number;
}

const LAYOUT: Layout =
  process.platform === "darwin"
    ? // Four flags of 64 bits, then the keys.
      { output: [8, 16], local: 24, echo: 0x8, echoEnter: 0x10, signals: 0x80, suspendKey: 42, noKey: 0xff }
    : // Four flags of 32 bits, the line discipline, then the keys.
      { output: [4, 8], local: 12, echo: 0x8, echoEnter: 0x40, signals: 0x1, suspendKey: 27, noKey: 0 };

/** A copy of settings in which typed keys are not shown, but Enter is. */
export function withoutEcho(saved: Uint8Array): Uint8Array {
  const settings = saved.slice();
  const flags = new DataView(settings.buffer);
  const { local, echo, echoEnter } = LAYOUT;
  flags.setUint32(local, (flags.getUint32(local, true) & ~echo) | echoEnter, true);
  return settings;
}

/**
 * Turns raw settings into those for a terminal that other programs use too: output is processed as before, and Ctrl-C
 * and Ctrl-\ are signals where they were. Ctrl-Z is a byte.
 * @param raw what `cfmakeraw` has made; changed in place
 * @param saved the settings from before
 */
export function shareWithOthers(raw: Uint8Array, saved: Uint8Array): void {
  const { output, local, signals, suspendKey, noKey } = LAYOUT;
  raw.set(saved.subarray(...output), output[0]);
  raw[local] = ((raw[local] ?? 0) & ~signals) | ((saved[local] ?? 0) & signals);
  // A stop would hold up the other programs of the pipeline but not the AWS CLI, which ignores it: a job that hangs.
  raw[suspendKey] = noKey;
}
