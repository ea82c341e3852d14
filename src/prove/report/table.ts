/** The table at the end of a run on the terminal. */
import { language, say } from "../../base/mod.ts";
import { formatFigure } from "../format.ts";
import type { IndicatorVerdict } from "../indicators/mod.ts";
import { messages } from "../messages.ts";
import { inReadingOrder, labelOf, remarksOf, type VerdictLabel } from "./document.ts";

export function verdictTable(all: readonly IndicatorVerdict[], hasColour: boolean, columns = 120): string {
  const to = language();
  const verdicts = inReadingOrder(all);
  const head = [messages.headIndicator, messages.headVerdict, messages.headFigure, messages.headThreshold];
  const rows = verdicts.map((each) => {
    const { id, title, figure, unit, threshold } = each;
    const shown = figure === null || unit === null ? "-" : formatFigure(figure, unit);
    return [`${id}  ${title[to]}`, say(messages[labelOf(each)]), shown, threshold ?? "-"];
  });
  const titles = head.map((each) => say(each));
  const widths = titles.map((_, column) => Math.max(...[titles, ...rows].map((row) => Bun.stringWidth(row[column]!))));
  const line = (cells: readonly string[]): string =>
    cells.map((cell, column) => cell + " ".repeat(widths[column]! - Bun.stringWidth(cell))).join("  ");
  const body = rows.map((row, index) => {
    const remarks = remarksOf(verdicts[index]!).flatMap((text) => wrapped(text[to], columns - 8));
    const more = remarks.map((each) => `        ${each}`);
    return [colour(line(row), labelOf(verdicts[index]!), hasColour), ...more].join("\n");
  });
  return [line(titles), ...body].join("\n");
}

function colour(text: string, label: VerdictLabel, hasColour: boolean): string {
  if (!hasColour) return text;
  const codes: Record<VerdictLabel, number> = { pass: 32, fail: 31, "not-measured": 33, notYet: 2, notHere: 2 };
  return `\x1b[${codes[label]}m${text}\x1b[0m`;
}

/** Cut at blanks, or anywhere in text without them. */
function wrapped(text: string, cells: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(/(?<= )|(?<=[，；、。])/)) {
    if (line !== "" && Bun.stringWidth(line + word) > cells) {
      lines.push(line.trimEnd());
      line = "";
    }
    line += word;
  }
  return line === "" ? lines : [...lines, line.trimEnd()];
}
