/** Flag payloads as the agent reads them: anything that is none has no effect. */
import { decodeFlag } from "../../protocol/index.ts";

/** The flag in a payload; undefined for a payload that is no flag. */
export function readFlag(payload: Uint8Array): number | undefined {
  try {
    return decodeFlag(payload);
  } catch {
    return undefined;
  }
}
