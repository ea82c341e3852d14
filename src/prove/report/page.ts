/**
 * `report.html`: one page that needs nothing else. No script, no font, no image and no request to anywhere; it opens from a
 * disk without a network, in light and dark, and prints. The content is the JSON document and nothing beyond it.
 */
import { language, say } from "../../base/mod.ts";
import { formatFigure, formatNumber, formatSpan } from "../format.ts";
import type { ExperimentResult, Table } from "../result.ts";
import type { Text } from "../text.ts";
import { drawPlot } from "./charts.ts";
import { countsOf, type IndicatorEntry, inReadingOrder, labelOf, type ReportDocument, remarksOf } from "./document.ts";
import { page as words } from "./messages.ts";
import { styleSheet } from "./style.ts";

type Language = keyof Text;

export async function reportHtml(document: ReportDocument): Promise<string> {
  const to = language();
  const { run, verdict, indicators, experiments } = document;
  const sections = await Promise.all(experiments.map((result) => experimentSection(result, to)));
  const meta = say(words.meta, {
    started: run.startedAt.replace("T", " ").replace(/\.\d+Z$/, " UTC"),
    profile: run.profile,
    took: say(formatSpan(run.tookSeconds)),
  });
  return `<!doctype html>
<html lang="${to === "zh" ? "zh-CN" : "en"}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escapeHtml(say(words.title, { name: run.target.name }))}</title>
<style>${styleSheet}</style>
</head>
<body>
<header>
<h1>${escapeHtml(say(words.heading, { name: run.target.name }))}</h1>
<p class="meta">${escapeHtml(meta)}</p>
<p><span class="badge ${verdict}">${escapeHtml(say(words[`overall_${verdict}`]))}</span></p>
<p>${escapeHtml(countsOf(indicators)[to])}</p>
${run.isInterrupted ? `<p class="note">${escapeHtml(say(words.interrupted))}</p>` : ""}
</header>
<section>
<h2>${escapeHtml(say(words.indicators))}</h2>
${indicatorTable(indicators, to)}
</section>
${weaknessSection(document, to)}
${sections.join("\n")}
${comparisonSection(document, to)}
<section>
<h2>${escapeHtml(say(words.machine))}</h2>
${machineTable(document)}
</section>
<section>
<h2>${escapeHtml(say(words.reading))}</h2>
<p>${escapeHtml(say(words.readingText))}</p>
</section>
<section>
<h2>${escapeHtml(say(words.again))}</h2>
<pre>${escapeHtml(run.command)}</pre>
<p>${escapeHtml(say(words.againHint))}</p>
</section>
</body>
</html>
`;
}

function indicatorTable(indicators: readonly IndicatorEntry[], to: Language): string {
  const head = [words.indicator, words.verdict, words.measured, words.threshold, words.article, words.why];
  const rows = inReadingOrder(indicators).map((entry) => {
    const { id, figure, unit, threshold, article, texts } = entry;
    const measured = figure === null || unit === null ? "-" : formatFigure(figure, unit);
    const remarks = remarksOf(texts).map((text) => `<p>${escapeHtml(text[to])}</p>`);
    return `<tr><td><strong>${escapeHtml(id)}</strong> ${escapeHtml(texts.title[to])}</td>
<td><span class="badge ${labelOf(entry)}">${escapeHtml(say(words[labelOf(entry)]))}</span></td>
<td class="number">${escapeHtml(measured)}</td><td class="number">${escapeHtml(threshold ?? "-")}</td>
<td>${escapeHtml(article?.[to] ?? "-")}</td><td class="remarks">${remarks.join("")}</td></tr>
<tr class="claim"><td colspan="${head.length}">${claimDetails(entry, to)}</td></tr>`;
  });
  return tableOf(
    head.map((each) => say(each)),
    rows,
    "indicators",
  );
}

/** What an auditor asks next: every assertion with its own verdict, the evidence that belongs to it, and where it comes from. */
function claimDetails({ assertions, evidence, source }: IndicatorEntry, to: Language): string {
  const items = assertions.map(
    ({ title, assertion, value, unit, verdict }) =>
      `<li>${escapeHtml(title[to])}: ${escapeHtml(formatFigure(value, unit))} (<code>${escapeHtml(assertion)}</code>, ${escapeHtml(say(words[verdict]))})</li>`,
  );
  const line = (label: Text, text: string): string => `<p>${escapeHtml(say(label))}: ${escapeHtml(text)}</p>`;
  return `<details><summary>${escapeHtml(say(words.claim))}</summary><ul>${items.join("")}</ul>
${evidence.length === 0 ? "" : line(words.evidence, evidence.join("; "))}${line(words.source, source[to])}</details>`;
}

function weaknessSection({ run }: ReportDocument, to: Language): string {
  if (run.weaknesses.length === 0) return "";
  const items = run.weaknesses.map((text) => `<li>${escapeHtml(text[to])}</li>`);
  return `<section><h2>${escapeHtml(say(words.weak))}</h2><ul>${items.join("")}</ul></section>`;
}

async function experimentSection(result: ExperimentResult, to: Language): Promise<string> {
  const { title, status, reason, limiter, notes, plots, tables, method, name } = result;
  const drawn = await Promise.all(
    plots.map(
      async (plot) =>
        `<figure><figcaption>${escapeHtml(plot.title[to])}</figcaption>${await drawPlot(plot, to)}</figure>`,
    ),
  );
  const line = (label: string, text: Text | null): string =>
    text === null ? "" : `<p><strong>${escapeHtml(label)}:</strong> ${escapeHtml(text[to])}</p>`;
  return `<section id="${escapeHtml(name)}">
<h2>${escapeHtml(title[to])}</h2>
${line(say(status === "measured" ? words.reservation : words.reason), reason)}
${figureTable(result, to)}
${line(say(words.limiter), limiter)}
${notes.map((note) => `<p class="note">${escapeHtml(note[to])}</p>`).join("\n")}
${drawn.join("\n")}
${tables.map((table) => dataTable(table, to)).join("\n")}
<details><summary>${escapeHtml(say(words.method))}</summary><p>${escapeHtml(method[to])}</p></details>
</section>`;
}

function figureTable({ figures }: ExperimentResult, to: Language): string {
  const rows = Object.values(figures).map(({ title, value, unit, interval, reason }) => {
    const shown = value === null ? (reason?.[to] ?? "-") : formatFigure(value, unit);
    const range = interval === null ? "" : `${formatFigure(interval[0], unit)} – ${formatFigure(interval[1], unit)}`;
    return `<tr><td>${escapeHtml(title[to])}</td><td class="${value === null ? "absent" : "number"}">${escapeHtml(shown)}</td><td class="number">${escapeHtml(range)}</td></tr>`;
  });
  if (rows.length === 0) return "";
  return tableOf([say(words.figure), say(words.measured), say(words.interval)], rows, "figures");
}

/** Raw rows are for those who look: folded on the screen when long, whole on paper. */
function dataTable({ title, head, rows }: Table, to: Language): string {
  const show = (cell: string | Text): string => escapeHtml(typeof cell === "string" ? cell : cell[to]);
  const body = rows.map((row) => `<tr>${row.map((cell) => `<td class="number">${show(cell)}</td>`).join("")}</tr>`);
  const table = tableOf(
    head.map((cell) => cell[to]),
    body,
    "data",
  );
  const isOpen = rows.length <= 12 ? " open" : "";
  return `<details${isOpen}><summary>${escapeHtml(title[to])}</summary>${table}</details>`;
}

function comparisonSection({ comparison }: ReportDocument, to: Language): string {
  if (comparison === null) return "";
  const rows = comparison.figures.map(
    ({ title, unit, before, after, agrees }) =>
      `<tr><td>${escapeHtml(title[to])}</td><td class="number">${escapeHtml(formatFigure(before, unit))}</td><td class="number">${escapeHtml(formatFigure(after, unit))}</td><td>${escapeHtml(say(agrees ? words.agrees : words.differs))}</td></tr>`,
  );
  const values = { percent: (comparison.agreeingRatio * 100).toFixed(0), count: comparison.figures.length };
  const head = [say(words.figure), say(words.before), say(words.after), ""];
  return `<section><h2>${escapeHtml(say(words.compared, { started: comparison.startedAt }))}</h2>
<p>${escapeHtml(say(words.agreeing, values))}</p>${tableOf(head, rows, "data")}</section>`;
}

function machineTable({ run }: ReportDocument): string {
  const { machine } = run;
  const orUnknown = (value: string | number | null): string => (value === null ? say(words.unknown) : String(value));
  const rows = [
    [words.processor, machine.processor],
    [words.cores, String(machine.cores)],
    [words.memory, `${formatNumber(machine.memoryBytes / 1e9)} GB`],
    [words.virtual, say(machine.isVirtual ? words.yes : words.no)],
    [words.kernel, machine.kernel],
    [words.governor, orUnknown(machine.governor)],
    // Reports from before it was said are of machines that were left alone.
    [words.awake, say(machine.isAwake === true ? words.yes : words.no)],
    [words.descriptors, orUnknown(machine.descriptorsMax)],
    [words.somaxconn, orUnknown(machine.somaxconn)],
    [words.ports, orUnknown(machine.localPorts)],
    [words.reuse, orUnknown(machine.tcpTwReuse)],
    [words.load, machine.loadAverage.toFixed(2)],
    [words.busy, formatFigure(machine.busyRatio, "ratio")],
    [words.woken, formatFigure(machine.stillness?.wakeMsP99 ?? null, "ms")],
    [words.taken, formatFigure(machine.stillness?.takenRatio ?? null, "ratio")],
    [words.ceiling, formatFigure(run.generatorCeiling, "req/s")],
    [words.workers, String(run.workersCount)],
    [words.seed, String(run.seed)],
    [
      words.versions,
      `Weir ${machine.weir}${machine.commit === null ? "" : ` (${machine.commit})`}, ${machine.runtime}`,
    ],
  ] as const;
  const body = rows.map(([label, value]) => `<tr><th>${escapeHtml(say(label))}</th><td>${escapeHtml(value)}</td></tr>`);
  return `<table class="machine"><tbody>${body.join("")}</tbody></table>`;
}

function tableOf(head: readonly string[], rows: readonly string[], name: string): string {
  const cells = head.map((each) => `<th>${escapeHtml(each)}</th>`).join("");
  return `<div class="scroll"><table class="${name}"><thead><tr>${cells}</tr></thead><tbody>${rows.join("\n")}</tbody></table></div>`;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
