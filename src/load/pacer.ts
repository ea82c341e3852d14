/**
 * How a client process with nothing to do waits for the next request that is due.
 *
 * `precise`, the default, sleeps in `ppoll` on an epoll descriptor with the time left in nanoseconds: any
 * arriving byte wakes it, so does the due time; it burns the processor for the last 80 us only. `spin` goes round the event loop without
 * sleeping: the smallest lag, one whole core. `frugal` sleeps a quarter of a millisecond at a time for each client
 * process there is, whatever arrives: requests leave and answers are read in such steps, and whoever is measured on the same machine has the
 * processor. Woken by every answer it took
 * 49 us of processor time a request beside a gateway on two cores, and kept that gateway from working in batches. `timer` uses the runtime's timers, whose grain of 1 ms makes requests leave in
 * bursts; it is what is left where the other two cannot work.
 */

import { dlopen } from "bun:ffi";
import type { Pacing } from "./plan.ts";

/** The kernel wakes a sleeper late by about this much; the rest of the time is spent going round. */
const wakeMarginNs = 80_000;
/** Below this a sleep costs more than it saves. */
const shortestSleepNs = 20_000;
/** `frugal` looks at what is due and what has arrived so often: 4,000 times a second, all client processes together. */
const frugalStepNs = 250_000;
/** Timers and messages of the runtime wait for the sleeper; this bounds how long. */
const longestSleepNs = 5_000_000;

export interface Pacer {
  readonly name: Exclude<Pacing, "auto">;
  /** Sleeps for most of `gapNs` unless something arrives; false from those that cannot, which leave all waiting to `schedule`. */
  sleep(gapNs: number): boolean;
  /** Calls `wake` when the rest of `gapNs` is over, or in the next round of the event loop. */
  schedule(gapNs: number, wake: () => void): void;
}

/**
 * @param epollFd readable when there is something to do; -1 where it is not known, and nothing can sleep on it
 * @param processesCount client processes that wait like this
 */
export function createPacer(pacing: Pacing, epollFd: number, processesCount: number): Pacer {
  if (pacing === "spin") return spinPacer;
  if (pacing === "timer") return timerPacer;
  if (epollFd < 0) return spinPacer;
  const sleep = preciseSleep(epollFd, pacing !== "frugal");
  if (sleep === null) return spinPacer;
  return pacing === "frugal" ? new FrugalPacer(sleep, frugalStepNs * processesCount) : new PrecisePacer(sleep);
}

const spinPacer: Pacer = {
  name: "spin",
  sleep: () => false,
  schedule: (_gapNs, wake) => void setImmediate(wake),
};

const timerPacer: Pacer = {
  name: "timer",
  sleep: () => false,
  schedule: (gapNs, wake) => void setTimeout(wake, Math.max(1, Math.floor(Math.min(gapNs, longestSleepNs) / 1e6))),
};

class PrecisePacer implements Pacer {
  readonly name = "precise";
  private readonly sleepNs: (ns: number) => void;

  constructor(sleepNs: (ns: number) => void) {
    this.sleepNs = sleepNs;
  }

  sleep(gapNs: number): boolean {
    const ns = gapNs - wakeMarginNs;
    if (ns > shortestSleepNs) this.sleepNs(Math.min(ns, longestSleepNs));
    return true;
  }

  schedule(_gapNs: number, wake: () => void): void {
    setImmediate(wake);
  }
}

class FrugalPacer implements Pacer {
  readonly name = "frugal";
  private readonly sleepNs: (ns: number) => void;
  private readonly stepNs: number;

  constructor(sleepNs: (ns: number) => void, stepNs: number) {
    this.sleepNs = sleepNs;
    this.stepNs = stepNs;
  }

  sleep(gapNs: number): boolean {
    if (gapNs > 0) this.sleepNs(this.stepNs);
    return true;
  }

  schedule(_gapNs: number, wake: () => void): void {
    setImmediate(wake);
  }
}

/** @param isWoken whether arriving bytes end a sleep */
function preciseSleep(epollFd: number, isWoken: boolean): ((ns: number) => void) | null {
  try {
    libc ??= openLibc();
    const { ppoll, prctl } = libc;
    // PR_SET_TIMERSLACK: the kernel may otherwise wake us 50 us late.
    prctl(29, 1000, 0, 0, 0);
    // struct pollfd at 0, struct timespec at 16; the views are of one buffer that lives as long as the process.
    const memory = new ArrayBuffer(64);
    const descriptor = new Int32Array(memory, 0, 2);
    const time = new Int32Array(memory, 16, 4);
    descriptor[0] = epollFd;
    descriptor[1] = 1; // POLLIN
    const watchedCount = isWoken ? 1 : 0;
    return (ns) => {
      time[2] = ns;
      ppoll(descriptor, watchedCount, time, null);
    };
  } catch {
    return null;
  }
}

/** Opened once for all runs of a process. */
let libc: ReturnType<typeof openLibc> | null = null;

function openLibc() {
  return dlopen("libc.so.6", {
    ppoll: { args: ["ptr", "u64", "ptr", "ptr"], returns: "i32" },
    prctl: { args: ["i32", "u64", "u64", "u64", "u64"], returns: "i32" },
  }).symbols;
}
