/**
 * Environment for processes that must not be held up for nothing. Beside collecting when enough was allocated, the runtime collects on a
 * timer of its event loop, whatever was allocated. A worker that allocates next to nothing a request so had some fifty pauses a
 * second over six workers, and has none without the timer in the same seconds. The runtime reads it when a process starts.
 */
export const withoutCollectorTimer = { BUN_GC_TIMER_DISABLE: "1" } as const;
