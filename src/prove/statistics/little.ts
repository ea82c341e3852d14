/**
 * Little's law, L = lambda W, as a check on the measurement itself: requests in flight, their rate and the time each spent
 * must agree. A miss means lost requests or a wrong clock, whatever the system under test is like (J. D. C. Little, 1961).
 */

export interface LittleCheck {
  /** Requests in flight as the law has it. */
  readonly expected: number;
  readonly observed: number;
  readonly errorRatio: number;
  readonly holds: boolean;
}

const errorRatioMax = 0.02;

/**
 * @param observed mean requests in flight, counted independently of the latencies
 * @param seconds how long was measured: requests that are in flight at its ends count wholly or not at all
 */
export function checkLittle(perSecond: number, meanSeconds: number, observed: number, seconds: number): LittleCheck {
  const expected = perSecond * meanSeconds;
  const errorRatio = observed === 0 ? (expected === 0 ? 0 : 1) : Math.abs(expected - observed) / observed;
  return { expected, observed, errorRatio, holds: errorRatio <= errorRatioMax + meanSeconds / seconds };
}
