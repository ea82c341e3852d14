/** The end of a process whose state can no longer be trusted. */

/** A broken invariant ends the process; the supervisor replaces it and counts the event. @cold */
export function crash(error: unknown): never {
  console.error(error instanceof Error ? (error.stack ?? error.message) : String(error));
  process.exit(70);
}
