import { expect, test } from "bun:test";
import { admissionDefaults } from "./admission.ts";
import { WeirAdmission } from "./admission-weir.ts";

/** One window in which requests waited, or nobody did; the limit after it. */
function windowOf(admission: WeirAdmission, endUs: number, answerUs: number, peak: number, waiting: number): number {
  for (let count = 0; count < 100; count++) admission.record(endUs, answerUs * (0.9 + count / 500), answerUs, false);
  admission.tick(endUs, peak, waiting);
  return admission.limit;
}

test("a gateway that starts under load falls by a fifth a window, for nobody knows what calm would need", () => {
  const admission = new WeirAdmission({ ...admissionDefaults, initial: 100 }, 0);
  const first = windowOf(admission, 1e6, 5_000, 100, 50);
  expect(windowOf(admission, 2e6, 40_000, 100, 50) / first).toBeCloseTo(0.8, 5);
});

test("after a calm it falls at once, and not below what was in flight then", () => {
  const admission = new WeirAdmission({ ...admissionDefaults, initial: 100 }, 0);
  windowOf(admission, 1e6, 5_000, 30, 0);
  expect(windowOf(admission, 2e6, 40_000, 100, 50)).toBeCloseTo(30, 5);
});

test("answers within a millisecond are no queue, however much slower than usual", () => {
  const admission = new WeirAdmission({ ...admissionDefaults, initial: 20 }, 0);
  for (let window = 1; window <= 20; window++) windowOf(admission, window * 1e5, 100, 8, 0);
  const calm = admission.limit;
  for (let window = 21; window <= 60; window++) windowOf(admission, window * 1e5, 600, 40, 20);
  expect(admission.limit).toBeGreaterThan(2 * calm);
  const found = admission.limit;
  for (let window = 61; window <= 80; window++) windowOf(admission, window * 1e5, 5_000, 200, 50);
  expect(admission.limit).toBeLessThan(found / 4);
});
