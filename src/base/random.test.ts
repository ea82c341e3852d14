import { expect, test } from "bun:test";
import { Random } from "./random.ts";

test("equal seeds give equal sequences, other seeds others", () => {
  const draw = (seed: number): number[] => {
    const random = new Random(seed);
    return Array.from({ length: 8 }, () => random.uint32());
  };
  expect(draw(7)).toEqual(draw(7));
  expect(draw(7)).not.toEqual(draw(8));
});

test("the mean of unit is a half and of exponential the asked mean", () => {
  const random = new Random(1);
  let units = 0;
  let gaps = 0;
  for (let i = 0; i < 100_000; i++) {
    units += random.unit();
    gaps += random.exponential(5);
  }
  expect(Math.abs(units / 100_000 - 0.5)).toBeLessThan(0.005);
  expect(Math.abs(gaps / 100_000 - 5)).toBeLessThan(0.1);
});

test("two generators from the system differ", () => {
  const [left, right] = [Random.fromSystem(), Random.fromSystem()];
  expect([left.uint32(), left.uint32()]).not.toEqual([right.uint32(), right.uint32()]);
});
