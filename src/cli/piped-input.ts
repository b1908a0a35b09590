/** Whether something is piped into this process, without reading any of it. */
import { fstatSync } from "node:fs";

/** Bytes of a file on standard input; 1 for a pipe or socket, which may have data; 0 for none and for devices. */
export function pipedInputBytes(): number {
  try {
    const status = fstatSync(0);
    if (status.isFile()) return status.size;
    // How much waits in a pipe cannot be asked portably.
    return status.size > 0 ? status.size : 0;
  } catch {
    return 0;
  }
}
