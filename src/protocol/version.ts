/**
 * Version numbers of agent and client, and what they decide.
 * Compared number by number, as AWS's client does.
 */

/** Parses a version of exactly four numeric parts; undefined for any other text. */
function parts(version: string): readonly number[] | undefined {
  if (!/^\d{1,9}(\.\d{1,9}){3}$/.test(version)) return undefined;
  return version.split(".").map(Number);
}

/** Whether `version` is newer than `limit`. A version without exactly four numeric parts counts as old. */
export function isNewerVersion(version: string, limit: string): boolean {
  const left = parts(version);
  const right = parts(limit);
  if (left === undefined || right === undefined) return false;
  for (let index = 0; index < 4; index++) {
    const difference = (left[index] as number) - (right[index] as number);
    if (difference !== 0) return difference > 0;
  }
  return false;
}

/** What an agent's version lets a client do. */
export interface AgentAbilities {
  /** Many connections in one port session (agents after 3.0.196.0). */
  readonly multiplexing: boolean;
  /** smux keep-alive is not needed (agents after 3.1.1511.0); older agents end a session without it. */
  readonly smuxKeepAliveOff: boolean;
  /** The TerminateSession flag is understood (agents after 2.3.722.0); otherwise the API must be used. */
  readonly terminateFlag: boolean;
}

/** Derives the abilities from the AgentVersion of a HandshakeRequest. */
export function agentAbilities(agentVersion: string): AgentAbilities {
  return {
    multiplexing: isNewerVersion(agentVersion, "3.0.196.0"),
    smuxKeepAliveOff: isNewerVersion(agentVersion, "3.1.1511.0"),
    terminateFlag: isNewerVersion(agentVersion, "2.3.722.0"),
  };
}
