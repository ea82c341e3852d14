/** Trials of a search for a knee, as people and reports read them. */
import { defineMessages } from "../../base/mod.ts";
import { type RateTrial, trialOutcome } from "../context.ts";
import { formatNumber } from "../format.ts";
import { brief, type Measured, standstillOf } from "../measure.ts";
import type { Table } from "../result.ts";
import type { SearchResult } from "../statistics/mod.ts";
import { plainText, type Text, textOf } from "../text.ts";
import { errorsText, msOf } from "./experiment.ts";
import { common } from "./messages.ts";

const messages = defineMessages({
  trial: { en: "{rate} requests/s: {outcome}, P99 {p99} ms", zh: "每秒 {rate}：{outcome}，P99 {p99} 毫秒" },
  met: { en: "taken", zh: "达标" },
  missed: { en: "missed", zh: "未达标" },
  again: { en: "held again, processors stood still", zh: "处理器曾停顿，重新试验" },
  table: { en: "Trials over {way}", zh: "各次试验，经 {way}" },
});

export function trialText({ rate, measured, outcome }: RateTrial): Text {
  const p99 = formatNumber(msOf(measured.load.summary.latencyUs.p99));
  return textOf(messages.trial, { rate: formatNumber(rate), outcome: messages[outcome], p99 });
}

export function trialTable(trials: readonly RateTrial[], way: Text): Table {
  return {
    title: textOf(messages.table, { way }),
    head: [common.rate, common.achieved, plainText("P50 ms"), plainText("P99 ms"), common.errors, plainText("")],
    rows: trials.map(({ rate, measured, outcome }) => {
      const { requestsPerSecond, latencyUs, errors } = measured.load.summary;
      return [
        formatNumber(rate),
        formatNumber(requestsPerSecond),
        formatNumber(msOf(latencyUs.p50)),
        formatNumber(msOf(latencyUs.p99)),
        errorsText(errors),
        messages[outcome],
      ];
    }),
  };
}

export function trialData({ rate, measured, outcome }: RateTrial): unknown {
  return { rate, outcome, ...brief(measured) };
}

/** What the trials of the first rate missed say of it. */
export interface FirstMissed {
  readonly trials: readonly RateTrial[];
  /** The generator could not send in time in any of them. */
  readonly isLate: boolean;
  /** What made all of them worse than the target's own, or null. */
  readonly hindrance: Text | null;
}

export function firstMissed({ upper }: Pick<SearchResult, "upper">, trials: readonly RateTrial[]): FirstMissed {
  const missed = trials.filter(({ rate, outcome }) => outcome === "missed" && rate === upper);
  const isLate = missed.length > 0 && missed.every(({ measured }) => measured.load.verdict.status === "void");
  const hindrances = missed.map(({ measured }) => measured.hindrance ?? stoodStill(measured));
  return {
    trials: missed,
    isLate,
    hindrance: hindrances.every((text) => text !== null) ? (hindrances[0] ?? null) : null,
  };
}

/** One of those that were not held again for the last time. */
function stoodStill(measured: Measured): Text | null {
  return trialOutcome(measured) === "again" ? standstillOf(measured.accounts) : null;
}
