/**
 * What counts of rare events allow to be said. No failure in n requests is not "no failures": the true ratio may be as
 * large as about 3 / n (the rule of three; Hanley and Lippman-Hand, JAMA 1983).
 */

const confidence = 0.95;
/** Of the standard normal distribution, one-sided at 95 %. */
const normal95 = 1.6448536269514722;
/** Two-sided at 95 %. */
const normal97 = 1.959963984540054;

/**
 * Upper bound, at 95 %, of the ratio behind `events` in `trials`: exact for none, Wilson and Hilferty's approximation of the
 * Poisson bound (within 1 %) for more. 1 for no trials.
 */
export function ratioUpperBound(events: number, trials: number): number {
  if (trials <= 0) return 1;
  if (events === 0) return Math.min(1, -Math.log(1 - confidence) / trials);
  const count = events + 1;
  const root = 1 - 1 / (9 * count) + normal95 / (3 * Math.sqrt(count));
  return Math.min(1, (count * root ** 3) / trials);
}

/** A 95 % interval of a count of independent events: Wilson and Hilferty's approximation of the exact Poisson interval. */
export function countInterval(events: number): readonly [low: number, high: number] {
  const end = (count: number, z: number): number =>
    count <= 0 ? 0 : count * (1 - 1 / (9 * count) + z / (3 * Math.sqrt(count))) ** 3;
  return [Math.max(0, end(events, -normal97)), end(events + 1, normal97)];
}

/** Trials without an event after which the ratio is below `ratio` at 95 %. */
export function trialsToShow(ratio: number): number {
  return Math.ceil(-Math.log(1 - confidence) / ratio);
}
