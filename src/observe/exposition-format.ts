/**
 * What the formats of `/metrics` have in common and where they differ: content types, negotiation, labels, heads of metrics.
 * Prometheus text: https://prometheus.io/docs/instrumenting/exposition_formats/ ; OpenMetrics 1.0: https://prometheus.io/docs/specs/om/open_metrics_spec/
 */
import type { MetricRow } from "./metric-table.ts";

export type ExpositionFormat = "text" | "openmetrics";

export const contentTypes: Readonly<Record<ExpositionFormat, string>> = {
  text: "text/plain; version=0.0.4; charset=utf-8",
  openmetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8",
};

/** The format to answer with, for the value of a request's Accept field. */
export function negotiateFormat(accept: string | null): ExpositionFormat {
  let best: ExpositionFormat = "text";
  let bestWeight = 0;
  for (const range of (accept ?? "").split(",")) {
    const [type, ...parameters] = range.split(";").map((part) => part.trim().toLowerCase());
    const quality = parameters.find((parameter) => parameter.startsWith("q="));
    const weight = quality === undefined ? 1 : Number(quality.slice(2));
    const version = parameters.find((parameter) => parameter.startsWith("version="))?.slice(8);
    const isOpen = type === "application/openmetrics-text" && (version === undefined || version === "1.0.0");
    const isText = type === "text/plain" || type === "text/*" || type === "*/*";
    if ((!isOpen && !isText) || !(weight > bestWeight)) continue;
    best = isOpen ? "openmetrics" : "text";
    bestWeight = weight;
  }
  return best;
}

/** The head of a metric. OpenMetrics names a counter without its `_total`, and wants units told. */
export function metricHead(row: MetricRow, format: ExpositionFormat): string {
  const isOpen = format === "openmetrics";
  const name = isOpen && row.kind === "counter" ? row.name.replace(/_total$/, "") : row.name;
  const unit = isOpen ? /_(seconds|bytes)$/.exec(name)?.[1] : undefined;
  const head = `# HELP ${name} ${row.help}\n# TYPE ${name} ${row.kind}\n`;
  return unit === undefined ? head : `${head}# UNIT ${name} ${unit}\n`;
}

/** The labels of a row with their values, in braces. */
export function labelSet(row: MetricRow, values: readonly string[]): string {
  if (row.labels.length === 0) return "";
  return `{${row.labels.map((label, index) => `${label}="${escapeLabel(values[index] ?? "")}"`).join(",")}}`;
}

export function escapeLabel(value: string): string {
  return value.replace(/\\/g, "\\\\").replace(/"/g, '\\"').replace(/\n/g, "\\n");
}

/** An upper edge in seconds as OpenMetrics wants it, `1.0` and not `1`: the same series in both formats. */
export function edgeSeconds(us: number): string {
  const seconds = String(us / 1e6);
  return seconds.includes(".") ? seconds : `${seconds}.0`;
}
