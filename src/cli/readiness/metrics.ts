/** The answer to `/metrics`, in Prometheus's text format. Pure. */
import type { ObservedTunnel } from "./observed-tunnel.ts";

/** What is measured. */
export interface Measures {
  readonly version: string;
  /** When the process began, in seconds since 1970. */
  readonly startedAtSeconds: number;
  readonly memoryBytes: number;
  readonly isReady: boolean;
  readonly tunnels: readonly ObservedTunnel[];
}

/** The media type that goes with it. */
export const METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

interface Family {
  readonly name: string;
  readonly type: "counter" | "gauge";
  readonly help: string;
  readonly samples: readonly Sample[];
}

interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** See the file's comment. */
export function metricsText(measures: Measures): string {
  return families(measures).map(familyText).join("");
}

function families({ version, startedAtSeconds, memoryBytes, isReady, tunnels }: Measures): readonly Family[] {
  const single = (value: number, labels: Readonly<Record<string, string>> = {}): readonly Sample[] => [
    { labels, value },
  ];
  /** One sample a tunnel; none where nothing is measured. */
  const each = (valueOf: (tunnel: ObservedTunnel) => number | undefined): readonly Sample[] =>
    tunnels.flatMap((tunnel) => {
      const value = valueOf(tunnel);
      return value === undefined ? [] : [{ labels: labelsOf(tunnel), value }];
    });
  const gauge = (name: string, help: string, samples: readonly Sample[]): Family => ({
    name,
    type: "gauge",
    help,
    samples,
  });
  const counter = (name: string, help: string, samples: readonly Sample[]): Family => ({
    name,
    type: "counter",
    help,
    samples,
  });
  return [
    gauge("ssm_plugin_build_info", "Version of the program, always 1.", single(1, { version })),
    gauge(
      "ssm_plugin_ready",
      "1 while all tunnels can be used, as /readiness has it.",
      single(Number(isReady)),
    ),
    gauge(
      "ssm_plugin_tunnel_up",
      "1 while a session of the tunnel is connected.",
      each(({ state }) => Number(state === "up")),
    ),
    gauge(
      "ssm_plugin_tunnel_sessions",
      "Sessions behind the tunnel that are up.",
      each(({ sessionsUp }) => sessionsUp),
    ),
    gauge(
      "ssm_plugin_tunnel_connections",
      "Open local connections.",
      each(({ listener }) => listener.counts.open),
    ),
    counter(
      "ssm_plugin_tunnel_connections_total",
      "Local connections so far.",
      each(({ listener }) => listener.counts.total),
    ),
    counter(
      "ssm_plugin_tunnel_sent_bytes_total",
      "Bytes from local programs to the destination.",
      each(({ listener }) => listener.counts.sentBytes),
    ),
    counter(
      "ssm_plugin_tunnel_received_bytes_total",
      "Bytes from the destination to local programs.",
      each(({ listener }) => listener.counts.receivedBytes),
    ),
    counter(
      "ssm_plugin_tunnel_reconnects_total",
      "Connections that were lost and came back, and sessions that were started again.",
      each(({ reconnects }) => reconnects),
    ),
    counter(
      "ssm_plugin_tunnel_destination_failures_total",
      "Connections that the target could not make to the destination.",
      each(({ destinationFailures }) => destinationFailures),
    ),
    gauge(
      "ssm_plugin_tunnel_rtt_seconds",
      "Smoothed round trip of an acknowledgement; absent before the first.",
      each(({ rttMs }) => (rttMs === undefined ? undefined : rttMs / 1000)),
    ),
    gauge(
      "process_start_time_seconds",
      "Start of the process, seconds since 1970.",
      single(startedAtSeconds),
    ),
    gauge("process_resident_memory_bytes", "Resident memory.", single(memoryBytes)),
  ];
}

/** The local address tells apart what is the same otherwise. */
function labelsOf({ spec, target, listener }: ObservedTunnel): Readonly<Record<string, string>> {
  return { tunnel: spec.text, target, address: listener.addresses[0] ?? "" };
}

function familyText({ name, type, help, samples }: Family): string {
  // A family without samples says nothing.
  if (samples.length === 0) return "";
  const lines = samples.map(({ labels, value }) => `${name}${labelsText(labels)} ${value}\n`);
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join("")}`;
}

function labelsText(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escape(value)}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

function escape(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
