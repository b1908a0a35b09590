/**
 * The ready file: it is there, complete, while the tunnels can be used, and gone afterwards, however this process ends
 * (but by SIGKILL: `wait` looks whether the process lives). Never removes the file of another process. Before it is
 * there, and after an end that nobody wanted, the state beside it tells `wait` how things are.
 */
import { lstatSync, readFileSync, renameSync, unlinkSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";

import { codeOf } from "../messages.ts";
import { ReadyFileError } from "./errors.ts";
import { removeForwardState, writeForwardState } from "./forward-state.ts";
import type { ReadinessOutlet } from "./outlet.ts";
import { isRunning } from "./process-identity.ts";
import { parseOwner, type ReadyDocument } from "./ready-document.ts";

/** Only for this user: addresses are nobody else's business. */
const MODE = 0o600;

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "its directory does not exist",
  ENOTDIR: "its directory is a file",
  EACCES: "permission denied",
  EPERM: "permission denied",
  EROFS: "the file system is read-only",
  ENOSPC: "the disk is full",
  ENAMETOOLONG: "the name is too long",
};

/** See the file's comment. */
export class ReadyFile implements ReadinessOutlet {
  readonly #path: string;
  readonly #unfinished: string;
  readonly #leave = (): void => this.ending();
  /** What this process has written. */
  #content: string | undefined;
  #told = false;

  /**
   * Finds out whether it can be written, before anything depends on it; what an earlier process has left is removed.
   * @throws ReadyFileError
   */
  constructor(path: string) {
    this.#path = resolve(path);
    // In the same directory, so that a rename puts it in place whole.
    this.#unfinished = `${this.#path}.${process.pid}.tmp`;
    this.#guarded(() => {
      refuseOtherKinds(this.#path);
      this.#write("");
      unlinkSync(this.#unfinished);
      removeAbandoned(this.#path);
      writeForwardState(this.#path);
    });
    process.once("exit", this.#leave);
  }

  ready(document: ReadyDocument): void {
    const content = `${JSON.stringify(document, undefined, 2)}\n`;
    this.#guarded(() => {
      this.#write(content);
      renameSync(this.#unfinished, this.#path);
      removeForwardState(this.#path);
    });
    this.#content = content;
  }

  ending(failure?: string): void {
    process.off("exit", this.#leave);
    const content = this.#content;
    this.#content = undefined;
    this.#tell(failure ?? (content === undefined ? "it was ended before it was ready" : undefined));
    if (content === undefined) return;
    try {
      if (readFileSync(this.#path, "utf8") === content) unlinkSync(this.#path);
    } catch {
      // Somebody else has removed it.
    }
  }

  /** To whoever waits; the reason has been said elsewhere, so that a file that cannot be written is no failure. */
  #tell(failure: string | undefined): void {
    if (failure === undefined || this.#told) return;
    this.#told = true;
    try {
      writeForwardState(this.#path, failure);
    } catch {
      // The disk is full, or the directory is gone.
    }
  }

  #write(content: string): void {
    try {
      writeFileSync(this.#unfinished, content, { mode: MODE, flag: "wx" });
    } catch (error) {
      // An earlier process of the same id may have been killed while it wrote.
      if (codeOf(error) !== "EEXIST") throw error;
      unlinkSync(this.#unfinished);
      writeFileSync(this.#unfinished, content, { mode: MODE, flag: "wx" });
    }
  }

  #guarded(action: () => void): void {
    try {
      action();
    } catch (cause) {
      if (cause instanceof ReadyFileError) throw cause;
      const code = codeOf(cause);
      throw new ReadyFileError(this.#path, REASONS[code ?? ""] ?? code ?? String(cause), { cause });
    }
  }
}

/** A rename would put the file in the place of whatever is there, a device too. */
function refuseOtherKinds(path: string): void {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined || found.isFile() || found.isSymbolicLink()) return;
  throw new ReadyFileError(path, found.isDirectory() ? "it is a directory" : "it is no plain file");
}

/** Nobody is to be misled by it meanwhile. That of a process that runs is left to be replaced. */
function removeAbandoned(path: string): void {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    return;
  }
  const owner = parseOwner(text);
  // A process of our own id was another one, before us.
  if (owner === undefined || (owner.pid !== process.pid && isRunning(owner))) return;
  unlinkSync(path);
}
