/** `weir prove`: how much a gateway can take, and the proof. See docs/prove.md. */
export { type Experiment, experiments } from "./experiments/mod.ts";
export { formatFigure, formatNumber, formatSpan } from "./format.ts";
export { type Indicator, parseIndicator, readIndicators, type VerdictWord } from "./indicators/mod.ts";
export { type Fingerprint, keepAwake, mayGiveTurns, readFingerprint, weaknesses } from "./machine/mod.ts";
export { messages as proveMessages } from "./messages.ts";
export { type ProfileName, profileNames, profiles, tinyProfile } from "./profile.ts";
export { runSuite, type SuiteHooks, type SuiteResult } from "./prove.ts";
export {
  compareRuns,
  countsOf,
  indicatorEntry,
  overallVerdict,
  type ReportDocument,
  type RunFacts,
  reportHtml,
  reportSchema,
  reportText,
  verdictTable,
} from "./report/mod.ts";
export type { ExperimentResult, Figure } from "./result.ts";
export { type Comparison, comparePairs, median } from "./statistics/mod.ts";
export { startWeir, type Target, type TargetTls, useUnknown } from "./target/mod.ts";
export { type Text, textOf } from "./text.ts";
