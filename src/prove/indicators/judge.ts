/**
 * Verdicts. An indicator passes only when every assertion was measured and holds; it fails when one was measured and does
 * not; all else is `not-measured` with the reason. Where the generator or the machine was the limit, a miss proves nothing
 * about the target, so it is not a failure; nor is it ever a pass.
 *
 * A generator that was only late makes figures worse, never better: an assertion that holds all the same passes with that
 * blemish told, where it is known in which direction hindrance moves its figure and that direction is away from the threshold.
 *
 * Where the same load was measured without the gateway and misses by itself, the machine cannot show what is claimed: open, unless
 * what comes on top of that misses, too.
 */
import { defineMessages } from "../../base/mod.ts";
import { formatFigure, formatNumber, type Unit } from "../format.ts";
import type { ExperimentResult, Figure, Hindrance } from "../result.ts";
import { joinTexts, plainText, type Text, textOf } from "../text.ts";
import type { Assertion, Indicator } from "./indicator.ts";

export type VerdictWord = "pass" | "fail" | "not-measured";

export interface AssertionVerdict {
  readonly assertion: string;
  readonly title: Text;
  readonly verdict: VerdictWord;
  readonly value: number | null;
  readonly unit: Unit;
}

export interface IndicatorVerdict {
  readonly id: string;
  readonly title: Text;
  readonly verdict: VerdictWord;
  /** False where it is listed only for completeness: there is no experiment for it yet. */
  readonly isApplicable: boolean;
  readonly experiment: string | null;
  readonly figure: number | null;
  readonly unit: Unit | null;
  readonly interval: readonly [low: number, high: number] | null;
  readonly threshold: string | null;
  readonly limiter: Text | null;
  readonly reason: Text | null;
  readonly assertions: readonly AssertionVerdict[];
  readonly source: Text;
  readonly article: Text | null;
  readonly evidence: readonly string[];
  /** What is not perfect about a pass, or null. */
  readonly blemish: Text | null;
}

const messages = defineMessages({
  notRun: { en: "the experiment {name} did not run", zh: "实验 {name} 未运行" },
  notHere: {
    en: "the experiment {name} restarts or reads a gateway that it started itself, so it does not apply to this target",
    zh: "实验 {name} 需要重启或读取由其自行启动的网关，不适用于此目标",
  },
  noFigure: { en: "{name} gave no figure {figure}", zh: "{name} 没有数据项 {figure}" },
  misses: { en: "{title} is {value}, wanted {wanted}", zh: "{title} 为 {value}，要求 {wanted}" },
  because: { en: "{miss}: {why}", zh: "{miss}：{why}" },
  despite: { en: "holds although {hindrance}: {bound}", zh: "{hindrance}，但仍成立：{bound}" },
  atMost: { en: "the real figure is at most this", zh: "真实值不会更高" },
  atLeast: { en: "the real figure is at least this", zh: "真实值不会更低" },
  missesLate: {
    en: "{miss}, but {hindrance}: that may be why",
    zh: "{miss}；但{hindrance}，可能因此未达到",
  },
  beneath: {
    en: "{miss}, but without the gateway the same load shows {floor} on this machine already",
    zh: "{miss}；但在本机上，不经网关的相同负载已为 {floor}",
  },
  found: { en: "{title} is {value}", zh: "{title} 为 {value}" },
  unknownLate: {
    en: "{found}, but {hindrance}, which may move it either way",
    zh: "{found}；但{hindrance}，可能因此偏高或偏低",
  },
  interval: { en: "the interval of {title} includes the threshold", zh: "{title} 的区间包含门槛值" },
});

/** @param inapplicable experiments that cannot be done on this target */
export function judgeIndicator(
  indicator: Indicator,
  results: readonly ExperimentResult[],
  inapplicable: readonly string[] = [],
): IndicatorVerdict {
  const { id, title, scenario, source, article, evidence, notYet } = indicator;
  const base = { id, title, experiment: scenario, source, article, evidence, isApplicable: notYet === null };
  const nothing = { figure: null, unit: null, interval: null, limiter: null, assertions: [], blemish: null };
  if (notYet !== null || scenario === null) {
    return { ...base, ...nothing, verdict: "not-measured", threshold: null, reason: notYet };
  }
  const [first] = indicator.assertions;
  const threshold = first === undefined ? null : `${first.comparison} ${formatNumber(first.threshold)}`;
  if (inapplicable.includes(scenario)) {
    const reason = textOf(messages.notHere, { name: scenario });
    return { ...base, ...nothing, isApplicable: false, verdict: "not-measured", threshold, reason };
  }
  const result = results.find(({ name }) => name === scenario);
  if (result === undefined) {
    const reason = textOf(messages.notRun, { name: scenario });
    return { ...base, ...nothing, verdict: "not-measured", threshold, reason };
  }
  return { ...base, ...judgeResult(indicator.assertions, result) };
}

type Judged = Pick<
  IndicatorVerdict,
  "verdict" | "figure" | "unit" | "interval" | "threshold" | "limiter" | "reason" | "assertions" | "blemish"
>;

function judgeResult(assertions: readonly Assertion[], result: ExperimentResult): Judged {
  const verdicts = assertions.map((assertion) => judgeAssertion(assertion, result));
  const words = verdicts.map(({ verdict }) => verdict);
  const isFailed = words.includes("fail");
  const verdict: VerdictWord = isFailed ? "fail" : words.includes("not-measured") ? "not-measured" : "pass";
  // The table shows what decided: the first miss, else the first that is open, else the first of all.
  const shownAt = Math.max(0, words.indexOf(verdict));
  const assertion = assertions[shownAt]!;
  const found = result.figures[assertion.figure];
  return {
    verdict,
    figure: found?.value ?? null,
    unit: found?.unit ?? null,
    interval: found?.interval ?? null,
    threshold: wantedOf(assertion, found),
    limiter: result.limiter,
    reason: reasonOf(verdict, assertions, verdicts, result),
    blemish: verdict === "pass" ? blemishOf(assertions, result) : null,
    assertions: verdicts,
  };
}

function judgeAssertion(assertion: Assertion, result: ExperimentResult): AssertionVerdict {
  const found = result.figures[assertion.figure];
  const value = found?.value ?? null;
  const holds = value !== null && compare(value, assertion);
  const isMeasured = value !== null && result.status === "measured";
  const hindrance = found?.hindrance ?? null;
  const isProof =
    isMeasured && (holds ? hindrance === null || isBentAway(hindrance, assertion) : !isExcused(result, assertion));
  const verdict: VerdictWord = !isProof ? "not-measured" : holds ? "pass" : "fail";
  const unit = found?.unit ?? "count";
  return {
    assertion: `${assertion.figure} ${wantedOf(assertion, found)}`,
    title: found?.title ?? plainText(assertion.figure),
    verdict,
    value,
    unit,
  };
}

/** Whether hindrance can only have moved the figure towards missing. */
function isBentAway({ bends }: Hindrance, { comparison }: Assertion): boolean {
  return bends === (comparison === "<=" || comparison === "<" ? "up" : "down");
}

/** Whether a miss may be somebody else's than the target's. */
function isExcused(result: ExperimentResult, assertion: Assertion): boolean {
  const found = result.figures[assertion.figure];
  return result.reason !== null || (found !== undefined && (found.hindrance !== null || isBeneath(found, assertion)));
}

/** Whether the machine misses without the gateway, and what the gateway adds would hold. */
function isBeneath({ value, floor }: Figure, assertion: Assertion): boolean {
  return floor !== null && value !== null && !compare(floor, assertion) && compare(value - floor, assertion);
}

export function compare(value: number, { comparison, threshold }: Assertion): boolean {
  switch (comparison) {
    case ">=":
      return value >= threshold;
    case "<=":
      return value <= threshold;
    case ">":
      return value > threshold;
    case "<":
      return value < threshold;
  }
}

function wantedOf({ comparison, threshold }: Assertion, found: Figure | undefined): string {
  return `${comparison} ${formatFigure(threshold, found?.unit ?? "count")}`;
}

function reasonOf(
  verdict: VerdictWord,
  assertions: readonly Assertion[],
  verdicts: readonly AssertionVerdict[],
  result: ExperimentResult,
): Text | null {
  if (verdict === "not-measured") {
    if (result.reason !== null) return result.reason;
    const open = assertions.filter((_, index) => verdicts[index]!.verdict === "not-measured");
    const bent = open.filter((assertion) => isBent(assertion, result));
    const others = open.filter((assertion) => !bent.includes(assertion));
    const reasons = [...others.map((assertion) => whyOpen(assertion, result)), ...whyBent(bent, result)];
    // Several figures of one run lack for one reason.
    return joinTexts(reasons.filter(({ en }, index) => reasons.findIndex((other) => other.en === en) === index));
  }
  const misses = assertions.flatMap((assertion, index) =>
    verdicts[index]!.verdict === "fail" ? [missOf(assertion, result.figures[assertion.figure]!)] : [],
  );
  if (misses.length > 0) return joinTexts(misses);
  const wide = assertions.flatMap((assertion) => {
    const found = result.figures[assertion.figure];
    const ends = found?.interval ?? null;
    const isWide = ends?.some((end) => !compare(end, assertion)) === true;
    return isWide ? [textOf(messages.interval, { title: found!.title })] : [];
  });
  return wide.length > 0 ? joinTexts(wide) : null;
}

function missOf(assertion: Assertion, found: Figure): Text {
  const { title, value, unit, reason: why } = found;
  const miss = textOf(messages.misses, { title, value: formatFigure(value, unit), wanted: wantedOf(assertion, found) });
  return why === null ? miss : textOf(messages.because, { miss, why });
}

/** Why an assertion of a run that was measured is open. */
function whyOpen(assertion: Assertion, result: ExperimentResult): Text {
  const found = result.figures[assertion.figure];
  if (found === undefined) return textOf(messages.noFigure, { name: result.name, figure: assertion.figure });
  const { value, unit, hindrance, reason, floor } = found;
  if (value !== null && isBeneath(found, assertion)) {
    return textOf(messages.beneath, { miss: missOf(assertion, found), floor: formatFigure(floor, unit) });
  }
  if (value === null || hindrance === null) {
    return reason ?? textOf(messages.noFigure, { name: result.name, figure: assertion.figure });
  }
  return textOf(messages.missesLate, { miss: missOf(assertion, found), hindrance: hindrance.text });
}

/** Whether it holds, but by a figure that may have been better than the truth. */
function isBent(assertion: Assertion, { figures }: ExperimentResult): boolean {
  const found = figures[assertion.figure];
  return found?.hindrance != null && found.value !== null && compare(found.value, assertion);
}

/** Figures of one run, with what hindered it said once. */
function whyBent(assertions: readonly Assertion[], { figures }: ExperimentResult): Text[] {
  const founds = assertions.map(({ figure }) => figures[figure]!);
  const hindrance = founds[0]?.hindrance ?? null;
  if (hindrance === null) return [];
  const each = founds.map(({ title, value, unit }) =>
    textOf(messages.found, { title, value: formatFigure(value, unit) }),
  );
  return [textOf(messages.unknownLate, { found: joinTexts(each), hindrance: hindrance.text })];
}

/** What a pass holds in spite of; null where nothing is wrong. */
function blemishOf(assertions: readonly Assertion[], { figures }: ExperimentResult): Text | null {
  const lates = assertions.flatMap(({ figure }) => figures[figure]?.hindrance ?? []);
  const [first] = lates;
  if (first === undefined) return null;
  const bound = first.bends === "up" ? messages.atMost : messages.atLeast;
  return textOf(messages.despite, { hindrance: first.text, bound });
}
