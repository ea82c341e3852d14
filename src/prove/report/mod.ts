/** What a run leaves behind: `report.json`, `report.html`, and the table on the terminal. */
export { compareRuns, type RepeatComparison } from "./compare.ts";
export {
  countsOf,
  type IndicatorEntry,
  indicatorEntry,
  overallVerdict,
  type ReportDocument,
  type RunFacts,
  reportSchema,
  reportText,
} from "./document.ts";
export { reportHtml } from "./page.ts";
export { verdictTable } from "./table.ts";
