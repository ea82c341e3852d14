/** The promises of the `weir` admission policy, in the model of admission-model.ts. The tables: bench/macro/limiters.ts. */
import { expect, test } from "bun:test";
import { runAdmission } from "./admission-model.ts";
import { burst, calm, figuresOf, latencySteps, stall } from "./admission-scenarios.ts";

test("threefold load: P95 within 15 ms, orders and cancels admitted, queries never shut out, recovery at once", () => {
  const run = runAdmission(burst, { policy: "weir" }, 1);
  const inBurst = figuresOf(run, 30, 60);
  expect(inBurst.p95Ms).toBeLessThanOrEqual(15);
  expect(inBurst.goodPerSecond).toBeGreaterThan(1_900);
  expect(Math.min(inBurst.goodRatio[0]!, inBurst.goodRatio[1]!)).toBeGreaterThan(0.99);
  for (let second = 30; second < 60; second++) {
    expect(figuresOf(run, second, second + 1).goodRatio[3]!).toBeGreaterThan(0.2);
  }
  const after = figuresOf(run, 62, 90);
  expect([after.refusedRatio, after.p95Ms < 15]).toEqual([0, true]);
});

test("threefold load: orders and cancels wait hardly longer than in calm, the first second included", () => {
  for (const [servers, serviceMs, sigma, perSecond, most] of [
    [4, 2, 0.5, 1_000, 1.25],
    [16, 5, 0.3, 1_440, 1.14],
  ] as const) {
    const phases = [
      { seconds: 10, perSecond },
      { seconds: 30, perSecond: 3 * perSecond },
    ];
    for (const seed of [1, 2, 3, 4]) {
      const run = runAdmission({ ...burst, servers, serviceMs, sigma, phases }, { policy: "weir" }, seed);
      expect(figuresOf(run, 10, 40).orderP99Ms / figuresOf(run, 1, 10).orderP99Ms).toBeLessThan(most);
    }
  }
});

test("at half of the capacity nothing is refused", () => {
  const run = runAdmission({ ...calm, phases: [{ seconds: 120, perSecond: 1_000 }] }, { policy: "weir" }, 2);
  expect(figuresOf(run, 0, 120).refusedRatio).toBe(0);
});

test("at half of the capacity nothing is refused for pauses of a third of a second, of the upstream or the gateway", () => {
  const still = [{ slowness: Number.POSITIVE_INFINITY }, { isGatewayStill: true }];
  for (const [servers, serviceMs, perSecond] of [
    [4, 2, 1_000],
    [16, 5, 1_500],
  ] as const) {
    const phases = [0.05, 0.12, 0.3].flatMap((seconds) =>
      still.flatMap((kind) => [
        { seconds: 3, perSecond },
        { seconds, perSecond, ...kind },
      ]),
    );
    const run = runAdmission({ ...calm, servers, serviceMs, phases }, { policy: "weir" }, 3);
    const figures = figuresOf(run, 0, run.length);
    expect([figures.refusedRatio, figures.p99Ms < 350]).toEqual([0, true]);
  }
});

test("an upstream that slows to a third and comes back gets nine tenths of what the best fixed limit gets", () => {
  const weir = runAdmission(latencySteps, { policy: "weir" }, 1);
  const fixed = runAdmission(latencySteps, { policy: "fixed", initial: 32 }, 1);
  for (const [from, to] of [
    [25, 50],
    [55, 80],
  ] as const) {
    const ratio = figuresOf(weir, from, to).goodPerSecond / figuresOf(fixed, from, to).goodPerSecond;
    expect(ratio).toBeGreaterThan(0.9);
  }
});

test("an upstream that takes a hundred times as long and can work on all of it is found out, from the floor up", () => {
  const phases = [
    { seconds: 5, perSecond: 2_000 },
    { seconds: 60, perSecond: 2_000, slowness: 100 },
  ];
  for (const seed of [1, 2, 3, 4]) {
    const run = runAdmission({ ...latencySteps, servers: 2_000, serviceMs: 2, phases }, { policy: "weir" }, seed);
    expect(figuresOf(run, 7, 12).refusedRatio).toBeGreaterThan(0.9);
    expect(figuresOf(run, 50, 65).refusedRatio).toBeLessThan(0.1);
  }
});

test("five seconds after a stall of ten nothing of it is left", () => {
  const after = figuresOf(runAdmission(stall, { policy: "weir" }, 1), 35, 60);
  expect(after.goodPerSecond).toBeGreaterThan(0.9 * 1_500);
  expect(after.refusedRatio).toBeLessThan(0.001);
});
