import { expect, test } from "bun:test";
import { type ExperimentResult, figure } from "../result.ts";
import { plainText } from "../text.ts";
import { type Indicator, judgeIndicator, parseIndicator, readIndicators } from "./mod.ts";

const experiments = ["knee", "soak", "connections", "memory", "gc", "burst", "mix", "handover"];

test("Weir's own indicators are whole: fourteen, nine of them measurable", () => {
  const indicators = readIndicators(experiments, null);
  expect(indicators.map(({ id }) => id)).toEqual([
    "I-03",
    "I-07",
    "I-09",
    "I-12",
    "I-17",
    ...[1, 2, 3, 4, 5, 6, 7, 8, 9].map((n) => `W-0${n}`),
  ]);
  expect(indicators.filter(({ notYet }) => notYet === null).length).toBe(9);
});

test("every problem of a file is told at once, with its line", () => {
  const text =
    "id: '?'\ntitle: { en: a }\nscenario: knee\nassertions: [speed is good, knee_per_second >= 1]\nsource: { en: a, zh: b }\nextra: 1\n";
  const parsed = parseIndicator(text, "own.yaml", experiments);
  if (!("problems" in parsed)) throw new Error("it was accepted");
  for (const line of ["own.yaml:1", "own.yaml:2", "own.yaml:4", "own.yaml:6"]) expect(parsed.problems).toContain(line);
  expect(
    parseIndicator("id: A\ntitle: {en: a, zh: b}\nscenario: nothing\nsource: {en: a, zh: b}\n", "b.yaml", experiments),
  ).toEqual({
    problems:
      'b.yaml: scenario: there is no experiment "nothing" (knee, soak, connections, memory, gc, burst, mix, handover)',
  });
});

const indicator: Indicator = {
  id: "A-1",
  title: plainText("a"),
  scenario: "knee",
  assertions: [
    { figure: "rate", comparison: ">=", threshold: 100 },
    { figure: "p99", comparison: "<=", threshold: 10 },
  ],
  evidence: [],
  source: plainText("s"),
  article: null,
  notYet: null,
};

function resultOf(rate: number | null, p99: number | null, more: Partial<ExperimentResult> = {}): ExperimentResult {
  return {
    ...{ name: "knee", title: plainText("knee"), status: "measured", reason: null, limiter: null, notes: [] },
    ...{ method: plainText(""), tables: [], plots: [], tookSeconds: 1, data: null },
    figures: {
      rate: figure(plainText("rate"), rate, "req/s"),
      p99: figure(plainText("p99"), p99, "ms", { reason: p99 === null ? plainText("too few samples") : null }),
    },
    ...more,
  };
}

test("an indicator passes only when all was measured and holds, and a miss that is not the target's is open", () => {
  const reason = plainText("the generator was the limit");
  const judged = [
    [resultOf(120, 5)],
    [resultOf(80, 5)],
    [resultOf(120, null)],
    [resultOf(80, 5, { reason })],
    [resultOf(120, 5, { reason })],
    [resultOf(120, 5, { reason, status: "not-measured" })],
    [],
  ].map((results) => {
    const { verdict, figure: value, reason: why } = judgeIndicator(indicator, results);
    return [verdict, value, why?.en ?? ""];
  });
  expect(judged).toEqual([
    ["pass", 120, ""],
    ["fail", 80, "rate is 80 req/s, wanted >= 100 req/s"],
    ["not-measured", null, "too few samples"],
    ["not-measured", 80, "the generator was the limit"],
    ["pass", 120, ""],
    ["not-measured", 120, "the generator was the limit"],
    ["not-measured", null, "the experiment knee did not run"],
  ]);
});

test("a late generator leaves a pass that it can only have made harder, told with its blemish, and never a failure", () => {
  const text = { en: "the generator was late", zh: "压测端滞后" };
  const late = (value: number, bends: "up" | "down" | null, unit: "req/s" | "ms") =>
    figure(plainText(unit), value, unit, { hindrance: { text, bends } });
  const judged = (rate: number, rateBends: "up" | "down" | null, p99: number, p99Bends: "up" | "down" | null) => {
    const figures = { rate: late(rate, rateBends, "req/s"), p99: late(p99, p99Bends, "ms") };
    const { verdict, blemish, reason } = judgeIndicator(indicator, [resultOf(1, 1, { figures })]);
    return [verdict, blemish, reason];
  };
  const blemish = {
    en: "holds although the generator was late: the real figure is at least this",
    zh: "压测端滞后，但仍成立：真实值不会更低",
  };
  expect(judged(120, "down", 5, "up")).toEqual(["pass", blemish, null]);
  const open = (en: string, zh: string): ReturnType<typeof judged> => ["not-measured", null, { en, zh }];
  const miss = (title: string, values: string): ReturnType<typeof judged> =>
    open(
      `${title} is ${values.replace(" |", ", wanted")}, but the generator was late: that may be why`,
      `${title} 为 ${values.replace(" |", "，要求")}；但压测端滞后，可能因此未达到`,
    );
  expect(judged(80, "down", 5, "up")).toEqual(miss("req/s", "80 req/s | >= 100 req/s"));
  expect(judged(120, "down", 15, "up")).toEqual(miss("ms", "15 ms | <= 10 ms"));
  const unknown = open(
    "ms is 5 ms, but the generator was late, which may move it either way",
    "ms 为 5 ms；但压测端滞后，可能因此偏高或偏低",
  );
  // A difference of two latencies, and a latency that lateness would make look better: neither proves anything.
  expect(judged(120, "down", 5, null)).toEqual(unknown);
  expect(judged(120, "down", 5, "down")).toEqual(unknown);
});

test("a miss that the machine shows without the gateway, too, is open, and one that it does not is a failure", () => {
  const judged = (floor: number, p99 = 12) => {
    const figures = {
      rate: figure(plainText("rate"), 120, "req/s"),
      p99: figure(plainText("p99"), p99, "ms", { floor }),
    };
    const { verdict, reason } = judgeIndicator(indicator, [resultOf(1, 1, { figures })]);
    return [verdict, reason?.en];
  };
  expect(judged(4)).toEqual(["fail", "p99 is 12 ms, wanted <= 10 ms"]);
  // A gateway that adds more than is allowed is not excused by its machine.
  expect(judged(11, 500)).toEqual(["fail", "p99 is 500 ms, wanted <= 10 ms"]);
  expect(judged(11)).toEqual([
    "not-measured",
    "p99 is 12 ms, wanted <= 10 ms, but without the gateway the same load shows 11 ms on this machine already",
  ]);
});
