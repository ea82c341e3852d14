import { expect, test } from "bun:test";
import { array, property as forAll, integer, assert as property, tuple } from "fast-check";
import { KeyHash, Random } from "../base/mod.ts";
import { KeyedRateLimiter, keyedLimiterCells } from "./keyed-rate-limit.ts";
import { RateLimiter, RateShape } from "./rate-limit.ts";

/** GCRA as the standard states it, on exact rationals: time in nanoseconds times `count`. */
class Model {
  private arrival = 0n;
  private readonly count: bigint;
  private readonly periodNs: bigint;
  private readonly burst: bigint;

  constructor(count: number, periodMs: number, burst: number) {
    this.count = BigInt(count);
    this.periodNs = BigInt(periodMs) * 1_000_000n;
    this.burst = BigInt(burst);
  }

  /** How many requests are left to the model, as a number with fractions. */
  left(nowNs: number): number {
    const now = BigInt(Math.floor(nowNs)) * this.count;
    const ahead = this.arrival > now ? this.arrival - now : 0n;
    return Number(this.burst * this.periodNs - ahead) / Number(this.periodNs);
  }

  charge(nowNs: number): void {
    const now = BigInt(Math.floor(nowNs)) * this.count;
    this.arrival = (this.arrival > now ? this.arrival : now) + this.periodNs;
  }
}

test("every decision is the standard's, except within one time unit of the boundary", () => {
  const rates = tuple(integer({ min: 1, max: 200_000 }), integer({ min: 1, max: 3_000 }));
  const gaps = array(integer({ min: 0, max: 2_000 }), { minLength: 1, maxLength: 200 });
  property(
    forAll(rates, gaps, integer({ min: 0, max: 2 ** 40 }), ([count, burst], steps, startUs) => {
      const shape = new RateShape(count, 1000, burst);
      const limiter = new RateLimiter(shape, new Int32Array(1), 0);
      const model = new Model(count, 1000, burst);
      let nowNs = startUs * 1000;
      for (const step of steps) {
        nowNs += (step / 1000) * shape.intervalNs;
        const left = model.left(nowNs);
        const admitted = limiter.take(nowNs);
        if (Math.abs(left - 1) > 2 / shape.costUnits) expect(admitted).toBe(left > 1);
        if (admitted) model.charge(nowNs);
      }
    }),
    { numRuns: 300 },
  );
});

test("over any long run the admitted number is the rate to one request, at rates from 0.01 to 10,000,000 per second", () => {
  for (const rate of [0.01, 0.7, 3, 999.9, 123_457, 3_333_333, 10_000_000]) {
    const shape = rate < 1 ? new RateShape(rate * 100, 100_000, 1) : new RateShape(rate, 1000, 1);
    const limiter = new RateLimiter(shape, new Int32Array(1), 0);
    const random = new Random(5);
    let admitted = 0;
    let nowNs = 1e15;
    const startNs = nowNs;
    while (admitted < 20_000) {
      // Twice as many requests as the rate allows, at random moments, so that the limit is always used up.
      nowNs += random.unit() * shape.intervalNs;
      if (limiter.take(nowNs)) admitted += 1;
    }
    // Waiting for the next arrival loses nothing but the gap to it.
    const allowed = (nowNs - startNs) / shape.intervalNs;
    expect(admitted).toBeLessThanOrEqual(allowed + 2);
    expect(admitted).toBeGreaterThan(allowed * 0.7);
  }
});

test("a limit tried without pause admits exactly its rate", () => {
  const shape = new RateShape(1000, 1000, 10);
  const limiter = new RateLimiter(shape, new Int32Array(1), 0);
  let admitted = 0;
  for (let us = 0; us < 10_000_000; us += 10) if (limiter.take(5e14 + us * 1000)) admitted += 1;
  expect(Math.abs(admitted - 10_010)).toBeLessThanOrEqual(1);
});

test("after any pause, however long, a limiter admits at most one burst and is never shut for much longer than one", () => {
  property(
    forAll(integer({ min: 0, max: 4_000_000 }), integer({ min: 1, max: 100 }), (pauseSeconds, burst) => {
      const shape = new RateShape(10_000, 1000, burst);
      const limiter = new RateLimiter(shape, new Int32Array(1), 0);
      let nowNs = 1e12;
      while (limiter.take(nowNs)) nowNs += 1;
      nowNs += pauseSeconds * 1e9;
      let admitted = 0;
      while (limiter.take(nowNs)) admitted += 1;
      expect(admitted).toBeLessThanOrEqual(burst);
      nowNs += burst * shape.intervalNs + 1.1e6;
      expect(limiter.take(nowNs)).toBe(true);
    }),
    { numRuns: 300 },
  );
});

test("a worker whose time is old frees nothing that others have spent since", () => {
  let momentNs = 7e12;
  const shape = new RateShape(2000, 1000, 100, () => momentNs);
  const cells = new Int32Array(keyedLimiterCells(8) + 1);
  const [one, other] = [new RateLimiter(shape, cells, 0), new RateLimiter(shape, cells, 0)];
  const keyed = new KeyedRateLimiter(shape, cells, 1, 8);
  const key = new KeyHash(3);
  for (const oldMs of [0, 0.4, 3, 40, 900]) {
    const startNs = momentNs;
    key.ofText("heavy");
    while (one.take(momentNs)) while (keyed.take(key, momentNs));
    const oldNs = momentNs - oldMs * 1e6;
    expect([other.take(oldNs), other.remaining(oldNs), keyed.take(key, oldNs)]).toEqual([false, 0, false]);
    expect(other.waitNs(oldNs)).toBeGreaterThan(0);
    for (let filler = 0; filler < 16; filler++) {
      key.ofText(`new ${filler}`);
      keyed.take(key, oldNs);
    }
    key.ofText("heavy");
    expect(keyed.take(key, momentNs)).toBe(false);
    momentNs = startNs + 1e9;
  }
});

test("what remains, how long to wait and refunds agree with what is admitted", () => {
  const limiter = new RateLimiter(new RateShape(100, 1000, 5), new Int32Array(1), 0);
  const nowNs = 7e12;
  expect([limiter.remaining(nowNs), limiter.waitNs(nowNs, 5)]).toEqual([5, 0]);
  expect([limiter.take(nowNs, 3), limiter.take(nowNs, 3), limiter.remaining(nowNs)]).toEqual([true, false, 2]);
  expect(Math.abs(limiter.waitNs(nowNs, 3) / 10e6 - 1)).toBeLessThan(0.01);
  expect(limiter.take(nowNs + limiter.waitNs(nowNs, 3) + 20_000, 3)).toBe(true);
  limiter.refund(3);
  expect(limiter.remaining(nowNs + 10e6)).toBeGreaterThanOrEqual(2);
});

test("each key has its own limit, and keys whose burst is whole again give up their places without a trace", () => {
  const shape = new RateShape(10, 1000, 2);
  const limiter = new KeyedRateLimiter(shape, new Int32Array(keyedLimiterCells(64)), 0, 64);
  const key = new KeyHash(99);
  let nowNs = 3e12;
  for (let round = 0; round < 50; round++) {
    for (let client = 0; client < 20; client++) {
      key.ofText(`10.0.${round}.${client}`);
      expect([limiter.take(key, nowNs), limiter.take(key, nowNs), limiter.take(key, nowNs)]).toEqual([
        true,
        true,
        false,
      ]);
    }
    nowNs += 1e9;
  }
  expect(limiter.evicted).toBe(0);
});

test("a flood of keys never frees the keys that spent most", () => {
  const shape = new RateShape(10, 1000, 100);
  const limiter = new KeyedRateLimiter(shape, new Int32Array(keyedLimiterCells(8)), 0, 8);
  const key = new KeyHash(1);
  const nowNs = 3e12;
  key.ofText("heavy");
  while (limiter.take(key, nowNs));
  for (let other = 0; other < 1000; other++) {
    key.ofText(`other ${other}`);
    limiter.take(key, nowNs);
  }
  key.ofText("heavy");
  expect(limiter.take(key, nowNs)).toBe(false);
  expect(limiter.evicted).toBeGreaterThan(900);
});
