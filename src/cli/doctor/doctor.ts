/**
 * `doctor`: what would go wrong with a session, and how to mend it; a line a check. Checks that do not build on one
 * another run side by side, and none hides another: what cannot be asked is said.
 */
import { createSsm, ssmUrl } from "../../aws/index.ts";
import { readEndpoint } from "../account.ts";
import { type Command, type CommandContext, COMMON_ARGUMENTS } from "../command.ts";
import { checkCertificates, checkRegion, configuredEndpoint } from "./configuration.ts";
import { checkCredentials } from "./credentials.ts";
import { using } from "./finding.ts";
import { checkGateway, checkSsm, judgeClock, NETWORK_TIMEOUT_MS } from "./network.ts";
import { checkListSessions, checkListTargets, judgeStartSession } from "./permissions.ts";
import { checkAwsClis, checkPlugin, findPrograms } from "./programs.ts";
import { type Check, showReport } from "./report.ts";
import { checkSettings } from "./settings.ts";
import { checkTarget, judgeAgent } from "./target.ts";

/** See the file's comment. */
export const doctor: Command = {
  meta: { name: "doctor", description: "Check what a session needs, and say how to mend what is broken." },
  arguments: {
    target: {
      type: "positional",
      required: false,
      description: "also check this target: id, name, tag:KEY=VALUE, private IP or computer name",
    },
    profile: COMMON_ARGUMENTS.profile,
    region: COMMON_ARGUMENTS.region,
    "endpoint-url": COMMON_ARGUMENTS["endpoint-url"],
    json: COMMON_ARGUMENTS.json,
  },
  examples: ["doctor", "doctor web-1 --profile prod --region eu-central-1", "doctor --json"],
  run,
};

/** The exit code where something is broken. */
const BROKEN = 1;

async function run(context: CommandContext): Promise<number> {
  const results = await showReport(examine(context), context.messages.json);
  return results.includes("fail") ? BROKEN : 0;
}

/** Starts all checks, in the order of the report. @throws UsageError */
function examine({ args, environment, version }: CommandContext): readonly Check[] {
  const profile = args.text("profile") ?? "";
  const endpointArgument = readEndpoint(args.text("endpoint-url"));
  const endpoint = endpointArgument === "" ? {} : { endpoint: endpointArgument };
  const word = args.text("target");

  const programs = findPrograms(environment, version);
  const plugin = using({}, async () => checkPlugin(await programs));
  const awsCli = using({}, async () =>
    checkAwsClis(await programs, await configuredEndpoint(environment, profile)),
  );
  const settings = using({}, () => checkSettings(environment));
  const region = using({}, () => checkRegion(environment, { profile, region: args.text("region") }));
  const certificates = using({}, () => checkCertificates(environment, profile));
  const credentials = using({ certificates }, async (known) =>
    checkCredentials({ profile, region: (await region).value, http: known.certificates }),
  );
  const ssm = using({ region, certificates }, async (known) =>
    checkSsm(known.certificates, await ssmUrl({ region: known.region, profile, ...endpoint })),
  );
  const gateway = using({ region, certificates }, async (known) =>
    checkGateway(
      known.certificates,
      await ssmUrl({ region: known.region, profile, ...endpoint }),
      environment,
    ),
  );
  const clock = using({ ssm }, (known) => judgeClock(known.ssm));
  const listTargets = using({ region, certificates, credentials, ssm }, (known) => {
    const api = createSsm({
      region: known.region,
      profile,
      http: known.certificates,
      credentials: known.credentials,
      timeoutMs: NETWORK_TIMEOUT_MS,
      ...endpoint,
    });
    return checkListTargets(api, known.region);
  });
  const listSessions = using({ "list-targets": listTargets }, (known) =>
    checkListSessions(known["list-targets"]),
  );
  const startSession = using({}, () => judgeStartSession(word));
  const ofAll: readonly Check[] = [
    ["plugin", plugin],
    ["aws-cli", awsCli],
    ["settings", settings],
    ["region", region],
    ["certificates", certificates],
    ["credentials", credentials],
    ["ssm", ssm],
    ["ssmmessages", gateway],
    ["clock", clock],
    ["list-targets", listTargets],
    ["list-sessions", listSessions],
    ["start-session", startSession],
  ];
  if (word === undefined) return ofAll;
  const target = using({ "list-targets": listTargets, region }, (known) =>
    checkTarget(known["list-targets"], word, known.region),
  );
  const agent = using({ target }, (known) => judgeAgent(known.target));
  return [...ofAll, ["target", target], ["agent", agent]];
}
