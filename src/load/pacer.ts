/**
 * How a client process with nothing to do waits for the next request that is due.
 *
 * `precise`, the default, sleeps in `ppoll` on the event loop's own epoll descriptor with the time left in nanoseconds: any
 * arriving byte wakes it, so does the due time; it burns the processor for the last 80 us only. `spin` goes round the event loop without
 * sleeping: the smallest lag, one whole core. `timer` uses the runtime's timers, whose grain of 1 ms makes requests leave in
 * bursts; it is what is left where the other two cannot work.
 */

import { dlopen } from "bun:ffi";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import type { Pacing } from "./plan.ts";

/** The kernel wakes a sleeper late by about this much; the rest of the time is spent going round. */
const wakeMarginNs = 80_000;
/** Below this a sleep costs more than it saves. */
const shortestSleepNs = 20_000;
/** Timers and messages of the runtime wait for the sleeper; this bounds how long. */
const longestSleepNs = 5_000_000;

export interface Pacer {
  readonly name: Exclude<Pacing, "auto">;
  /** Calls `wake` soon after `gapNs`, earlier when something arrives. */
  schedule(gapNs: number, wake: () => void): void;
}

/** @param socketFd a socket known to be watched by this process's event loop, to find its epoll descriptor by; -1 for none */
export function createPacer(pacing: Pacing, socketFd: number): Pacer {
  if (pacing === "spin") return spinPacer;
  if (pacing === "timer") return timerPacer;
  const epollFd = findEventLoop(socketFd);
  if (epollFd < 0) return spinPacer;
  const sleep = preciseSleep(epollFd);
  return sleep === null ? spinPacer : new PrecisePacer(sleep);
}

const spinPacer: Pacer = {
  name: "spin",
  schedule: (_gapNs, wake) => void setImmediate(wake),
};

const timerPacer: Pacer = {
  name: "timer",
  schedule: (gapNs, wake) => void setTimeout(wake, Math.max(1, Math.floor(Math.min(gapNs, longestSleepNs) / 1e6))),
};

class PrecisePacer implements Pacer {
  readonly name = "precise";
  private readonly sleep: (ns: number) => void;

  constructor(sleep: (ns: number) => void) {
    this.sleep = sleep;
  }

  schedule(gapNs: number, wake: () => void): void {
    const sleepNs = gapNs - wakeMarginNs;
    if (sleepNs > shortestSleepNs) this.sleep(Math.min(sleepNs, longestSleepNs));
    setImmediate(wake);
  }
}

/**
 * The epoll descriptor that watches the socket, by what /proc tells of each one in this process. Without a socket the only
 * one there is; the runtime opens others for threads of its own.
 */
function findEventLoop(socketFd: number): number {
  try {
    const found = readdirSync("/proc/self/fd").filter(isEpoll);
    const watching = new RegExp(`^tfd:\\s+${socketFd}\\s`, "m");
    const name =
      socketFd >= 0
        ? found.find((each) => watching.test(readFileSync(`/proc/self/fdinfo/${each}`, "utf8")))
        : found.length === 1
          ? found[0]
          : undefined;
    return name === undefined ? -1 : Number(name);
  } catch {
    // No /proc: another pacer is taken, and the result names it.
    return -1;
  }
}

function isEpoll(name: string): boolean {
  try {
    return readlinkSync(`/proc/self/fd/${name}`) === "anon_inode:[eventpoll]";
  } catch {
    // The descriptor of the directory listing itself is gone by now.
    return false;
  }
}

function preciseSleep(epollFd: number): ((ns: number) => void) | null {
  try {
    const library = dlopen("libc.so.6", {
      ppoll: { args: ["ptr", "u64", "ptr", "ptr"], returns: "i32" },
      prctl: { args: ["i32", "u64", "u64", "u64", "u64"], returns: "i32" },
    });
    const { ppoll, prctl } = library.symbols;
    // PR_SET_TIMERSLACK: the kernel may otherwise wake us 50 us late.
    prctl(29, 1000, 0, 0, 0);
    // struct pollfd at 0, struct timespec at 16; the views are of one buffer that lives as long as the process.
    const memory = new ArrayBuffer(64);
    const descriptor = new Int32Array(memory, 0, 2);
    const time = new Int32Array(memory, 16, 4);
    descriptor[0] = epollFd;
    descriptor[1] = 1; // POLLIN
    return (ns) => {
      time[2] = ns;
      ppoll(descriptor, 1, time, null);
    };
  } catch {
    return null;
  }
}
