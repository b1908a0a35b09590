/**
 * The rules of the house, read from the code's own imports and names: who may import whom, what the pure rooms must
 * not touch, who may print and end the process. A failure lists each offence with its file.
 */

import { describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { dirname, join, posix } from "node:path";

import packageJson from "../package.json";
import { repositoryRoot } from "./support/environment.ts";
import { readSource, type SourceFile, type SourceImport } from "./support/source-file.ts";

/** What one room may take from another, through the other's index.ts. */
interface Permissions {
  /** Imported in any way. */
  readonly may?: readonly string[];
  /** Only as `import type`. */
  readonly types?: readonly string[];
  /** Only as `await import(…)`, so that it is not loaded on other paths; types too. */
  readonly lazily?: readonly string[];
}

const PURE = ["protocol", "channel", "smux", "encryption"];
const IO = ["transport", "net", "terminal", "aws"];
const FACE: Permissions = { may: ["host", "session", "protocol", ...IO], types: PURE, lazily: ["simulator"] };

const ROOMS: Readonly<Record<string, Permissions>> = {
  main: { lazily: ["plugin", "cli", "host"] },
  host: { may: ["session", "protocol", ...IO], types: PURE },
  plugin: FACE,
  cli: FACE,
  library: { may: ["host", "session", "net", "aws"] },
  session: { may: PURE },
  channel: { may: ["protocol"] },
  smux: {},
  encryption: {},
  protocol: {},
  transport: { types: ["session", ...IO] },
  net: { types: ["session", ...IO] },
  terminal: { types: ["session", ...IO] },
  aws: { types: ["session", ...IO] },
  simulator: { may: [...PURE, "net"], types: ["session"] },
};

/** The one file beside index.ts that other rooms may import: interfaces only. */
const SEAMS = "session/seams.ts";

/** Packages and the rooms that may import them; a package not named here may be imported nowhere. */
const PACKAGES: readonly {
  readonly name: RegExp;
  readonly rooms: readonly string[];
  readonly lazily?: true;
}[] = [
  { name: /^zod(\/|$)/, rooms: Object.keys(ROOMS).filter((room) => room !== "main") },
  { name: /^citty(\/|$)/, rooms: ["cli"] },
  { name: /^consola(\/|$)/, rooms: ["host"], lazily: true },
  { name: /^@(aws-sdk|smithy)\//, rooms: ["aws"], lazily: true },
];

/** Names that a pure room must not use: time, chance, input and output, waiting. */
const IMPURE = [
  /(?<![.\w$#])Date\s*\.\s*now\b/,
  /\bnew\s+Date\s*(?:\(\s*\)|(?!\s*\())/,
  /(?<![.\w$#])performance\s*\./,
  /(?<![.\w$#])Math\s*\.\s*random\b/,
  /(?<![.\w$#])(?:setTimeout|setInterval|setImmediate|queueMicrotask|fetch|WebSocket|globalThis)\b/,
  /(?<![.\w$#])console\s*\./,
  /(?<![.\w$#])process\s*\./,
  /(?<![.\w$#])Bun\s*\.\s*(?!SHA256\b|CryptoHasher\b)/,
  /\b(?:randomUUID|randomBytes|randomInt|randomFill|randomFillSync|getRandomValues|webcrypto)\b/,
  /(?<![.\w$#])(?:async\s|await\s|Promise\b)/,
];

/** The longest file; about 250 lines is the aim, but one thing stays in one file. */
const MAX_LINES = 400;

/** Everything that may lie at the top of the repository. */
const TOP_LEVEL = [
  "package.json",
  "bunfig.toml",
  "tsconfig.json",
  "src",
  "tests",
  "build.ts",
  "README.md",
  "LICENSE",
  "CHANGELOG.md",
  "bun.lock",
  ".gitignore",
  ".ci",
];
/** May lie there too: a forge's settings, and what commands make (ignored by git). */
const TOP_LEVEL_OPTIONAL = [".github", ".git", "node_modules", "dist", "coverage"];

interface RoomFile extends SourceFile {
  /** From src/, with forward slashes. */
  readonly path: string;
  readonly room: string;
  readonly text: string;
}

const files: readonly RoomFile[] = await Promise.all(
  [...new Bun.Glob("**/*.ts").scanSync({ cwd: join(repositoryRoot, "src") })]
    .toSorted()
    .map(async (found) => {
      const path = found.replaceAll("\\", "/");
      const text = await Bun.file(join(repositoryRoot, "src", path)).text();
      return {
        path,
        text,
        room: path.includes("/") ? (path.split("/")[0] ?? "") : "main",
        ...readSource(text),
      };
    }),
);

/** The file in src/ that an import means, or undefined for a package. */
function targetOf(file: RoomFile, { specifier }: SourceImport): string | undefined {
  return specifier.startsWith(".") ? posix.join(dirname(file.path), specifier) : undefined;
}

/** Offences of all files, as `path: what`. */
function offences(find: (file: RoomFile) => readonly string[]): string[] {
  return files.flatMap((file) => find(file).map((what) => `${file.path}: ${what}`));
}

/** Lines of a file's code that match, as `line 12: text`. */
function matches({ code }: RoomFile, pattern: RegExp): string[] {
  return code
    .split("\n")
    .flatMap((line, index) => (pattern.test(line) ? [`line ${index + 1}: ${line.trim()}`] : []));
}

describe("rooms", () => {
  test("every file lies in a known room, only main.ts outside", () => {
    expect(
      offences(({ path, room }) => {
        if (!(room in ROOMS)) return [`there is no room "${room}"`];
        return room === "main" && path !== "main.ts" ? ["only main.ts lies outside the rooms"] : [];
      }),
    ).toEqual([]);
  });

  test("each room imports only what it may, in the way it may", () => {
    expect(
      offences((file) =>
        file.imports.flatMap((imported) => {
          const target = targetOf(file, imported);
          if (target === undefined) return [];
          const room = target.split("/")[0] ?? "";
          if (room === file.room) return [];
          const { may = [], types = [], lazily = [] } = ROOMS[file.room] ?? {};
          if (may.includes(room)) return [];
          if (imported.typeOnly && [...types, ...lazily].includes(room)) return [];
          if (imported.dynamic && lazily.includes(room)) return [];
          const way = types.includes(room)
            ? " (types only)"
            : lazily.includes(room)
              ? " (await import only)"
              : "";
          return [`must not import ${target}${way}`];
        }),
      ),
    ).toEqual([]);
  });

  test("a room is entered through its index.ts, or through the seams for types", () => {
    expect(
      offences((file) =>
        file.imports.flatMap((imported) => {
          const target = targetOf(file, imported);
          if (target === undefined) return [];
          if (target.startsWith("../")) return [`imports ${imported.specifier}, outside src/`];
          const room = target.split("/")[0] ?? "";
          if (room === file.room || target === `${room}/index.ts`) return [];
          if (target === SEAMS && imported.typeOnly) return [];
          return [`imports ${target}, not ${room}/index.ts`];
        }),
      ),
    ).toEqual([]);
  });

  test("the IO rooms take nothing from session but the seams", () => {
    expect(
      offences((file) =>
        IO.includes(file.room)
          ? file.imports
              .map((imported) => targetOf(file, imported))
              .filter((target) => target?.startsWith("session/") === true && target !== SEAMS)
              .map((target) => `imports ${target}`)
          : [],
      ),
    ).toEqual([]);
  });

  test("no file imports itself, directly or over others", () => {
    const edges = new Map(
      files.map((file) => [
        file.path,
        // Types are erased and a dynamic import runs later: neither can make a file run too early.
        file.imports
          .filter(({ typeOnly, dynamic }) => !typeOnly && !dynamic)
          .flatMap((imported) => targetOf(file, imported) ?? []),
      ]),
    );
    const done = new Set<string>();
    const cycles: string[] = [];
    const visit = (path: string, trail: readonly string[]): void => {
      const seenAt = trail.indexOf(path);
      if (seenAt !== -1) return void cycles.push([...trail.slice(seenAt), path].join(" → "));
      if (done.has(path)) return;
      for (const next of edges.get(path) ?? []) visit(next, [...trail, path]);
      done.add(path);
    };
    for (const path of edges.keys()) visit(path, []);
    expect(cycles).toEqual([]);
  });
});

describe("packages", () => {
  test("each is imported only by the rooms that may, the AWS SDK only when needed", () => {
    expect(
      offences((file) =>
        file.imports.flatMap(({ specifier, typeOnly, dynamic }) => {
          if (/^[.]|^(node|bun):|^bun$/.test(specifier)) return [];
          const rule = PACKAGES.find(({ name }) => name.test(specifier));
          if (rule === undefined) return [`imports ${specifier}, which no room may`];
          if (!rule.rooms.includes(file.room)) return [`imports ${specifier}, which only ${rule.rooms} may`];
          if (rule.lazily && !dynamic && !typeOnly) return [`must load ${specifier} by await import(…)`];
          return [];
        }),
      ),
    ).toEqual([]);
  });

  test("dependencies are pinned exactly", () => {
    const versions = Object.entries({ ...packageJson.dependencies, ...packageJson.devDependencies });
    expect(versions.filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version))).toEqual([]);
  });
});

describe("pure rooms", () => {
  const pure = (file: RoomFile): boolean => PURE.includes(file.room);

  test("import nothing of the runtime but node:crypto", () => {
    expect(
      offences((file) =>
        pure(file)
          ? file.imports
              .filter(({ specifier }) => /^(node|bun)(:|$)/.test(specifier) && specifier !== "node:crypto")
              .map(({ specifier }) => `imports ${specifier}`)
          : [],
      ),
    ).toEqual([]);
  });

  test("have no clock, no chance, no IO, no timers and no promises", () => {
    expect(
      offences((file) => (pure(file) ? IMPURE.flatMap((pattern) => matches(file, pattern)) : [])),
    ).toEqual([]);
  });
});

describe("one exit, one voice", () => {
  /** Offences of files outside the rooms named. */
  const outside = (rooms: readonly string[], pattern: RegExp): string[] =>
    offences((file) => (rooms.includes(file.room) ? [] : matches(file, pattern)));

  test("only main.ts ends the process", () => {
    expect(outside(["main"], /\bprocess\s*\.\s*(?:exit|abort|reallyExit)\s*\(/)).toEqual([]);
  });

  test("only main.ts and the faces set the exit code", () => {
    expect(outside(["main", "plugin", "cli"], /\bprocess\s*\.\s*exitCode\b/)).toEqual([]);
  });

  test("nobody uses the console", () => {
    expect(outside([], /(?<![.\w$#])console\s*\./)).toEqual([]);
  });

  test("only the faces and the terminal touch the standard streams", () => {
    const streams =
      /\bprocess\s*\.\s*(?:stdout|stderr|stdin)\b|(?<![.\w$#])Bun\s*\.\s*(?:stdout|stderr|stdin)\b/;
    expect(outside(["main", "plugin", "cli", "terminal"], streams)).toEqual([]);
  });
});

describe("files", () => {
  test(`have at most ${MAX_LINES} lines`, () => {
    const tooLong = (file: RoomFile): readonly string[] => {
      const lines = file.text.trimEnd().split("\n").length;
      return lines > MAX_LINES ? [`${lines} lines`] : [];
    };
    expect(offences(tooLong)).toEqual([]);
  });

  test("are named in kebab-case and begin with a comment", () => {
    expect(
      offences(({ path, text }) => [
        ...(/^(?:[a-z0-9]+(?:-[a-z0-9]+)*\/)*[a-z0-9]+(?:-[a-z0-9]+)*\.ts$/.test(path)
          ? []
          : ["not kebab-case"]),
        ...(/^(?:\/\*|\/\/)/.test(text) ? [] : ["begins without a comment on what it owns"]),
      ]),
    ).toEqual([]);
  });

  test("document what they export", () => {
    const declaration =
      /^export (?:abstract |async |declare )*(?:function\*?|class|const|let|interface|type) +(\w+)/;
    expect(
      offences(({ text }) => {
        const lines = text.split("\n");
        return lines.flatMap((line, index) => {
          const name = declaration.exec(line)?.[1];
          if (name === undefined) return [];
          const before = lines[index - 1]?.trimEnd() ?? "";
          // An overload or a type of the same name stands right after what is documented.
          const sameName = lines.slice(0, index).some((earlier) => declaration.exec(earlier)?.[1] === name);
          return before.endsWith("*/") || sameName ? [] : [`line ${index + 1}: ${name} has no docstring`];
        });
      }),
    ).toEqual([]);
  });

  test("do not switch the type checker off", () => {
    expect(
      offences((file) => [
        ...file.text.split("\n").filter((line) => /@ts-(?:ignore|expect-error|nocheck)/.test(line)),
        ...matches(file, /(?:[:<|&,(=]|\bas|\bextends)\s*any\b(?!\s*[(:.])/),
      ]),
    ).toEqual([]);
  });

  test("the top of the repository holds what it should and nothing else", () => {
    const present = readdirSync(repositoryRoot).filter((name) => !TOP_LEVEL_OPTIONAL.includes(name));
    expect(present.toSorted()).toEqual(TOP_LEVEL.toSorted());
  });
});

describe("the reader that these rules rest on", () => {
  test("finds every import that the bundler finds", () => {
    const transpiler = new Bun.Transpiler({ loader: "ts" });
    expect(
      offences((file) => {
        const known = file.imports.map(({ specifier }) => specifier);
        return transpiler
          .scanImports(file.text)
          .filter(({ path }) => !known.includes(path))
          .map(({ path }) => `${path} was overlooked`);
      }),
    ).toEqual([]);
  });

  test("tells the kinds apart and is not misled by strings, comments and templates", () => {
    const { imports, code } = readSource(`
      import type { A } from "./types.ts";
      import { type B, type C } from './more-types.ts';
      import d, { type E } from "./values.ts";
      import * as f from "./star.ts";
      import "./effect.ts";
      export { g } from "./again.ts";
      export type { H } from "./again-types.ts";
      // import x from "./comment.ts";
      /* import("./comment-too.ts") */
      const text = "import i from './string.ts'; Date.now()";
      const pattern = /["'\`/*]/;
      const template = \`import("./template.ts") \${await import("./lazy.ts")} \${\`\${Math.random()}\`} Date.now()\`;
      type J = typeof import("./type-of.ts");
      let k: import("./type-in-place.ts").K;
      const l = import("./lazy-then.ts").then((m) => m.n);
      const o = 1 / 2; const p = 3 / 4;
    `);
    const short = imports.map(
      ({ specifier, typeOnly, dynamic }) => `${specifier}${typeOnly ? " type" : ""}${dynamic ? " lazy" : ""}`,
    );
    expect(short.toSorted()).toEqual(
      [
        "./types.ts type",
        "./more-types.ts type",
        "./values.ts",
        "./star.ts",
        "./effect.ts",
        "./again.ts",
        "./again-types.ts type",
        "./lazy.ts lazy",
        "./type-of.ts type lazy",
        "./type-in-place.ts type lazy",
        "./lazy-then.ts lazy",
      ].toSorted(),
    );
    expect(code).not.toContain("Date.now");
    expect(code).toContain("Math.random()");
    expect(code).toContain("const p = 3 / 4");
    expect(code.split("\n").length).toBe(18);
  });
});
