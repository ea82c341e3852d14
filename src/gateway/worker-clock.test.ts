import { expect, test } from "bun:test";
import { FakeClock, LoopClock } from "../base/mod.ts";
import { WorkerClock } from "./worker-clock.ts";

const config = { sources: [], intervalMs: 60_000, warnMs: 100, fenceMs: 250 };

test("a worker that has been busy for a while when it first looks at the clock does not go ahead by that", () => {
  const clock = new FakeClock(1.7e12);
  const loop = new LoopClock(clock);
  clock.advanceMs(120);
  const worker = new WorkerClock(loop, config);
  loop.refresh();
  expect(worker.trustedMs - clock.wallMs()).toBe(0);
  for (let second = 0; second < 3; second++) {
    clock.advanceMs(1000);
    loop.refresh();
    clock.advanceMs(80);
    worker.tick();
  }
  loop.refresh();
  expect([worker.trustedMs - clock.wallMs(), worker.report().steps]).toEqual([0, 0]);
});
