/**
 * The recorded frames, for tests.
 */
const RECORDINGS = new URL("../fixtures/recordings/", import.meta.url).pathname;

/** One line of a recording. */
export interface RecordedLine {
  readonly file: string;
  readonly line: number;
  /** `client`, `agent`, `gateway`, … */
  readonly from: string;
  /** A binary frame. */
  readonly frame?: Uint8Array;
  /** A text frame. */
  readonly text?: string;
}

/** Every line of every recording. */
export async function recordedLines(): Promise<RecordedLine[]> {
  const lines: RecordedLine[] = [];
  for (const file of [...new Bun.Glob("*.jsonl").scanSync(RECORDINGS)].sort()) {
    const content = (await Bun.file(RECORDINGS + file).text()).trim().split("\n");
    content.forEach((json, index) => {
      const { from, hex, text } = JSON.parse(json) as { from: string; hex?: string; text?: string };
      lines.push({
        file,
        line: index + 1,
        from,
        ...(hex === undefined ? {} : { frame: new Uint8Array(Buffer.from(hex, "hex")) }),
        ...(text === undefined ? {} : { text }),
      });
    });
  }
  return lines;
}

/** The binary ones. */
export async function recordedFrames(): Promise<{ name: string; from: string; frame: Uint8Array }[]> {
  return (await recordedLines()).flatMap(({ file, line, from, frame }) =>
    frame === undefined ? [] : [{ name: `${file}:${line}`, from, frame }],
  );
}
