/** Door of the session room: open a session, run it, learn how it ended. */
export { within } from "./deadline.ts";
export { isIdleEnd, type SessionEnd, wasCut } from "./end.ts";
export * from "./errors.ts";
export { errorFields, type LogFields } from "./log-fields.ts";
export { InputQueue } from "./input-queue.ts";
export type { ForwardedSignal, Kind, KindContext, KindFactory } from "./kinds/kind.ts";
export { SESSION_KINDS } from "./kinds/table.ts";
export type { SessionObserver } from "./observer.ts";
export * from "./seams.ts";
export { Session } from "./session.ts";
export { DEFAULT_SETTINGS, type SessionSettings } from "./settings.ts";
export type { SessionParameters, SessionWorld } from "./world.ts";
