/**
 * @hot
 * Draws a class of requests by weight. One class needs no draw, so that a plan without a mix uses no randomness here.
 */
import { assert, type Random } from "../base/mod.ts";

export class ClassPicker {
  private readonly cumulativeWeights: Float64Array;
  private readonly random: Random;

  constructor(weights: readonly number[], random: Random) {
    assert(weights.length > 0, "there is a class to pick");
    let sum = 0;
    this.cumulativeWeights = Float64Array.from(weights, (weight) => {
      sum += weight;
      return sum;
    });
    this.random = random;
  }

  /** The index of a class. */
  pick(): number {
    const weights = this.cumulativeWeights;
    const last = weights.length - 1;
    if (last === 0) return 0;
    const drawn = this.random.unit() * weights[last]!;
    let index = 0;
    while (index < last && drawn >= weights[index]!) index++;
    return index;
  }
}
