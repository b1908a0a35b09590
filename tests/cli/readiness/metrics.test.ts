/** The text that Prometheus reads: its grammar, types and units, and that no two series are the same. */
import { expect, test } from "bun:test";

import { metricsText } from "../../../src/cli/readiness/metrics.ts";
import { observed } from "./observed.ts";

const common = {
  version: "1.3.0",
  startedAtSeconds: 1_700_000_000.5,
  memoryBytes: 50_000_000,
  isReady: true,
};

test("values of a tunnel, in base units", () => {
  const tunnel = observed({ rttMs: 21.5, reconnects: 2, destinationFailures: 3, sessionsUp: 4 });
  Object.assign(tunnel.listener.counts, { open: 5, total: 6, sentBytes: 7_000_000_000, receivedBytes: 8 });
  const text = metricsText({ ...common, tunnels: [tunnel] });
  const labels = '{tunnel="0:db:5432",target="i-1",address="127.0.0.1:40001"}';
  const samples = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  expect(samples).toEqual([
    'ssm_plugin_build_info{version="1.3.0"} 1',
    "ssm_plugin_ready 1",
    `ssm_plugin_tunnel_up${labels} 1`,
    `ssm_plugin_tunnel_sessions${labels} 4`,
    `ssm_plugin_tunnel_connections${labels} 5`,
    `ssm_plugin_tunnel_connections_total${labels} 6`,
    `ssm_plugin_tunnel_sent_bytes_total${labels} 7000000000`,
    `ssm_plugin_tunnel_received_bytes_total${labels} 8`,
    `ssm_plugin_tunnel_reconnects_total${labels} 2`,
    `ssm_plugin_tunnel_destination_failures_total${labels} 3`,
    `ssm_plugin_tunnel_rtt_seconds${labels} 0.0215`,
    "process_start_time_seconds 1700000000.5",
    "process_resident_memory_bytes 50000000",
  ]);
});

test("the grammar: help and type before each family, counters end in _total, no series twice", () => {
  const tunnels = [
    observed({ state: "reconnecting" }),
    observed({ addresses: ["127.0.0.1:40002"] }),
    observed({ spec: '/tmp/a"b\\c\nd.sock:80', addresses: ['/tmp/a"b\\c\nd.sock'] }),
  ];
  const text = metricsText({ ...common, isReady: false, tunnels });
  expect(text).toEndWith("\n");
  const series = new Set<string>();
  let family = "";
  let type = "";
  let help = "";
  for (const line of text.trimEnd().split("\n")) {
    const comment = /^# (HELP|TYPE) ([a-z_]+) (.+)$/.exec(line);
    if (comment?.[1] === "HELP") {
      help = comment[2] ?? "";
      continue;
    }
    if (comment !== null) {
      family = comment[2] ?? "";
      type = comment[3] ?? "";
      expect(help).toBe(family);
      expect(family.endsWith("_total")).toBe(type === "counter");
      continue;
    }
    const [, key = "", name] =
      /^(([a-z_]+)(?:\{(?:[a-z]+="(?:[^"\\\n]|\\["\\n])*",?)*\})?) \d+(\.\d+)?$/.exec(line) ?? [];
    expect({ line, name }).toEqual({ line, name: family });
    expect(series).not.toContain(key);
    series.add(key);
  }
  expect(series.size).toBe(4 + 3 * 8);
  expect(text).toContain(
    'ssm_plugin_tunnel_up{tunnel="0:db:5432",target="i-1",address="127.0.0.1:40001"} 0\n',
  );
  expect(text).toContain('address="/tmp/a\\"b\\\\c\\nd.sock"');
  expect(text).not.toContain("rtt");
  expect(text).toContain("ssm_plugin_ready 0\n");
});
