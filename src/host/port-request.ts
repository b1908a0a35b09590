/** Which document, with which parameters, a tunnel to a destination needs. Starts nothing. */
import type { StartSessionRequest } from "../aws/index.ts";

/** Names of the target itself; newer agents refuse them in the remote-host document. */
const ITSELF = new Set(["", "localhost", "127.0.0.1", "::1"]);

/** Whether a destination's host, as the target sees it, is the target. */
export function isTargetItself(host: string): boolean {
  return ITSELF.has(host.toLowerCase());
}

/** The request for a tunnel to a port of the target, or of a host that the target reaches (empty: the target itself). */
export function portRequest(
  target: string,
  host: string,
  port: number,
): Required<Pick<StartSessionRequest, "target" | "documentName" | "parameters">> {
  const portNumber = [String(port)];
  return isTargetItself(host)
    ? { target, documentName: "AWS-StartPortForwardingSession", parameters: { portNumber } }
    : {
        target,
        documentName: "AWS-StartPortForwardingSessionToRemoteHost",
        parameters: { host: [host], portNumber },
      };
}
