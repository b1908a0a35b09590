/** The live status of `forward` on a terminal: one line a tunnel, drawn over the last ones. */
import { standardError } from "../../terminal/index.ts";
import type { Tunnel } from "./tunnel.ts";

const INTERVAL_MS = 1_000;

/** Draws until it is stopped; messages are put above the lines. */
export class LiveStatus {
  readonly #tunnels: readonly Tunnel[];
  readonly #timer: ReturnType<typeof setInterval>;
  #drawn = 0;
  #last = new Map<Tunnel, number>();

  constructor(tunnels: readonly Tunnel[]) {
    this.#tunnels = tunnels;
    this.#timer = setInterval(() => this.#draw(), INTERVAL_MS);
    this.#timer.unref();
    this.#draw();
  }

  /** Writes a line that stays. */
  say(line: string): void {
    this.#write(`${this.#erase()}${line}\n`);
    this.#drawn = 0;
    this.#draw();
  }

  /** Leaves the lines as they are. */
  stop(): void {
    clearInterval(this.#timer);
  }

  #draw(): void {
    const columns = process.stderr.columns ?? 80;
    const lines = this.#tunnels.map((tunnel) => this.#line(tunnel).slice(0, columns - 1));
    this.#write(this.#erase() + lines.map((line) => `${line}\n`).join(""));
    this.#drawn = lines.length;
  }

  #erase(): string {
    return this.#drawn === 0 ? "" : `\x1b[${this.#drawn}A\x1b[J`;
  }

  #line(tunnel: Tunnel): string {
    const { open, sentBytes, receivedBytes } = tunnel.listener.counts;
    const bytes = sentBytes + receivedBytes;
    const rate = ((bytes - (this.#last.get(tunnel) ?? bytes)) * 1000) / INTERVAL_MS;
    this.#last.set(tunnel, bytes);
    const rtt = tunnel.rttMs === undefined ? "" : `  rtt ${tunnel.rttMs.toFixed(1)} ms`;
    const state = tunnel.sessionsUp > 0 ? "up" : "down";
    return (
      `${tunnel.listener.addresses[0] ?? ""} → ${destination(tunnel)}  ${state}  ${open} open  ` +
      `↑ ${size(sentBytes)}  ↓ ${size(receivedBytes)}  ${size(rate)}/s${rtt}  ${tunnel.reconnects} reconnects`
    );
  }

  #write(text: string): void {
    standardError().write(Buffer.from(text));
  }
}

/** What a tunnel leads to, for people. */
export function destination({ spec }: Tunnel): string {
  return spec.host === "" ? `port ${spec.port}` : `${spec.host}:${spec.port}`;
}

/** Bytes with a unit of 1000. */
function size(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}
