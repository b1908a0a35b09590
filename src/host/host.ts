/**
 * Joins the rooms that do IO into the world of a session: transport, listeners, API, credentials, streams, log. One
 * for each session; both faces open theirs here.
 */
import { randomBytes, randomUUID } from "node:crypto";

import type { ServiceCredentials } from "../aws/index.ts";
import { listen } from "../net/index.ts";
import type { Log, SessionSettings, SessionWorld } from "../session/index.ts";
import { createConnect, isPresigned, parseStreamUrl } from "../transport/index.ts";
import { type AwsAccess, openAccess } from "./access.ts";
import { systemClock } from "./clock.ts";
import { type Environment, isOn, readLogging, readSettings } from "./environment.ts";
import { keepSecret } from "./harmless.ts";
import { noLog, openLog } from "./log.ts";
import { HostStreams } from "./streams.ts";
import { UpgradeSigner } from "./upgrade-signer.ts";

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
  /** Endpoint of the API as the caller named it, empty for the region's own. */
  readonly endpoint: string;
  /** Keys to use instead of looking for some. */
  readonly credentials?: ServiceCredentials;
  /** Access that is open already; the options about it are not looked at then. */
  readonly access?: AwsAccess;
  /** Why sessions of this caller must not be encrypted. */
  readonly encryptionRefusal?: string;
  /** StdErr and exit codes are kept apart from standard output, whatever the environment says. */
  readonly separateOutput?: boolean;
  /** Shells end some time after their standard input (SSM_PLUGIN_EOF_WAIT); otherwise only at the other side. */
  readonly endsAfterInput?: boolean;
  /** Where log lines go; absent: where the environment says. */
  readonly log?: Log;
}

/** A session's surroundings in this process. */
export interface Host {
  readonly world: SessionWorld;
  readonly streams: HostStreams;
  /** A stream URL with the host that the settings want. */
  readonly mapStreamUrl: (url: string) => string;
}

/**
 * Opens a host.
 * @throws InvalidEnvironmentError, InvalidEndpointError, CertificateBundleError: settings that cannot be used
 */
export async function openHost(options: HostOptions): Promise<Host> {
  const { environment, region } = options;
  const settings: SessionSettings = {
    ...readSettings(environment, options.version),
    ...(options.separateOutput === true ? { separateOutput: true } : {}),
    ...(options.endsAfterInput === true ? {} : { eofWaitMs: Infinity }),
  };
  const streams = new HostStreams(environment["SSM_PLUGIN_ESCAPE"] !== "none", settings.eofWaitMs);
  // Also where the log is open already: its settings are checked with the others.
  readLogging(environment);
  const log = options.log ?? (await hostLog(environment, (line) => streams.writeStatus(line)));
  const access = options.access ?? (await openAccess({ ...options, log }));
  const allowAny = isOn(environment, "SSM_PLUGIN_ALLOW_ANY_ENDPOINT");
  const signer = new UpgradeSigner({
    region,
    log,
    credentials: () => access.credentials(false),
    skip: isOn(environment, "SSM_PLUGIN_SKIP_CLIENT_CONFIGURE"),
    http: access.http,
  });
  const world: SessionWorld = {
    settings,
    connect: signer.explaining(createConnect(access.http)),
    listen,
    api: {
      async resume(sessionId) {
        // It may be hours after the last look: what was found then may have been replaced. Where nothing newer can
        // be had, what there is may still do, or its own look-up says why not.
        await access.credentials(true).catch(() => undefined);
        const resumed = await access.ssm.resume(sessionId);
        if (resumed !== undefined) keepSecret(resumed.tokenValue);
        return resumed;
      },
      terminate: (sessionId) => access.ssm.terminate(sessionId),
    },
    keys: {
      target: options.target,
      ...(options.encryptionRefusal === undefined ? {} : { refusal: options.encryptionRefusal }),
      generate: (keyId, encryptionContext) => access.kms.generateDataKey({ keyId, encryptionContext }),
      randomBytes,
    },
    streams,
    clock: systemClock,
    log,
    collectGarbage: () => Bun.gc(true),
    createId: () => randomUUID(),
    random: () => Math.random(),
    authorize: (url) => signer.authorize(url),
    checkUrl: (url) => void parseStreamUrl(url, { allowAny }),
    resumeObstacle: (url) =>
      isPresigned(url) ? "a session with a presigned URL cannot be resumed" : undefined,
  };
  return { world, streams, mapStreamUrl: (url) => access.mapStreamUrl(url) };
}

/**
 * The log that the environment asks for.
 * @param writeError writes a line to standard error
 * @throws InvalidEnvironmentError
 */
export async function hostLog(environment: Environment, writeError: (line: string) => void): Promise<Log> {
  const logging = readLogging(environment);
  if (logging === undefined) return noLog;
  return openLog({ ...logging, maxFileBytes: MAX_LOG_FILE_BYTES, writeError });
}
