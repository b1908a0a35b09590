/**
 * Waiting for a condition at the border of a process, where nothing calls back. Inside one process use the
 * event itself or the manual clock.
 */

/** How long and for what to wait. */
export interface WaitOptions {
  /** What is waited for, in words; it is the message of the failure. */
  readonly what: string;
  /** 5 s unless told. */
  readonly timeoutMs?: number;
  /** Pause between two looks; 10 ms unless told. */
  readonly intervalMs?: number;
  /** Called on failure; its text is added to the message (output so far, for example). */
  readonly context?: () => string;
}

/** Neither `undefined` nor `null` nor `false`: what a condition returns once it holds. */
type Held<Value> = Exclude<Value, undefined | null | false>;

/**
 * Looks again and again until the condition returns something other than undefined, null or false, and returns that.
 * A condition that throws is looked at again; its last error becomes the cause.
 * @throws Error when the time is up.
 */
export async function waitFor<Value>(
  condition: () => Value | Promise<Value>,
  { what, timeoutMs = 5_000, intervalMs = 10, context }: WaitOptions,
): Promise<Held<Value>> {
  const start = performance.now();
  let cause: unknown;
  for (;;) {
    try {
      const value = await condition();
      if (value !== undefined && value !== null && value !== false) return value as Held<Value>;
      cause = undefined;
    } catch (error) {
      cause = error;
    }
    if (performance.now() - start >= timeoutMs) {
      const more = context === undefined ? "" : `\n${context()}`;
      throw new Error(`waited ${timeoutMs} ms for ${what}, in vain${more}`, { cause });
    }
    await Bun.sleep(intervalMs);
  }
}

/** The promise's result, or a failure that names what was waited for. The promise itself goes on. */
export async function within<Value>(
  promise: Promise<Value>,
  { what, timeoutMs = 5_000, context }: WaitOptions,
) {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    const more = context === undefined ? "" : `\n${context()}`;
    reject(new Error(`waited ${timeoutMs} ms for ${what}, in vain${more}`));
  }, timeoutMs);
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
