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

/** What to add to `Bun.nanoseconds()` of this process to get the machine's monotonic nanoseconds. */
function readMachineOffsetNs(): number {
  const number = clockGettimeNumbers[process.arch];
  if (process.platform !== "linux" || number === undefined) return 0;
  const i64 = FFIType.i64_fast;
  const library = dlopen("libc.so.6", { syscall: { args: [i64, i64, FFIType.ptr], returns: i64 } });
  const time = new BigInt64Array(2);
  const before = Bun.nanoseconds();
  library.symbols.syscall(number, clockMonotonic, time);
  const after = Bun.nanoseconds();
  library.close();
  return Number(time[0]!) * 1e9 + Number(time[1]!) - (before + after) / 2;
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
