/**
 * Which cores processes run on. The kernel's scheduler leaves a process that woke waiting behind another although a core is
 * about to be idle: with all cores two thirds busy orders' P99 lay 7 ms above their median, and 2 ms where gateway and generator
 * had a core each.
 */
import { dlopen } from "bun:ffi";
import { readOrNull, threadsOf } from "./processes.ts";

/** A core's number is below this: the size of the kernel's mask here. */
const coresMax = 1024;

/** The cores a process may run on, by rising number; none where that cannot be seen. */
export function allowedCores(processId: number | "self" = "self"): number[] {
  const list = /^Cpus_allowed_list:\s*(\S+)$/m.exec(readOrNull(`/proc/${processId}/status`) ?? "")?.[1];
  if (list === undefined) return [];
  return list.split(",").flatMap((range) => {
    const [first = 0, last = first] = range.split("-").map(Number);
    return Array.from({ length: last - first + 1 }, (_, index) => first + index).filter((core) => core < coresMax);
  });
}

/** Binds all threads of a process, and those they will make. One that has ended, or a system that cannot, changes nothing. */
export function bindTo(processId: number, cores: readonly number[]): void {
  setAffinity ??= openSetAffinity();
  if (setAffinity === null || cores.length === 0) return;
  const mask = new Uint8Array(coresMax / 8);
  for (const core of cores) mask[core >> 3]! |= 1 << (core & 7);
  for (const thread of threadsOf(processId)) setAffinity(thread, mask.length, mask);
}

/** How a gateway and those who send to it share a machine. */
export interface CoreShares {
  readonly workers: readonly number[];
  readonly clients: readonly number[];
}

/** A core for each worker and the rest for clients; null where nothing would be left. */
export function shareCores(cores: readonly number[], workersCount: number): CoreShares | null {
  if (cores.length <= workersCount) return null;
  return { workers: cores.slice(0, workersCount), clients: cores.slice(workersCount) };
}

/** What processes that are bound to some of these cores leave to others; null where they may run on all, or where nothing is left. */
export function coresBeside(cores: readonly number[], processIds: readonly number[]): readonly number[] | null {
  const taken = new Set(processIds.flatMap((id) => allowedCores(id)));
  const left = cores.filter((core) => !taken.has(core));
  return left.length === 0 || left.length === cores.length ? null : left;
}

let setAffinity: ReturnType<typeof openSetAffinity> | undefined;

function openSetAffinity() {
  try {
    return dlopen("libc.so.6", { sched_setaffinity: { args: ["i32", "u64", "ptr"], returns: "i32" } }).symbols
      .sched_setaffinity;
  } catch {
    // Not Linux: everybody runs where the system likes.
    return null;
  }
}
