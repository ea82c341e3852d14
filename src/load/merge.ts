/**
 * Adds up results of processes or machines that ran at the same time: histograms and counts are added, percentiles are read
 * from the sums, and never averaged. The merged result is what one process would have reported over the same samples.
 */
import { readFileSync } from "node:fs";
import { z } from "zod";
import { compactLatencyShape, Histogram, type Message, WeirError } from "../base/mod.ts";
import { failureNames } from "./failures.ts";
import { addEncoded, type EncodedHistogram } from "./hdr.ts";
import { ClassTotals } from "./interval.ts";
import { messages } from "./messages.ts";
import { HistogramIndex } from "./recorder.ts";
import {
  type ClassResult,
  classResult,
  type GeneratorHealth,
  type LoadResult,
  resultSchema,
  type SeriesEntry,
  summarise,
  type UnjudgedResult,
  type Verdict,
} from "./result.ts";
import { evaluateThresholds, parseThreshold } from "./thresholds.ts";
import { verdictOf } from "./verdict.ts";

/** Enough of a result to tell a stranger's file from ours; the rest follows from the schema's name. */
const resultCheck = z.looseObject({
  schema: z.literal(resultSchema),
  startedAt: z.iso.datetime(),
  plan: z.looseObject({ load: z.looseObject({ kind: z.enum(["open", "closed"]) }) }),
  summary: z.looseObject({ measuredSeconds: z.number() }),
  classes: z.array(z.looseObject({ name: z.string(), histograms: z.looseObject({}) })).min(1),
  series: z.looseObject({ secondsPerPoint: z.number(), points: z.array(z.looseObject({ second: z.number() })) }),
  generator: z.looseObject({ processes: z.array(z.looseObject({})) }),
  verdict: z.looseObject({ status: z.string() }),
});

/** Reads a result file; anything else throws and says what is wrong. */
export function readResult(file: string): LoadResult {
  let parsed: unknown;
  try {
    parsed = JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    throw new WeirError("load.result-file", `${file} cannot be read as a result`, {
      hint: String(error),
      cause: error,
    });
  }
  const checked = resultCheck.safeParse(parsed);
  if (!checked.success) {
    const [issue] = checked.error.issues;
    throw new WeirError("load.result-file", `${file} is not a result of weir load`, {
      hint: `${issue!.path.join(".") || "the file"}: ${issue!.message}; give the result.json a run wrote with --out`,
    });
  }
  return parsed as LoadResult;
}

export function mergeResults(results: readonly LoadResult[]): LoadResult {
  const first = results[0];
  if (first === undefined) {
    throw new WeirError("load.merge", "there is nothing to merge", { hint: "give two or more result files" });
  }
  const names = first.classes.map((each) => each.name);
  for (const result of results) checkSameClasses(names, result);
  const classes = names.map((_, index) => addClasses(results.map((result) => result.classes[index]!)));
  const measuredSeconds = Math.max(...results.map((result) => result.summary.measuredSeconds));
  const plan = first.plan as { load: { kind: "open" } } & Record<string, unknown>;
  const unjudged: UnjudgedResult = {
    schema: resultSchema,
    name: first.name,
    startedAt: results.map((result) => result.startedAt).sort()[0]!,
    plan: { ...plan, mergedCount: results.length },
    summary: summarise(classes, measuredSeconds, plan as never),
    classes: classes.map((totals, index) => classResult(names[index]!, totals, measuredSeconds, plan as never)),
    series: mergeSeries(results),
    generator: mergeGenerators(results.map((result) => result.generator)),
  };
  const expressions = [...new Set(results.flatMap((result) => result.thresholds.map((each) => each.expression)))];
  const thresholds = evaluateThresholds(
    expressions.map((text) => parseThreshold(text, names)),
    unjudged,
  );
  const verdict = mergeVerdicts(
    results,
    thresholds.some((each) => !each.isPassed),
  );
  return { ...unjudged, summary: { ...unjudged.summary, verdict: verdict.status }, thresholds, verdict };
}

function checkSameClasses(names: readonly string[], result: LoadResult): void {
  const other = result.classes.map((each) => each.name);
  if (other.join("\n") === names.join("\n")) return;
  throw new WeirError("load.merge", `the results have different classes: ${names.join(", ")} and ${other.join(", ")}`, {
    hint: "merge results of the same scenario",
  });
}

function addClasses(parts: readonly ClassResult[]): ClassTotals {
  const totals = new ClassTotals();
  for (const part of parts) {
    for (const name of Object.keys(HistogramIndex) as (keyof typeof HistogramIndex)[]) {
      // A result from before a histogram was added has none of it.
      const encoded: EncodedHistogram | undefined = part.histograms[name];
      if (encoded !== undefined) addEncoded(encoded, totals.histograms[HistogramIndex[name]]!);
    }
    failureNames.forEach((name, code) => {
      if (code > 0) totals.failures[code]! += part.errors[name] ?? 0;
    });
    for (const [status, count] of Object.entries(part.statuses)) totals.statuses[Number(status)]! += count;
    const counters = [part.scheduled, part.sent, part.receivedBytes, part.sentBytes, part.answeredInTime];
    counters.forEach((count, index) => {
      totals.counters[index]! += count;
    });
  }
  return totals;
}

/** Points are laid side by side by the wall clock, in the coarsest of the grids. */
function mergeSeries(results: readonly LoadResult[]): LoadResult["series"] {
  const secondsPerPoint = Math.max(...results.map((result) => result.series.secondsPerPoint));
  const startMs = Math.min(...results.map((result) => Date.parse(result.startedAt)));
  const merged = new Map<number, SeriesEntry[]>();
  for (const result of results) {
    const offset = Math.round((Date.parse(result.startedAt) - startMs) / 1000);
    for (const point of result.series.points) {
      const second = Math.floor((point.second + offset) / secondsPerPoint) * secondsPerPoint;
      merged.set(second, [...(merged.get(second) ?? []), point]);
    }
  }
  const seconds = [...merged.keys()].sort((a, b) => a - b);
  return { secondsPerPoint, points: seconds.map((second) => joinPoints(second, secondsPerPoint, merged.get(second)!)) };
}

function joinPoints(second: number, seconds: number, parts: readonly SeriesEntry[]): SeriesEntry {
  const column = new Histogram(compactLatencyShape);
  for (const part of parts) {
    for (let at = 0; at < part.column.length; at += 2) column.recordMany(part.column[at]!, part.column[at + 1]!);
  }
  const pairs: number[] = [];
  column.forEachBucket((lowest, _highest, count) => pairs.push(lowest, count));
  const sum = (read: (part: SeriesEntry) => number): number => parts.reduce((total, part) => total + read(part), 0);
  return {
    second,
    seconds,
    scheduled: sum((part) => part.scheduled),
    answers: sum((part) => part.answers),
    errors: sum((part) => part.errors),
    latencyUsP50: column.percentileMiddle(50),
    latencyUsP90: column.percentileMiddle(90),
    latencyUsP99: column.percentileMiddle(99),
    latencyUsMax: Math.max(...parts.map((part) => part.latencyUsMax)),
    connections: sum((part) => part.connections),
    column: pairs,
  };
}

function mergeGenerators(parts: readonly GeneratorHealth[]): GeneratorHealth {
  const sum = (read: (part: GeneratorHealth) => number): number => parts.reduce((total, part) => total + read(part), 0);
  const most = (read: (part: GeneratorHealth) => number): number => Math.max(...parts.map(read));
  return {
    processes: parts.flatMap((part) => part.processes),
    pacing: [...new Set(parts.map((part) => part.pacing))].join(", "),
    burstMax: most((part) => part.burstMax),
    waitingMax: sum((part) => part.waitingMax),
    setup: {
      connections: sum((part) => part.setup.connections),
      failed: sum((part) => part.setup.failed),
      durationMs: most((part) => part.setup.durationMs),
      perSecond: sum((part) => part.setup.perSecond),
    },
    connects: { count: sum((part) => part.connects.count), failed: sum((part) => part.connects.failed) },
    ceiling: null,
  };
}

/** Results that an earlier version wrote have their reasons in the language of the run only. */
function textsOf({ texts, reasons }: Verdict): readonly Message[] {
  return (texts as Verdict["texts"] | undefined) ?? reasons.map((reason) => ({ en: reason, zh: reason }));
}

/** Void if any part is void: a sum holds the samples of each. */
function mergeVerdicts(results: readonly LoadResult[], hasFailed: boolean): Verdict {
  const verdicts = results.map((result) => result.verdict);
  const warnings = [...new Set(verdicts.flatMap((verdict) => verdict.warnings))];
  const spoiled = verdicts.filter((verdict) => verdict.status === "void");
  if (spoiled.length > 0) {
    const texts = new Map(spoiled.flatMap(textsOf).map((text) => [text.en, text]));
    const isOnlyLate = spoiled.every((verdict) => verdict.isOnlyLate);
    return verdictOf("void", [...texts.values()], warnings, isOnlyLate);
  }
  if (hasFailed) return verdictOf("failed", [messages.mergedFailed], warnings);
  const isInterrupted = verdicts.some((verdict) => verdict.status === "interrupted");
  return verdictOf(isInterrupted ? "interrupted" : "passed", [], warnings);
}
