/** A peer that resets a connection which is not read at the moment, and that is written to. */

import { expect, test } from "bun:test";

import { ConnectionResetError } from "../../src/net/index.ts";
import { waitFor } from "../support/wait-for.ts";
import { connectPair } from "./support.ts";

/** A paused stream with unread bytes whose peer has just gone, before the event loop could notice. */
async function resetWhilePaused() {
  const pair = await connectPair();
  const { stream, events, peer } = pair;
  stream.pause();
  peer.write(new Uint8Array(200_000));
  await waitFor(() => peer.bytesWritten === 200_000, { what: "the peer's bytes to be on their way" });
  peer.resetAndDestroy();
  // The write meets the reset first, and takes the error away from whoever reads.
  while (events.writtenBytes < 3_000_000) {
    stream.write(new Uint8Array(1_000_000));
    const before = events.writtenBytes;
    await waitFor(() => events.writtenBytes > before, { what: "what nobody takes to be dropped" });
  }
  return pair;
}

test("what is queued for it is dropped and told of, so that nobody waits for it", async () => {
  const { stream, events } = await resetWhilePaused();
  expect(stream.queuedBytes).toBe(0);
  stream.reset();
  await events.whenClosed();
  expect(events.closedCount).toBe(1);
});

test("what it had sent can still be read, and then its end is the reset that it was", async () => {
  const { stream, events } = await resetWhilePaused();
  stream.resume();
  await events.whenClosed();
  expect(events.closedError).toBeInstanceOf(ConnectionResetError);
  expect(events.closedCount).toBe(1);
});
