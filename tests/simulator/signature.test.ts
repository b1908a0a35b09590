/** Signature Version 4 against published examples and against AWS's own signer. */
import { describe, expect, test } from "bun:test";

import { createCredentials } from "../../src/simulator/credentials.ts";
import { ApiError } from "../../src/simulator/errors.ts";
import {
  presignQuery,
  signatureKind,
  type SignatureScope,
  type SignedRequest,
  verifySignature,
} from "../../src/simulator/signature.ts";
import { forSeeds } from "../support/seeded-random.ts";

/** The keys, time and scope of the examples that AWS publishes. */
const KEYS = {
  accessKeyId: "AKIDEXAMPLE",
  secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
};
const SCOPE: SignatureScope = {
  region: "us-east-1",
  service: "service",
  nowMs: Date.UTC(2015, 7, 30, 12, 36, 0),
};

function example(
  signature: string,
  change: Partial<SignedRequest> = {},
  credential = "AKIDEXAMPLE",
): SignedRequest {
  return {
    method: "GET",
    path: "/",
    query: "",
    body: new Uint8Array(0),
    headers: new Headers({
      host: "example.amazonaws.com",
      "x-amz-date": "20150830T123600Z",
      authorization:
        `AWS4-HMAC-SHA256 Credential=${credential}/20150830/us-east-1/service/aws4_request, ` +
        `SignedHeaders=host;x-amz-date, Signature=${signature}`,
    }),
    ...change,
  };
}

const VANILLA = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31";

function refusal(request: SignedRequest, scope: SignatureScope = SCOPE): string {
  try {
    verifySignature(request, KEYS, scope);
    return "accepted";
  } catch (error) {
    if (error instanceof ApiError) return error.type;
    throw error;
  }
}

describe("published examples", () => {
  test.each([
    ["get-vanilla", VANILLA, {}],
    [
      "get-vanilla-query-order-key-case",
      "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
      { query: "Param2=value2&Param1=value1" },
    ],
    ["post-vanilla", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b", { method: "POST" }],
  ] as const)("%s", (_name, signature, change) => {
    expect(refusal(example(signature, change))).toBe("accepted");
    expect(
      refusal(
        example(
          signature.replace(/.$/, (last) => (last === "0" ? "1" : "0")),
          change,
        ),
      ),
    ).toBe("InvalidSignatureException");
  });
});

describe("a signature is refused", () => {
  test("when it is for something else", () => {
    for (const change of [
      { method: "POST" },
      { path: "/other" },
      { query: "a=b" },
      { body: new TextEncoder().encode("{}") },
    ])
      expect(refusal(example(VANILLA, change))).toBe("InvalidSignatureException");
  });

  test("when its scope or time is not right", () => {
    expect(refusal(example(VANILLA), { ...SCOPE, region: "eu-west-1" })).toBe("InvalidSignatureException");
    expect(refusal(example(VANILLA), { ...SCOPE, service: "ssm" })).toBe("InvalidSignatureException");
    for (const minutes of [-6, 6])
      expect(refusal(example(VANILLA), { ...SCOPE, nowMs: SCOPE.nowMs + minutes * 60_000 })).toBe(
        "InvalidSignatureException",
      );
    for (const minutes of [-4, 4])
      expect(refusal(example(VANILLA), { ...SCOPE, nowMs: SCOPE.nowMs + minutes * 60_000 })).toBe("accepted");
  });

  test("when the key is unknown or the header is not whole", () => {
    expect(refusal(example(VANILLA, {}, "AKIDOTHER"))).toBe("UnrecognizedClientException");
    expect(refusal(example(VANILLA, {}, "AKIDEXAMPLE/more"))).toBe("IncompleteSignatureException");
    const header = example(VANILLA).headers.get("authorization") ?? "";
    for (const authorization of [
      "Basic abc",
      header.replace(/Signature=.*/, ""),
      header.replace(/Credential=[^,]*,/, ""),
      header.replace(/SignedHeaders=[^,]*,/, ""),
    ]) {
      const request = example(VANILLA);
      request.headers.set("authorization", authorization);
      expect(refusal(request)).toBe("IncompleteSignatureException");
    }
    const undated = example(VANILLA);
    undated.headers.delete("x-amz-date");
    expect(refusal(undated)).toBe("IncompleteSignatureException");
    const hostless = example(VANILLA);
    hostless.headers.set("authorization", header.replace("host;x-amz-date", "x-amz-date"));
    expect(refusal(hostless)).toBe("InvalidSignatureException");
    const none = example(VANILLA);
    none.headers.delete("authorization");
    expect(refusal(none)).toBe("MissingAuthenticationTokenException");
  });
});

test("a query signed by itself is accepted until it expires, and not when anything in it changes", () => {
  forSeeds(50, (random) => {
    const credentials = createCredentials(random.chance(0.5));
    const scope: SignatureScope = {
      region: "eu-central-1",
      service: "ssmmessages",
      nowMs: 1_780_000_000_000,
    };
    const path = `/v1/data-channel/user-${random.int(1e9)}`;
    const cell = Buffer.from(random.bytes(20)).toString("base64");
    const query = presignQuery(
      { host: "127.0.0.1:1234", path, query: `role=publish_subscribe&cell-number=${cell}` },
      credentials,
      scope,
      300,
    );
    const request = (change: string): SignedRequest => ({
      method: "GET",
      path,
      query: change,
      headers: new Headers({ host: "127.0.0.1:1234" }),
      body: new Uint8Array(0),
    });
    expect(signatureKind(request(query))).toBe("query");
    verifySignature(request(query), credentials, scope);
    verifySignature(request(query), credentials, { ...scope, nowMs: scope.nowMs + 299_000 });
    expect(() =>
      verifySignature(request(query), credentials, { ...scope, nowMs: scope.nowMs + 302_000 }),
    ).toThrow("expired");
    expect(() => verifySignature(request(query.replace("role=", "rule=")), credentials, scope)).toThrow();
    expect(() => verifySignature(request(`${query}&x=y`), credentials, scope)).toThrow();
  });
});
