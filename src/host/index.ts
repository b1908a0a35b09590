/** Door of the host room: what both faces need to run a session in a real process. */
export * from "./access.ts";
export { systemClock } from "./clock.ts";
export * from "./environment.ts";
export * from "./exit.ts";
export * from "./host.ts";
export { LOG_LEVELS, type LogOptions, noLog, openLog } from "./log.ts";
export * from "./open-sessions.ts";
export * from "./run-session.ts";
export * from "./silence.ts";
export { HostStreams } from "./streams.ts";
export { harmless, harmlessLine, withoutSecrets } from "./harmless.ts";
export { isTargetItself, portRequest } from "./port-request.ts";
export { BadInputError, parseRequest, parseResponse, regionOf, type RequestFacts } from "./response.ts";
