/** The statistics behind verdicts: pure functions over numbers, each tested against known answers. */
export { bootstrapInterval, type Comparison, comparePairs, type Interval } from "./bootstrap.ts";
export { countInterval, ratioUpperBound, trialsToShow } from "./bounds.ts";
export { type Column, columnInterval, columnPercentile } from "./columns.ts";
export { isotonic, kneedle, type Point } from "./knee-point.ts";
export { checkLittle, type LittleCheck } from "./little.ts";
export { type SearchResult, type SearchSettings, searchRate, type TrialOutcome } from "./rate-search.ts";
export { mean, median, percentileSamplesMin, quantile, soundPercentile } from "./samples.ts";
export { mser5, type SteadyState } from "./steady-state.ts";
export { type Trend, theilSen } from "./trend.ts";
export { fitUsl, throughputAt, type UslFit, type UslRefusal } from "./usl.ts";
