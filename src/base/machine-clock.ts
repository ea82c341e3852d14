/**
 * Monotonic time that means the same in every process of the machine. Bun's own monotonic clocks begin at zero in each
 * process, so a value in shared memory could not be compared; this adds the kernel's CLOCK_MONOTONIC, read once at start.
 *
 * It is read by system call number, not through libc's `clock_gettime`, so that a wall-clock shift injected into libc (as
 * the clock fault of `weir chaos` does) never reaches it. Linux on x64 and arm64; elsewhere time starts at zero.
 */
import { dlopen, FFIType } from "bun:ffi";
import { type Clock, systemClock } from "./clock.ts";

const clockMonotonic = 1;
const clockGettimeNumbers: Readonly<Record<string, number>> = { x64: 228, arm64: 113 };

/** As close together as the readings before and after are when nothing comes between them. */
const togetherNs = 5_000;
const triesMax = 20;

/**
 * What to add to `Bun.nanoseconds()` of this process to get the machine's monotonic nanoseconds. A process that is held up while it
 * reads would be wrong by as much, so the closest of a few tries counts.
 */
function readMachineOffsetNs(): number {
  const number = clockGettimeNumbers[process.arch];
  if (process.platform !== "linux" || number === undefined) return 0;
  const i64 = FFIType.i64_fast;
  const library = dlopen("libc.so.6", { syscall: { args: [i64, i64, FFIType.ptr], returns: i64 } });
  const time = new BigInt64Array(2);
  let offsetNs = 0;
  let apartNs = Number.POSITIVE_INFINITY;
  for (let tries = 0; tries < triesMax && apartNs > togetherNs; tries++) {
    const before = Bun.nanoseconds();
    library.symbols.syscall(number, clockMonotonic, time);
    const after = Bun.nanoseconds();
    if (after - before >= apartNs) continue;
    apartNs = after - before;
    offsetNs = Number(time[0]!) * 1e9 + Number(time[1]!) - (before + after) / 2;
  }
  library.close();
  return offsetNs;
}

/** The system's clock with its monotonic zero at the machine's start: the same in all workers to a few microseconds. */
export function openMachineClock(): Clock {
  const offsetNs = readMachineOffsetNs();
  return {
    monotonicNs: () => Bun.nanoseconds() + offsetNs,
    monotonicMs: () => (Bun.nanoseconds() + offsetNs) / 1e6,
    wallMs: systemClock.wallMs,
  };
}
