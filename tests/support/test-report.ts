/** Reads the JUnit report of `bun test` into counts and names, so that a summary tells what really ran. */

/** One test as the report tells it. */
export interface ReportedTest {
  /** File, groups and name, joined by " > ". */
  readonly name: string;
  readonly file: string;
  readonly result: "passed" | "failed" | "skipped";
}

/** Every test of a report, in its order. Bun's own shape of the file is expected, not JUnit in general. */
export function readTestReport(xml: string): ReportedTest[] {
  const tests: ReportedTest[] = [];
  for (const [, attributes = "", body = ""] of xml.matchAll(
    /<testcase ([^>]*?)(?:\/>|>([\s\S]*?)<\/testcase>)/g,
  )) {
    const file = attribute(attributes, "file");
    const groups = attribute(attributes, "classname");
    const name = [file, groups, attribute(attributes, "name")].filter((part) => part !== "").join(" > ");
    const result = body.includes("<failure") ? "failed" : body.includes("<skipped") ? "skipped" : "passed";
    tests.push({ name, file, result });
  }
  return tests;
}

function attribute(attributes: string, name: string): string {
  const value = new RegExp(`(?:^|\\s)${name}="([^"]*)"`).exec(attributes)?.[1] ?? "";
  return value.replace(/&(?:#(\d+)|(\w+));/g, (whole, code: string | undefined, word: string | undefined) =>
    code !== undefined ? String.fromCodePoint(Number(code)) : (ENTITIES[word ?? ""] ?? whole),
  );
}

const ENTITIES: Readonly<Record<string, string>> = { lt: "<", gt: ">", amp: "&", quot: '"', apos: "'" };
