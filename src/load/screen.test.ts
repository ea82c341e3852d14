import { expect, test } from "bun:test";
import { compactLatencyShape, Histogram } from "../base/mod.ts";
import { buildPlan } from "./build-plan.ts";
import { Collector, type SeriesPoint } from "./collector.ts";
import { Screen } from "./screen.ts";
import { padEnd, styleFor } from "./style.ts";

const plan = buildPlan({ url: "http://127.0.0.1:1/", ratePerSecond: 100, durationMs: 60_000, seed: 1 });

function point(second: number): SeriesPoint {
  return {
    second,
    seconds: 1,
    scheduled: 100,
    answers: 98,
    errors: 2,
    latencyUsP50: 150,
    latencyUsP90: 900,
    latencyUsP99: 12_000,
    latencyUsMax: 2_500_000,
    connections: 4,
    column: new Histogram(compactLatencyShape),
  };
}

function written(isTerminal: boolean, seconds: number): string {
  let text = "";
  const output = {
    isTerminal,
    write: (part: string) => {
      text += part;
    },
  };
  const screen = new Screen(plan, output, styleFor(false));
  const collector = new Collector(1, 1, 0, () => {});
  for (let second = 0; second < seconds; second++) screen.second(point(second), collector);
  screen.finish();
  return text;
}

test("a log gets one plain line a second at first, then every tenth", () => {
  const lines = written(false, 60).trimEnd().split("\n");
  expect(lines.length).toBe(15);
  expect(lines[0]).toBe("   1/60 s        98/s  P50   150 us  P99  12.0 ms  max   2.50 s  errors 2");
  expect(lines.join("")).not.toContain("\x1b");
});

test("a terminal gets lines that are drawn anew, and none are left at the end", () => {
  const text = written(true, 2);
  expect(text).toContain("59 s left");
  expect(text).toContain("98 of 100 per second");
  expect(text.endsWith("\x1b[5A\x1b[0J")).toBe(true);
});

test("columns hold where characters are two cells wide", () => {
  expect(padEnd("延迟", 6)).toBe("延迟  ");
});
