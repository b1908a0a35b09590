/** Names of targets as ssh's configuration gets them, and the configuration itself as text. */
import { describe, expect, test } from "bun:test";

import { placeSection, sectionOf } from "../../../src/cli/ssh/config-section.ts";
import { type Alias, aliasesOf, blockOf, loginOf, type NamedTarget } from "../../../src/cli/ssh/names.ts";
import { SeededRandom } from "../../support/seeded-random.ts";

const ID = "i-0123456789abcdef0";

const target = (name: string, over: Partial<NamedTarget> = {}): NamedTarget => ({
  id: ID,
  name,
  platform: "Amazon Linux",
  isWindows: false,
  ...over,
});

const aliasOf = (name: string): string => aliasesOf([target(name)])[0]?.alias ?? "";

describe("names", () => {
  test.each([
    ["web-1", "web-1"],
    ["Web_1", "Web_1"],
    ["Web Server 1", "Web-Server-1"],
    ["web-1.example.internal", "web-1"],
    ["github.com", "github"],
    ["db.prod 2", "db-prod-2"],
    ["büro", "b-ro"],
    ["", ID],
    ["日本", ID],
    ["...", ID],
    // What ssh takes for a pattern, an option, a comment, a quotation, a line of its own.
    ["*", ID],
    ["web-*", "web"],
    ["!web", "web"],
    ["web?", "web"],
    ["a,b", "a-b"],
    ["-oProxyCommand=x", "oProxyCommand-x"],
    ['"web"', "web"],
    ["web # x", "web-x"],
    ["web\nProxyCommand touch /tmp/x", "web-ProxyCommand-touch-tmp-x"],
    ["web\r\n\x1b[31m\u202ex", "web-31m-x"],
    ["$(x)`y`${z}%h", "x-y-z-h"],
    // What is somebody else already.
    ["i-0fedcba9876543210", `i-0fedcba9876543210.${ID}`],
    ["localhost", `localhost.${ID}`],
    ["LocalHost", `LocalHost.${ID}`],
    ["2130706433", `2130706433.${ID}`],
    ["0x7f000001", `0x7f000001.${ID}`],
    ["127.0.0.1", `127.${ID}`],
    ["10.0.0.1 web", "10-0-0-1-web"],
  ])("%j is %s", (name, alias) => {
    expect(aliasOf(name)).toBe(alias);
  });

  test("two of the same name both carry their ids, also when only letters' case or what is left out differs", () => {
    const named = ["twin", "Twin", "twin!", "other"].map((name, index) =>
      target(name, { id: `i-0000000${index}` }),
    );
    expect(aliasesOf(named).map(({ alias }) => alias)).toEqual([
      "Twin.i-00000001",
      "other",
      "twin.i-00000000",
      "twin.i-00000002",
    ]);
  });

  test("what has no proper id is left out", () => {
    expect(aliasesOf([target("x", { id: "i-1\nProxyCommand x" }), target("y", { id: "" })])).toEqual([]);
  });

  test("whatever a name is made of, a block has the lines that it is to have", () => {
    const random = new SeededRandom(12);
    const alphabet = [..."ab1.-_ \t\n\r\"'\\*?!#%$`{}()=,;:~@/\u0000\u001b\u2028\u202e\u00e4\u{1f600}"];
    for (let round = 0; round < 3_000; round++) {
      const name = Array.from({ length: random.int(13) }, () => alphabet[random.int(alphabet.length)]);
      const [alias] = aliasesOf([target(name.join(""))]);
      const lines = blockOf(alias as Alias, { proxyCommand: "p %h %p" });
      const text = lines.filter((line) => !line.startsWith("    # ")).join("\n");
      expect(lines.join("\n").split(/[\n\r]/).length).toBe(lines.length);
      expect(text).toMatch(
        /^Host [A-Za-z0-9_][\w-]*(\.i-0123456789abcdef0)?\n {4}HostName i-0123456789abcdef0\n {4}User ec2-user\n {4}ProxyCommand p %h %p$/,
      );
    }
  });
});

describe("logins", () => {
  test.each([
    ["Amazon Linux", "ec2-user"],
    ["Ubuntu", "ubuntu"],
    ["Debian GNU/Linux", "admin"],
    ["CentOS Linux", "centos"],
    ["Red Hat Enterprise Linux Server", "ec2-user"],
    ["Microsoft Windows Server 2022 Datacenter", "Administrator"],
    ["macOS", "ec2-user"],
    ["Something of our own", undefined],
    ["", undefined],
  ])("%j: %p", (platform, user) => {
    expect(loginOf(target("x", { platform }))).toBe(user as string);
  });

  test("a machine that is not of EC2 has the logins that its owner gave it", () => {
    expect(loginOf(target("x", { id: "mi-0123456789abcdef0" }))).toBeUndefined();
  });
});

describe("our section of a file", () => {
  const LINES = ["Host web", "    HostName i-1"];
  const section = sectionOf("x --names", LINES);
  const place = (text: string, lines = LINES): string => placeSection(text, "x --names", lines, "/f");

  test.each([
    ["", section],
    ["Port 22\n", `Port 22\n\n${section}`],
    ["Port 22", `Port 22\n\n${section}`],
    ["Host a\n  Port 1\n", `${section}\nHost a\n  Port 1\n`],
    ["Port 22\n\n# about a\n# more\nHost a\n", `Port 22\n\n${section}\n# about a\n# more\nHost a\n`],
    ["Include x\n  match all\r\n", `Include x\n${section}\n  match all\r\n`],
    ["host=a\n", `${section}\nhost=a\n`],
    // Not the beginning of a block.
    ["HostKeyAlias x\n#Host\n", `HostKeyAlias x\n#Host\n\n${section}`],
  ])("put into %j", (before, after) => {
    expect(place(before)).toBe(after);
    expect(place(after)).toBe(after);
    const longer = [...LINES, "    User me"];
    expect(place(after, longer)).toBe(after.replace(section, sectionOf("x --names", longer)));
    expect(place(place(after, longer))).toBe(after);
  });

  test("others of ours, and the same with another end of lines", () => {
    const other = sectionOf("y --names", ["Host other"]);
    const both = placeSection(place(""), "y --names", ["Host other"], "/f");
    expect(both).toContain(section);
    expect(both).toContain(other);
    expect(place(section.replaceAll("\n", "\r\n"))).toBe(section);
  });

  test.each([
    section.replace("# >>> x --names\n", ""),
    section.replace("# <<< x --names\n", ""),
    section + section,
    "# <<< x --names\n# >>> x --names\n",
  ])("damaged markers: nothing is guessed", (text) => {
    expect(() => place(text)).toThrow(/^\/f has not one pair of the lines "# >>> x --names" and/);
  });
});
