/**
 * Delays of single milliseconds beside the poller, which goes round by itself where the runtime's timers have no turn: while any
 * delay is pending, they have one every millisecond.
 */
import { poller } from "../transport/mod.ts";

const grainMs = 1;

let pendingCount = 0;
let endTurns: (() => void) | null = null;

/** Calls `run` after so long; what is returned calls it off. */
export function delay(ms: number, run: () => void): () => void {
  let isPending = true;
  const settle = (): void => {
    if (!isPending) return;
    isPending = false;
    clearTimeout(timer);
    pendingCount -= 1;
    if (pendingCount === 0) fallAsleep();
  };
  const timer = setTimeout(() => {
    settle();
    run();
  }, ms);
  pendingCount += 1;
  if (pendingCount === 1) stayAwake();
  return settle;
}

function stayAwake(): void {
  endTurns = poller.every(grainMs, () => poller.giveTurn());
}

function fallAsleep(): void {
  endTurns?.();
  endTurns = null;
}
