/**
 * Which endpoints are overridden: SSM's by the argument of the AWS CLI, the stream's by a variable of ours. What is
 * not decided here the SDK derives from region, AWS_ENDPOINT_URL…, the profile and the FIPS and dual-stack settings.
 */

import { InvalidEndpointError } from "./errors.ts";

/** The variable that puts another host into stream URLs. */
const STREAM_ENDPOINT_VARIABLE = "SSM_PLUGIN_STREAM_ENDPOINT";

/**
 * SSM's endpoint as the AWS CLI named it; undefined: derive it.
 * `aws ecs execute-command` names the endpoint of ECS in the same place, which must not be asked for SSM's calls; its
 * targets begin with `ecs:`.
 * @param endpoint the argument; empty or absent when there was none
 * @param target the Target of the StartSession request; empty or absent when it is not known
 * @throws InvalidEndpointError
 */
export function ssmEndpoint(endpoint: string | undefined, target: string | undefined): string | undefined {
  if (endpoint === undefined || endpoint === "" || target?.startsWith("ecs:") === true) return undefined;
  const url = URL.parse(endpoint);
  if (url === null || !["https:", "http:"].includes(url.protocol))
    throw new InvalidEndpointError(
      "the endpoint argument",
      "is no URL of the form https://ssm.REGION.amazonaws.com",
    );
  return endpoint;
}

/**
 * The stream URL with the host of SSM_PLUGIN_STREAM_ENDPOINT, for gateways reached by a private endpoint. The variable
 * holds a host, `host:port`, or a URL whose scheme (ws or wss; https counts as wss) and port are taken too; the path
 * and query stay the service's. Without the variable, the URL as it is.
 * @throws InvalidEndpointError
 */
export function streamUrl(url: string, environment: Readonly<Record<string, string | undefined>>): string {
  const wanted = environment[STREAM_ENDPOINT_VARIABLE];
  if (wanted === undefined || wanted === "") return url;
  const service = URL.parse(url);
  // What is wrong with the service's URL is for whoever connects to it to say.
  if (service === null) return url;
  // Without a scheme it keeps the one it had.
  const endpoint = URL.parse(
    wanted.includes("://") ? wanted.replace(/^http/i, "ws") : `${service.protocol}//${wanted}`,
  );
  if (
    endpoint === null ||
    !["ws:", "wss:"].includes(endpoint.protocol) ||
    endpoint.pathname !== "/" ||
    endpoint.search !== "" ||
    endpoint.username !== ""
  )
    throw new InvalidEndpointError(
      STREAM_ENDPOINT_VARIABLE,
      "must be a host, host:port or wss://host[:port]",
    );
  // The rest is cut out, not written anew, so that not one character of the signed path and query changes.
  const rest = /^[^/]+\/\/[^/?#]*(.*)$/.exec(url)?.[1] ?? "";
  return `${endpoint.protocol}//${endpoint.host}${rest}`;
}
