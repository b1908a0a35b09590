/** Faults that come from outside as JSON: a name or a value that means nothing is an error, not a fault that never comes. */
import { z } from "zod";

import { InvalidOptionError } from "./errors.ts";
import type { FaultsPatch } from "./faults.ts";

const probability = z.number().min(0).max(1);
const amount = z.number().nonnegative();
const status = z.int().min(100).max(599);

const link = z
  .strictObject({
    loss: probability,
    duplication: probability,
    reordering: probability,
    reorderingDelayMs: amount,
    delayMs: amount,
    jitterMs: amount,
    payloadCorruption: probability,
    headerCorruption: probability,
    bytesPerSecond: amount,
    queueBytes: amount,
  })
  .partial();

const cut = z.union([
  z.enum(["abrupt", "silent"]),
  z.strictObject({ code: z.int(), reason: z.string().exactOptional() }),
]);

const faults = z
  .strictObject({
    toAgent: link,
    toClient: link,
    cuts: z.strictObject({ how: cut, afterMessages: amount, minMs: amount, maxMs: amount }).partial(),
    stalls: z.strictObject({ afterMessages: amount, forMs: amount }).partial(),
    upgrade: z
      .strictObject({ answer: z.enum(["accept", "hang", "refuse"]), status, times: amount })
      .partial(),
    opening: z
      .strictObject({
        answer: z.enum(["accept", "ignore", "close"]),
        code: z.int(),
        reason: z.string(),
        times: amount,
      })
      .partial(),
    api: z.record(
      z.string(),
      z
        .strictObject({
          times: amount,
          type: z.string(),
          status,
          message: z.string(),
          delayMs: amount,
          hang: z.boolean(),
        })
        .partial(),
    ),
    resumeGone: z.boolean(),
    closeAfterMs: amount,
    offlineAfterMs: amount,
    offlineForMs: amount,
  })
  .partial();

/** Reads faults from what JSON has made of them. @throws InvalidOptionError names the first mistake */
export function parseFaults(value: unknown): FaultsPatch {
  const parsed = faults.safeParse(value);
  if (parsed.success) return parsed.data as FaultsPatch;
  const [issue] = parsed.error.issues;
  const path = ["faults", ...(issue?.path ?? []).map(String)].join(".");
  throw new InvalidOptionError(path, `is not understood: ${issue?.message ?? "it is none"}`);
}
