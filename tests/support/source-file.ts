/**
 * Reads a TypeScript source as far as rules about imports and forbidden names need it: a lexer, not a parser.
 * Comments and the insides of strings never count as code.
 */

/** One import or re-export of a source file. */
export interface SourceImport {
  /** What stands between the quotes. */
  readonly specifier: string;
  /** Only types are taken; nothing is loaded at run time. */
  readonly typeOnly: boolean;
  /** `import("…")`: loaded when the code gets there. */
  readonly dynamic: boolean;
}

/** A source text, cut up. */
export interface SourceFile {
  /**
   * The text without comments, and with `"§n"` in place of the n-th string; lines keep their numbers. Expressions
   * inside templates are kept.
   */
  readonly code: string;
  readonly imports: readonly SourceImport[];
}

/** After one of these (or at the start) a slash begins a regular expression, else it divides. */
const BEFORE_EXPRESSION =
  /(?:^|[(,=:[!&|?{};+\-*%<>~^]|\b(?:return|typeof|case|in|of|await|yield|throw|else))\s*$/;

/** Cuts a source text up. */
export function readSource(text: string): SourceFile {
  const strings: string[] = [];
  let code = "";
  let at = 0;
  /** Depth of braces inside each template expression that is open. */
  const templates: number[] = [];

  const string = (value: string): void => {
    // A string over several lines must not move the lines that follow.
    code += `"§${strings.push(value) - 1}"${"\n".repeat(value.split("\n").length - 1)}`;
  };
  /** Reads a template's text from `at`, up to its end or its next expression. */
  const template = (): void => {
    const start = at;
    while (at < text.length) {
      if (text[at] === "\\") at += 2;
      else if (text[at] === "`") return void (string(text.slice(start, at++)), templates.pop());
      else if (text.startsWith("${", at)) {
        string(text.slice(start, at));
        code += "+(";
        at += 2;
        return;
      } else at++;
    }
  };

  while (at < text.length) {
    const char = text[at] ?? "";
    const rest = text.slice(at, at + 2);
    if (rest === "//") {
      at = endOf(text, "\n", at);
    } else if (rest === "/*") {
      const end = endOf(text, "*/", at + 2) + 2;
      code += ` ${"\n".repeat(text.slice(at, end).split("\n").length - 1)}`;
      at = end;
    } else if (char === '"' || char === "'") {
      const start = ++at;
      while (at < text.length && text[at] !== char) at += text[at] === "\\" ? 2 : 1;
      string(text.slice(start, at++));
    } else if (char === "`") {
      at++;
      templates.push(0);
      template();
    } else if (char === "/" && BEFORE_EXPRESSION.test(code.slice(-20))) {
      const start = ++at;
      for (let inClass = false; at < text.length && (inClass || text[at] !== "/"); at++) {
        if (text[at] === "\\") at++;
        else if (text[at] === "[") inClass = true;
        else if (text[at] === "]") inClass = false;
      }
      string(text.slice(start, at++));
    } else {
      const depth = templates.at(-1);
      if (depth !== undefined && char === "}" && depth === 0) {
        code += ")+";
        at++;
        template();
        continue;
      }
      if (depth !== undefined && char === "{") templates[templates.length - 1] = depth + 1;
      if (depth !== undefined && char === "}") templates[templates.length - 1] = depth - 1;
      code += char;
      at++;
    }
  }
  return { code, imports: importsOf(code, strings) };
}

function endOf(text: string, end: string, from: number): number {
  const found = text.indexOf(end, from);
  return found === -1 ? text.length : found;
}

function importsOf(code: string, strings: readonly string[]): SourceImport[] {
  const found: SourceImport[] = [];
  const named = (index: string | undefined): string => strings[Number(index)] ?? "";
  // import … from "x", export … from "x"; the clause holds names, braces, commas and a star.
  for (const [, clause = "", index] of code.matchAll(/\b(?:im|ex)port\b([\w$\s{},*]*?)\bfrom\s*"§(\d+)"/g))
    found.push({ specifier: named(index), typeOnly: isTypeClause(clause), dynamic: false });
  for (const [, index] of code.matchAll(/\bimport\s*"§(\d+)"/g))
    found.push({ specifier: named(index), typeOnly: false, dynamic: false });
  for (const [, before, index, after] of code.matchAll(
    /(\btypeof\s+)?\bimport\s*\(\s*"§(\d+)"\s*,?\s*\)(\s*\.\s*(?!then\b|catch\b|finally\b)\w+)?/g,
  ))
    found.push({
      specifier: named(index),
      typeOnly: before !== undefined || after !== undefined,
      dynamic: true,
    });
  return found;
}

/** `type { a }`, or braces in which every name is marked as a type. */
function isTypeClause(clause: string): boolean {
  if (/^\s*type\b(?!\s*,)/.test(clause)) return true;
  const inBraces = /^\s*\{([^}]*)\}\s*$/.exec(clause)?.[1];
  const names = inBraces?.split(",").filter((name) => name.trim() !== "") ?? [];
  return names.length > 0 && names.every((name) => /^\s*type\s/.test(name));
}
