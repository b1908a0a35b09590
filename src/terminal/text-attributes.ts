/**
 * Which text attributes (bold, colours, …) a stream of `CSI … m` sequences has left on.
 * Pure; only as exact as is needed to know whether a reset is due.
 */

/** Follows the attributes of one terminal. */
export class TextAttributes {
  /** Each attribute that is on, named by the code that switches it off (39: foreground colour). */
  #on = new Set<number>();

  /** True when text written now would not look plain. */
  get left(): boolean {
    return this.#on.size > 0;
  }

  /** Takes the parameters of one `CSI … m`, `1;38;5;208` for example. */
  select(parameters: string): void {
    if (parameters === "" || parameters === "0") {
      this.#on.clear();
      return;
    }
    const list = parameters.split(";");
    for (let index = 0; index < list.length; index++) {
      // A colon separates the parts of one colour (38:2::1:2:3): the first says which attribute it is.
      const text = list[index] ?? "";
      const code = Number(text.split(":", 1)[0]);
      if (code === 0) this.#on.clear();
      else if (isOffCode(code)) this.#on.delete(code);
      else {
        const offCode = offCodeOf(code);
        if (offCode !== undefined) this.#on.add(offCode);
        if ((code === 38 || code === 48 || code === 58) && !text.includes(":")) {
          // The numbers of a colour (5;n or 2;r;g;b) are no attributes.
          index += list[index + 1] === "2" ? 4 : 2;
        }
      }
    }
  }

  /** All attributes are off again. */
  clear(): void {
    this.#on.clear();
  }
}

function isOffCode(code: number): boolean {
  return (
    (code >= 22 && code <= 29 && code !== 26) || code === 39 || code === 49 || code === 55 || code === 59
  );
}

function offCodeOf(code: number): number | undefined {
  if (code === 1 || code === 2) return 22;
  if (code >= 3 && code <= 5) return code + 20;
  if (code === 6) return 25;
  if (code >= 7 && code <= 9) return code + 20;
  if (code === 21) return 24;
  if ((code >= 30 && code <= 38) || (code >= 90 && code <= 97)) return 39;
  if ((code >= 40 && code <= 48) || (code >= 100 && code <= 107)) return 49;
  if (code === 53) return 55;
  return code === 58 ? 59 : undefined;
}
