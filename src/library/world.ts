/**
 * Opens the surroundings of one session in a program: the way to AWS, the StartSession call where one is wanted, and a
 * host whose streams and listeners are the program's. Touches neither the terminal nor the process.
 */
import { MfaRequiredError, profileSettings } from "../aws/index.ts";
import { noLog, openAccess, openHost, regionOf } from "../host/index.ts";
import {
  type Listen,
  SESSION_KINDS,
  type SessionParameters,
  type SessionWorld,
  type StandardStreams,
} from "../session/index.ts";
import { InvalidOptionError } from "./errors.ts";
import { givenParameters, isGiven, type SessionOptions, type StartOptions } from "./options.ts";
import { VERSION } from "./version.ts";

/** Where everything goes to and comes from that an unknown StreamUrl may not name, as AWS's own tools have it. */
const FALLBACK_REGION = "us-east-1";

/** The program's part of the surroundings. */
export interface ProgramSide {
  readonly streams: StandardStreams;
  readonly listen: Listen;
}

/** A session that exists at the service, and what it is run with. */
export interface OpenedWorld {
  readonly parameters: SessionParameters;
  readonly world: SessionWorld;
}

/** See the file's comment. Rejects with an error that has a code. */
export async function openWorld(options: SessionOptions, side: ProgramSide): Promise<OpenedWorld> {
  const { profile = "", endpoint = "", credentials, log = noLog } = options;
  const environment = {
    ...process.env,
    ...(options.allowAnyEndpoint === true ? { SSM_PLUGIN_ALLOW_ANY_ENDPOINT: "true" } : {}),
  };
  const region = await findRegion(options, profile);
  const common = { environment, region, profile, endpoint, log };
  const access = await openAccess({
    ...common,
    // A person at a terminal is not asked behind the program's back.
    askMfa: options.askMfa ?? refuseMfa(profile),
    // The endpoint is SSM's own, whatever the target is.
    target: "",
    ...(credentials === undefined ? {} : { credentials }),
  });
  // Before the session is started: settings that cannot be used must leave none behind.
  const host = await openHost({
    ...common,
    version: VERSION,
    target: options.target ?? "",
    access,
    separateOutput: true,
  });
  const parameters = isGiven(options)
    ? { ...givenParameters(options), streamUrl: host.mapStreamUrl(options.streamUrl) }
    : await access.ssm.startSession(startRequest(options));
  return {
    parameters,
    world: {
      ...host.world,
      ...side,
      settings: { ...host.world.settings, ...options.settings },
      ...(options.kinds === undefined ? {} : { kinds: new Map([...SESSION_KINDS, ...options.kinds]) }),
    },
  };
}

async function findRegion(options: SessionOptions, profile: string): Promise<string> {
  if (options.region !== undefined) return options.region;
  const ofUrl = isGiven(options) ? regionOf(options.streamUrl) : undefined;
  const region = ofUrl ?? (await profileSettings(process.env, profile)).region;
  if (region !== undefined) return region;
  if (isGiven(options)) return FALLBACK_REGION;
  throw new InvalidOptionError("region", "is missing, and neither AWS_REGION nor the profile names one");
}

function refuseMfa(profile: string): (serial: string) => Promise<never> {
  return (serial) => Promise.reject(new MfaRequiredError(profile === "" ? "default" : profile, serial));
}

function startRequest({ target, document, parameters, reason }: StartOptions) {
  const lists = Object.entries(parameters ?? {}).map(
    ([name, value]) => [name, typeof value === "string" ? [value] : value] as const,
  );
  return {
    target,
    ...(document === undefined ? {} : { documentName: document }),
    ...(lists.length === 0 ? {} : { parameters: Object.fromEntries(lists) }),
    ...(reason === undefined ? {} : { reason }),
  };
}
