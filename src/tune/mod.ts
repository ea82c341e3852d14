/** Kernel and process settings: explain, check, apply, measure. See docs/tune.md. */
export { type Applied, apply, byHandOf, changesOf } from "./apply.ts";
export { type ArticleRow, articleRows } from "./article.ts";
export { inspect, type TuneRow } from "./inspect.ts";
export { Machine } from "./machine.ts";
export { type MeasuredRow, measure } from "./measure.ts";
export { messages } from "./messages.ts";
export { bringUpLoopback, isInsideNamespace, runInNamespace } from "./namespace.ts";
export { inspectionText, measurementText } from "./render.ts";
export { type Selection, selectMeasurable } from "./select.ts";
export { settings } from "./settings.ts";
export { runTrial } from "./trial.ts";
