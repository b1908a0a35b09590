/** One way in which readiness is told; readiness.ts has a list of them. Interface only. */
import type { ReadyDocument } from "./ready-document.ts";

/** See the file's comment. */
export interface ReadinessOutlet {
  /** Everything can be used. Rejects with an error fit to be shown when that cannot be told and must be. */
  ready?(document: ReadyDocument): void | Promise<void>;
  /** A tunnel came up, was lost, is waited for. */
  changed?(): void;
  /** The end has begun: no new connections are taken. @param failure why, when nobody has asked for it */
  ending?(failure?: string): void;
  /** The end is there. */
  close?(): void;
}
