import { expect, test } from "bun:test";
import { array, constantFrom, property as forAll, integer, oneof, assert as property, record } from "fast-check";
import { Random } from "../base/mod.ts";
import { Breaker, breakerCells } from "./breaker.ts";
import { type BreakerSettings, breakerDefaults, breakerRefused, CallResult } from "./breaker-settings.ts";

const steady: BreakerSettings = { ...breakerDefaults, jitterRatio: 0 };
const make = (settings = steady, cells = new Int32Array(breakerCells)): Breaker =>
  new Breaker(settings, cells, 0, new Random(1));

function call(breaker: Breaker, result: number, nowMs: number, isSlow = false): boolean {
  const permit = breaker.acquire(nowMs);
  if (permit === breakerRefused) return false;
  breaker.release(permit, result, isSlow, nowMs);
  return true;
}

const stateOf = (breaker: Breaker, nowMs: number): string => {
  const { state, cause } = breaker.snapshot(nowMs);
  return `${state} ${cause}`;
};

test("half of at least twenty calls failing in the window opens it, fewer do not", () => {
  const breaker = make();
  for (let index = 0; index < 19; index++)
    call(breaker, index % 2 === 0 ? CallResult.failed : CallResult.succeeded, 1000);
  expect(stateOf(breaker, 1000)).toBe("closed none");
  call(breaker, CallResult.failed, 1000);
  expect(stateOf(breaker, 1000)).toBe("open failures");
  expect([breaker.acquire(1500), breaker.waitMs(1500)]).toEqual([breakerRefused, 500]);
});

test("failures older than the window are forgotten", () => {
  const breaker = make();
  for (let index = 0; index < 15; index++) call(breaker, CallResult.failed, 1000);
  for (let index = 0; index < 15; index++) call(breaker, CallResult.succeeded, 5000);
  for (let index = 0; index < 10; index++) call(breaker, CallResult.failed, 11_500);
  expect(stateOf(breaker, 11_500)).toBe("closed none");
  expect(breaker.snapshot(11_500)).toMatchObject({ calls: 25, failed: 10 });
});

test("slow answers open it, and five connect failures in a row do at any rate", () => {
  const slow = make();
  for (let index = 0; index < 20; index++) call(slow, CallResult.succeeded, 1000, index >= 4);
  expect(stateOf(slow, 1000)).toBe("open slow-calls");
  const dead = make();
  for (let index = 0; index < 4; index++) call(dead, CallResult.connectFailed, 60_000 * index);
  call(dead, CallResult.succeeded, 300_000);
  for (let index = 0; index < 5; index++) call(dead, CallResult.connectFailed, 300_000 + 60_000 * index);
  expect(stateOf(dead, 600_000)).toBe("open connect-failures");
});

test("half-open admits three probes in flight and refuses everybody else at once", () => {
  const breaker = make();
  for (let index = 0; index < 5; index++) call(breaker, CallResult.connectFailed, 0);
  const permits = [0, 1, 2, 3, 4].map(() => breaker.acquire(1000));
  expect(permits.map((permit) => permit === breakerRefused)).toEqual([false, false, false, true, true]);
  breaker.release(permits[0]!, CallResult.ignored, false, 1010);
  expect(breaker.acquire(1010)).not.toBe(breakerRefused);
  expect(breaker.acquire(1010)).toBe(breakerRefused);
});

test("each opening in a row lasts twice as long, up to the cap, and recovery forgets them", () => {
  const breaker = make({ ...steady, openMsMax: 8_000 });
  for (let index = 0; index < 5; index++) call(breaker, CallResult.connectFailed, 0);
  let nowMs = 0;
  const lengths: number[] = [];
  for (let round = 0; round < 6; round++) {
    lengths.push(breaker.waitMs(nowMs));
    nowMs += breaker.waitMs(nowMs);
    while (call(breaker, CallResult.failed, nowMs));
  }
  expect(lengths).toEqual([1000, 2000, 4000, 8000, 8000, 8000]);
  nowMs += 8000;
  while (call(breaker, CallResult.succeeded, nowMs) && breaker.snapshot(nowMs).state === "half-open");
  nowMs += 2000;
  expect(stateOf(breaker, nowMs)).toBe("ramping probes-succeeded");
  for (; breaker.snapshot(nowMs).state !== "closed"; nowMs += 100) breaker.acquire(nowMs);
  expect(stateOf(breaker, nowMs)).toBe("closed recovered");
  for (let index = 0; index < 5; index++) call(breaker, CallResult.connectFailed, nowMs);
  expect(breaker.waitMs(nowMs)).toBe(1000);
});

test("recovery admits 10, 25, 50 and 100 percent, and a bad step reopens it for longer", () => {
  const breaker = make();
  for (let index = 0; index < 5; index++) call(breaker, CallResult.connectFailed, 0);
  for (let probe = 0; probe < 2; probe++) call(breaker, CallResult.succeeded, 1000);
  const admitted = [1000, 1500, 2000, 2500].map((startMs) => {
    let count = 0;
    for (let index = 0; index < 200; index++) if (call(breaker, CallResult.succeeded, startMs + index)) count += 1;
    return count;
  });
  expect(admitted).toEqual([20, 50, 100, 200]);
  for (let index = 0; index < 100; index++) call(breaker, CallResult.failed, 2700);
  expect(stateOf(breaker, 2700)).toBe("ramping step-passed");
  const other = make();
  for (let index = 0; index < 5; index++) call(other, CallResult.connectFailed, 0);
  for (let probe = 0; probe < 2; probe++) call(other, CallResult.succeeded, 1000);
  for (let index = 0; index < 30; index++) call(other, CallResult.failed, 1100);
  expect([stateOf(other, 1100), other.waitMs(1100)]).toEqual(["open failures", 2000]);
});

test("probes that are never answered reopen it, and a healthy check ends the wait early", () => {
  const breaker = make();
  for (let index = 0; index < 5; index++) call(breaker, CallResult.connectFailed, 0);
  for (let probe = 0; probe < 3; probe++) breaker.acquire(1000);
  expect(breaker.acquire(5_999)).toBe(breakerRefused);
  expect(breaker.acquire(6_000)).toBe(breakerRefused);
  expect(stateOf(breaker, 6_000)).toBe("open probes-unanswered");
  breaker.probeNow(6_100);
  expect(stateOf(breaker, 6_100)).toBe("half-open health-check");
});

test("results of calls from an earlier state change nothing", () => {
  const breaker = make();
  const old = Array.from({ length: 50 }, () => breaker.acquire(0));
  for (let index = 0; index < 5; index++) call(breaker, CallResult.connectFailed, 0);
  call(breaker, CallResult.succeeded, 1000);
  const before = stateOf(breaker, 1000);
  for (const permit of old) breaker.release(permit, CallResult.failed, false, 1001);
  expect([before, stateOf(breaker, 1001)]).toEqual(["half-open open-time-over", "half-open open-time-over"]);
});

test("a peer's word opens a closed breaker and never closes an open one", () => {
  const breaker = make();
  breaker.openByPeer(10);
  expect(stateOf(breaker, 10)).toBe("open peer");
  const { forMs } = breaker.snapshot(500);
  breaker.openByPeer(500);
  expect(breaker.snapshot(500).forMs).toBe(forMs);
});

test("workers on the same cells see one breaker", () => {
  const cells = new Int32Array(breakerCells);
  const workers = [0, 1, 2, 3].map(() => make(steady, cells));
  for (let index = 0; index < 20; index++) call(workers[index % 4]!, CallResult.failed, 1000);
  expect(workers.map((worker) => worker.acquire(1100))).toEqual([-1, -1, -1, -1]);
  const probes = workers.map((worker) => worker.acquire(2000) !== breakerRefused);
  expect(probes).toEqual([true, true, true, false]);
});

test("jitter spreads open times within its bounds, the same for the same seed", () => {
  const lengths = Array.from({ length: 100 }, (_, seed) => {
    const breaker = new Breaker(breakerDefaults, new Int32Array(breakerCells), 0, new Random(seed));
    for (let index = 0; index < 5; index++) call(breaker, CallResult.connectFailed, 0);
    return breaker.waitMs(0);
  });
  expect(Math.min(...lengths)).toBeGreaterThanOrEqual(799);
  expect(Math.max(...lengths)).toBeLessThanOrEqual(1200);
  expect(new Set(lengths).size).toBeGreaterThan(50);
});

/** The breaker as its page defines it, written for reading: lists instead of rings, no shared cells. */
class Model {
  state: "closed" | "open" | "half-open" | "ramping" = "closed";
  private sinceMs = 0;
  private untilMs = 0;
  private openings = 0;
  private step = 0;
  private seen = 0;
  private row = 0;
  private inFlight = 0;
  private good = 0;
  private bad = 0;
  private life = 0;
  private calls: { bucket: number; result: number; isSlow: boolean }[] = [];

  acquire(nowMs: number): number {
    if (this.state === "open" && nowMs >= this.untilMs) this.enter("half-open", nowMs);
    if (this.state === "half-open" && nowMs - this.sinceMs >= steady.probeTimeoutMs) this.open(nowMs);
    while (this.state === "ramping" && nowMs - this.sinceMs >= steady.rampStepMs) {
      if (this.step === 3) this.enter("closed", nowMs);
      else this.enter("ramping", nowMs, this.step + 1);
    }
    if (this.state === "open") return -1;
    if (this.state === "half-open" && this.inFlight + this.good + this.bad >= 3) return -1;
    if (this.state === "half-open") this.inFlight += 1;
    if (this.state === "ramping" && !this.admits()) return -1;
    return this.life;
  }

  release(life: number, result: number, isSlow: boolean, nowMs: number): void {
    if (life !== this.life) return;
    if (this.state === "half-open") this.inFlight -= 1;
    if (result === CallResult.ignored) return;
    const isGood = result === CallResult.succeeded;
    if (this.state === "half-open") {
      if (isGood) this.good += 1;
      else this.bad += 1;
      if (this.bad >= 2) this.open(nowMs);
      else if (this.good >= 2) this.enter("ramping", nowMs);
      return;
    }
    if (isGood) this.row = 0;
    else if (result === CallResult.connectFailed) this.row += 1;
    this.calls.push({ bucket: Math.floor(nowMs / 1000), result, isSlow: isSlow && isGood });
    const bucket = Math.floor(nowMs / 1000);
    const recent = this.state === "ramping" ? this.calls : this.calls.filter((one) => one.bucket > bucket - 10);
    const failed = recent.filter((one) => one.result !== CallResult.succeeded).length;
    const slow = recent.filter((one) => one.isSlow).length;
    const enough = recent.length >= (this.state === "ramping" ? 3 : 20);
    const isBad = isGood ? isSlow && slow >= recent.length * 0.8 : failed >= recent.length * 0.5;
    if ((enough && isBad) || (result === CallResult.connectFailed && this.row >= 5)) this.open(nowMs);
  }

  private admits(): boolean {
    const percent = [10, 25, 50, 100][this.step]!;
    this.seen += 1;
    return Math.ceil((this.seen * percent) / 100) > Math.ceil(((this.seen - 1) * percent) / 100);
  }

  private open(nowMs: number): void {
    this.openings = this.state === "closed" ? 0 : Math.min(15, this.openings + 1);
    this.untilMs = nowMs + Math.min(60_000, 1000 * 2 ** this.openings);
    this.enter("open", nowMs);
  }

  private enter(state: Model["state"], nowMs: number, step = 0): void {
    Object.assign(this, { state, step, sinceMs: nowMs, seen: 0, inFlight: 0, good: 0, bad: 0, calls: [] });
    if (state === "open") this.row = 0;
    this.life += 1;
  }
}

test("any sequence of calls, results and waits leads where the model leads", () => {
  const operation = record({
    kind: constantFrom("call", "finish", "wait"),
    ms: oneof({ weight: 5, arbitrary: integer({ min: 0, max: 300 }) }, integer({ min: 0, max: 12_000 })),
    result: constantFrom(0, 0, 1, 1, 2, 3),
    isSlow: constantFrom(true, false),
    repeat: integer({ min: 1, max: 15 }),
  });
  property(
    forAll(array(operation, { maxLength: 80 }), (operations) => {
      const [breaker, model] = [make(), new Model()];
      const flying: [number, number][] = [];
      let nowMs = 0;
      for (const { kind, ms, result, isSlow, repeat } of operations) {
        if (kind === "wait") nowMs += ms;
        for (let index = 0; index < repeat && kind === "call"; index++) {
          const pair: [number, number] = [breaker.acquire(nowMs), model.acquire(nowMs)];
          expect(pair[0] === breakerRefused).toBe(pair[1] === -1);
          if (pair[0] !== breakerRefused) flying.push(pair);
        }
        for (let index = 0; index < repeat && kind === "finish" && flying.length > 0; index++) {
          const [permit, life] = flying.shift()!;
          breaker.release(permit, result, isSlow, nowMs);
          model.release(life, result, isSlow, nowMs);
        }
        expect(breaker.snapshot(nowMs).state).toBe(model.state);
      }
    }),
    { numRuns: 500 },
  );
});
