/**
 * Checks the way to AWS: whether SSM's endpoint and the message gateway answer, by which name, proxy and certificate;
 * and how far this machine's clock is off. Asks nobody but the hosts that a session would speak to.
 */
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";

import { type HttpOptions, type Probe, probe, streamUrl } from "../../aws/index.ts";
import { type Environment, isOn, systemClock } from "../../host/index.ts";
import { type TransportEnd, within } from "../../session/index.ts";
import {
  createConnect,
  GatewayTlsError,
  parseStreamUrl,
  peerIssuer,
  UpgradeRefusedError,
} from "../../transport/index.ts";
import { roughly } from "../duration.ts";
import { type Finding, type Found, found } from "./finding.ts";

/** What each question on the network gets. */
export const NETWORK_TIMEOUT_MS = 5_000;

/** An answer of AWS's. */
export type Answer = Extract<Probe, { kind: "answered" }>;

/** Signatures of a clock that is off by more are refused. */
const REFUSED_SKEW_MS = 5 * 60_000;
const ODD_SKEW_MS = 60_000;

/** The system's codes for a way that leads nowhere; none where there was no answer in time. */
const LOST_ON_THE_WAY = /^(E[A-Z]+|EAI_AGAIN|Connection\w+)?$/;

/** A data channel that does not exist. */
const SOME_CHANNEL = "/v1/data-channel/doctor?role=publish_subscribe";

/** OpenSSL's codes for certificates that were looked at and refused. */
const CERTIFICATE_CODE = /CERT|SIGNED|ISSUER|VERIFY|UNTRUSTED/;

/** Whether SSM answers. */
export async function checkSsm(http: HttpOptions, url: URL): Promise<Found<Answer>> {
  const [answer, where] = await Promise.all([probe(http, url, NETWORK_TIMEOUT_MS), wayTo(http, url)]);
  if (answer.kind === "answered") {
    const ms = answer.answeredAtMs - answer.askedAtMs;
    return { ...found("ok", `${url.origin} answers in ${ms} ms, ${where}`), value: answer };
  }
  const issuer = CERTIFICATE_CODE.test(answer.code) ? await issuerText(http, url) : "";
  return found(
    "fail",
    `${url.origin} cannot be reached, ${where}: ${answer.text}${issuer}`,
    // The others say themselves what to do.
    LOST_ON_THE_WAY.test(answer.code) ? "check the network, the proxy, DNS and the region" : undefined,
  );
}

/** How far this machine's clock is off, by AWS's own. */
export function judgeClock(answer: Answer): Finding {
  if (answer.dateMs === undefined) return found("skip", "the answer has no date to compare the clock with");
  // The date was cut to a whole second somewhere between question and answer.
  const aheadMs = (answer.askedAtMs + answer.answeredAtMs) / 2 - (answer.dateMs + 500);
  const toleranceMs = (answer.answeredAtMs - answer.askedAtMs) / 2 + 500;
  if (Math.abs(aheadMs) <= toleranceMs + 1_000) return found("ok", "within a second or two of AWS's");
  const text = `${roughly(aheadMs)} ${aheadMs > 0 ? "ahead of" : "behind"} AWS's`;
  if (Math.abs(aheadMs) >= REFUSED_SKEW_MS) {
    return found(
      "fail",
      `${text}: signatures are refused beyond 5 minutes`,
      "set the clock right, or let NTP do it",
    );
  }
  return Math.abs(aheadMs) >= ODD_SKEW_MS ? found("warn", text, "let NTP set the clock") : found("ok", text);
}

/** The message gateway's URL as far as it is known before a session; undefined where only the service knows it. */
export function gatewayUrl(ssm: URL, environment: Environment): string | undefined {
  const [, fips = "", rest = ""] = /^(?:vpce-[a-z0-9-]+\.)?ssm(-fips)?\.(.+)$/.exec(ssm.hostname) ?? [];
  // Sessions through a private endpoint are given the public name all the same.
  const usual = `wss://ssmmessages${fips}.${rest.replace(".vpce.", ".")}${SOME_CHANNEL}`;
  if (isGateway(usual)) return streamUrl(usual, environment);
  const mapped = streamUrl(`wss://unknown.invalid${SOME_CHANNEL}`, environment);
  return mapped.startsWith("wss://unknown.invalid/") ? undefined : mapped;
}

function isGateway(url: string): boolean {
  try {
    parseStreamUrl(url, { allowAny: false });
    return true;
  } catch {
    return false;
  }
}

/** Whether the message gateway takes connections, the way that a session makes them. */
export async function checkGateway(http: HttpOptions, ssm: URL, environment: Environment): Promise<Finding> {
  let url: URL;
  try {
    const text = gatewayUrl(ssm, environment);
    if (text === undefined) {
      return found(
        "skip",
        "with an endpoint of one's own only the start of a session tells the gateway's name",
        "SSM_PLUGIN_STREAM_ENDPOINT=HOST names it",
      );
    }
    url = parseStreamUrl(text, { allowAny: isOn(environment, "SSM_PLUGIN_ALLOW_ANY_ENDPOINT") });
  } catch (error) {
    return found("fail", (error as Error).message);
  }
  const startedAtMs = performance.now();
  const [end, where] = await Promise.all([tryUpgrade(http, url), wayTo(http, url)]);
  const gateway = `${url.protocol}//${url.host}`;
  const answers = `${gateway} answers in ${Math.round(performance.now() - startedAtMs)} ms, ${where}`;
  if (end === undefined) return found("ok", answers);
  const { error } = end;
  if (error instanceof UpgradeRefusedError) {
    const { httpStatus } = error;
    // Nobody has started a session: being refused is what proves that somebody is there.
    if (httpStatus >= 400 && httpStatus < 500 && httpStatus !== 407) return found("ok", answers);
    return found(httpStatus >= 500 ? "warn" : "fail", error.message);
  }
  const issuer = error instanceof GatewayTlsError ? await issuerText(http, url) : "";
  return found("fail", `${error?.message ?? "the connection broke off"}${issuer}`);
}

/** The end of a connection that was not opened; undefined for one that was, and is dropped. */
function tryUpgrade(http: HttpOptions, url: URL): Promise<TransportEnd | undefined> {
  const { ca } = http.tls;
  const connect = createConnect({
    proxyFor: (target) => http.proxyFor(String(target)),
    ...(ca === undefined ? {} : { tls: { ca: [...ca] } }),
  });
  return new Promise((resolve) => {
    const transport = connect(
      { url: url.href, headers: {}, timeoutMs: NETWORK_TIMEOUT_MS },
      {
        opened: () => {
          resolve(undefined);
          transport.terminate();
        },
        message: () => {},
        pong: () => {},
        closed: resolve,
      },
    );
  });
}

/** `directly (10.0.3.7)`, or the proxy without its password. */
async function wayTo(http: HttpOptions, url: URL): Promise<string> {
  let proxy: string | undefined;
  try {
    proxy = http.proxyFor(url.href);
  } catch {
    // The connection itself says what is wrong with the proxy.
    return "through a proxy";
  }
  if (proxy !== undefined) return `through the proxy ${new URL(proxy).host}`;
  const host = url.hostname.replace(/^\[|\]$/g, "");
  if (isIP(host) !== 0) return "directly";
  const address = await within(systemClock, NETWORK_TIMEOUT_MS, lookup(host)).catch(() => undefined);
  return address === undefined ? "directly" : `directly (${address.address})`;
}

async function issuerText(http: HttpOptions, url: URL): Promise<string> {
  const proxy = http.proxyFor(url.href);
  const { ca } = http.tls;
  const issuer = await peerIssuer({
    url,
    timeoutMs: NETWORK_TIMEOUT_MS,
    ...(proxy === undefined ? {} : { proxy }),
    ...(ca === undefined ? {} : { ca }),
  });
  return issuer === undefined ? "" : `. It was issued by ${issuer}`;
}
