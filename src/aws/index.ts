/** Door of the aws room: credentials, SSM, KMS and their endpoints. The SDK behind them is loaded when it is needed. */
export type { ServiceCredentials, ServiceOptions } from "./client-options.ts";
export {
  type AwsCredentials,
  type CredentialOptions,
  type CredentialProvider,
  createCredentialProvider,
} from "./credentials.ts";
export { ssmEndpoint, streamUrl } from "./endpoints.ts";
export * from "./errors.ts";
export type { HttpOptions, ProxyFor, TlsOptions } from "./http.ts";
export { createKms, type DataKey, type DataKeyRequest, type Kms } from "./kms.ts";
export { type Probe, probe, ssmUrl } from "./probe.ts";
export { profileEndpoint, profileSettings, type ProfileSettings } from "./profile-settings.ts";
export { homeDirectory, loadSharedFiles, nonEmpty, profileFromEnvironment } from "./shared-files.ts";
export {
  createSessionApi,
  createSsm,
  type Ssm,
  type SsmOptions,
  type StartedSession,
  type StartSessionRequest,
} from "./ssm.ts";
