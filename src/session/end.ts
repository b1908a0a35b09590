/** How a session ended: the one value that a face turns into lines and an exit code. */
import type { SessionError } from "./errors.ts";

/** See the file's comment. */
export type SessionEnd =
  /** The other side closed it: a shell's exit, a command's end, a time-out of the service. */
  | {
      readonly kind: "closed";
      /** Untrusted text; empty after a normal end. */
      readonly reason: string;
      /** What the agent reported for a command; -1 when a signal killed it. */
      readonly exitCode: number | undefined;
    }
  /** This side ended it: a signal, an escape, a closed output, a lost parent. */
  | { readonly kind: "terminated"; readonly exitCode: number | undefined }
  /** It never came up. */
  | { readonly kind: "failed"; readonly error: SessionError }
  /** It ran, and was lost for good. */
  | { readonly kind: "lost"; readonly error: SessionError; readonly exitCode: number | undefined };
