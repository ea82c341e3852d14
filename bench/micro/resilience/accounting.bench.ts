/**
 * What protection costs a request, part by part, in nanoseconds of CPU: breaker, rate limit (alone and by key), lane gate,
 * retry budget, and all of them together as the data plane calls them. The bar for breaker, limiter, lane and retry
 * together is 400 ns. Cells are shared memory, as in the gateway.
 */
import { KeyHash, Random } from "../../../src/base/mod.ts";
import { Lane, LaneGate, type LaneNode, laneDefaults } from "../../../src/lanes/mod.ts";
import {
  admissionDefaults,
  Breaker,
  breakerCells,
  breakerDefaults,
  CallResult,
  decideRetry,
  KeyedRateLimiter,
  keyedLimiterCells,
  makeAdmission,
  Pressure,
  RateLimiter,
  RateShape,
  RetryBudget,
  type RetryCase,
  SlowThreshold,
} from "../../../src/resilience/mod.ts";

class Node implements LaneNode<Node> {
  laneNext: Node | null = null;
  lanePrevious: Node | null = null;
  laneWaiting = false;
  lane: Lane = Lane.order;
  laneArrivedUs = 0;
  laneDeadlineUs = 0;
}

const keysMax = 8192;
const clients = Array.from({ length: 256 }, (_, index) => Buffer.from(`client-${index}`));
const retryCase: RetryCase = {
  isRetryable: true,
  isUnsent: true,
  isMethodIdempotent: true,
  isKeyHonoured: false,
  hasAnswerBegun: false,
  isBodyHeld: true,
  attempts: 1,
  attemptsMax: 2,
  leftMs: 1000,
  backoffMs: 0,
  isBreakerClosed: true,
  hasBudget: true,
};

/** The parts by name; each is called with the number of the request and does all of its work for one. */
export function accountingParts(): Readonly<Record<string, (request: number) => void>> {
  const cells = new Int32Array(new SharedArrayBuffer(4 * (1024 + keyedLimiterCells(keysMax))));
  const breaker = new Breaker(breakerDefaults, cells, 0, new Random(1));
  const slow = new SlowThreshold(1000, 4, 0);
  const shape = new RateShape(10_000_000, 1000, 1_000_000);
  const limiter = new RateLimiter(shape, cells, breakerCells);
  const keyed = new KeyedRateLimiter(shape, cells, 1024, keysMax);
  const key = new KeyHash(7);
  const pressure = new Pressure({ loopDelayMs: 100, memoryBytes: 0, descriptors: 0, queueDelayMs: 0 });
  const budget = new RetryBudget(0.2, 3, 0);
  const gate = new LaneGate<Node>({
    admission: makeAdmission(admissionDefaults, 0),
    lanes: laneDefaults,
    burstWaitMs: 100,
    targetMs: 15,
    reserve: 0.05,
    pressure,
    start() {},
    refuse() {},
  });
  const node = new Node();
  // Ten microseconds between requests: 100,000 a second.
  const nowUsOf = (request: number): number => 1e9 + request * 10;
  const callBreaker = (request: number): void => {
    const nowMs = nowUsOf(request) / 1000;
    const permit = breaker.acquire(nowMs);
    breaker.release(permit, CallResult.succeeded, 700 > slow.thresholdUs, nowMs);
    slow.record(700);
  };
  const callLimiter = (request: number): void => void limiter.take(nowUsOf(request) * 1000);
  const callKeyed = (request: number): void => {
    const client = clients[request & 255]!;
    key.ofBytes(client, 0, client.length);
    keyed.take(key, nowUsOf(request) * 1000);
  };
  const callGate = (request: number): void => {
    const nowUs = nowUsOf(request);
    gate.enter(node, Lane.order, nowUs, Number.POSITIVE_INFINITY);
    gate.finish(node, nowUs + 700, 700, false);
    gate.pump(nowUs + 700);
  };
  const callRetry = (): void => {
    budget.countRequest();
    decideRetry(retryCase);
  };
  return {
    breaker: callBreaker,
    "rate limit": callLimiter,
    "rate limit by key": callKeyed,
    "lane gate": callGate,
    "retry budget and decision": callRetry,
    together(request) {
      callLimiter(request);
      callGate(request);
      callBreaker(request);
      callRetry();
    },
  };
}

/** Nanoseconds of CPU of each part, the median of rounds. */
export function measureAccounting(rounds: number, requests: number): Record<string, number> {
  const parts = accountingParts();
  return Object.fromEntries(
    Object.entries(parts).map(([name, call]) => {
      const costs: number[] = [];
      for (let round = 0; round < rounds; round++) {
        const start = process.cpuUsage();
        for (let request = 0; request < requests; request++) call(round * requests + request);
        const used = process.cpuUsage(start);
        costs.push(((used.user + used.system) * 1000) / requests);
      }
      return [name, costs.sort((left, right) => left - right)[rounds >> 1]!];
    }),
  );
}

if (import.meta.main) {
  for (const [name, ns] of Object.entries(measureAccounting(9, 1_000_000))) {
    console.log(`${name.padEnd(28)} ${ns.toFixed(0).padStart(5)} ns`);
  }
}
