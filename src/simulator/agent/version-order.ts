/** The order of versions as the agent sees it, which is not the client's. Pure. */

/**
 * Below 0 when `left` is older, above 0 when it is newer. Part by part: as numbers where both are numbers,
 * otherwise as text; of two versions that are alike as far as they go, the longer one is newer.
 */
export function compareVersions(left: string, right: string): number {
  const leftParts = left.split(".");
  const rightParts = right.split(".");
  for (let index = 0; index < Math.min(leftParts.length, rightParts.length); index++) {
    const a = leftParts[index] as string; // Both are in range.
    const b = rightParts[index] as string;
    if (/^\d+$/.test(a) && /^\d+$/.test(b)) {
      if (Number(a) !== Number(b)) return Number(a) - Number(b);
    } else if (a !== b) {
      return a < b ? -1 : 1;
    }
  }
  return leftParts.length - rightParts.length;
}

/** Whether an agent of that version knows multiplexed port sessions at all. */
export function agentMultiplexes(agentVersion: string): boolean {
  return compareVersions(agentVersion, "3.0.196.0") > 0;
}

/** Whether port sessions of that client are multiplexed. */
export function clientMultiplexes(clientVersion: string): boolean {
  return compareVersions(clientVersion, "1.1.70") >= 0;
}

/** Whether smux's keep-alive is left off towards that client. */
export function keepAliveOff(clientVersion: string): boolean {
  return compareVersions(clientVersion, "1.2.331.0") > 0;
}

/** Whether an agent of that version can send a command's outputs apart, while it runs, and its exit code. */
export function agentSeparatesOutput(agentVersion: string): boolean {
  return compareVersions(agentVersion, "3.1.1511.0") >= 0;
}

/** Whether that client is told to be updated, in sessions with separate output: it prints what it does not know. */
export function isBeforeSeparateOutput(clientVersion: string): boolean {
  return compareVersions(clientVersion, "1.2.295") <= 0;
}
