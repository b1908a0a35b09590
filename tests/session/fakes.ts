/** Everything around a session, faked. */
export { FakeLocal, FakeNet, FakeStreams } from "./fake-local.ts";
export { apiError, FakeApi, FakeKeys, FakeTransport } from "./fake-remote.ts";
