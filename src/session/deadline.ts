/** Waiting for something that may never come. */
import type { Clock } from "./seams.ts";

/**
 * Settles as `promise` does, or resolves to undefined after `timeoutMs`. Leaves no timer behind; what comes later is
 * ignored.
 */
export function within<Value>(
  clock: Clock,
  timeoutMs: number,
  promise: Promise<Value>,
): Promise<Value | undefined> {
  const { promise: result, resolve, reject } = Promise.withResolvers<Value | undefined>();
  const cancel = clock.after(timeoutMs, () => resolve(undefined));
  promise.then(resolve, reject);
  return result.finally(cancel);
}
