/** Where a value of the configuration stands in its text. */
import { type Document, isAlias, isMap, isScalar, isSeq, type LineCounter, type YAMLError } from "yaml";
import { language, type Message, say } from "../base/mod.ts";
import { expectedInChinese, messages } from "./messages.ts";

export type Path = readonly (string | number)[];

/** One thing that is wrong. Lines and columns begin with 1; 0 means the file as a whole. */
export interface Problem {
  /** Stable and dotted. */
  readonly code: string;
  readonly file: string;
  readonly path: Path;
  readonly line: number;
  readonly column: number;
  /** How much of the line the caret underlines. */
  readonly lengthCharacters: number;
  readonly sourceLine: string;
  readonly message: Message;
  readonly hint: Message | null;
  readonly values: Readonly<Record<string, string | number>>;
}

type Range = readonly [start: number, end: number];

export class Places {
  private readonly text: string;
  private readonly file: string;
  private readonly document: Document;
  private readonly lineCounter: LineCounter;
  private readonly lines: readonly string[];

  constructor(text: string, file: string, document: Document, lineCounter: LineCounter) {
    this.text = text;
    this.file = file;
    this.document = document;
    this.lineCounter = lineCounter;
    this.lines = text.split("\n").map((line) => line.replace(/\r$/, ""));
  }

  /** A problem with the value at `path`, or with its key. A value that is missing is placed at what should hold it. */
  problemAt(
    path: Path,
    code: string,
    message: Message,
    hint: Message | null,
    values: Problem["values"],
    isKey = false,
  ): Problem {
    return this.problemIn(this.rangeOf(path, isKey), path, code, message, hint, values);
  }

  yamlProblem(error: YAMLError): Problem {
    const range: Range = error.pos;
    if (error.code === "DUPLICATE_KEY") {
      const key = this.text.slice(range[0]).match(/^["']?([^"':\s]+)/)?.[1] ?? "";
      return this.problemIn(range, [], "config.duplicate-key", messages.duplicateKey, messages.duplicateKeyHint, {
        key,
      });
    }
    const reason = error.message.split("\n")[0]!.replace(/ at line \d+, column \d+:?$/, "");
    return this.problemIn(range, [], "config.yaml", messages.yaml, messages.yamlHint, { reason });
  }

  lineOf(path: Path): number {
    return this.lineCounter.linePos(this.rangeOf(path, false)[0]).line;
  }

  inOrder(problems: readonly Problem[]): Problem[] {
    return [...problems].sort((a, b) => a.line - b.line || a.column - b.column);
  }

  private problemIn(
    range: Range,
    path: Path,
    code: string,
    message: Message,
    hint: Message | null,
    values: Problem["values"],
  ): Problem {
    const { line, col: column } = this.lineCounter.linePos(range[0]);
    const written = this.lines[line - 1] ?? "";
    // What was written where a secret belongs may be one.
    const isSecret = message === messages.secretWrong;
    const sourceLine = isSecret ? `${written.slice(0, column - 1)}***` : written;
    const lengthCharacters = Math.max(1, Math.min(range[1] - range[0], sourceLine.trimEnd().length - column + 1));
    return { code, file: this.file, path, line, column, lengthCharacters, sourceLine, message, hint, values };
  }

  private rangeOf(path: Path, isKey: boolean): Range {
    let node: unknown = this.document.contents;
    let range: Range = rangeOf(node) ?? [0, 0];
    for (const [index, step] of path.entries()) {
      if (isAlias(node)) node = node.resolve(this.document);
      const isLast = index === path.length - 1;
      if (isMap(node)) {
        const pair = node.items.find((item) => String(isScalar(item.key) ? item.key.value : item.key) === String(step));
        if (pair === undefined) return range;
        const keyRange = rangeOf(pair.key) ?? range;
        node = pair.value;
        const valueRange = rangeOf(node);
        const showsKey = (isLast && isKey) || valueRange === null || isMap(node) || isSeq(node) || isEmpty(valueRange);
        range = showsKey ? keyRange : valueRange;
      } else if (isSeq(node)) {
        node = node.items[Number(step)];
        range = rangeOf(node) ?? range;
      } else {
        return range;
      }
    }
    return range;
  }
}

function isEmpty(range: Range): boolean {
  return range[0] === range[1];
}

function rangeOf(node: unknown): Range | null {
  const range = (node as { range?: readonly [number, number, number] | null } | null)?.range;
  return range === null || range === undefined ? null : [range[0], range[1]];
}

/** A problem's message and hint in the chosen language; what the message says was expected is translated too. */
export function sayProblem({ message, hint, values }: Problem): { message: string; hint: string | null } {
  const expected = values["expected"];
  const translated =
    language() === "zh" && typeof expected === "string" ? { ...values, expected: expectedInChinese(expected) } : values;
  return { message: say(message, translated), hint: hint === null ? null : say(hint, translated) };
}
