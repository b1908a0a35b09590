/**
 * Joins the rooms that do IO into the world of a session: transport, listeners, API, credentials, streams, log. One
 * for each session; both faces open theirs here.
 */
import { randomUUID } from "node:crypto";

import { listen } from "../net/index.ts";
import type { SessionWorld } from "../session/index.ts";
import { createConnect, isPresigned, parseStreamUrl } from "../transport/index.ts";
import { systemClock } from "./clock.ts";
import { type Environment, isOn, readLogging, readSettings } from "./environment.ts";
import { noLog, openLog } from "./log.ts";
import { HostStreams } from "./streams.ts";

/** A log file is renamed before it grows beyond this. */
const MAX_LOG_FILE_BYTES = 10 * 1024 * 1024;

/** What a host is opened with. */
export interface HostOptions {
  readonly environment: Environment;
  readonly version: string;
  readonly region: string;
  /** Empty: the default profile. */
  readonly profile: string;
  /** Target of the session, empty when unknown. */
  readonly target: string;
  /** Endpoint argument, empty for the region's own. */
  readonly endpoint: string;
  /** StdErr and exit codes are kept apart from standard output, whatever the environment says. */
  readonly separateOutput?: boolean;
}

/** A session's surroundings in this process. */
export interface Host {
  readonly world: SessionWorld;
  readonly streams: HostStreams;
}

/** Opens a host. @throws InvalidEnvironmentError */
export function openHost(options: HostOptions): Host {
  const { environment } = options;
  const streams = new HostStreams(environment["SSM_PLUGIN_ESCAPE"] !== "none");
  const logging = readLogging(environment);
  const log =
    logging === undefined
      ? noLog
      : openLog({
          ...logging,
          maxFileBytes: MAX_LOG_FILE_BYTES,
          writeError: (line) => streams.writeStatus(line),
        });
  const settings = readSettings(environment, options.version);
  const allowAny = isOn(environment, "SSM_PLUGIN_ALLOW_ANY_ENDPOINT");
  const world: SessionWorld = {
    settings: options.separateOutput === true ? { ...settings, separateOutput: true } : settings,
    connect: createConnect(),
    listen,
    api: lazyApi(options),
    streams,
    clock: systemClock,
    log,
    createId: () => randomUUID(),
    random: () => Math.random(),
    authorize: () => Promise.resolve({}),
    checkUrl: (url) => void parseStreamUrl(url, { allowAny }),
    resumeObstacle: (url) =>
      isPresigned(new URL(url)) ? "a session with a presigned URL cannot be resumed" : undefined,
  };
  return { world, streams };
}
