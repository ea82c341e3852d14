/**
 * The table of admission policies in docs/resilience.md: every policy under the same arrivals in the model of
 * test/simulation/admission-model.ts. Usage: bun bench/macro/limiters.ts [seed...]
 */

import type { AdmissionSettings } from "../../src/resilience/mod.ts";
import { runAdmission, type Scenario } from "../../test/simulation/admission-model.ts";
import * as scenarios from "../../test/simulation/admission-scenarios.ts";

const seeds = process.argv.length > 2 ? process.argv.slice(2).map(Number) : [1, 2];
const policies: [string, Partial<AdmissionSettings>][] = [
  ["article 3,000/s", { policy: "article", articleRate: 3_000 }],
  ["article 10,000/s", { policy: "article", articleRate: 10_000 }],
  ["aimd", { policy: "aimd" }],
  ["gradient2", { policy: "gradient2" }],
  ["codel 8", { policy: "codel", initial: 8 }],
  ["weir", { policy: "weir" }],
];
const { figuresOf, secondsUntil } = scenarios;
const mean = (values: number[]): number => values.reduce((left, right) => left + right, 0) / values.length;
const percent = (ratio: number): string => (ratio * 100).toFixed(1);

function print(scenario: Scenario, columns: string[], rows: [string, string[]][]): void {
  console.log(`\n${scenario.name} (seeds ${seeds.join(", ")})\n`);
  console.log(`| policy | ${columns.join(" | ")} |\n| --- |${columns.map(() => " ---: |").join("")}`);
  for (const [name, cells] of rows) console.log(`| ${name} | ${cells.join(" | ")} |`);
}

/** The fixed limit with the best goodput over the whole scenario, found by trying. */
function bestFixed(scenario: Scenario, from: number, to: number): [string, Partial<AdmissionSettings>] {
  const tried = [2, 3, 4, 5, 6, 8, 12, 16, 24, 32, 48, 64, 80, 96].map((initial) => {
    const run = runAdmission(scenario, { policy: "fixed", initial }, seeds[0]!);
    return { initial, good: figuresOf(run, from, to).goodPerSecond };
  });
  const best = tried.reduce((left, right) => (right.good > left.good ? right : left));
  return [`best fixed (${best.initial})`, { policy: "fixed", initial: best.initial }];
}

function burstTable(scenario: Scenario): void {
  const columns = [
    "good/s in burst",
    "P95 ms",
    "P99 ms",
    "cancel/order/query in time %",
    "orders' P99 to calm",
    "converges s",
    "recovers s",
    "refused before %",
    "refused after %",
  ];
  const rows = [...policies, bestFixed(scenario, 30, 60)].map(([name, change]): [string, string[]] => {
    const runs = seeds.map((seed) => runAdmission(scenario, change, seed));
    const inBurst = runs.map((run) => figuresOf(run, 30, 60));
    const calm = runs.map((run) => figuresOf(run, 5, 30));
    const until = (from: number, isGood: (figures: scenarios.Figures) => boolean): string => {
      const all = runs.map((run) => secondsUntil(run, from, from + 30, isGood));
      return all.includes(-1) ? "never" : String(Math.max(...all));
    };
    const lanes = [0, 1, 3].map((lane) => percent(mean(inBurst.map((one) => one.goodRatio[lane]!))));
    const cells = [
      mean(inBurst.map((one) => one.goodPerSecond)).toFixed(0),
      mean(inBurst.map((one) => one.p95Ms)).toFixed(1),
      mean(inBurst.map((one) => one.p99Ms)).toFixed(1),
      lanes.join(" / "),
      mean(inBurst.map((one, index) => one.orderP99Ms / calm[index]!.orderP99Ms)).toFixed(2),
      until(30, (one) => one.p95Ms <= scenario.sloMs),
      until(60, (one) => one.p95Ms <= scenario.sloMs && one.refusedRatio <= 0.005),
      percent(mean(calm.map((one) => one.refusedRatio))),
      percent(mean(runs.map((run) => figuresOf(run, 62, 90).refusedRatio))),
    ];
    return [name, cells];
  });
  print(scenario, columns, rows);
}

function recoveryTable(scenario: Scenario, parts: [string, number, number][]): void {
  const rows = policies.map(([name, change]): [string, string[]] => {
    const cells = parts.map(([, from, to]) => {
      const [, best] = bestFixedOf(scenario, from, to);
      return percent(
        mean(seeds.map((seed) => figuresOf(runAdmission(scenario, change, seed), from, to).goodPerSecond)) / best,
      );
    });
    return [name, cells];
  });
  print(
    scenario,
    parts.map(([name]) => `${name}, % of best fixed`),
    rows,
  );
}

function bestFixedOf(scenario: Scenario, from: number, to: number): [string, number] {
  const [name, change] = bestFixed(scenario, from, to);
  return [name, mean(seeds.map((seed) => figuresOf(runAdmission(scenario, change, seed), from, to).goodPerSecond))];
}

function steadyTable(scenario: Scenario, parts: [string, number, number][]): void {
  const columns = parts.flatMap(([name]) => [`good/s ${name}`, `P95 ms ${name}`, `refused % ${name}`]);
  const rows = policies.map(([name, change]): [string, string[]] => {
    const run = runAdmission(scenario, change, seeds[0]!);
    const cells = parts.flatMap(([, from, to]) => {
      const figures = figuresOf(run, from, to);
      return [figures.goodPerSecond.toFixed(0), figures.p95Ms.toFixed(1), percent(figures.refusedRatio)];
    });
    return [name, cells];
  });
  print(scenario, columns, rows);
}

if (import.meta.main) {
  burstTable(scenarios.burst);
  burstTable(scenarios.wideBurst);
  burstTable(scenarios.uneven);
  recoveryTable(scenarios.latencySteps, [
    ["slow, 5 s after", 25, 50],
    ["fast again, 5 s after", 55, 80],
  ]);
  recoveryTable(scenarios.stall, [["5 s after the stall", 35, 60]]);
  steadyTable(scenarios.drift, [
    ["first minute", 0, 60],
    ["fifth minute", 240, 300],
  ]);
  steadyTable(scenarios.calm, [["ten minutes", 0, 600]]);
}
