/**
 * The instrument goes first. Where generator and gateway share a machine, a gateway that uses every core would starve the
 * generator, and the run would be void exactly where it gets interesting. Client processes inherit this process's priority;
 * what is measured is put back to the normal one (see target/child.ts). It takes the right to do so, which root has.
 */
import { dlopen } from "bun:ffi";
import { setPriority } from "node:os";

const raised = -10;
/** SCHED_RR: runs as soon as it wakes, whoever has the processor. */
const roundRobin = { policy: 2, priority: 2 };
/** SCHED_OTHER, which every process begins with. */
const shared = { policy: 0, priority: 0 };

/** Raises this process and all it will start; false where that is not allowed. */
export function raisePriority(): boolean {
  try {
    setPriority(0, raised);
    return true;
  } catch {
    return false;
  }
}

/**
 * Lets the sending thread of an open loop's client run as soon as it wakes. With a raised priority alone it waits for a turn of a
 * few milliseconds to end where both cores are in use, and then sends late: P99 of the send lag 2.0 ms, 0.7 with this. Not for closed
 * loops, which sleep for no due time and would take the processor from what answers them: a client that was hurried in an earlier
 * run is put back. Where it is not allowed nothing changes: the report says how late requests left.
 */
export function hurry(processId: number, isHurried: boolean): void {
  schedule ??= openSchedule();
  const { policy, priority } = isHurried ? roundRobin : shared;
  // struct sched_param is one integer.
  schedule?.(processId, policy, new Int32Array([priority]));
}

let schedule: ReturnType<typeof openSchedule> | undefined;

function openSchedule() {
  try {
    return dlopen("libc.so.6", { sched_setscheduler: { args: ["i32", "i32", "ptr"], returns: "i32" } }).symbols
      .sched_setscheduler;
  } catch {
    return null;
  }
}
