/** What the kernel says of processes: processor time and memory, read from /proc. */
import { readdirSync, readFileSync } from "node:fs";

/** Readings of clocks that only grow; what counts is the difference of two. */
export interface ProcessorTime {
  /** By the scheduler, in nanoseconds before the division; threads that have ended are missing. */
  readonly scheduledUs: number;
  /** By clock ticks of 10 ms, all threads that ever ran. */
  readonly userUs: number;
  readonly systemUs: number;
}

export interface UsedTime {
  readonly totalUs: number;
  readonly userUs: number;
  readonly systemUs: number;
}

/** Clock ticks of /proc/<pid>/stat on every Linux that matters. */
const TICK_US = 10_000;

export function processorTime(pids: readonly number[]): ProcessorTime {
  let scheduledUs = 0;
  let userUs = 0;
  let systemUs = 0;
  for (const pid of pids) {
    scheduledUs += scheduledUsOf(pid);
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
      .replace(/^.*\) /s, "")
      .split(" ");
    userUs += Number(fields[11]) * TICK_US;
    systemUs += Number(fields[12]) * TICK_US;
  }
  return { scheduledUs, userUs, systemUs };
}

function scheduledUsOf(pid: number): number {
  return readdirSync(`/proc/${pid}/task`).reduce((sum, thread) => {
    return sum + Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ")[0]) / 1000;
  }, 0);
}

/** The finer clock, unless a thread ended in between and took its time with it; divided as the ticks are. */
export function usedBetween(before: ProcessorTime, after: ProcessorTime): UsedTime {
  const userTicksUs = after.userUs - before.userUs;
  const tickedUs = userTicksUs + after.systemUs - before.systemUs;
  const scheduledUs = after.scheduledUs - before.scheduledUs;
  const totalUs = tickedUs - scheduledUs > 3 * TICK_US || scheduledUs < 0 ? tickedUs : scheduledUs;
  const userUs = tickedUs === 0 ? totalUs : totalUs * (userTicksUs / tickedUs);
  return { totalUs, userUs, systemUs: totalUs - userUs };
}

export interface ResidentMemory {
  readonly rssBytes: number;
  /** As `rssBytes`, but a page that several processes share counts for its share only. */
  readonly pssBytes: number;
  /** What the processes wrote themselves; the rest of `rssBytes` are pages of program files, which the kernel can drop. */
  readonly anonymousBytes: number;
}

export function residentMemory(pids: readonly number[]): ResidentMemory {
  let rssBytes = 0;
  let pssBytes = 0;
  let anonymousBytes = 0;
  for (const pid of pids) {
    const text = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
    const kilobytes = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(text)?.[1] ?? 0);
    rssBytes += kilobytes("Rss") * 1024;
    pssBytes += kilobytes("Pss") * 1024;
    anonymousBytes += kilobytes("Anonymous") * 1024;
  }
  return { rssBytes, pssBytes, anonymousBytes };
}
