/** What one session is made of: its parameters, and everything of the outside that it uses. Types only. */
import type { KindFactory } from "./kinds/kind.ts";
import type { Clock, Connect, DataKeySource, Listen, Log, SessionApi, StandardStreams } from "./seams.ts";
import type { SessionSettings } from "./settings.ts";

/** Which session, as StartSession answered. */
export interface SessionParameters {
  readonly sessionId: string;
  readonly streamUrl: string;
  /** Secret. */
  readonly tokenValue: string;
}

/** Everything of the outside that a session uses. */
export interface SessionWorld {
  readonly settings: SessionSettings;
  readonly connect: Connect;
  readonly listen: Listen;
  readonly api: SessionApi;
  readonly keys: DataKeySource;
  readonly streams: StandardStreams;
  readonly clock: Clock;
  readonly log: Log;
  /** SessionType to kind; absent: those that this program has. */
  readonly kinds?: ReadonlyMap<string, KindFactory>;
  /**
   * A reader that had stalled has read, and what was kept for it is garbage: without a collection now the data that
   * comes next would grow the heap beyond it. Absent: whenever it comes.
   */
  readonly collectGarbage?: () => void;
  /** New UUID texts. */
  readonly createId: () => string;
  /** 0 to 1. */
  readonly random: () => number;
  /** Headers that sign the upgrade to a URL; never rejects. */
  readonly authorize: (url: string) => Promise<Readonly<Record<string, string>>>;
  /** Throws when a stream URL must not be connected to. */
  readonly checkUrl: (url: string) => void;
  /** Why a session with this URL cannot be resumed, or undefined. */
  readonly resumeObstacle: (url: string) => string | undefined;
}
