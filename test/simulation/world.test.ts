import { expect, test } from "bun:test";
import { randomSeed } from "../../src/base/mod.ts";
import { problemsOf } from "./simulate.ts";

const seedsCount = 400;

test(`in ${seedsCount} simulated worlds with failing endpoints, killed workers and clock steps no invariant breaks`, () => {
  const first = randomSeed();
  let answered = 0;
  let refused = 0;
  for (let seed = first; seed < first + seedsCount; seed++) {
    const { problems, result } = problemsOf(seed);
    expect([`bun test/simulation/simulate.ts --seed ${seed}`, ...problems]).toHaveLength(1);
    answered += result.answered;
    refused += result.refused;
  }
  // The worlds are neither all calm nor all dead.
  expect(answered).toBeGreaterThan(seedsCount * 100);
  expect(refused).toBeGreaterThan(seedsCount * 10);
}, 300_000);
