import { expect, test } from "bun:test";
import { articleRows, effectiveRatio } from "./pool.ts";

test("the article's formula gives 0.13, 0.82 and 0.40 where its table prints 0.20, 0.90 and 0.40", () => {
  const rows = articleRows.map(([idle, hit, printed]) => [Math.round(effectiveRatio(hit, idle) * 100) / 100, printed]);
  expect(rows).toEqual([
    [0.13, 0.2],
    [0.82, 0.9],
    [0.4, 0.4],
  ]);
});
