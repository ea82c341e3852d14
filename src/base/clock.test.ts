import { expect, test } from "bun:test";
import { type Clock, FakeClock, readTogether } from "./clock.ts";

/** Monotonic zero is `epochMs`; the process is held up for `pauses[n]` right after the n-th reading of the wall clock. */
function heldUp(epochMs: number, pauses: number[]): Clock {
  const clock = new FakeClock(epochMs);
  const wallMs = (): number => {
    const now = clock.wallMs();
    clock.advanceMs(pauses.shift() ?? 0.001);
    return now;
  };
  return { monotonicNs: () => clock.monotonicNs(), monotonicMs: () => clock.monotonicMs(), wallMs };
}

test("both clocks are read at one moment, also by a process that is held up in between", () => {
  for (const pauses of [[], [100], [100, 20, 250], [3, 3, 3, 3, 0.2, 3, 3, 3, 3, 3]]) {
    const { monotonicMs, wallMs } = readTogether(heldUp(1.7e12, [...pauses]));
    expect(Math.abs(wallMs - monotonicMs - 1.7e12)).toBeLessThan(0.2);
  }
});
