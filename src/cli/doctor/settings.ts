/** Checks the variables of our own: values that no session would start with, values that do nothing, unknown names. */
import { streamUrl } from "../../aws/index.ts";
import {
  type Environment,
  readLogging,
  readSettings,
  reportedVersion,
  type Variable,
  VARIABLES,
} from "../../host/index.ts";
import { type Finding, found } from "./finding.ts";

const OURS = /^SSM_PLUGIN_/;
/** Forms that name every value there is: `true`, `text or json`, `off, debug, info`. */
const WORDS = /^[a-z]+(?:(?:, | or )[a-z]+)*$/;
/** Forms whose words stand for values. */
const KINDS = new Set(["address", "duration", "path", "host"]);
/** Any URL of a stream; only the variable's own value is looked at. */
const SOME_STREAM = "wss://ssmmessages.us-east-1.amazonaws.com/";

/** Looks at every variable of ours that is set. */
export function checkSettings(environment: Environment): Finding {
  const set = Object.entries(environment).filter(
    (entry): entry is [string, string] => OURS.test(entry[0]) && entry[1] !== undefined && entry[1] !== "",
  );
  const broken = set.flatMap(([name, value]) => refusal(name, value) ?? []);
  const idle = set.flatMap(([name, value]) => ineffective(name, value) ?? []);
  if (broken.length > 0) return found("fail", [...broken, ...idle].join("; "), "change or unset it");
  if (idle.length > 0) return found("warn", idle.join("; "), "change or unset it");
  return found(
    "ok",
    set.length === 0
      ? "no SSM_PLUGIN_ variable is set"
      : set.map(([name, value]) => `${name}=${value}`).join(" "),
  );
}

/** Why this value cannot be used. */
function refusal(name: string, value: string): string | undefined {
  const alone = { [name]: value };
  try {
    readSettings(alone, "0");
    readLogging(name === "SSM_PLUGIN_LOG_FORMAT" ? { ...alone, SSM_PLUGIN_LOG_LEVEL: "info" } : alone);
    streamUrl(SOME_STREAM, alone);
    reportedVersion(alone, "0");
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

/** Why this value does nothing. */
function ineffective(name: string, value: string): string | undefined {
  const known = VARIABLES.find((variable) => variable.name === name);
  if (known === undefined) return `${name} is no setting of this program`;
  const words = wordsOf(known);
  if (words === undefined || words.includes(value.toLowerCase()) || refusal(name, value) !== undefined) {
    return undefined;
  }
  return `${name} counts only as ${known.form}, it is ${JSON.stringify(value.slice(0, 60))}`;
}

function wordsOf({ form }: Variable): readonly string[] | undefined {
  const words = WORDS.test(form) ? form.split(/, | or /) : [];
  return words.length === 0 || words.some((word) => KINDS.has(word)) ? undefined : words;
}
