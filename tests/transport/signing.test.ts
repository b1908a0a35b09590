/** Signature Version 4 against answers that others have published or computed. */

import { describe, expect, test } from "bun:test";

import { signUpgrade } from "../../src/transport/index.ts";
import { signGet } from "../../src/transport/signing.ts";

const credentials = {
  accessKeyId: "AKIDEXAMPLE",
  secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
};
const date = new Date("2015-08-30T12:36:00Z");
const UNRESERVED = "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

describe("AWS's published test suite (aws-sig-v4-test-suite)", () => {
  for (const [name, target, signature] of [
    ["get-vanilla", "/", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"],
    [
      "get-vanilla-query-order-key-case",
      "/?Param2=value2&Param1=value1",
      "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
    ],
    [
      "get-vanilla-query-order-key",
      "/?Param1=value2&Param1=Value1",
      "eedbc4e291e521cf13422ffca22be7d2eb8146eecf653089df300a15b2382bd1",
    ],
    [
      "get-vanilla-query-order-value",
      "/?Param1=value2&Param1=value1",
      "5772eed61e12b33fae39ee5e7012498b51d56abc0abb7c60486157bd471c4694",
    ],
    [
      "get-vanilla-query-unreserved",
      `/?${UNRESERVED}=${UNRESERVED}`,
      "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197",
    ],
    [
      "get-vanilla-utf8-query",
      "/?\u1234=bar",
      "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04",
    ],
    ["get-unreserved", `/${UNRESERVED}`, "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"],
  ] as const) {
    test(name, () => {
      const url = `https://example.amazonaws.com${target}`;
      expect(signGet({ url, region: "us-east-1", service: "service", credentials, date })).toEqual({
        "X-Amz-Date": "20150830T123600Z",
        Authorization:
          "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, " +
          `SignedHeaders=host;x-amz-date, Signature=${signature}`,
      });
    });
  }
});

describe("upgrade requests, against signatures that botocore made of the same parameters", () => {
  const base = "wss://ssmmessages.eu-central-1.amazonaws.com/v1/data-channel/";
  const id = "user-0a1b2c3d4e5f60718";
  const cell = `${base}${id}?role=publish_subscribe&cell-number=AAEB%2B%2Fc%3D2%25zz%20Q%3D%3D`;
  const sign = (url: string, sessionToken?: string): Record<string, string> =>
    signUpgrade({
      url,
      region: "eu-central-1",
      credentials: { ...credentials, ...(sessionToken === undefined ? {} : { sessionToken }) },
      date,
    });
  const signatureOf = (url: string, sessionToken?: string): string | undefined =>
    sign(url, sessionToken)["Authorization"]?.split("Signature=")[1];

  test("without a cell number", () => {
    expect(signatureOf(`${base}${id}?role=publish_subscribe`)).toBe(
      "acd2ba878468fb19fff282c988011d95373ccf9fd4ab9f14cfd056f6fe6470d2",
    );
  });

  test("a cell number with plus, slash, equals, percent and space, however much of it is encoded", () => {
    const signature = "1c250854d7bed5c35b219d60c65e1fe80d0eb56632092836b2ea9935dd662fd8";
    expect(signatureOf(cell)).toBe(signature);
    for (const value of ["AAEB%2b/c=2%25zz%20Q==", "AAEB%2B%2fc%3d2%25zz+Q%3D="]) {
      expect(signatureOf(`${base}${id}?cell-number=${value}&role=publish_subscribe`)).toBe(signature);
    }
  });

  test("temporary credentials: the token is signed and sent", () => {
    const sessionToken = "IQoJb3JpZ2luX2VjE//token+==";
    expect(sign(cell, sessionToken)).toEqual({
      "X-Amz-Date": "20150830T123600Z",
      "X-Amz-Security-Token": sessionToken,
      Authorization:
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/eu-central-1/ssmmessages/aws4_request, " +
        "SignedHeaders=host;x-amz-date;x-amz-security-token, " +
        "Signature=a4482177060c1c418e5868f76bd8e58e1cce0c9c8b06279fe93ee7b12a951847",
    });
  });

  test("a session id with characters that stand in a path as they are", () => {
    expect(signatureOf(`${base}jane.doe@example.com-0a1b?role=publish_subscribe`, "T")).toBe(
      "d680f0fe0c1c1e38697cb8552ffc5f3373b5ae83b8ead398c430095588de58d6",
    );
  });

  test("an empty session token is none; the default port is not signed, another one is", () => {
    expect(sign(cell, "")).toEqual(sign(cell));
    expect(sign(cell.replace(".com/", ".com:443/"))).toEqual(sign(cell));
    expect(sign(cell.replace(".com/", ".com:8443/"))).not.toEqual(sign(cell));
  });
});
