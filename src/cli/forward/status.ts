/**
 * The live status of `forward` on a terminal: one line a tunnel in columns, drawn over the last ones. Between two
 * pictures the cursor stands at the first line: a terminal that breaks lines anew when its window is resized keeps it
 * there, so that all of the last picture is erased, however many rows that has become.
 */
import { writeSync } from "node:fs";

import { harmlessLine } from "../../host/index.ts";
import {
  type Color,
  cutMiddle,
  padToWidth,
  paint,
  type ScreenUse,
  SIZE_WITHOUT_TERMINAL,
  watchWindowSize,
  windowSize,
} from "../../terminal/index.ts";
import { type Column, layOut } from "../columns.ts";
import { roughly } from "../duration.ts";
import type { Tunnel, TunnelState } from "./tunnel.ts";

const INTERVAL_MS = 1_000;
/** As long as bytes move, the rate says so. */
const TELL_IDLE_MS = 10_000;
/** Everything behind the cursor is erased. Not at the corner of the screen: tmux would keep it in its history then. */
const ERASE_BEHIND = "\x1b[J";
const GAP = "  ";

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

/** A column of the status; an empty text: there is nothing to tell. */
type StatusColumn = Column<string> & { readonly of: (view: TunnelView) => string };

/** What goes when the window is too narrow: the highest rank first, the address never. */
const COLUMNS: readonly StatusColumn[] = [
  { key: "address", rank: 0, of: ({ address }) => address },
  { key: "destination", rank: 2, leastWidth: 12, of: ({ destination }) => `→ ${destination}` },
  { key: "state", rank: 1, of: ({ state }) => `${STATES[state].symbol} ${state}` },
  { key: "open", rank: 3, of: ({ open }) => `${open} open` },
  { key: "sent", rank: 5, of: ({ sentBytes }) => `↑ ${formatBytes(sentBytes)}` },
  { key: "received", rank: 4, of: ({ receivedBytes }) => `↓ ${formatBytes(receivedBytes)}` },
  { key: "rate", rank: 7, of: rateOrIdle },
  { key: "rtt", rank: 8, of: ({ rttMs }) => (rttMs === undefined ? "" : `rtt ${rttMs.toFixed(1)} ms`) },
  { key: "reconnects", rank: 6, of: ({ reconnects }) => plural(reconnects, "reconnect") },
];
/** How a state is seen, with colour and without. */
const STATES: Readonly<Record<TunnelState, { readonly symbol: string; readonly color: Color }>> = {
  starting: { symbol: "◌", color: "yellow" },
  up: { symbol: "●", color: "green" },
  reconnecting: { symbol: "◌", color: "yellow" },
  restarting: { symbol: "◌", color: "yellow" },
  idle: { symbol: "○", color: "dim" },
  ended: { symbol: "✗", color: "red" },
};

/** Draws until it is stopped; messages are put above the lines. */
export class LiveStatus {
  readonly #tunnels: readonly Tunnel[];
  readonly #write: (text: string) => void;
  readonly #use: ScreenUse;
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #stopWatching: () => void;
  /** Rows below the cursor that belong to the picture. */
  #below = 0;
  readonly #last = new Map<
    Tunnel,
    { readonly bytes: number; readonly atMs: number; readonly rate: number }
  >();

  /** @param write puts text on the terminal, which understands escapes */
  constructor(tunnels: readonly Tunnel[], write: (text: string) => void, use: ScreenUse) {
    this.#tunnels = tunnels;
    this.#write = write;
    this.#use = use;
    this.#timer = setInterval(() => this.#draw(), INTERVAL_MS);
    this.#timer.unref();
    this.#stopWatching = watchWindowSize(() => this.#draw());
    process.on("exit", this.#leave);
    // Windows knows neither.
    if (process.platform !== "win32") process.on("SIGTSTP", this.#suspend).on("SIGCONT", this.#resume);
    this.#draw();
  }

  /** Writes a line that stays. */
  say(line: string): void {
    this.#write(`\r${line}${ERASE_BEHIND}\n`);
    this.#draw();
  }

  /** Draws the last state and leaves the lines as they are. */
  stop(): void {
    clearInterval(this.#timer);
    this.#stopWatching();
    process.off("exit", this.#leave);
    process.off("SIGTSTP", this.#suspend);
    process.off("SIGCONT", this.#resume);
    this.#write(`${pictureOf(this.#lines())}\n`);
  }

  /** Whoever writes next does so below the lines; at once, for there may be no later. */
  readonly #leave = (): void => {
    try {
      writeSync(2, `${this.#below === 0 ? "" : `\x1b[${this.#below}B`}\r\n`);
    } catch {
      // The terminal has gone.
    }
  };

  /** Ctrl-Z: the shell's prompt comes behind the lines. */
  readonly #suspend = (): void => {
    this.#leave();
    process.kill(process.pid, "SIGSTOP");
  };

  readonly #resume = (): void => this.#draw();

  #draw(): void {
    const lines = this.#lines();
    this.#below = lines.length - 1;
    const up = this.#below === 0 ? "" : `\x1b[${this.#below}A`;
    this.#write(`${pictureOf(lines)}${up}\r`);
  }

  #lines(): readonly string[] {
    const { cols, rows } = windowSize() ?? SIZE_WITHOUT_TERMINAL;
    const lines = statusLines(
      this.#tunnels.map((tunnel) => this.#view(tunnel)),
      cols - 1,
      this.#use,
    );
    // Lines that have left the window upwards cannot be drawn over.
    const room = Math.max(1, rows - 1);
    if (lines.length <= room) return lines;
    const shown = lines.slice(0, Math.max(1, room - 1));
    return [...shown, ...(room === 1 ? [] : [cutMiddle(`… ${lines.length - shown.length} more`, cols - 1)])];
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

/** What puts lines in place of those that stand from the cursor's line on. */
function pictureOf([first = "", ...others]: readonly string[]): string {
  return [`\r${first}${ERASE_BEHIND}`, ...others].join("\n");
}

/** One line a tunnel, none wider than `columns`; what is in them stands below one another. */
export function statusLines(
  views: readonly TunnelView[],
  columns: number,
  use: ScreenUse,
): readonly string[] {
  const cellsOf = (shown: readonly StatusColumn[]): readonly (readonly string[])[] =>
    views.map((view) => shown.map(({ of }) => harmlessLine(of(view))));
  const told = COLUMNS.filter(({ of }) => views.some((view) => of(view) !== ""));
  const withoutRtt = told.filter(({ key }) => key !== "rtt");
  const least = withoutRtt.filter(({ key }) => key !== "rate");
  // The round trip and the rate go before a name is cut.
  const chosen = [told, withoutRtt].find((shown) => widthOf(cellsOf(shown)) <= columns) ?? least;
  const rows = cellsOf(chosen);
  const layout = layOut(rows, chosen, Math.max(1, columns));
  return rows.map((cells, row) => {
    const color = STATES[views[row]?.state ?? "ended"].color;
    const shown = layout.map(({ place, width }) => {
      const cell = cutMiddle(cells[place] ?? "", width);
      const padding = padToWidth(cell, width).slice(cell.length);
      return (chosen[place]?.key === "state" ? paint(cell, color, use) : cell) + padding;
    });
    return shown.join(GAP).trimEnd();
  });
}

/** Columns of the terminal that rows of cells take as a whole. */
function widthOf(rows: readonly (readonly string[])[]): number {
  const layout = layOut(
    rows,
    (rows[0] ?? []).map(() => ({ rank: 0 })),
    Infinity,
  );
  return layout.reduce((sum, { width }) => sum + width + GAP.length, -GAP.length);
}

/** How fast bytes move, or since when none has. */
function rateOrIdle({ rate, idleMs = 0 }: TunnelView): string {
  return idleMs < TELL_IDLE_MS ? `${formatBytes(rate)}/s` : `last byte ${roughly(idleMs)} ago`;
}

/** `3 reconnects`; nothing where there is none. */
function plural(count: number, what: string): string {
  return count === 0 ? "" : `${count} ${what}${count === 1 ? "" : "s"}`;
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
