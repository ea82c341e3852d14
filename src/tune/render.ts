/** Tables for a terminal. */
import { type Message, say } from "../base/mod.ts";
import type { Comparison } from "../prove/mod.ts";
import { articleRows } from "./article.ts";
import type { TuneRow } from "./inspect.ts";
import type { MeasuredRow } from "./measure.ts";
import { messages } from "./messages.ts";
import type { Selection } from "./select.ts";
import type { State } from "./settings.ts";

const states: readonly State[] = ["good", "change", "optional", "absent"];

/** The table of what is and what is wanted; reasons below it for what is not good, or for all. */
export function inspectionText(rows: readonly TuneRow[], explainsAll: boolean): string {
  const heads = [messages.headSetting, messages.headCurrent, messages.headWanted, messages.headState];
  const lines = table([
    heads.map((head) => say(head)),
    ...rows.map((row) => [nameOf(row), row.current || "-", row.wanted || "-", say(messages[row.state])]),
  ]);
  const explained = rows.filter(({ state }) => explainsAll || state === "change" || state === "optional");
  const counts = Object.fromEntries(states.map((state) => [state, rows.filter((row) => row.state === state).length]));
  return [...lines, "", ...explained.flatMap(explanation), say(messages.summary, counts)].join("\n");
}

function explanation(row: TuneRow): string[] {
  const part = (head: Message, text: string): string => `  ${say(head)}: ${text}`;
  return [
    `${nameOf(row)} (${say(messages[row.state])})`,
    part(messages.why, say(row.why)),
    part(messages.risk, say(row.risk)),
    ...(row.command === "" || row.state === "good" ? [] : [part(messages.command, row.command)]),
    "",
  ];
}

/** With its interface or core where there are several. */
function nameOf({ id, place }: TuneRow): string {
  const where = place === null ? null : /(?:net\/([^/]+)\/queues\/([^/]+)|cpu\/(cpu\d+)\/cpufreq)/.exec(place);
  return where === null ? id : `${id} ${where[3] ?? `${where[1]} ${where[2]}`}`;
}

export function measurementText(
  measured: readonly MeasuredRow[],
  left: Selection["left"],
  facts: { readonly rounds: number; readonly seconds: number; readonly seed: number },
): string {
  const heads = [messages.headSetting, messages.headLoad, messages.headRate, messages.headLatency, messages.headEffect];
  const rows = measured.map((row) => [
    measuredName(row),
    row.workload === "new-connections" ? say(messages.newConnections) : say(messages.keptConnections),
    change(row.rate),
    change(row.latencyP99),
    row.id === "A/A" ? "-" : say(row.effect === "not-measured" ? messages.notMeasured : messages[row.effect]),
  ]);
  const others = left.map(({ row, reason }) => [
    nameOf(row),
    "-",
    "-",
    "-",
    `${say(messages.notMeasured)}: ${say(reason)}`,
  ]);
  return [
    say(messages.measureHead, { ...facts }),
    ...table([heads.map((head) => say(head)), ...rows, ...others]),
    "",
    say(messages.articleHead),
    ...table(articleRows.map(({ setting, perSecond, gain }) => [say(setting), String(perSecond), gain])),
    say(messages.articleNote),
  ].join("\n");
}

function measuredName({ id, from, to }: MeasuredRow): string {
  if (id === "A/A") return say(messages.noise);
  return id === "all" ? say(messages.all) : `${id} ${from} -> ${to}`;
}

/** `+1.2 % [-0.4, +2.9]` */
function change(comparison: Comparison | null): string {
  if (comparison === null) return "-";
  const { estimate, low, high } = comparison.ratio;
  return `${percent(estimate)} % [${percent(low)}, ${percent(high)}]`;
}

function percent(ratio: number): string {
  const value = (ratio - 1) * 100;
  return `${value < 0 ? "" : "+"}${value.toFixed(1)}`;
}

function table(rows: readonly (readonly string[])[]): string[] {
  const columns = Math.max(...rows.map((row) => row.length));
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(...rows.map((row) => Bun.stringWidth(row[column] ?? ""))),
  );
  return rows.map((row) =>
    row
      .map((cell, column) => cell + " ".repeat(widths[column]! - Bun.stringWidth(cell)))
      .join("  ")
      .trimEnd(),
  );
}
