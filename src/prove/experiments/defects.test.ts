import { expect, test } from "bun:test";
import { defectsOf, type SoakSigns } from "./defects.ts";

const good: SoakSigns = { requests: 100_000, errors: { total: 0 }, leakBytesPerRequest: 0, p50Ms: 1, p99Ms: 4 };
const named = (more: Partial<SoakSigns>): string[] => defectsOf({ ...good, ...more }).map(({ en }) => en);

test("a good soak names no defect", () => {
  expect(named({})).toEqual([]);
  expect(named({ leakBytesPerRequest: null, p50Ms: 8, p99Ms: 30 })).toEqual([]);
  // Growth that is small in all is a heap that breathes.
  expect(named({ leakBytesPerRequest: 70 })).toEqual([]);
});

test("each defect is named with its figures, and several beside each other", () => {
  expect(named({ errors: { total: 10, timeout: 10 } })).toEqual([
    "requests are dropped: 10 (1 in 10,000) were sent and never answered",
  ]);
  expect(
    named({ errors: { total: 250, reset: 150, "closed-unanswered": 50, "unexpected-status": 50 }, p99Ms: 900 }),
  ).toEqual([
    "connections are cut: 200 requests (1 in 500) lost theirs before the answer (reset, closed-unanswered)",
    "requests are turned away: 50 (1 in 2,000) had an answer with the wrong status or content",
    "some answers are slow: half come within 1 ms, but 1 in 100 takes 900 ms or longer",
  ]);
  expect(named({ leakBytesPerRequest: 8192 })).toEqual(["memory leaks: it grows by 8,192 bytes with every request"]);
});
