/**
 * How `forward` speaks: to people by lines on standard error, drawn into a live status on a terminal; to machines
 * (`--json`) by events on standard output, one JSON object a line. Errors are on standard error for both.
 */
import { harmlessLine } from "../../host/index.ts";
import { errorFields } from "../../session/index.ts";
import {
  isTerminal,
  type OutputSink,
  screenUse,
  standardError,
  standardOutput,
} from "../../terminal/index.ts";
import { tellError } from "../advice.ts";
import type { CommandContext } from "../command.ts";
import { codeOf } from "../messages.ts";
import { readyTunnel } from "../readiness/ready-document.ts";
import { destination, LiveStatus } from "./status.ts";
import { DESTINATION_FAILED, type Tunnel } from "./tunnel.ts";

/** Members of an event besides its name. */
export type EventFields = Readonly<Record<string, unknown>>;

/** Events that stand in the log as warnings. */
const TROUBLE: ReadonlySet<string> = new Set(["destination-unanswered", "session-ended"]);
/** Events of which the log is told by the session itself, or as of every warning. */
const LOGGED: ReadonlySet<string> = new Set(["connection-lost", "connection-restored", DESTINATION_FAILED]);

/** See the file's comment. */
export class Reporter {
  readonly #context: CommandContext;
  readonly #events: OutputSink;
  /** Told of each event, whether it is said or not. */
  heard: () => void = () => {};
  #status: LiveStatus | undefined;

  constructor(context: CommandContext) {
    this.#context = context;
    // With a COMMAND standard output is its own.
    this.#events = context.args.rest === undefined ? standardOutput() : standardError();
  }

  /** Says what people and machines should know. @param event its stable name */
  say(event: string, text: string, fields: EventFields = {}): void {
    const { messages } = this.#context;
    if (!LOGGED.has(event)) this.#log(event, { message: text, ...fields });
    if (!messages.json) {
      // That a destination cannot be reached is to be known with --quiet too.
      if (event === DESTINATION_FAILED) messages.warn(event, text);
      else messages.say(event, text);
    }
    this.#tell(event, { message: harmlessLine(text), ...fields });
  }

  /** Tells machines what people need no line for. */
  note(event: string, fields: EventFields = {}): void {
    this.#log(event, fields);
    this.#tell(event, fields);
  }

  /** Lists are for programs. */
  #log(event: string, fields: EventFields): void {
    const told = Object.entries(fields).flatMap(([name, value]) =>
      typeof value === "string" || typeof value === "number" ? [[name, value] as const] : [],
    );
    this.#context.log(TROUBLE.has(event) ? "warn" : "info", event, Object.fromEntries(told));
  }

  #tell(event: string, fields: EventFields): void {
    this.heard();
    if (!this.#context.messages.json) return;
    this.#events.write(Buffer.from(`${JSON.stringify({ event, ...fields })}\n`));
  }

  /** One tunnel can be used while another is waited for. */
  usable(tunnel: Tunnel): void {
    const where = tunnel.listener.addresses.join(" and ");
    const text = `${where} can be used meanwhile, for ${destination(tunnel)}`;
    this.say("usable", text, { ...readyTunnel(tunnel) });
  }

  /** All tunnels can be used; on a terminal they are a status that stays alive from now on. */
  ready(tunnels: readonly Tunnel[]): void {
    const { args, environment, messages } = this.#context;
    for (const tunnel of tunnels) this.note("ready", { ...readyTunnel(tunnel) });
    if (messages.json) return;
    // COMMAND has the terminal, and is told of the tunnels in its own way.
    if (args.rest !== undefined) return;
    // Log lines would be drawn over.
    const logged = args.flag("verbose") && args.text("log-file") === undefined;
    const use = screenUse(isTerminal(2), environment);
    if (use.escapes && !messages.quiet && !logged && !args.flag("background")) {
      const status = new LiveStatus(tunnels, (text) => void standardError().write(Buffer.from(text)), use);
      messages.write = (line) => status.say(line);
      this.#status = status;
      return;
    }
    for (const tunnel of tunnels) {
      const where = tunnel.listener.addresses.join(" and ");
      messages.say("ready", `Listening on ${where} for ${destination(tunnel)}`);
    }
  }

  /** Says why it fails. */
  fail(error: Error): void {
    this.#context.messages.fail(tellError(error), codeOf(error), errorFields(error));
  }

  /** Nothing follows. @param error what ended it, if it was one; it has been told already */
  ended(exitCode: number, error?: Error): void {
    this.#status?.stop();
    this.#tell("ended", {
      exitCode,
      ...(error === undefined
        ? {}
        : { message: harmlessLine(tellError(error)), code: codeOf(error) ?? "FAILED" }),
    });
  }
}
