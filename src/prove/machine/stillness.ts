/**
 * How still the machine is by itself, before anything is measured on it. A process that sleeps a little, again and again, finds out
 * how late it is woken (as cyclictest does); one that never sleeps finds out how long it was kept from running at all (as
 * sysjitter does), by a host or by anything that the kernel does not account for. No percentile of a request can be better than these.
 */
import { dlopen } from "bun:ffi";
import { type Clock, systemClock } from "../../base/mod.ts";
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

/** @returns null where the system cannot sleep so shortly */
export function readStillness(eachMs = 500): Stillness | null {
  const sleep = openSleep();
  return sleep === null ? null : watchStillness(eachMs, systemClock, sleep);
}

/**
 * @param eachMs how long to watch, once asleep and once awake
 * @param sleep returns after so many microseconds, or later
 */
export function watchStillness(
  eachMs: number,
  clock: Pick<Clock, "monotonicMs">,
  sleep: (us: number) => unknown,
): Stillness {
  const lateMs: number[] = [];
  const endMs = clock.monotonicMs() + eachMs;
  for (let before = clock.monotonicMs(); before < endMs; ) {
    sleep(napUs);
    const now = clock.monotonicMs();
    lateMs.push(Math.max(0, now - before - napUs / 1000));
    before = now;
  }
  const gapsMs = gapsOf(eachMs, clock);
  return {
    wakeMsP99: quantile(lateMs, 0.99),
    wakeMsMax: Math.max(...lateMs),
    takenRatio: gapsMs.reduce((sum, ms) => sum + ms, 0) / eachMs,
    takenMsMax: Math.max(0, ...gapsMs),
  };
}

function gapsOf(eachMs: number, clock: Pick<Clock, "monotonicMs">): number[] {
  const gapsMs: number[] = [];
  const beginMs = clock.monotonicMs() + settleMs;
  let before = clock.monotonicMs();
  while (before < beginMs + eachMs) {
    const now = clock.monotonicMs();
    if (now - before >= gapMsMin && before >= beginMs) gapsMs.push(now - before);
    before = now;
  }
  return gapsMs;
}

/** Sleeps for so many microseconds, or longer; null where it cannot. */
export function openSleep(): ((us: number) => unknown) | null {
  try {
    return dlopen("libc.so.6", { usleep: { args: ["u32"], returns: "i32" } }).symbols.usleep;
  } catch {
    return null;
  }
}
