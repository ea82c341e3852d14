/**
 * Writes `docs/metrics.md` from the tables: `bun src/observe/metrics-document.ts`. A test compares the file with this.
 */
import { join } from "node:path";
import { edgeSeconds } from "./exposition-format.ts";
import { allMetricRows, type MetricRow } from "./metric-table.ts";
import { latencyEdgesUs, resultNames, statusClassNames } from "./segment-layout.ts";

/** Where the page lies. */
export const metricsDocumentPath: string = join(import.meta.dir, "../../docs/metrics.md");

/** The page as Markdown. */
export function metricsDocument(): string {
  return `# Metrics

\`/metrics\` speaks the Prometheus text format, or OpenMetrics 1.0 to clients that ask for it. The supervisor renders it from
memory shared with the workers; a scrape never runs in a worker. Names are a closed set: this page, generated from
\`src/observe/metric-table.ts\` and \`src/observe/process-counters.ts\`, lists every one.

Counters never go backwards while the supervisor lives: not when the configuration is reloaded, not when a worker crashes,
not when a new generation takes over. Gauges of a worker that has ended fall to zero.

| name | kind | labels | meaning |
| --- | --- | --- | --- |
${allMetricRows.map(line).join("\n")}

## Labels

| label | values |
| --- | --- |
| \`route\`, \`upstream\` | names from the configuration; \`none\` for requests refused before a route was chosen, \`other\` for pairs beyond \`weir_series_max\` |
| \`outcome\` of counters | the names in [outcomes.md](outcomes.md) |
| \`outcome\` of \`weir_request_seconds\` | ${resultNames.map((name) => `\`${name}\``).join(", ")}: answered, or where the failure arose |
| \`status\` | ${statusClassNames.map((name) => `\`${name}\``).join(", ")} |
| \`seat\` | a worker's place in shared memory; there are two for each worker and two to spare |
| \`le\` | seconds: ${latencyEdgesUs.map((edge) => edgeSeconds(edge)).join(", ")}, +Inf |

At most 384 series of \`weir_request_seconds\` are told by themselves, so that a scrape of 1,000 routes stays below one
megabyte; when there are more, the busiest keep their own for good and the others are added up as \`other\`. The counters are
told of every route. Counts of zero are left out where a label has many values.
`;
}

function line({ name, kind, labels, help }: MetricRow): string {
  return `| \`${name}\` | ${kind} | ${labels.map((label) => `\`${label}\``).join(", ")} | ${help} |`;
}

if (import.meta.main) await Bun.write(metricsDocumentPath, metricsDocument());
