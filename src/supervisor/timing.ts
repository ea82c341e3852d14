/** Every time limit of the supervisor, with the reason for its number. All run on the monotonic clock. */

/** A worker that is not serving by then is given up: a hundred times what a start takes on an idle machine. */
export const readyMsMax = 10_000;

/** Compiling 100,000 routes takes about a second; past this the reload is abandoned. */
export const prepareMsMax = 10_000;

/** A worker busy for this long serves nobody: it is killed and replaced. Longer than any pause of a collector. */
export const unresponsiveMsMax = 10_000;
export const pingIntervalMs = 1000;

/** Past its deadline a draining worker has this long to end by itself. */
export const drainGraceMs = 1000;

/** The first replacement comes at once, the following ones after 100, 200, 400, ... ms, up to this. */
export const backoffBaseMs = 100;
export const backoffMsMax = 5000;

/** A worker that ran this long has started well: its next crash counts as a first one. */
export const stableMs = 10_000;

/**
 * Spare workers, at most one a worker: two, so that a restart on a small machine, which has no processor to spare for
 * it, finds its workers loaded. On a larger one workers start beside each other.
 */
export const sparesMax = 2;

/** How often spares are looked after: late enough that a new generation serves before others are launched. */
export const spareTendMs = 250;
