/**
 * What `wait` knows of a forward that is not ready: a file beside the ready file, FILE.state, that says that it is
 * starting, or why it has ended. Gone while it is ready, and after an end that was asked for once it was.
 */
import { readFileSync, renameSync, unlinkSync, writeFileSync } from "node:fs";

import { z } from "zod";

import { pidNamespace } from "./process-identity.ts";
import type { ReadyOwner } from "./ready-document.ts";

const STATE = z.object({
  pid: z.number().int().positive(),
  pidNamespace: z.string().optional(),
  /** Why it has ended; absent: it is starting. */
  failure: z.string().optional(),
  /** Milliseconds since the epoch. */
  atMs: z.number(),
});

/** A forward that is not ready. */
export type ForwardState = ReadyOwner & Pick<z.infer<typeof STATE>, "failure" | "atMs">;

/** The state of the forward that a ready file belongs to; undefined where none is told. */
export function readForwardState(readyFile: string): ForwardState | undefined {
  try {
    return STATE.parse(JSON.parse(readFileSync(pathOf(readyFile), "utf8")));
  } catch {
    return undefined;
  }
}

/** Says that it is starting, or why it has ended. @throws what the file system says */
export function writeForwardState(readyFile: string, failure?: string): void {
  const namespace = pidNamespace();
  const state = {
    pid: process.pid,
    ...(namespace === undefined ? {} : { pidNamespace: namespace }),
    ...(failure === undefined ? {} : { failure }),
    atMs: Date.now(),
  };
  const path = pathOf(readyFile);
  const unfinished = `${path}.${process.pid}.tmp`;
  writeFileSync(unfinished, `${JSON.stringify(state)}\n`, { mode: 0o600 });
  renameSync(unfinished, path);
}

/** Nothing is to be said any more. */
export function removeForwardState(readyFile: string): void {
  try {
    unlinkSync(pathOf(readyFile));
  } catch {
    // There is none.
  }
}

function pathOf(readyFile: string): string {
  return `${readyFile}.state`;
}
