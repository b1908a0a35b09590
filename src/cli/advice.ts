/** What to do about errors of other rooms whose own message does not say it. */
import { codeOf } from "./messages.ts";

const BY_CODE: Readonly<Record<string, string>> = {
  NET_ADDRESS_IN_USE: "Take another port, or 0 for any free one",
  NET_PERMISSION_DENIED: "Ports below 1024 may need another user; take one above",
};

/** In place of those, where the address is a path. */
const FOR_UNIX_SOCKETS: typeof BY_CODE = {
  NET_ADDRESS_IN_USE: "Another program listens there; take another path",
};

/** By the name that AWS gives an error. */
const BY_AWS_CODE: Readonly<Record<string, string>> = {
  TargetNotConnected:
    "Its SSM agent has to run and to reach AWS. The state of all targets: session-manager-plugin targets",
  InvalidDocument: "The document must exist in this account and region",
  ValidationException: "The names of targets: session-manager-plugin targets",
};

/** The error's message with the way out. */
export function tellError(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const byCode = message.startsWith("listen unix ") ? FOR_UNIX_SOCKETS : BY_CODE;
  const advice = byCode[codeOf(error) ?? ""] ?? BY_AWS_CODE[awsCodeOf(error) ?? ""];
  return advice === undefined ? message : `${message.replace(/\.$/, "")}. ${advice}`;
}

function awsCodeOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("call" in error)) return undefined;
  const { call } = error;
  if (typeof call !== "object" || call === null || !("awsCode" in call)) return undefined;
  return typeof call.awsCode === "string" ? call.awsCode : undefined;
}
