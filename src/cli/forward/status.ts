/** The live status of `forward` on a terminal: one line a tunnel, drawn over the last ones. */
import { SIZE_WITHOUT_TERMINAL, windowSize } from "../../terminal/index.ts";
import { roughly } from "../duration.ts";
import type { Tunnel, TunnelState } from "./tunnel.ts";

const INTERVAL_MS = 1_000;
/** As long as bytes move, the rate says so. */
const TELL_IDLE_MS = 10_000;
/** Of address and destination at least so much is shown: the end tells tunnels apart. */
const MIN_NAME_COLUMNS = 12;

/** What a line is made of. */
export interface TunnelView {
  readonly address: string;
  readonly destination: string;
  readonly state: TunnelState;
  readonly open: number;
  readonly sentBytes: number;
  readonly receivedBytes: number;
  /** Bytes a second, both ways together. */
  readonly rate: number;
  readonly rttMs: number | undefined;
  readonly reconnects: number;
  /** Since the last byte moved; undefined before the first. */
  readonly idleMs: number | undefined;
}

/** Draws until it is stopped; messages are put above the lines. */
export class LiveStatus {
  readonly #tunnels: readonly Tunnel[];
  readonly #write: (text: string) => void;
  readonly #timer: ReturnType<typeof setInterval>;
  #drawn = 0;
  readonly #last = new Map<
    Tunnel,
    { readonly bytes: number; readonly atMs: number; readonly rate: number }
  >();

  /** @param write puts text on the terminal */
  constructor(tunnels: readonly Tunnel[], write: (text: string) => void) {
    this.#tunnels = tunnels;
    this.#write = write;
    this.#timer = setInterval(() => this.#draw(), INTERVAL_MS);
    this.#timer.unref();
    this.#draw();
  }

  /** Writes a line that stays. */
  say(line: string): void {
    const erase = this.#erase();
    this.#drawn = 0;
    this.#write(`${erase}${line}\n`);
    this.#draw();
  }

  /** Draws the last state and leaves the lines as they are. */
  stop(): void {
    clearInterval(this.#timer);
    this.#draw();
  }

  #draw(): void {
    const { cols, rows } = windowSize() ?? SIZE_WITHOUT_TERMINAL;
    const lines = this.#tunnels.map((tunnel) => statusLine(this.#view(tunnel), cols - 1));
    // Lines that have left the window upwards cannot be drawn over.
    const fitting = lines.slice(0, Math.max(1, rows - 2));
    this.#write(this.#erase() + fitting.map((line) => `${line}\n`).join(""));
    this.#drawn = fitting.length;
  }

  #erase(): string {
    return this.#drawn === 0 ? "" : `\x1b[${this.#drawn}A\x1b[J`;
  }

  #view(tunnel: Tunnel): TunnelView {
    const { open, sentBytes, receivedBytes, lastByteAtMs } = tunnel.listener.counts;
    return {
      address: tunnel.listener.addresses[0] ?? "",
      destination: destination(tunnel),
      state: tunnel.state,
      open,
      sentBytes,
      receivedBytes,
      rate: this.#rate(tunnel, sentBytes + receivedBytes),
      rttMs: tunnel.rttMs,
      reconnects: tunnel.reconnects,
      idleMs: lastByteAtMs === undefined ? undefined : performance.now() - lastByteAtMs,
    };
  }

  /** Over the time since the last picture; between two that are close together the rate stays. */
  #rate(tunnel: Tunnel, bytes: number): number {
    const atMs = performance.now();
    const last = this.#last.get(tunnel);
    if (last !== undefined && atMs - last.atMs < INTERVAL_MS / 2) return last.rate;
    const rate = last === undefined ? 0 : ((bytes - last.bytes) * 1000) / (atMs - last.atMs);
    this.#last.set(tunnel, { bytes, atMs, rate });
    return rate;
  }
}

/** One line of at most `columns` characters; what is too long of the names is cut first. */
export function statusLine(view: TunnelView, columns: number): string {
  const numbers = [
    view.state,
    `${view.open} open`,
    `↑ ${formatBytes(view.sentBytes)}`,
    `↓ ${formatBytes(view.receivedBytes)}`,
    `${formatBytes(view.rate)}/s`,
    ...(view.rttMs === undefined ? [] : [`rtt ${view.rttMs.toFixed(1)} ms`]),
    ...(view.idleMs === undefined || view.idleMs < TELL_IDLE_MS
      ? []
      : [`last byte ${roughly(view.idleMs)} ago`]),
    `${view.reconnects} ${view.reconnects === 1 ? "reconnect" : "reconnects"}`,
  ].join("  ");
  const names = `${view.address} → ${view.destination}`;
  const room = Math.max(MIN_NAME_COLUMNS, columns - numbers.length - 2);
  const shown = names.length <= room ? names : `…${names.slice(names.length - room + 1)}`;
  return `${shown}  ${numbers}`.slice(0, Math.max(1, columns));
}

/** What a tunnel leads to, for people. */
export function destination({ spec }: Pick<Tunnel, "spec">): string {
  return spec.host === "" ? `port ${spec.port}` : `${spec.host}:${spec.port}`;
}

/** Bytes with a unit of 1000. */
export function formatBytes(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}
