/** What completion takes from its cache: words, whoever has written it. */
import { expect, test } from "bun:test";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { targetLines } from "../../../src/cli/completion/targets.ts";
import { temporaryDirectory } from "../../support/environment.ts";

test("a cache that somebody has written into gives words that no shell executes", async () => {
  const cache = temporaryDirectory("cache");
  // Where nobody answers, the file of this account is made all the same.
  const account = {
    environment: {
      XDG_CACHE_HOME: cache,
      AWS_ENDPOINT_URL: "http://127.0.0.1:1",
      AWS_ACCESS_KEY_ID: "AKIAEXAMPLE",
      AWS_SECRET_ACCESS_KEY: "secret",
      AWS_CONFIG_FILE: "/dev/null",
      AWS_SHARED_CREDENTIALS_FILE: "/dev/null",
    },
    profile: "",
    region: "eu-central-1",
    endpoint: "",
  };
  expect(await targetLines(account)).toBe("");
  const directory = join(cache, "session-manager-plugin");
  const [name = ""] = readdirSync(directory);
  const file = join(directory, name);
  expect(readFileSync(file, "utf8")).toBe("");

  writeFileSync(file, "web-1\ti-1, Online\n$(id)\tan id\n`id`\n-rf\ta\n\ni-1\tweb-1\n");
  expect(await targetLines(account)).toBe("web-1\ti-1, Online\ni-1\tweb-1\n");
});
