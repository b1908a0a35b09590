/** The AWS CLI's dialect of INI, where the files are, how two files become one, and what is refused. */
import { describe, expect, test } from "bun:test";
import { join } from "node:path";

import { BrokenConfigFileError } from "../../src/aws/errors.ts";
import { profileSettings } from "../../src/aws/profile-settings.ts";
import {
  loadSharedFiles,
  parseIni,
  profileFromEnvironment,
  sharedFilePaths,
} from "../../src/aws/shared-files.ts";
import { temporaryDirectory } from "../support/environment.ts";
import { failureOf, put } from "./support.ts";

const object = (section: ReadonlyMap<string, string> | undefined) => Object.fromEntries(section ?? []);

describe("INI", () => {
  test("settings, comments, both separators, names in small letters", () => {
    const sections = parseIni(
      "f",
      [
        "# a comment",
        "; another",
        "",
        "[one]  trailing words",
        "Region=eu-west-1",
        "role_arn : arn:aws:iam::1:role/x  ",
        "empty =",
        "hash = a#b ; c",
        "[ two words ]",
        "a = b = c",
        "[one]",
        "region = us-east-1",
      ].join("\r\n"),
    );
    expect([...sections.keys()]).toEqual(["one", " two words "]);
    expect(object(sections.get("one"))).toEqual({
      region: "us-east-1",
      role_arn: "arn:aws:iam::1:role/x",
      empty: "",
      hash: "a#b ; c",
    });
    expect(object(sections.get(" two words "))).toEqual({ a: "b = c" });
  });

  test("deeper lines belong to the setting before them, an evenly indented section does not", () => {
    const sections = parseIni(
      "f",
      "[default]\ns3 =\n  region = nested\n\n  # a comment\n  more = x\nregion = top\n[even]\n  a = 1\n  b = 2\n",
    );
    expect(object(sections.get("default"))).toEqual({ s3: "\nregion = nested\nmore = x", region: "top" });
    expect(object(sections.get("even"))).toEqual({ a: "1", b: "2" });
  });

  for (const [text, rule] of [
    ["region = x\n", "has a setting before the first [section] in line 1"],
    ["[default]\n\nsecret-without-equals\n", 'has a line without "name = value", line 3'],
    ["[default\nregion = x\n", "has a setting before the first [section] in line 1"],
    ["[default]\n= secret\n", 'has a line without "name = value", line 2'],
  ] as const) {
    test(`refuses ${JSON.stringify(text)} with the line and without its content`, () => {
      expect(() => parseIni("/h/.aws/config", text)).toThrow(BrokenConfigFileError);
      expect(() => parseIni("/h/.aws/config", text)).toThrow(
        `the AWS configuration file /h/.aws/config ${rule}`,
      );
      expect(() => parseIni("/h/.aws/config", text)).not.toThrow(/secret/);
    });
  }
});

describe("the two files", () => {
  test("are in ~/.aws unless variables say otherwise", () => {
    expect(sharedFilePaths({ HOME: "/h" })).toEqual({
      config: join("/h", ".aws", "config"),
      credentials: join("/h", ".aws", "credentials"),
    });
    expect(
      sharedFilePaths({ HOME: "/h", AWS_CONFIG_FILE: "~/c", AWS_SHARED_CREDENTIALS_FILE: "/x/creds" }),
    ).toEqual({ config: "/h/c", credentials: "/x/creds" });
    expect(sharedFilePaths({ HOME: "", USERPROFILE: "/u" }).config).toBe(join("/u", ".aws", "config"));
  });

  test("become one: profiles, sso-sessions, names in quotes; the credentials file wins", async () => {
    const home = temporaryDirectory("aws");
    put(
      home,
      ".aws/config",
      `[default]\nregion = a\noutput = json\n[profile dev]\nregion = b\naws_access_key_id = old\n
       \n[profile "two words"]\nregion = c\n[sso-session corp]\nsso_region = d\n[dev]\nregion = not-a-profile\n
       \n[services x]\nssm =\n  endpoint_url = http://x\n[profile]\nregion = nameless\n`.replace(/^ +/gm, ""),
    );
    put(
      home,
      ".aws/credentials",
      "[dev]\naws_access_key_id = new\n[only here]\na = 1\n[profile dev]\nb = 2\n",
    );
    const { profiles, ssoSessions } = await loadSharedFiles({ HOME: home });
    expect(object(profiles.get("default"))).toEqual({ region: "a", output: "json" });
    expect(object(profiles.get("dev"))).toEqual({ region: "b", aws_access_key_id: "new" });
    expect(object(profiles.get("two words"))).toEqual({ region: "c" });
    expect(object(profiles.get("only here"))).toEqual({ a: "1" });
    expect(object(ssoSessions.get("corp"))).toEqual({ sso_region: "d" });
    expect([...profiles.keys()].toSorted()).toEqual([
      "default",
      "dev",
      "only here",
      "profile dev",
      "two words",
    ]);
  });

  test("may both be missing", async () => {
    const { profiles } = await loadSharedFiles({ HOME: "/nonexistent/home" });
    expect(profiles.size).toBe(0);
  });

  test("one that cannot be read or is no text is an error with its path", async () => {
    const home = temporaryDirectory("aws");
    put(home, ".aws/config/is-a-directory", "");
    const unreadable = await failureOf(loadSharedFiles({ HOME: home }));
    expect(unreadable).toBeInstanceOf(BrokenConfigFileError);
    expect(unreadable.message).toBe(
      `the AWS configuration file ${join(home, ".aws", "config")} cannot be read (EISDIR)`,
    );
    const other = temporaryDirectory("aws");
    const path = join(other, "binary");
    await Bun.write(path, Uint8Array.of(0x5b, 0xff, 0x5d));
    const binary = await failureOf(loadSharedFiles({ HOME: other, AWS_CONFIG_FILE: path }));
    expect(binary.message).toBe(`the AWS configuration file ${path} is not UTF-8 text`);
  });

  test("a byte order mark is no part of the first section", async () => {
    const home = temporaryDirectory("aws");
    put(home, ".aws/config", "\ufeff[default]\nregion = a\n");
    expect((await loadSharedFiles({ HOME: home })).profiles.has("default")).toBeTrue();
  });
});

describe("settings of a profile", () => {
  const home = temporaryDirectory("aws");
  put(home, ".aws/config", "[default]\nregion = a\n[profile dev]\nregion = b\nca_bundle = ~/ca.pem\n");

  test("region and bundle of the named, the chosen or the default profile", async () => {
    expect(await profileSettings({ HOME: home })).toEqual({ region: "a" });
    expect(await profileSettings({ HOME: home }, "dev")).toEqual({ region: "b", caBundle: "~/ca.pem" });
    expect(await profileSettings({ HOME: home, AWS_PROFILE: "dev" }, "")).toEqual({
      region: "b",
      caBundle: "~/ca.pem",
    });
    expect(await profileSettings({ HOME: home }, "unknown")).toEqual({});
  });

  test("variables name the region first", async () => {
    expect(await profileSettings({ HOME: home, AWS_DEFAULT_REGION: "d" }, "dev")).toMatchObject({
      region: "d",
    });
    expect(
      await profileSettings({ HOME: home, AWS_REGION: "r", AWS_DEFAULT_REGION: "d" }, "dev"),
    ).toMatchObject({ region: "r" });
  });

  test("AWS_DEFAULT_PROFILE goes before AWS_PROFILE, as in the AWS CLI", () => {
    expect(profileFromEnvironment({ AWS_DEFAULT_PROFILE: "a", AWS_PROFILE: "b" })).toBe("a");
    expect(profileFromEnvironment({ AWS_DEFAULT_PROFILE: "", AWS_PROFILE: "b" })).toBe("b");
    expect(profileFromEnvironment({})).toBeUndefined();
  });
});
