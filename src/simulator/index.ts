/** Door of the simulator room: a stand-in for AWS that runs on this machine. */
export type * from "./contract.ts";
export type { SimulatorCredentials } from "./credentials.ts";
export { BUILT_IN_DOCUMENTS, DEFAULT_DOCUMENT } from "./documents.ts";
export type { DocumentParameter, SessionDocument } from "./documents.ts";
export { ApiError, InvalidOptionError, UnknownSessionError } from "./errors.ts";
export { parseFaults } from "./fault-schema.ts";
export { NO_FAULTS, NO_LINK_FAULTS } from "./faults.ts";
export type * from "./faults.ts";
export { DEFAULT_AGENT_OPTIONS, DEFAULT_KMS_KEY } from "./options.ts";
export type * from "./options.ts";
export type { SessionStatus, SessionView } from "./session-view.ts";
export { type Simulator, simulatorEnvironmentLines, startSimulator } from "./simulator.ts";
export { DEFAULT_TARGETS } from "./targets.ts";
export type { SimulatedTarget, TargetOptions } from "./targets.ts";
export type { CallRecord, Counters, UpgradeRecord } from "./world.ts";
