/**
 * The instrument goes first. Where generator and gateway share a machine, a gateway that uses every core would starve the
 * generator, and the run would be void exactly where it gets interesting. Only the thread that sends has priority: a client's
 * compilers, and the program that adds up what clients send, would take the processor from what is measured for 3 to 12 ms at
 * a time. It takes the right to do so, which root has.
 */
import { dlopen } from "bun:ffi";
import { getPriority, setPriority } from "node:os";
import { threadsOf } from "./processes.ts";

const raised = -10;
const normal = 0;
const lowest = 19;
/** SCHED_RESET_ON_FORK: threads made later begin as every thread does, whatever their maker was given. */
const resetOnFork = 0x40000000;
/** SCHED_RR: runs as soon as it wakes, whoever has the processor. */
const roundRobin = { policy: 2 | resetOnFork, priority: 2 };
/** The same, before those. */
const beforeAll = { policy: 2 | resetOnFork, priority: 3 };
/** SCHED_OTHER, which every process begins with. */
const shared = { policy: 0 | resetOnFork, priority: 0 };

/** Whether priority can be raised, and what was lowered raised again; null while nobody has tried. */
let mayRaise: boolean | null = null;

/** Whether clients may be given priority. */
export function mayGiveTurns(): boolean {
  mayRaise ??= tryRaising();
  return mayRaise;
}

function tryRaising(): boolean {
  try {
    const own = getPriority(0);
    setPriority(0, raised);
    setPriority(0, own);
    return true;
  } catch {
    return false;
  }
}

/**
 * When a client process has its turn on a processor that others want.
 *
 * `at-once`: the thread that sends runs as soon as it wakes. With a raised priority alone it waits for a turn of a few milliseconds
 * to end where both cores are in use, and then sends late: P99 of the send lag 2.0 ms, 0.7 with this. Not for closed loops, which
 * sleep for no due time and would take the processor from what answers them.
 *
 * `last`: where the gateway times itself and many clients share its cores, which elsewhere would have their own. Six raised clients
 * held up six workers on two cores for a second at a time.
 *
 * `before-all`: for who watches whether there is a processor at all.
 */
export type Turn = "before-all" | "at-once" | "first" | "last";

/**
 * Gives a client process its turn; it may have had another in an earlier run. Where it is not allowed nothing changes.
 * @returns whether the policy was taken, which a container may refuse root, too
 */
export function giveTurn(processId: number, turn: Turn): boolean {
  schedule ??= openSchedule();
  const { policy, priority } = turn === "before-all" ? beforeAll : turn === "at-once" ? roundRobin : shared;
  // struct sched_param is one integer.
  const isTaken = schedule?.(processId, policy, new Int32Array([priority])) === 0;
  if (!mayGiveTurns()) return isTaken;
  const own = turn === "last" ? lowest : raised;
  const helpers = turn === "last" ? lowest : normal;
  for (const thread of threadsOf(processId)) {
    try {
      setPriority(thread, thread === processId ? own : helpers);
    } catch {
      // It ended meanwhile.
    }
  }
  return isTaken;
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
