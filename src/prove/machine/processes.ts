/**
 * What processes use, read from /proc: processor time, resident memory, descriptors. Reading costs some 20 us per process, so
 * it is done about once a second and never within a trial's inner loop. Linux only; elsewhere every figure is null.
 */
import { readdirSync, readFileSync } from "node:fs";

export interface ProcessUse {
  readonly cpuSeconds: number;
  readonly residentBytes: number;
  readonly descriptors: number;
}

const ticksPerSecond = 100;
const pageBytes = 4096;

/** The sum over processes; those that ended meanwhile count nothing. Null without /proc. */
export function readUse(processIds: readonly number[], countsDescriptors = false): ProcessUse | null {
  let [cpuSeconds, residentBytes, descriptors, found] = [0, 0, 0, 0];
  for (const id of processIds) {
    const text = readOrNull(`/proc/${id}/stat`);
    if (text === null) continue;
    // The name, in parentheses, may hold blanks; fields 14, 15 and 24 of proc(5) are counted after it.
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    cpuSeconds += (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
    residentBytes += Number(fields[21]) * pageBytes;
    if (countsDescriptors) descriptors += descriptorsOf(id);
    found += 1;
  }
  return found === 0 ? null : { cpuSeconds, residentBytes, descriptors };
}

/**
 * Processor time of all threads that live, to the nanosecond, where the kernel counts it; `cpuSeconds` above knows hundredths
 * of a second and the threads that ended. Null elsewhere.
 */
export function readRunSeconds(processIds: readonly number[]): number | null {
  let [ns, found] = [0, 0];
  for (const id of processIds) {
    for (const thread of threadsOf(id)) {
      const text = readOrNull(`/proc/${id}/task/${thread}/schedstat`);
      if (text === null) continue;
      ns += Number(text.split(" ")[0]);
      found += 1;
    }
  }
  return found === 0 || ns === 0 ? null : ns / 1e9;
}

/** Threads of a process; none of one that has ended, and where threads cannot be seen. */
export function threadsOf(id: number): number[] {
  return namesIn(`/proc/${id}/task`).map(Number);
}

function descriptorsOf(id: number): number {
  return namesIn(`/proc/${id}/fd`).length;
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    // The process has ended meanwhile.
    return [];
  }
}

export interface MachineUse {
  readonly busySeconds: number;
  /** Of it, what programs and kernel threads used; the rest is the kernel's answering of interrupts, and stolen time. */
  readonly programSeconds: number;
  readonly totalSeconds: number;
  /** Time that the hypervisor gave to other machines. */
  readonly stolenSeconds: number;
}

/** Of all processors since the machine started. */
export function readMachineUse(): MachineUse | null {
  const line = readOrNull("/proc/stat")?.split("\n")[0];
  if (line === undefined) return null;
  const ticks = line.trim().split(/\s+/).slice(1, 9).map(Number);
  const total = ticks.reduce((sum, value) => sum + value, 0);
  const idle = ticks[3]! + ticks[4]!;
  return {
    programSeconds: (ticks[0]! + ticks[1]! + ticks[2]!) / ticksPerSecond,
    busySeconds: (total - idle) / ticksPerSecond,
    totalSeconds: total / ticksPerSecond,
    stolenSeconds: ticks[7]! / ticksPerSecond,
  };
}

/** TCP sockets in TIME_WAIT on this machine. */
export function readTimeWaitCount(): number | null {
  const match = /^TCP:.* tw (\d+)/m.exec(readOrNull("/proc/net/sockstat") ?? "");
  return match === null ? null : Number(match[1]);
}

export function readOrNull(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
}
