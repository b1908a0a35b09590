/** The AES-GCM framing: a published known answer, both directions, nonces, tampering, poisoning. */
import { describe, expect, test } from "bun:test";

import {
  createCipher,
  DATA_KEY_BYTES,
  DecryptionError,
  ENCRYPTION_OVERHEAD_BYTES,
  InvalidDataKeyError,
  NoncesExhaustedError,
} from "../../src/encryption/index.ts";
import { NonceSequence } from "../../src/encryption/nonces.ts";
import { forSeeds, SeededRandom } from "../support/seeded-random.ts";

const prefix = Uint8Array.of(1, 2, 3, 4);

function pair(dataKey: Uint8Array) {
  return {
    client: createCipher({ dataKey, role: "client", noncePrefix: prefix }),
    agent: createCipher({ dataKey, role: "agent", noncePrefix: Uint8Array.of(9, 9, 9, 9) }),
  };
}

describe("framing", () => {
  test("opens the published answer for an AES-256 key of zeros (GCM specification, test case 14)", () => {
    const dataKey = new Uint8Array(DATA_KEY_BYTES);
    const message = Buffer.concat([
      new Uint8Array(12),
      Buffer.from("cea7403d4d606b6e074ec5d3baf39d18", "hex"),
      Buffer.from("d0d1c8a799996bf0265b98b5d48ab919", "hex"),
    ]);
    for (const role of ["client", "agent"] as const) {
      const cipher = createCipher({ dataKey, role, noncePrefix: prefix });
      expect(Buffer.from(cipher.decrypt(message))).toEqual(Buffer.alloc(16));
    }
  });

  test("carries payloads of any size both ways, 28 bytes longer on the way", () => {
    forSeeds(20, (random) => {
      const { client, agent } = pair(random.bytes(DATA_KEY_BYTES));
      for (const size of [0, 1, 15, 16, 17, 1024, random.int(40_000)]) {
        const payload = random.bytes(size);
        const sent = payload.slice();
        const up = client.encrypt(sent);
        expect(up.length).toBe(size + ENCRYPTION_OVERHEAD_BYTES);
        expect(Buffer.from(sent)).toEqual(Buffer.from(payload));
        expect(Buffer.from(agent.decrypt(up))).toEqual(Buffer.from(payload));
        expect(Buffer.from(client.decrypt(agent.encrypt(payload)))).toEqual(Buffer.from(payload));
      }
    });
  });

  test("the client decrypts with the first half of the key and encrypts with the last", () => {
    const random = new SeededRandom(7);
    const [a, b, c] = [random.bytes(32), random.bytes(32), random.bytes(32)] as const;
    const client = createCipher({ dataKey: Buffer.concat([a, b]), role: "client", noncePrefix: prefix });
    const readsLast = createCipher({ dataKey: Buffer.concat([c, b]), role: "agent", noncePrefix: prefix });
    const writesFirst = createCipher({ dataKey: Buffer.concat([a, c]), role: "agent", noncePrefix: prefix });
    expect(readsLast.decrypt(client.encrypt(Uint8Array.of(5)))).toEqual(Buffer.of(5));
    expect(client.decrypt(writesFirst.encrypt(Uint8Array.of(6)))).toEqual(Buffer.of(6));
  });

  test("takes copies of key and prefix", () => {
    const dataKey = new SeededRandom(3).bytes(DATA_KEY_BYTES);
    const noncePrefix = Uint8Array.of(1, 2, 3, 4);
    const client = createCipher({ dataKey: dataKey, role: "client", noncePrefix });
    const agent = createCipher({ dataKey: dataKey.slice(), role: "agent", noncePrefix });
    dataKey.fill(0);
    noncePrefix.fill(0);
    const message = client.encrypt(Uint8Array.of(1));
    expect([...message.subarray(0, 4)]).toEqual([1, 2, 3, 4]);
    expect([...agent.decrypt(message)]).toEqual([1]);
  });

  test("refuses a data key of another size", () => {
    for (const size of [0, 32, 63, 65]) {
      const make = () => createCipher({ dataKey: new Uint8Array(size), role: "client", noncePrefix: prefix });
      expect(make).toThrow(InvalidDataKeyError);
      expect(make).toThrow(`${size} bytes`);
    }
  });
});

describe("nonces", () => {
  test("never come twice, and differ from the other end's", () => {
    const { client, agent } = pair(new SeededRandom(1).bytes(DATA_KEY_BYTES));
    const seen = new Set<string>();
    const count = 70_000; // Past 65 536, so that a counter of 16 bits would show.
    for (let message = 0; message < count; message++) {
      seen.add(Buffer.from(client.encrypt(prefix).subarray(0, 12)).toString("hex"));
    }
    expect(seen.size).toBe(count);
    expect(seen.has(Buffer.from(agent.encrypt(prefix).subarray(0, 12)).toString("hex"))).toBeFalse();
  });

  test("count through 32 bits without a jump and stop before the counter is inexact", () => {
    const nonce = Buffer.alloc(12);
    const across = new NonceSequence(prefix, 0xffff_ffff);
    across.writeNext(nonce);
    expect(nonce.toString("hex")).toBe("0102030400000000ffffffff");
    across.writeNext(nonce);
    expect(nonce.toString("hex")).toBe("010203040000000100000000");

    const last = new NonceSequence(prefix, Number.MAX_SAFE_INTEGER - 1);
    last.writeNext(nonce);
    expect(nonce.toString("hex")).toBe("01020304001ffffffffffffe");
    expect(() => last.writeNext(nonce)).toThrow(NoncesExhaustedError);
    expect(() => last.writeNext(nonce)).toThrow(NoncesExhaustedError);
  });

  test("need a prefix of four bytes", () => {
    for (const size of [0, 3, 5, 12])
      expect(() => new NonceSequence(new Uint8Array(size))).toThrow(RangeError);
  });
});

describe("what did not come from the other end", () => {
  const dataKey = new SeededRandom(11).bytes(DATA_KEY_BYTES);

  test("every single changed bit is noticed, wherever it is", () => {
    const { client } = pair(dataKey);
    const message = client.encrypt(Buffer.from("attack at dawn"));
    for (let bit = 0; bit < message.length * 8; bit++) {
      const changed = message.slice();
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      const { agent } = pair(dataKey);
      expect(() => agent.decrypt(changed)).toThrow(DecryptionError);
    }
  });

  test("every cut is noticed", () => {
    const { client } = pair(dataKey);
    const message = client.encrypt(Buffer.from("attack at dawn"));
    for (let length = 0; length < message.length; length++) {
      const { agent } = pair(dataKey);
      expect(() => agent.decrypt(message.subarray(0, length))).toThrow(DecryptionError);
    }
  });

  test("a message of our own, sent back, is refused", () => {
    const { client } = pair(dataKey);
    expect(() => client.decrypt(client.encrypt(prefix))).toThrow(DecryptionError);
  });

  test("after the first refusal every call throws that first reason", () => {
    const { client, agent } = pair(dataKey);
    const good = agent.encrypt(Uint8Array.of(1));
    let first: unknown;
    try {
      client.decrypt(new Uint8Array(27));
    } catch (error) {
      first = error;
    }
    expect(first).toBeInstanceOf(DecryptionError);
    expect(String(first)).toContain("27 bytes");
    for (const call of [() => client.decrypt(good), () => client.encrypt(good)]) {
      let thrown: unknown;
      try {
        call();
      } catch (error) {
        thrown = error;
      }
      expect(thrown).toBe(first);
    }
  });

  test("messages hold no payload and no key", () => {
    const { agent } = pair(dataKey);
    const secret = Buffer.from("hunter2 hunter2 hunter2 hunter2 hunter2");
    let text = "";
    try {
      agent.decrypt(secret);
    } catch (error) {
      text = Bun.inspect(error);
    }
    expect(text).toContain("ENCRYPTION_DECRYPTION_FAILED");
    expect(text).not.toContain("hunter2");
    expect(text).not.toContain(Buffer.from(dataKey).toString("hex").slice(0, 16));
  });
});
