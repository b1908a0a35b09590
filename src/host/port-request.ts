/** Which document, with which parameters, a tunnel to a destination needs. Starts nothing. */
import type { StartSessionRequest } from "../aws/index.ts";

/** Names of the target itself; newer agents refuse them in the remote-host document. */
const LOOPBACK = new Set(["", "localhost", "127.0.0.1", "::1"]);

/** The request for a tunnel to a port of the target, or of a host that the target reaches (empty: the target itself). */
export function portRequest(
  target: string,
  host: string,
  port: number,
): Required<Pick<StartSessionRequest, "target" | "documentName" | "parameters">> {
  const portNumber = [String(port)];
  return LOOPBACK.has(host.toLowerCase())
    ? { target, documentName: "AWS-StartPortForwardingSession", parameters: { portNumber } }
    : {
        target,
        documentName: "AWS-StartPortForwardingSessionToRemoteHost",
        parameters: { host: [host], portNumber },
      };
}
