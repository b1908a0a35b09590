/** Which StreamUrls may be connected to, the tricks that must not get through, and no secret in a message. */

import { describe, expect, test } from "bun:test";

import { isPresigned, parseStreamUrl, TransportError } from "../../src/transport/index.ts";

const TAIL = "/v1/data-channel/s-0a1b?role=publish_subscribe&cell-number=SECRET";

/** The code of what is thrown, or "" when the URL is taken. */
function verdict(url: string, allowAny = false): string {
  try {
    parseStreamUrl(url, { allowAny });
    return "";
  } catch (error) {
    if (!(error instanceof TransportError)) throw error;
    expect(error.message).not.toContain("SECRET");
    expect(error.message).toStartWith("StreamUrl ");
    return error.code;
  }
}

describe("AWS's session service", () => {
  test.each([
    "ssmmessages.us-east-1.amazonaws.com",
    "ssmmessages.ap-southeast-7.amazonaws.com",
    "ssmmessages.mx-central-1.amazonaws.com",
    "ssmmessages-fips.us-west-2.amazonaws.com",
    "ssmmessages.us-gov-west-1.amazonaws.com",
    "ssmmessages-fips.us-gov-east-1.amazonaws.com",
    "ssmmessages.us-east-1.api.aws",
    "ssmmessages-fips.us-gov-east-1.api.aws",
    "ssmmessages.cn-north-1.amazonaws.com.cn",
    "ssmmessages.cn-northwest-1.api.amazonwebservices.com.cn",
    "ssmmessages.eusc-de-east-1.amazonaws.eu",
    "ssmmessages.eusc-de-east-1.api.amazonwebservices.eu",
    "ssmmessages.us-iso-east-1.c2s.ic.gov",
    "ssmmessages.us-iso-west-1.api.aws.ic.gov",
    "ssmmessages.us-isob-east-1.sc2s.sgov.gov",
    "ssmmessages.us-isob-west-1.api.aws.scloud",
    "ssmmessages.eu-isoe-west-1.cloud.adc-e.uk",
    "ssmmessages.eu-isoe-west-1.api.cloud-aws.adc-e.uk",
    "ssmmessages.us-isof-south-1.csp.hci.ic.gov",
    "ssmmessages.us-isof-south-1.api.aws.hci.ic.gov",
    "vpce-0123456789abcdef0-abcdefgh.ssmmessages.eu-central-1.vpce.amazonaws.com",
    "vpce-0123456789abcdef0-abcdefgh-eu-central-1a.ssmmessages.eu-central-1.vpce.amazonaws.com",
    "vpce-0123456789abcdef0-abcdefgh.ssmmessages.cn-north-1.vpce.amazonaws.com.cn",
    "vpce-0123456789abcdef0-abcdefgh.ssmmessages-fips.us-gov-west-1.vpce.amazonaws.com",
    "SSMMessages.US-East-1.AmazonAWS.com",
    "ssmmessages.us-east-1.amazonaws.com:443",
    "ssmmessages%2Eus-east-1.amazonaws.com",
  ])("wss to %s", (host) => {
    expect(verdict(`wss://${host}${TAIL}`)).toBe("");
  });

  test("the result is what was checked", () => {
    const url = parseStreamUrl("WSS://SSMMESSAGES.us-east-1.amazonaws.com:443/v1/x?cell-number=a%2Bb==", {
      allowAny: false,
    });
    expect(url.href).toBe("wss://ssmmessages.us-east-1.amazonaws.com/v1/x?cell-number=a%2Bb==");
  });

  test("only encrypted and on its own port", () => {
    expect(verdict(`ws://ssmmessages.us-east-1.amazonaws.com${TAIL}`)).toBe("TRANSPORT_FOREIGN_STREAM_URL");
    expect(verdict(`wss://ssmmessages.us-east-1.amazonaws.com:8443${TAIL}`)).toBe(
      "TRANSPORT_FOREIGN_STREAM_URL",
    );
  });
});

describe("this machine", () => {
  test.each([
    "localhost",
    "LOCALHOST:8080",
    "127.0.0.1:8080",
    "127.1.2.3",
    "127.1:80",
    "[::1]:9",
    "[0:0::1]",
  ])("ws and wss to %s", (host) => {
    expect([verdict(`ws://${host}${TAIL}`), verdict(`wss://${host}${TAIL}`)]).toEqual(["", ""]);
  });
});

describe("anything else", () => {
  test.each([
    "example.com",
    "ssmmessages.us-east-1.amazonaws.com.evil.example",
    "ssmmessages.us-east-1.amazonaws.com.",
    "ssmmessages.us-east-1.evilamazonaws.com",
    "ssmmessages.us-east-1.amazonaws.com.cn.evil.example",
    "evil.ssmmessages.us-east-1.amazonaws.com",
    "evil-ssmmessages.us-east-1.amazonaws.com",
    "ssmmessages.amazonaws.com",
    "ssmmessages.s3.amazonaws.com",
    "ssmmessages.s3-us-west-2.amazonaws.com",
    "ssmmessages.us-east-1.elb.amazonaws.com",
    "ssmmessages.evil.example.amazonaws.com",
    "ssmmessages..amazonaws.com",
    "ssm.us-east-1.amazonaws.com",
    "abc.execute-api.us-east-1.amazonaws.com",
    "vpce-0a1b.vpce-svc-0a1b.us-east-1.vpce.amazonaws.com",
    "evil.ssmmessages.us-east-1.vpce.amazonaws.com",
    "a.vpce-0a1b.ssmmessages.us-east-1.vpce.amazonaws.com",
    "ssmmessages.us-east-1.vpce.amazonaws.com",
    "xn--ssmmessags-ssi.us-east-1.amazonaws.com",
    "localhost.evil.example",
    "evil.localhost",
    "localhost.",
    "127.0.0.1.evil.example",
    "126.255.255.255",
    "128.0.0.1",
    "0.0.0.0",
    "169.254.169.254",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[fe80::1]",
  ])("%s is foreign, unless all is allowed", (host) => {
    expect(verdict(`wss://${host}${TAIL}`)).toBe("TRANSPORT_FOREIGN_STREAM_URL");
    expect(verdict(`ws://${host}${TAIL}`)).toBe("TRANSPORT_FOREIGN_STREAM_URL");
    expect([verdict(`wss://${host}${TAIL}`, true), verdict(`ws://${host}${TAIL}`, true)]).toEqual(["", ""]);
  });

  test("the message says what was named, what the rule is and the way out", () => {
    expect(() => parseStreamUrl(`wss://evil.example:81${TAIL}`, { allowAny: false })).toThrow(
      "StreamUrl names wss://evil.example:81, which is no endpoint of AWS Session Manager; nothing was sent there. " +
        "SSM_PLUGIN_ALLOW_ANY_ENDPOINT=true allows any endpoint",
    );
  });
});

describe("what is no StreamUrl, even when all is allowed", () => {
  const host = "ssmmessages.us-east-1.amazonaws.com";
  test.each([
    "",
    "SECRET",
    `https://${host}${TAIL}`,
    `file:///etc/passwd?SECRET`,
    `wss:${host}${TAIL}`,
    `wss:/${host}${TAIL}`,
    `//${host}${TAIL}`,
    "wss://?SECRET",
    "wss://[::zz]/?SECRET",
    "wss://a:99999/?SECRET",
    `wss://${host}@evil.example${TAIL}`,
    `wss://user:SECRET@${host}${TAIL}`,
    `wss://@${host}${TAIL}`,
    `wss://evil.example\\@${host}${TAIL}`,
    `wss://${host}\\.evil.example${TAIL}`,
    `wss://ssmmessages\u3002us-east-1.amazonaws.com${TAIL}`,
    `wss://\uff53smmessages.us-east-1.amazonaws.com${TAIL}`,
    `wss://${host}${TAIL}\r\nX-Injected: 1`,
    ` wss://${host}${TAIL}`,
    `wss://ssmmessages\t.us-east-1.amazonaws.com${TAIL}`,
    `wss://${host}${TAIL}#`,
    `wss://${host}${TAIL}#fragment`,
    `wss://${host}/?${"SECRET".repeat(2000)}`,
  ])("%j", (url) => {
    expect(verdict(url)).toBe("TRANSPORT_INVALID_STREAM_URL");
    expect(verdict(url, true)).toBe("TRANSPORT_INVALID_STREAM_URL");
  });
});

test("presigned is what has any signing parameter, in any case", () => {
  const url = "wss://ssmmessages.us-east-1.amazonaws.com/v1/data-channel/s";
  for (const name of [
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-SignedHeaders",
    "X-Amz-Signature",
    "X-Amz-Security-Token",
    "x-amz-signature",
    "X-AMZ-DATE",
    "X%2DAmz%2DDate",
  ]) {
    expect([name, isPresigned(`${url}?role=publish_subscribe&${name}=1`)]).toEqual([name, true]);
  }
  for (const query of [
    "",
    "?",
    "?role=publish_subscribe&cell-number=X-Amz-Date",
    "?X-Amz-Other=1",
    "?#X-Amz-Date=1",
  ]) {
    expect([query, isPresigned(url + query)]).toEqual([query, false]);
  }
  expect(isPresigned("no URL?X-Amz-Date=1")).toBe(false);
});
