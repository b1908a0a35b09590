/** `--ready-fd`: one line of JSON for whoever has passed a descriptor to this process, which is closed then. */
import { close, fstatSync, write, writeSync } from "node:fs";

import { UsageError } from "../errors.ts";
import type { ReadinessOutlet } from "./outlet.ts";
import type { ReadyDocument } from "./ready-document.ts";

/** See the file's comment. */
export class ReadyDescriptor implements ReadinessOutlet {
  readonly #descriptor: number;
  readonly #failed: (text: string) => void;

  /** @param failed told in words when nobody can read it any more */
  constructor(descriptor: number, failed: (text: string) => void) {
    this.#descriptor = descriptor;
    this.#failed = failed;
  }

  async ready(document: ReadyDocument): Promise<void> {
    let rest: Uint8Array = Buffer.from(`${JSON.stringify(document)}\n`);
    // In the background: a pipe that is full and not read would hold everything up.
    while (rest.length > 0) {
      const taken = await this.#writeSome(rest);
      if (taken === 0) break;
      rest = rest.subarray(taken);
    }
    close(this.#descriptor, () => {});
  }

  /** Returns 0 when it cannot be written any more. */
  #writeSome(bytes: Uint8Array): Promise<number> {
    return new Promise((resolve) => {
      write(this.#descriptor, bytes, (error, taken) => {
        if (error !== null) this.#failed(`--ready-fd ${this.#descriptor}: ${error.message}`);
        resolve(error === null ? taken : 0);
      });
    });
  }
}

/**
 * Reads a descriptor's number and sees whether the caller has passed it. Must be called before this process opens
 * anything by itself.
 * @throws UsageError
 */
export function readDescriptor(text: string): number {
  const descriptor = /^\d{1,6}$/.test(text) ? Number(text) : Number.NaN;
  if (!(descriptor >= 3)) {
    throw new UsageError(
      `forward: --ready-fd must be the number of a descriptor from 3 on, it is ${JSON.stringify(text)}; for standard output there is --json`,
    );
  }
  if (!isWritable(descriptor)) {
    throw new UsageError(
      `forward: --ready-fd ${descriptor} is not open for writing; the caller has to pass it, for example ${descriptor}>FILE`,
    );
  }
  return descriptor;
}

function isWritable(descriptor: number): boolean {
  try {
    const found = fstatSync(descriptor);
    // What the runtime has opened for itself is none of these.
    if (!found.isFile() && !found.isFIFO() && !found.isSocket() && !found.isCharacterDevice()) return false;
    writeSync(descriptor, new Uint8Array(0));
    return true;
  } catch {
    return false;
  }
}
