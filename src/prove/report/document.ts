/**
 * `report.json`, schema `weir-prove-report/1`: everything a run found, described field by field in docs/prove.md. Texts of
 * experiments are kept in both languages, those of `indicators` in the run's, because that list is what programs read.
 */
import { language } from "../../base/mod.ts";
import type { HeldRates } from "../context.ts";
import type { IndicatorVerdict, VerdictWord } from "../indicators/mod.ts";
import type { Fingerprint } from "../machine/mod.ts";
import { messages } from "../messages.ts";
import type { ExperimentResult } from "../result.ts";
import type { TargetTls } from "../target/mod.ts";
import { type Text, textOf } from "../text.ts";
import type { RepeatComparison } from "./compare.ts";

export const reportSchema = "weir-prove-report/1";

export interface RunFacts {
  readonly startedAt: string;
  readonly tookSeconds: number;
  readonly profile: string;
  readonly seed: number;
  readonly target: {
    readonly kind: "weir" | "unknown";
    readonly name: string;
    /** What was given, with its path, and how its certificate is judged; absent for Weir. */
    readonly url?: string;
    readonly tls?: TargetTls;
  };
  readonly workersCount: number;
  readonly soakPerSecond: number;
  /** The command that does the same again. */
  readonly command: string;
  readonly isInterrupted: boolean;
  readonly machine: Fingerprint;
  readonly weaknesses: readonly Text[];
  /** Requests per second that the generator alone can do against a null server here; null where not measured. */
  readonly generatorCeiling: number | null;
  /** Rates that experiments held, by name; absent in reports of before there was a list of them. */
  readonly heldPerSecond?: HeldRates;
}

export interface ReportDocument {
  readonly schema: typeof reportSchema;
  readonly run: RunFacts;
  readonly verdict: VerdictWord;
  readonly indicators: readonly IndicatorEntry[];
  readonly experiments: readonly ExperimentResult[];
  readonly comparison: RepeatComparison | null;
}

/** An indicator's verdict with its texts in the language of the run; `texts` has both. */
export interface IndicatorEntry extends Omit<IndicatorVerdict, "limiter" | "reason" | "blemish" | "title"> {
  readonly title: string;
  readonly limiter: string | null;
  readonly reason: string | null;
  readonly blemish: string | null;
  readonly texts: Pick<IndicatorVerdict, "title" | "limiter" | "reason" | "blemish">;
}

export function indicatorEntry(verdict: IndicatorVerdict): IndicatorEntry {
  const { title, limiter, reason, blemish } = verdict;
  const to = language();
  return {
    ...verdict,
    title: title[to],
    limiter: limiter?.[to] ?? null,
    reason: reason?.[to] ?? null,
    blemish: blemish?.[to] ?? null,
    texts: { title, limiter, reason, blemish },
  };
}

/** A verdict as people read it: what nothing can measure yet, or what does not apply to a target, is no gap of this run. */
export type VerdictLabel = VerdictWord | "notYet" | "notHere";

export function labelOf({
  verdict,
  isApplicable,
  experiment,
}: Pick<IndicatorVerdict, "verdict" | "isApplicable" | "experiment">): VerdictLabel {
  if (isApplicable) return verdict;
  return experiment === null ? "notYet" : "notHere";
}

/** How many there are of each verdict, those that do not apply apart. */
export function countsOf(verdicts: readonly Pick<IndicatorVerdict, "verdict" | "isApplicable">[]): Text {
  const applicable = verdicts.filter(({ isApplicable }) => isApplicable);
  const count = (word: VerdictWord): number => applicable.filter(({ verdict }) => verdict === word).length;
  const others = verdicts.length - applicable.length;
  const counts = { pass: count("pass"), fail: count("fail"), open: count("not-measured") };
  return textOf(others === 0 ? messages.counts : messages.countsWithOthers, { ...counts, others });
}

/** Those that apply first. */
export function inReadingOrder<V extends Pick<IndicatorVerdict, "isApplicable">>(verdicts: readonly V[]): V[] {
  return [...verdicts.filter(({ isApplicable }) => isApplicable), ...verdicts.filter((each) => !each.isApplicable)];
}

/** What a reader should know beside a verdict: what is not perfect about a pass, why it is none, and what the limit was. */
export function remarksOf({
  reason,
  blemish,
  limiter,
}: Pick<IndicatorVerdict, "reason" | "blemish" | "limiter">): Text[] {
  const limited = limiter === null ? null : textOf(messages.limitedBy, { text: limiter });
  return [blemish ?? null, reason, limited].filter((text) => text !== null);
}

/** The worst of all that apply: one failure fails, one that is open leaves it open. Without any claim, measuring is enough. */
export function overallVerdict(
  verdicts: readonly Pick<IndicatorVerdict, "verdict" | "isApplicable">[],
  results: readonly Pick<ExperimentResult, "status">[],
): VerdictWord {
  const words = verdicts.filter(({ isApplicable }) => isApplicable).map(({ verdict }) => verdict);
  if (words.includes("fail")) return "fail";
  const isOpen = words.includes("not-measured") || results.some(({ status }) => status !== "measured");
  return isOpen || results.length === 0 ? "not-measured" : "pass";
}

/** Deeper than this a report is data: a line each, so that an hour's series stays small and a change shows as one line. */
const linesDepth = 4;

/** The document as text that people can read and compare by lines. */
export function reportText(document: ReportDocument): string {
  return `${lines(document, 0)}\n`;
}

function lines(value: unknown, depth: number): string {
  if (typeof value !== "object" || value === null || depth === linesDepth) return JSON.stringify(value);
  const isList = Array.isArray(value);
  const entries = Object.entries(value).filter(([, each]) => each !== undefined);
  if (entries.length === 0) return isList ? "[]" : "{}";
  const indent = " ".repeat(depth + 1);
  const inner = entries.map(
    ([name, each]) => `${indent}${isList ? "" : `${JSON.stringify(name)}: `}${lines(each, depth + 1)}`,
  );
  return `${isList ? "[" : "{"}\n${inner.join(",\n")}\n${" ".repeat(depth)}${isList ? "]" : "}"}`;
}
