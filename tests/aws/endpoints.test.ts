/** Whose endpoint the AWS CLI's argument is, and the other host for streams. */
import { describe, expect, test } from "bun:test";

import { InvalidEndpointError, ssmEndpoint, streamUrl } from "../../src/aws/index.ts";

describe("the endpoint argument", () => {
  test("is SSM's for targets of SSM", () => {
    const url = "https://ssm.eu-west-1.amazonaws.com";
    expect(ssmEndpoint(url, "i-0123456789abcdef0")).toBe(url);
    expect(ssmEndpoint("http://127.0.0.1:4566", undefined)).toBe("http://127.0.0.1:4566");
  });

  test("is not SSM's for targets of ECS: then it is derived", () => {
    expect(ssmEndpoint("https://ecs.eu-west-1.amazonaws.com", "ecs:cluster_task_runtime")).toBeUndefined();
    expect(ssmEndpoint("nonsense", "ecs:cluster_task_runtime")).toBeUndefined();
  });

  test("may be missing", () => {
    expect(ssmEndpoint("", "i-1")).toBeUndefined();
    expect(ssmEndpoint(undefined, "i-1")).toBeUndefined();
  });

  test("is refused when it is no URL", () => {
    for (const endpoint of ["ssm.eu-west-1.amazonaws.com", "file:///etc/passwd", "://"]) {
      expect(() => ssmEndpoint(endpoint, "i-1")).toThrow(InvalidEndpointError);
    }
  });
});

describe("SSM_PLUGIN_STREAM_ENDPOINT", () => {
  const URL =
    "wss://ssmmessages.eu-west-1.amazonaws.com/v1/data-channel/s-1?role=publish_subscribe&cell-number=AA+B/C%3D%25=";
  const rest = URL.slice("wss://ssmmessages.eu-west-1.amazonaws.com".length);
  const mapped = (value: string, url = URL) => streamUrl(url, { SSM_PLUGIN_STREAM_ENDPOINT: value });

  test("not set: the URL as it is", () => {
    expect(streamUrl(URL, {})).toBe(URL);
    expect(mapped("")).toBe(URL);
  });

  for (const [value, origin] of [
    [
      "vpce-1.ssmmessages.eu-west-1.vpce.amazonaws.com",
      "wss://vpce-1.ssmmessages.eu-west-1.vpce.amazonaws.com",
    ],
    ["gateway.example:8443", "wss://gateway.example:8443"],
    ["wss://gateway.example", "wss://gateway.example"],
    ["https://gateway.example:8443/", "wss://gateway.example:8443"],
    ["ws://127.0.0.1:8080", "ws://127.0.0.1:8080"],
    ["[::1]:8443", "wss://[::1]:8443"],
  ] as const) {
    test(`${value}: another host, path and query untouched to the character`, () => {
      expect(mapped(value)).toBe(origin + rest);
    });
  }

  test("a host alone keeps the scheme", () => {
    expect(mapped("gateway.example:443", "ws://127.0.0.1:9999/x?y")).toBe("ws://gateway.example:443/x?y");
    expect(mapped("gateway.example", "wss://host")).toBe("wss://gateway.example");
    expect(mapped("gateway.example", "wss://host?x=/")).toBe("wss://gateway.example?x=/");
  });

  test("anything else is refused", () => {
    for (const value of [
      "wss://host/path",
      "host/path",
      "host?x",
      "ftp://host",
      "wss://user@host",
      "host:99999",
      "a b",
    ]) {
      expect(() => mapped(value)).toThrow(InvalidEndpointError);
      expect(() => mapped(value)).toThrow("SSM_PLUGIN_STREAM_ENDPOINT must be a host");
    }
  });

  test("a broken URL of the service is left to whoever connects", () => {
    expect(mapped("gateway.example", "nonsense")).toBe("nonsense");
  });
});
