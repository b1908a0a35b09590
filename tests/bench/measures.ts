/**
 * What is measured, and how: each figure through the tunnel beside the same load over plain loopback TCP. Every
 * measurement has a tunnel process of its own, so that its memory and processor time are its own too.
 */
import type { SpawnedSimulator } from "../simulator/spawn.ts";
import { environment, executablePath } from "../support/environment.ts";
import { type Address, download, echo, upload } from "./load.ts";
import { processUsage } from "./process-usage.ts";
import { startTunnel, type Tunnel } from "./tunnel.ts";

/** How much is moved, and how often. */
export interface Sizes {
  readonly bulkBytes: number;
  /** With a round trip of 100 ms. */
  readonly delayedBytes: number;
  readonly rounds: number;
  readonly echoes: number;
  readonly starts: number;
}

/** Full size, and the one for a quick look. */
export const FULL: Sizes = {
  bulkBytes: 256e6,
  delayedBytes: 64e6,
  rounds: 5,
  echoes: 4_000,
  starts: 41,
};
export const QUICK: Sizes = {
  bulkBytes: 32e6,
  delayedBytes: 16e6,
  rounds: 3,
  echoes: 1_000,
  starts: 11,
};

/** A figure to be reached. */
export interface Target {
  readonly at: "least" | "most" | "below";
  readonly value: number;
}

/** One line of the result. */
export interface Figure {
  readonly name: string;
  readonly unit: "MB/s" | "ms" | "s/GB" | "MB";
  /** Median of the rounds; undefined where this system does not tell. */
  readonly value: number | undefined;
  /** The same over plain TCP, where that means anything. */
  readonly plain?: number;
  readonly target?: Target;
}

/** Where measurements are made. */
export interface Bench {
  readonly simulator: SpawnedSimulator;
  readonly destination: Address;
  readonly sizes: Sizes;
  /** Says what is being measured now. */
  readonly progress: (what: string) => void;
}

const ROUND_TRIP_MS = 100;
/** Echoes before the first that counts. */
const WARM_UP = 200;

/** Makes all measurements. */
export async function measure(bench: Bench): Promise<Figure[]> {
  const uploaded = await measureBulk(bench, "upload", upload);
  const delayed = await measureDelayedUpload(bench);
  const downloaded = await measureBulk(bench, "download", download);
  const echoed = await measureEcho(bench);
  const beside = await measureBesideUpload(bench);
  const started = measureStart(bench);
  const tunnels = [uploaded, delayed, downloaded, echoed, beside];
  const peaks = tunnels.flatMap(({ peakRssBytes }) => (peakRssBytes === undefined ? [] : [peakRssBytes]));
  const peak = peaks.length === 0 ? undefined : Math.max(...peaks) / 1e6;
  return [
    {
      name: "upload, payloads of 1 KiB",
      unit: "MB/s",
      value: uploaded.megabytesPerSecond,
      plain: uploaded.plain,
      target: { at: "least", value: 20 },
    },
    {
      name: `upload, ${ROUND_TRIP_MS} ms round trip`,
      unit: "MB/s",
      value: delayed.megabytesPerSecond,
      target: { at: "least", value: 6 },
    },
    {
      name: "download",
      unit: "MB/s",
      value: downloaded.megabytesPerSecond,
      plain: downloaded.plain,
      target: { at: "least", value: 30 },
    },
    {
      name: "echo of 64 bytes, p50",
      unit: "ms",
      value: echoed.p50Ms,
      plain: echoed.plainMs,
      target: { at: "below", value: 0.6 },
    },
    { name: "echo of 64 bytes beside an upload, p50", unit: "ms", value: beside.p50Ms },
    {
      name: "processor time, upload",
      unit: "s/GB",
      value: uploaded.cpuSecondsPerGb,
      target: { at: "most", value: 40 },
    },
    {
      name: "processor time, download",
      unit: "s/GB",
      value: downloaded.cpuSecondsPerGb,
      target: { at: "most", value: 40 },
    },
    { name: "processor time of the stand-in, upload", unit: "s/GB", value: uploaded.standInSecondsPerGb },
    { name: "processor time of the stand-in, download", unit: "s/GB", value: downloaded.standInSecondsPerGb },
    { name: "memory at its peak", unit: "MB", value: peak, target: { at: "below", value: 160 } },
    { name: "--version", unit: "ms", value: started, target: { at: "below", value: 8 } },
  ];
}

/** The value in the middle. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

async function withTunnel<Result extends object>(
  bench: Bench,
  body: (tunnel: Tunnel) => Promise<Result>,
): Promise<Result & { readonly peakRssBytes: number | undefined }> {
  const tunnel = await startTunnel(bench.simulator, bench.destination);
  const result = await body(tunnel);
  const peakRssBytes = processUsage(tunnel.pid)?.peakRssBytes;
  await tunnel.stop();
  return { ...result, peakRssBytes };
}

type Move = (address: Address, totalBytes: number) => Promise<number>;

/** Rates in MB/s of several rounds, after one that warms up. */
async function rates(move: Move, address: Address, totalBytes: number, rounds: number): Promise<number[]> {
  await move(address, Math.ceil(totalBytes / 16));
  const result: number[] = [];
  for (let round = 0; round < rounds; round++) {
    result.push(totalBytes / 1e3 / (await move(address, totalBytes)));
  }
  return result;
}

async function measureBulk(bench: Bench, name: string, move: Move) {
  const { sizes, simulator, destination } = bench;
  bench.progress(name);
  const plain = median(await rates(move, destination, sizes.bulkBytes, sizes.rounds));
  return await withTunnel(bench, async ({ address, pid }) => {
    await move(address, Math.ceil(sizes.bulkBytes / 16));
    const clientCosts: number[] = [];
    const standInCosts: number[] = [];
    const measured: number[] = [];
    const gigabytes = sizes.bulkBytes / 1e9;
    for (let round = 0; round < sizes.rounds; round++) {
      const before = [processUsage(pid), processUsage(simulator.pid)] as const;
      measured.push(sizes.bulkBytes / 1e3 / (await move(address, sizes.bulkBytes)));
      const after = [processUsage(pid), processUsage(simulator.pid)] as const;
      const [client, standIn] = [0, 1].map((index) => {
        const used = (after[index]?.cpuSeconds ?? Number.NaN) - (before[index]?.cpuSeconds ?? Number.NaN);
        return used / gigabytes;
      });
      clientCosts.push(client ?? Number.NaN);
      standInCosts.push(standIn ?? Number.NaN);
    }
    return {
      plain,
      megabytesPerSecond: median(measured),
      cpuSecondsPerGb: known(median(clientCosts)),
      standInSecondsPerGb: known(median(standInCosts)),
    };
  });
}

async function measureDelayedUpload(bench: Bench) {
  const { sizes, simulator } = bench;
  bench.progress(`upload with a round trip of ${ROUND_TRIP_MS} ms`);
  const delay = { delayMs: ROUND_TRIP_MS / 2 };
  await simulator.call("setFaults", { toAgent: delay, toClient: delay });
  const result = await withTunnel(bench, async ({ address }) => ({
    megabytesPerSecond: median(await rates(upload, address, sizes.delayedBytes, sizes.rounds)),
  }));
  await simulator.call("clearFaults");
  return result;
}

async function measureEcho(bench: Bench) {
  const { sizes, destination } = bench;
  bench.progress("echo");
  const plainMs = median((await echo(destination, sizes.echoes + WARM_UP)).slice(WARM_UP));
  return await withTunnel(bench, async ({ address }) => ({
    plainMs,
    p50Ms: median((await echo(address, sizes.echoes + WARM_UP)).slice(WARM_UP)),
  }));
}

/** A small request while another connection of the same session sends as fast as it can. */
async function measureBesideUpload(bench: Bench) {
  bench.progress("echo beside an upload");
  return await withTunnel(bench, async ({ address }) => {
    let enough = false;
    const uploading = upload(address, Number.MAX_SAFE_INTEGER, () => enough);
    const durations = await echo(address, Math.ceil(bench.sizes.echoes / 10) + WARM_UP / 10);
    enough = true;
    await uploading;
    return { p50Ms: median(durations.slice(WARM_UP / 10)) };
  });
}

function measureStart(bench: Bench): number {
  bench.progress("start-up");
  const durations: number[] = [];
  for (let round = 0; round < bench.sizes.starts + 3; round++) {
    const startedMs = performance.now();
    const { exitCode } = Bun.spawnSync([executablePath, "--version"], { env: environment() });
    durations.push(performance.now() - startedMs);
    if (exitCode !== 0) throw new Error(`--version ended with ${exitCode}`);
  }
  return median(durations.slice(3));
}

function known(value: number): number | undefined {
  return Number.isFinite(value) ? value : undefined;
}
