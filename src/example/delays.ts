/**
 * Delays of single milliseconds beside the poller, which sleeps in the kernel where the runtime's timers do not wake it: while
 * any delay is pending, no sleep is longer than a millisecond.
 */
import { poller } from "../transport/mod.ts";

const grainMs = 1;

let pendingCount = 0;
let ticker: Timer | null = null;

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
  poller.wakeWithin(grainMs);
  ticker = setInterval(() => poller.wakeWithin(grainMs), grainMs);
}

function fallAsleep(): void {
  if (ticker !== null) clearInterval(ticker);
  poller.wakeWithin(Number.POSITIVE_INFINITY);
}
