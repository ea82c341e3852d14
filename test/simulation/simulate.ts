/**
 * Runs simulated worlds by seed and stops at the first that breaks an invariant:
 *
 *     bun test/simulation/simulate.ts --seeds 100000         from a random first seed, which is printed
 *     bun test/simulation/simulate.ts --seed 12345           one seed again
 *     bun test/simulation/simulate.ts --seed 1 --seeds 50000 so many from this one on
 */
import { parseArgs } from "node:util";
import { randomSeed } from "../../src/base/mod.ts";
import { run, type WorldResult } from "./world.ts";

/** What is wrong with the world of a seed; empty when nothing is. */
export function problemsOf(seed: number): { readonly problems: readonly string[]; readonly result: WorldResult } {
  const result = run(seed);
  const problems = [...result.broken];
  // A run without the steps must go the same way; where it does not, a plain repetition tells whether chance crept in.
  if (run(seed, false).digest !== result.digest) {
    const isRepeatable = run(seed).digest === result.digest;
    problems.push(
      isRepeatable
        ? "without the steps of the wall clock it goes another way"
        : "the same seed went another way the second time",
    );
  }
  return { problems, result };
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { seeds: { type: "string" }, seed: { type: "string" } } });
  const first = values.seed === undefined ? randomSeed() : Number(values.seed);
  const count = Number(values.seeds ?? (values.seed === undefined ? 1000 : 1));
  console.log(`seeds ${first} to ${first + count - 1}`);
  const beganMs = performance.now();
  for (let seed = first; seed < first + count; seed++) {
    const { problems, result } = problemsOf(seed);
    if (count === 1) console.log(result);
    if (problems.length > 0) {
      console.error(`seed ${seed}: ${problems.join("; ")}\nagain: bun test/simulation/simulate.ts --seed ${seed}`);
      process.exit(1);
    }
    const done = seed - first + 1;
    if (done % 1000 === 0) {
      const leftSeconds = ((performance.now() - beganMs) / done) * (count - done) * 0.001;
      console.log(`${done} of ${count}, ${Math.ceil(leftSeconds)} s left`);
    }
  }
  console.log(`${count} seeds, no invariant broken`);
}
