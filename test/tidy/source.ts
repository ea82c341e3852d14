/**
 * The project's text as the rules see it: the files git tracks, each also with its comments and the insides of its strings
 * blanked out, so that a rule can look for a word or a bracket without meeting it in prose.
 *
 * This is a scanner, not a parser. It relies on the formatter: a function at some indentation ends at the first line with
 * a closing brace at the same indentation.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

export const root = join(import.meta.dir, "../..");

/** What may stand before a regular expression and not before a division. */
const regexMayFollow = /(?:^|[(,=:[!&|?{};+\-*%<>~^]|\b(?:return|typeof|case|of|in))\s*$/;

export interface SourceFile {
  /** From the root of the project, with forward slashes. */
  readonly path: string;
  readonly text: string;
  readonly lines: readonly string[];
  /** As long as `text`, with comments and the insides of strings, templates and regular expressions blank. */
  readonly code: string;
  readonly codeLines: readonly string[];
}

/** One place where a rule is broken. `line` counts from 1. */
export interface Breach {
  readonly path: string;
  readonly line: number;
  readonly why: string;
}

export interface FunctionSpan {
  readonly name: string;
  /** Lines from 1, both inclusive: the line of the name, the line where the body starts, the closing brace. */
  readonly line: number;
  readonly bodyLine: number;
  readonly endLine: number;
  readonly indentation: number;
  /** The comment directly above it. */
  readonly comment: string;
}

function git(...words: string[]): string {
  const { stdout, success } = Bun.spawnSync(["git", ...words], { cwd: root, stderr: "ignore" });
  return success ? stdout.toString() : "";
}

/** Paths of all files of the project: those git tracks, or all in the folders when there is no repository. */
export const paths: readonly string[] = (() => {
  const tracked = git("ls-files", "-z").split("\0").filter(Boolean);
  if (tracked.length > 0) return tracked.filter((path) => existsSync(join(root, path))).sort();
  const glob = new Bun.Glob("{src,test,bench,docs,examples}/**/*");
  return [...glob.scanSync({ cwd: root })].sort();
})();

/** Subjects of the commits, newest first; none outside a repository. */
export const commitSubjects: readonly string[] = git("log", "--no-merges", "--format=%s").split("\n").filter(Boolean);

export const sources: readonly SourceFile[] = paths
  .filter((path) => path.endsWith(".ts"))
  .map((path) => {
    const text = readFileSync(join(root, path), "utf8");
    const code = blank(text);
    return { path, text, lines: text.split("\n"), code, codeLines: code.split("\n") };
  });

export function lineAt(text: string, offset: number): number {
  let line = 1;
  for (let i = text.indexOf("\n"); i >= 0 && i < offset; i = text.indexOf("\n", i + 1)) line++;
  return line;
}

/** Every match of a pattern in the code of a file, as breaches. */
export function matches(file: SourceFile, pattern: RegExp, why: string): Breach[] {
  return [...file.code.matchAll(pattern)].map(({ index }) => ({
    path: file.path,
    line: lineAt(file.code, index),
    why,
  }));
}

function blankOf(text: string): string {
  return text.replace(/[^\n]/g, " ");
}

/** Blanks comments and the insides of literals; lines and offsets stay. */
export function blank(text: string): string {
  let out = "";
  let at = 0;
  /** Depth of braces within each template expression that is open. */
  const templates: number[] = [];
  while (at < text.length) {
    const two = text.slice(at, at + 2);
    const one = text[at]!;
    if (two === "//") out += blankOf(text.slice(at, endOf(text, "\n", at)));
    else if (two === "/*") out += blankOf(text.slice(at, endOf(text, "*/", at) + 2));
    else if (one === '"' || one === "'") out += literal(text, at, one);
    else if (one === "`") out += template(text, at, templates);
    else if (one === "}" && templates.at(-1) === 0) {
      templates.pop();
      out += template(text, at, templates);
    } else if (one === "/" && regexMayFollow.test(out.slice(-40))) out += regex(text, at);
    else {
      if (templates.length > 0 && one === "{") templates[templates.length - 1]! += 1;
      if (templates.length > 0 && one === "}") templates[templates.length - 1]! -= 1;
      out += one;
    }
    at = out.length;
  }
  return out;
}

function endOf(text: string, what: string, from: number): number {
  const end = text.indexOf(what, from);
  return end < 0 ? text.length : end;
}

function literal(text: string, from: number, quote: string): string {
  let at = from + 1;
  while (at < text.length && text[at] !== quote) at += text[at] === "\\" ? 2 : 1;
  return `${quote}${blankOf(text.slice(from + 1, at))}${quote}`;
}

/** From a back-tick, or the brace that ends an expression, to the next expression or the end of the template. */
function template(text: string, from: number, open: number[]): string {
  let at = from + 1;
  while (at < text.length && text[at] !== "`" && !(text[at] === "$" && text[at + 1] === "{")) {
    at += text[at] === "\\" ? 2 : 1;
  }
  const inside = blankOf(text.slice(from + 1, at));
  if (text[at] === "`") return `${text[from]}${inside}\``;
  open.push(0);
  return `${text[from]}${inside} {`;
}

function regex(text: string, from: number): string {
  let at = from + 1;
  let isClass = false;
  while (at < text.length && text[at] !== "\n" && (isClass || text[at] !== "/")) {
    if (text[at] === "[") isClass = true;
    if (text[at] === "]") isClass = false;
    at += text[at] === "\\" ? 2 : 1;
  }
  return `/${blankOf(text.slice(from + 1, at))}/`;
}

const functionStart =
  /^( *)(?:export )?(?:async )?function\*? (\w+)|^( +)(?:(?:private|protected|public|static|override|async|get|set|readonly) )*(?:\*)?(#?\w+)(?:<[^(]*>)?\(|^( *)(?:export )?const (\w+)\b.*=>\s*\{$/;
const notFunctions = new Set(["if", "for", "while", "switch", "catch", "return", "function", "super", "with", "await"]);

/** Functions, methods and named arrow functions with a body of more than one line. */
export function functionsOf(file: SourceFile): FunctionSpan[] {
  const spans: FunctionSpan[] = [];
  for (let index = 0; index < file.codeLines.length; index++) {
    const match = functionStart.exec(file.codeLines[index]!);
    if (match === null) continue;
    const name = match[2] ?? match[4] ?? match[6]!;
    const indentation = (match[1] ?? match[3] ?? match[5])!.length;
    if (notFunctions.has(name)) continue;
    const bodyIndex = bodyStart(file.codeLines, index, indentation);
    if (bodyIndex < 0) continue;
    const close = `${" ".repeat(indentation)}}`;
    let end = bodyIndex + 1;
    while (end < file.codeLines.length && !file.codeLines[end]!.startsWith(close)) end++;
    spans.push({
      name,
      line: index + 1,
      bodyLine: bodyIndex + 1,
      endLine: end + 1,
      indentation,
      comment: commentAbove(file.lines, index),
    });
  }
  return spans;
}

/** The line that opens the body: the one of the name, or the one that closes a parameter list of several lines. */
function bodyStart(lines: readonly string[], from: number, indentation: number): number {
  if (lines[from]!.endsWith("{")) return from;
  const close = `${" ".repeat(indentation)})`;
  for (let index = from; index < Math.min(from + 20, lines.length); index++) {
    if (index > from && lines[index]!.startsWith(close)) return lines[index]!.endsWith("{") ? index : -1;
    if (lines[index]!.endsWith(";")) return -1;
  }
  return -1;
}

function commentAbove(lines: readonly string[], index: number): string {
  let from = index;
  while (from > 0 && /^\s*(\/\*\*|\*|\/\/|@)/.test(lines[from - 1]!)) from--;
  return lines.slice(from, index).join("\n");
}
