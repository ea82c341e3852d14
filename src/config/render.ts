/**
 * Problems as people and programs read them.
 *
 *     weir.yaml:8:23: a duration needs a unit: 10
 *       8 |     idleTimeout: 10
 *         |                  ^^
 *         = write "10s" (units: us, ms, s, m, h, d)
 */
import { say } from "../base/mod.ts";
import { messages } from "./messages.ts";
import { type Problem, sayProblem } from "./places.ts";

/** More than anybody reads at once; the number of the others is said. */
const shownMax = 100;
/** A longer line is shown from where the problem is. */
const lineCharactersMax = 110;

export interface Colours {
  readonly strong: (text: string) => string;
  readonly bad: (text: string) => string;
  readonly faint: (text: string) => string;
}

const plain: Colours = { strong: String, bad: String, faint: String };

/** For a terminal that shows colours. */
export const terminalColours: Colours = {
  strong: (text) => `\x1b[1m${text}\x1b[0m`,
  bad: (text) => `\x1b[31m${text}\x1b[0m`,
  faint: (text) => `\x1b[2m${text}\x1b[0m`,
};

/** All problems as text, without a final line end. */
export function renderProblems(problems: readonly Problem[], colours: Colours = plain): string {
  const shown = problems.slice(0, shownMax).map((problem) => renderProblem(problem, colours));
  const rest = problems.length - shown.length;
  if (rest > 0) shown.push(say(messages.tooManyProblems, { count: rest }));
  return shown.join("\n");
}

function renderProblem(problem: Problem, colours: Colours): string {
  const { file, line, column } = problem;
  const { message, hint } = sayProblem(problem);
  const place = line === 0 ? file : `${file}:${line}:${column}`;
  const lines = [`${colours.strong(place)}: ${colours.bad(message)}`];
  const gutter = " ".repeat(String(line).length);
  if (line > 0) {
    const { text, at } = windowOf(problem);
    lines.push(`  ${colours.faint(`${line} |`)} ${text}`);
    const underline = "^".repeat(Math.max(1, Math.min(problem.lengthCharacters, text.length - at)));
    lines.push(`  ${colours.faint(`${gutter} |`)} ${padding(text, at)}${colours.bad(underline)}`);
  }
  if (hint !== null) lines.push(`  ${colours.faint(`${gutter} =`)} ${hint}`);
  return lines.join("\n");
}

/** The part of a long line around the problem, and where in it the problem begins. */
function windowOf({ sourceLine, column }: Problem): { text: string; at: number } {
  const at = column - 1;
  if (sourceLine.length <= lineCharactersMax) return { text: sourceLine, at };
  const from = Math.max(0, Math.min(at - 40, sourceLine.length - lineCharactersMax));
  const part = sourceLine.slice(from, from + lineCharactersMax);
  return { text: from === 0 ? part : `…${part.slice(1)}`, at: at - from };
}

/** As wide as what stands before the problem: tabs stay tabs, and a Chinese character takes two columns. */
function padding(text: string, at: number): string {
  return [...text.slice(0, at)]
    .map((character) => (character === "\t" ? "\t" : " ".repeat(Math.max(1, Bun.stringWidth(character)))))
    .join("");
}

/** What a program reads: the same, in the chosen language. */
export function problemsAsJson(problems: readonly Problem[]): object[] {
  return problems.map((problem) => {
    const { code, path, line, column } = problem;
    return { code, path: path.join("."), line, column, ...sayProblem(problem) };
  });
}
