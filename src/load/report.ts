/**
 * The report of a run as one self-contained HTML page: no script, no request to anywhere, plots as SVG drawn by ECharts on
 * the server. Colours are told apart without red and green; every plot is also in the JSON beside it.
 */
import { language, say } from "../base/mod.ts";
import { heatMapChart, latencyChart, percentileChart, rateChart, sweepChart } from "./charts.ts";
import { messages } from "./messages.ts";
import type { LoadResult } from "./result.ts";
import { styleFor } from "./style.ts";
import { summaryText } from "./summary.ts";
import { type SweepResult, sweepText } from "./sweep.ts";

/** A run's report: summary and verdict, rate and latency over time, heat map, percentile curve. */
export async function reportHtml(result: LoadResult): Promise<string> {
  const charts = [
    await rateChart(result),
    await latencyChart(result),
    await heatMapChart(result),
    await percentileChart(result),
  ];
  return page(result.name, result.startedAt, result.verdict.status, summaryText(result, styleFor(false)), charts);
}

/** A sweep's report: the table, latency against load, and the percentile curve of every run. */
export async function sweepHtml(sweep: SweepResult): Promise<string> {
  const charts = [
    await sweepChart(sweep),
    ...(await Promise.all(sweep.runs.map((run, index) => percentileChart(run, String(sweep.levels[index]))))),
  ];
  const worst = sweep.runs.find((run) => run.verdict.status !== "passed")?.verdict.status ?? "passed";
  return page(sweep.name, sweep.runs[0]?.startedAt ?? "", worst, sweepText(sweep, styleFor(false)), charts);
}

function page(
  name: string,
  startedAt: string,
  verdict: LoadResult["verdict"]["status"],
  summary: string,
  charts: readonly string[],
): string {
  const title = `weir load: ${escapeHtml(name)}`;
  const figures = charts.filter((chart) => chart !== "").map((chart) => `<figure>${chart}</figure>`);
  return `<!doctype html>
<html lang="${language()}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 1000px; padding: 0 1rem; color: #1a2230; background: #fff; }
h1 { font-size: 1.4rem; overflow-wrap: anywhere; }
.verdict { display: inline-block; padding: .25rem .75rem; border-radius: 4px; font-weight: 600; }
.passed { background: #dbeafe; color: #123a73; }
.failed, .void { background: #fde8d7; color: #7a3205; }
.interrupted { background: #eee; color: #333; }
pre { background: #f5f6f8; padding: 1rem; overflow-x: auto; font: 13px/1.45 ui-monospace, monospace; }
figure { margin: 1.5rem 0; }
svg { max-width: 100%; height: auto; }
</style>
</head>
<body>
<h1>${title}</h1>
<p><span class="verdict ${verdict}">${escapeHtml(say(messages[`verdict_${verdict}`]))}</span> ${escapeHtml(startedAt)}</p>
<pre>${escapeHtml(summary)}</pre>
${figures.join("\n")}
</body>
</html>
`;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
