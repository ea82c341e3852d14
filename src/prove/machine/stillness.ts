/**
 * How still the machine is by itself, before anything is measured on it. A process that sleeps a little, again and again, finds out
 * how late it is woken (as cyclictest does); one that never sleeps finds out how long it was kept from running at all (as
 * sysjitter does), by a host or by anything that the kernel does not account for. No percentile of a request can be better than these.
 */
import { dlopen } from "bun:ffi";
import { systemClock } from "../../base/mod.ts";
import { quantile } from "../statistics/mod.ts";

export interface Stillness {
  /** How late a sleeper of a quarter of a millisecond was woken: 99th percentile, and the longest. */
  readonly wakeMsP99: number;
  readonly wakeMsMax: number;
  /** Share of the time for which a process that never sleeps did not run, and the longest such time. */
  readonly takenRatio: number;
  readonly takenMsMax: number;
}

const napUs = 250;
/** A gap shorter than this is an interrupt, or a line of code that was cold. */
const gapMsMin = 0.05;
/** Until the loop is compiled. */
const settleMs = 20;

/** @param eachMs how long to watch, once asleep and once awake; null where the system cannot sleep so shortly */
export function readStillness(eachMs = 500): Stillness | null {
  const sleep = openSleep();
  if (sleep === null) return null;
  const lateMs: number[] = [];
  const endMs = systemClock.monotonicMs() + eachMs;
  for (let before = systemClock.monotonicMs(); before < endMs; ) {
    sleep(napUs);
    const now = systemClock.monotonicMs();
    lateMs.push(Math.max(0, now - before - napUs / 1000));
    before = now;
  }
  const gapsMs = gapsOf(eachMs);
  return {
    wakeMsP99: quantile(lateMs, 0.99),
    wakeMsMax: Math.max(...lateMs),
    takenRatio: gapsMs.reduce((sum, ms) => sum + ms, 0) / eachMs,
    takenMsMax: Math.max(0, ...gapsMs),
  };
}

function gapsOf(eachMs: number): number[] {
  const gapsMs: number[] = [];
  const beginMs = systemClock.monotonicMs() + settleMs;
  let before = systemClock.monotonicMs();
  while (before < beginMs + eachMs) {
    const now = systemClock.monotonicMs();
    if (now - before >= gapMsMin && before >= beginMs) gapsMs.push(now - before);
    before = now;
  }
  return gapsMs;
}

function openSleep(): ((us: number) => unknown) | null {
  try {
    return dlopen("libc.so.6", { usleep: { args: ["u32"], returns: "i32" } }).symbols.usleep;
  } catch {
    return null;
  }
}
