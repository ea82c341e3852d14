import { expect, test } from "bun:test";
import { array, property as forAll, integer, assert as property, tuple } from "fast-check";
import { ClockGuard } from "./clock-guard.ts";

const settings = { sourcesCount: 3, warnMs: 100, fenceMs: 250 };
const epochMs = 1.7e12;

test("a step of the wall clock is seen and reported, and changes nothing of the trusted time", () => {
  const guard = new ClockGuard({ ...settings, sourcesCount: 0 }, 1000, epochMs + 1000);
  expect(guard.look(2000, epochMs + 2000)).toBe(0);
  expect(guard.look(3000, epochMs + 503_000)).toBe(500_000);
  expect(guard.trustedMs(4000) - epochMs).toBe(4000);
  expect(guard.report(4000)).toMatchObject({ state: "fence", offsetMs: 500_000, steps: 1, lastStepMs: 500_000 });
  expect(guard.look(5000, epochMs + 5000)).toBe(-500_000);
  expect(guard.report(5000)).toMatchObject({ state: "ok", offsetMs: 0, steps: 2 });
});

test("without sources small corrections of the wall clock are followed", () => {
  const guard = new ClockGuard({ ...settings, sourcesCount: 0 }, 0, epochMs);
  for (let second = 1; second <= 100; second++) guard.look(second * 1000, epochMs + second * 1000.5);
  expect(Math.abs(guard.trustedMs(100_000) - epochMs - 100_050)).toBeLessThan(0.01);
});

test("the trusted time lies within its bound of the truth, one wrong source of three notwithstanding", () => {
  const delays = tuple(integer({ min: 0, max: 40 }), integer({ min: 0, max: 40 }));
  property(
    forAll(
      array(tuple(delays, delays), { minLength: 1, maxLength: 30 }),
      integer({ min: -600_000, max: 600_000 }),
      (rounds, lieMs) => {
        // Our wall clock is wrong by 12 s from the start; the truth is monotonic + epoch.
        const guard = new ClockGuard(settings, 0, epochMs + 12_000);
        let nowMs = 0;
        for (const [first, second] of rounds) {
          for (const [source, [outMs, backMs]] of [first, second, first].entries()) {
            const serverMs = epochMs + nowMs + outMs + (source === 2 ? lieMs : 0);
            guard.sample(source, nowMs, nowMs + outMs + backMs, serverMs, 0, 1);
          }
          nowMs += 16_000;
          guard.look(nowMs, epochMs + 12_000 + nowMs);
          const { errorMs, state, offsetMs } = guard.report(nowMs);
          expect(Math.abs(guard.trustedMs(nowMs) - epochMs - nowMs)).toBeLessThanOrEqual(errorMs + 0.01);
          expect([state, Math.abs(offsetMs - 12_000) <= errorMs + 0.01]).toEqual(["fence", true]);
        }
      },
    ),
    { numRuns: 200 },
  );
});

test("sources that disagree without a majority change nothing, and a long silence makes it unsure", () => {
  const guard = new ClockGuard({ ...settings, sourcesCount: 2 }, 0, epochMs);
  guard.sample(0, 0, 2, epochMs + 1, 0, 0);
  expect(guard.report(2)).toMatchObject({ state: "ok", agreeing: 1, answering: 1 });
  guard.sample(1, 2, 4, epochMs + 90_000, 0, 0);
  expect(Math.abs(guard.trustedMs(4) - epochMs - 4)).toBeLessThan(1);
  expect(guard.report(4)).toMatchObject({ agreeing: 1, answering: 2 });
  expect(guard.report(600_000).state).toBe("warn");
  expect(guard.report(2_000_000).state).toBe("fence");
});
