import { expect, test } from "bun:test";
import { Context, type ContextOptions, type HeldRates, trialOutcome } from "./context.ts";
import type { Measured } from "./measure.ts";
import { tinyProfile } from "./profile.ts";

interface Trial {
  readonly p99Ms: number;
  readonly stoodMs?: number;
  readonly achievedRatio?: number;
  readonly errorRatio?: number;
}

/** A trial of two seconds, as far as its outcome depends on it. */
function outcome({ p99Ms, stoodMs = 0, achievedRatio = 1, errorRatio = 0 }: Trial): string {
  const summary = { achievedRatio, errorRatio, latencyUs: { p99: p99Ms * 1000 } };
  const accounts = { seconds: 2, standstill: { ratio: stoodMs / 2000, msMax: stoodMs } };
  return trialOutcome({ load: { summary }, accounts } as Pick<Measured, "load" | "accounts">);
}

test("a trial is met within 10 ms at P99, also where processors stood still", () => {
  expect(outcome({ p99Ms: 10 })).toBe("met");
  expect(outcome({ p99Ms: 10, stoodMs: 9 })).toBe("met");
  expect(outcome({ p99Ms: 10.1 })).toBe("missed");
});

test("a miss by no more than processors stood still says nothing, and one by more is a miss", () => {
  expect(outcome({ p99Ms: 18, stoodMs: 9 })).toBe("again");
  expect(outcome({ p99Ms: 20, stoodMs: 9 })).toBe("missed");
  expect(outcome({ p99Ms: 12, stoodMs: 20, achievedRatio: 0.985 })).toBe("again");
  expect(outcome({ p99Ms: 12, stoodMs: 20, achievedRatio: 0.97 })).toBe("missed");
});

test("errors are a miss, whatever stood still", () => {
  expect(outcome({ p99Ms: 1, stoodMs: 9, errorRatio: 0.001 })).toBe("missed");
});

test("where a run is repeated, rates are those of then, whatever is found now", () => {
  const context = (heldBefore?: HeldRates): Context =>
    new Context({ profile: tinyProfile, seed: 1, heldBefore } as unknown as ContextOptions);
  const first = context();
  expect(first.rateToHold("mix", 700)).toBe(700);
  const second = context(first.held);
  expect([second.rateToHold("mix", 900), second.rateToHold("burst", 50)]).toEqual([700, 50]);
  expect(second.held).toEqual({ mix: 700, burst: 50 });
});
