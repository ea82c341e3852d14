/** Indicators: acceptance claims as files, and the verdicts on them. */
export { type Indicator, ownFolder, parseIndicator, readIndicators } from "./indicator.ts";
export { type AssertionVerdict, type IndicatorVerdict, judgeIndicator, type VerdictWord } from "./judge.ts";
