/**
 * Errors of the channel room: misuse by the caller and the one thing that ends a channel from within.
 * Bad input from the other side is never an error here, it is noticed and ignored.
 */

/** Which bound was passed. */
export type ChannelLimitName =
  "hardUnackedBytes" | "hardUnackedMessages" | "maxHeldBytes" | "maxHeldMessages";

/** More was written than a channel may keep: the caller did not look at `sendRoom`. Nothing was queued. */
export class ChannelLimitError extends Error {
  override readonly name = "ChannelLimitError";
  readonly code = "CHANNEL_LIMIT";
  readonly limit: ChannelLimitName;

  constructor(limit: ChannelLimitName, value: number, maximum: number) {
    super(
      `data channel: ${value} would pass ${limit} = ${maximum}; write payloads only while sendRoom is above 0`,
    );
    this.limit = limit;
  }
}

/** An encrypted payload could not be read, so that bytes of the session are missing. The channel is over. */
export class ChannelCipherError extends Error {
  override readonly name = "ChannelCipherError";
  readonly code = "CHANNEL_CIPHER";

  constructor(sequenceNumber: number, reason: string, options?: ErrorOptions) {
    super(
      `data channel: encrypted message ${sequenceNumber} cannot be decrypted (${reason}); ` +
        "the keys of agent and client differ or the data was changed on its way",
      options,
    );
  }
}
