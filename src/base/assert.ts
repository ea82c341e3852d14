/**
 * Assertions are always on. A failed one is a bug: it throws `AssertionError`, which ends the worker process that found it;
 * the supervisor replaces the worker and counts the event. Never catch one to go on.
 */

export class AssertionError extends Error {
  override readonly name = "AssertionError";
}

/** Throws when `condition` is false. `message` says which invariant was broken. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) fail(message);
}

/** For a branch that cannot be reached. */
export function unreachable(message: string): never {
  fail(message);
}

// Kept apart so that `assert` stays small enough to be inlined.
function fail(message: string): never {
  throw new AssertionError(message);
}
