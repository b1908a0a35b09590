/**
 * The way to AWS for the people's commands: region, profile and endpoint from options and environment, the SSM client,
 * and hosts for the sessions that are started through it.
 */
import { profileSettings, type Ssm, type StartedSession, type StartSessionRequest } from "../aws/index.ts";
import { type Host, openAccess, openHost } from "../host/index.ts";
import type { CommandContext } from "./command.ts";
import { UsageError } from "./errors.ts";
import { startWatched } from "./start.ts";

/** The service's limit. */
const MAX_REASON_CHARACTERS = 256;

/** An account and region to work in. */
export interface Account {
  readonly region: string;
  readonly ssm: Ssm;
  /**
   * Starts a session; the reason option goes with it. Ended by a signal meanwhile it leaves none behind and rejects
   * with an InterruptedError.
   */
  start(request: StartSessionRequest): Promise<StartedSession>;
  /** Surroundings for one session to `target`. */
  host(target: string, options?: { readonly separateOutput?: boolean }): Promise<Host>;
}

/** Opens the account that the options of a command name. @throws UsageError without a region, or with a bad option */
export async function openAccount(context: CommandContext): Promise<Account> {
  const { args, log, version } = context;
  const environment = withOptions(context);
  const endpoint = readEndpoint(args.text("endpoint-url"));
  const profile = args.text("profile") ?? "";
  const settings = await profileSettings(environment, profile);
  const region = args.text("region") ?? settings.region;
  if (region === undefined) {
    throw new UsageError(
      "no region: use --region, set AWS_REGION, or set one in the profile (aws configure set region …)",
    );
  }
  if (!isRegion(region)) {
    throw new UsageError(`${JSON.stringify(region)} is no region such as eu-central-1`);
  }
  const common = { environment, version, region, profile, endpoint, target: "", log };
  context.checkLog();
  // Its path and what stands before the host may be private.
  log("info", "account", { region, profile, endpoint: URL.parse(endpoint)?.host ?? "" });
  const access = await openAccess(common);
  const { ssm } = access;
  const reason = args.text("reason");
  if (reason !== undefined && reason.length > MAX_REASON_CHARACTERS) {
    throw new UsageError(`--reason may have ${MAX_REASON_CHARACTERS} characters, it has ${reason.length}`);
  }
  return {
    region,
    ssm,
    start: (request) => startWatched(ssm, reason === undefined ? request : { ...request, reason }),
    host: (target, options = {}) => openHost({ ...common, access, target, ...options }),
  };
}

/** Whether the text can be the name of a region. */
export function isRegion(text: string): boolean {
  return /^[a-z0-9-]{2,40}$/.test(text);
}

/** The value of --endpoint-url; empty for none. @throws UsageError */
export function readEndpoint(text: string | undefined): string {
  if (text === undefined) return "";
  const url = URL.parse(text);
  if (url !== null && ["http:", "https:"].includes(url.protocol)) return text;
  throw new UsageError(
    `--endpoint-url must be a URL such as https://ssm.eu-central-1.amazonaws.com, it is ${JSON.stringify(text)}`,
  );
}

/** The options of a command that are variables, too. */
function withOptions({ args, environment }: CommandContext): Record<string, string | undefined> {
  return { ...environment, ...(args.flag("keepalive") ? { SSM_PLUGIN_KEEPALIVE: "true" } : {}) };
}
