/** The table at the end of a run on the terminal. */
import { language, say } from "../../base/mod.ts";
import { formatFigure } from "../format.ts";
import type { IndicatorVerdict } from "../indicators/mod.ts";
import { messages } from "../messages.ts";
import { remarksOf } from "./document.ts";

export function verdictTable(verdicts: readonly IndicatorVerdict[], hasColour: boolean, columns = 120): string {
  const to = language();
  const head = [messages.headIndicator, messages.headVerdict, messages.headFigure, messages.headThreshold];
  const rows = verdicts.map(({ id, title, verdict, figure, unit, threshold }) => [
    `${id}  ${title[to]}`,
    say(messages[verdict]),
    figure === null || unit === null ? "-" : formatFigure(figure, unit),
    threshold ?? "-",
  ]);
  const titles = head.map((each) => say(each));
  const widths = titles.map((_, column) => Math.max(...[titles, ...rows].map((row) => Bun.stringWidth(row[column]!))));
  const line = (cells: readonly string[]): string =>
    cells.map((cell, column) => cell + " ".repeat(widths[column]! - Bun.stringWidth(cell))).join("  ");
  const body = rows.map((row, index) => {
    const remarks = remarksOf(verdicts[index]!).flatMap((text) => wrapped(text[to], columns - 8));
    const more = remarks.map((each) => `        ${each}`);
    return [colour(line(row), verdicts[index]!.verdict, hasColour), ...more].join("\n");
  });
  return [line(titles), ...body].join("\n");
}

function colour(text: string, verdict: IndicatorVerdict["verdict"], hasColour: boolean): string {
  if (!hasColour) return text;
  const code = verdict === "pass" ? 32 : verdict === "fail" ? 31 : 33;
  return `\x1b[${code}m${text}\x1b[0m`;
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
