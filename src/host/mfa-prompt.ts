/**
 * Asks a person for the code of an MFA device, on the terminal itself: standard input and output may belong to somebody
 * else. Only before a session has the keyboard, and not for longer than the look-up that needs the code.
 */
import { type CredentialOptions, MfaRequiredError } from "../aws/index.ts";
import { askHidden } from "../terminal/index.ts";
import { harmlessLine } from "./harmless.ts";
import { isKeyboardTaken } from "./streams.ts";

/** Nobody answered, or the keyboard is the session's. */
export class MfaNotAnsweredError extends Error {
  override readonly name = "MfaNotAnsweredError";
  readonly code = "HOST_MFA_NOT_ANSWERED";
  readonly retryable = false;

  constructor(serial: string, rule: string) {
    super(`the code of the MFA device ${serial} is needed, and ${rule}`);
  }
}

/**
 * What asks for a code; it is not shown as it is typed. It rejects with MfaRequiredError where there is no terminal, or
 * this process is not in its foreground; with MfaNotAnsweredError where it gets no answer.
 * @param profile for the message, empty for the default one
 */
export function createMfaPrompt(profile: string): NonNullable<CredentialOptions["askMfa"]> {
  return async (serial, signal) => {
    const shown = harmlessLine(serial);
    if (isKeyboardTaken())
      throw new MfaNotAnsweredError(shown, "the session has the keyboard. Start it again to be asked");
    const line = await askHidden(`Enter MFA code for ${shown}: `, signal);
    switch (line.kind) {
      case "typed":
        if (line.text !== "") return line.text;
        throw new MfaNotAnsweredError(shown, "none was typed");
      case "nothing":
        throw new MfaNotAnsweredError(shown, signal.aborted ? "none was typed in time" : "none was typed");
      case "interrupted":
        throw new MfaNotAnsweredError(shown, "a signal came instead");
      case "no terminal":
        throw new MfaRequiredError(profile === "" ? "default" : profile, shown);
    }
  };
}
