/**
 * Events of a data channel that remember what happened, for tests; single callbacks can be replaced.
 */
import type { ChannelEvents, KmsRequest, NoticeFields, SessionRequest } from "../../src/channel/index.ts";

/** What a channel did, in lists. */
export interface Recorded {
  readonly sent: Uint8Array[];
  readonly delivered: { readonly payloadType: number; readonly payload: Uint8Array }[];
  readonly requests: SessionRequest[];
  readonly kms: KmsRequest[];
  readonly ready: { readonly customerMessage: string; readonly handshake: boolean }[];
  writable: number;
  readonly closed: string[];
  readonly paused: boolean[];
  readonly notices: { readonly event: string; readonly fields: NoticeFields | undefined }[];
  readonly failures: Error[];
}

/** Events that record; `replaced` wins. */
export function recordingEvents(replaced: Partial<ChannelEvents> = {}): {
  readonly events: ChannelEvents;
  readonly recorded: Recorded;
} {
  const recorded: Recorded = {
    sent: [],
    delivered: [],
    requests: [],
    kms: [],
    ready: [],
    writable: 0,
    closed: [],
    paused: [],
    notices: [],
    failures: [],
  };
  const events: ChannelEvents = {
    send: (frame) => void recorded.sent.push(frame),
    deliver: (payloadType, payload) => void recorded.delivered.push({ payloadType, payload }),
    handshakeRequested: (request) => {
      recorded.requests.push(request);
      return undefined;
    },
    kmsRequested: (request) => void recorded.kms.push(request),
    ready: (info) => void recorded.ready.push(info),
    writable: () => void recorded.writable++,
    closed: (reason) => void recorded.closed.push(reason),
    paused: (on) => void recorded.paused.push(on),
    notice: (event, fields) => void recorded.notices.push({ event, fields }),
    failed: (error) => void recorded.failures.push(error),
    ...replaced,
  };
  return { events, recorded };
}
