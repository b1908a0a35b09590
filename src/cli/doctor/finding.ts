/** What a check of `doctor` comes to, and how checks build on one another. Nothing is looked at or printed here. */
import { tellError } from "../advice.ts";

/** `ok`: works. `warn`: works, but not as one may think. `fail`: broken. `skip`: could not be asked. */
export type Result = "ok" | "warn" | "fail" | "skip";

/** One line of the report. */
export interface Finding {
  readonly result: Result;
  /** What was found; never a secret. */
  readonly text: string;
  /** How to mend it, where that is not in the text. */
  readonly advice?: string;
}

/** A finding with what others build on; without a value they have nothing to ask with. */
export interface Found<Value> extends Finding {
  readonly value?: Value;
}

/** A finding. */
export function found(result: Result, text: string, advice?: string): Finding {
  return { result, text, ...(advice === undefined ? {} : { advice }) };
}

/**
 * Runs a check with what the checks before it have found, by their names. Where one of them found nothing it is
 * skipped, and says so. Never rejects: what the check throws is its finding.
 */
export async function using<Known extends Readonly<Record<string, unknown>>, Value>(
  needed: { readonly [Name in keyof Known]: Promise<Found<Known[Name]>> },
  check: (known: Known) => Found<Value> | Promise<Found<Value>>,
): Promise<Found<Value>> {
  try {
    const known: Record<string, unknown> = {};
    for (const [name, earlier] of Object.entries(needed)) {
      const { value } = await earlier;
      if (value === undefined) return found("skip", `not asked because of ${name}`);
      known[name] = value;
    }
    // Each value stands under its own name.
    return await check(known as Known);
  } catch (error) {
    return found("fail", tellError(error));
  }
}
