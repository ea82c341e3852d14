import { expect, test } from "bun:test";
import { WeirError } from "../base/mod.ts";
import { ClassTotals } from "./interval.ts";
import { HistogramIndex } from "./recorder.ts";
import { classResult, summarise, type UnjudgedResult } from "./result.ts";
import { evaluateThresholds, parseThreshold } from "./thresholds.ts";

/** Response times of 1 ms to 100 ms, one of each, and 25 errors of 125; half of what was asked for was achieved. */
function result(): UnjudgedResult {
  const totals = new ClassTotals();
  for (let ms = 1; ms <= 100; ms++) totals.histograms[HistogramIndex.response]!.record(ms * 1e6);
  totals.failures[6] = 25;
  totals.counters[0] = 200;
  totals.counters[4] = 100;
  const plan = { load: { kind: "open", arrivals: "constant", pieces: [], catchUp: "send", skipAfterMs: 1 } } as const;
  return {
    summary: summarise([totals], 10, plan),
    classes: [classResult("order", totals, 10, plan)],
  } as unknown as UnjudgedResult;
}

const cases: readonly [expression: string, value: number | null, isPassed: boolean][] = [
  ["p99 > 10ms", 99_007, false],
  ["p99 > 100 ms", 99_007, true],
  ["p99 > 0.1s", 99_007, true],
  ["p50 <= 50100us", 50_003, false],
  ["p90 > 200", 90_046, true],
  ["max >= 101ms", 100_000, true],
  ["error_ratio > 0", 0.2, false],
  ["error_ratio > 20%", 0.2, true],
  ["errors > 24", 25, false],
  ["errors.closed-unanswered > 0", 25, false],
  ["errors.reset > 0", 0, true],
  ["achieved < 0.999", 0.5, false],
  ["rate < 11", 10, false],
  ["requests != 125", 125, true],
  ["order.p99 > 10ms", 99_007, false],
  ["service.p99 > 1ms", null, false],
];

for (const [expression, value, isPassed] of cases) {
  test(`"${expression}" ${isPassed ? "holds" : "fails"}`, () => {
    const [found] = evaluateThresholds([parseThreshold(expression, ["order"])], result());
    expect(found!.isPassed).toBe(isPassed);
    if (value === null) expect(found!.value).toBeNull();
    else expect(Math.abs(found!.value! / (value || 1) - (value === 0 ? 0 : 1))).toBeLessThan(0.002);
  });
}

for (const wrong of ["p99", "p99 > fast", "p98 > 1ms", "rate > 5ms", "p99 > 5%", "cancel.p99 > 1ms", ""]) {
  test(`"${wrong}" is refused`, () => {
    expect(() => parseThreshold(wrong, ["order"])).toThrow(WeirError);
  });
}
