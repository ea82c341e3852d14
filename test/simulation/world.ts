/**
 * A whole gateway in one thread and one seed: several workers with the gateway's own state machines (lanes, admission,
 * breaker, health, retries, limits, timers, clock guard) on shared cells, before endpoints that fail, stall, slow down and
 * go silent, over a network with delays, while workers are killed and the wall clock steps. Time is simulated.
 *
 * `run` returns what was seen to break, and a digest of everything that happened: equal seeds give equal digests, and so
 * does a run in which only the wall clock's steps are left out.
 */
import { Random } from "../../src/base/mod.ts";
import {
  burstWaitMsDefault,
  GateVerdict,
  type Lane,
  LaneGate,
  type LaneNode,
  laneDefaults,
} from "../../src/lanes/mod.ts";
import {
  admissionDefaults,
  admissionNames,
  Breaker,
  BreakerState,
  breakerCells,
  breakerDefaults,
  breakerRefused,
  CallResult,
  CellDirectory,
  ClockGuard,
  clockStepMs,
  decideRetry,
  endpointHealthCells,
  healthDefaults,
  healthLeaseCells,
  makeAdmission,
  RateLimiter,
  RateShape,
  RetryBudget,
  RetryVerdict,
  type TimerNode,
  TimerWheel,
  timerIdle,
  UpstreamHealth,
} from "../../src/resilience/mod.ts";
import { EventHeap } from "./event-heap.ts";

const startWallMs = 1.7e12;
const tickMs = 16;
const endMs = 14_000;
/** Faults are over by then; what follows must be calm. */
const calmMs = 6_000;
const callTimeoutMs = 800;
const burst = 50;
const meanWorkMs = 6;

class Request implements LaneNode<Request>, TimerNode<Request> {
  laneNext: Request | null = null;
  lanePrevious: Request | null = null;
  laneWaiting = false;
  laneArrivedUs = 0;
  laneDeadlineUs = Number.POSITIVE_INFINITY;
  timerNext: Request | null = null;
  timerPrevious: Request | null = null;
  timerDeadlineMs = 0;
  timerTick: number = timerIdle;
  readonly id: number;
  lane: Lane;
  readonly isIdempotent: boolean;
  readonly hasKey: boolean;
  readonly worker: Worker;
  attempts = 0;
  executions = 0;
  ends = 0;
  isInGate = false;
  isProbe = false;
  permit = breakerRefused;
  endpoint = -1;
  startedUs = 0;

  constructor(id: number, lane: Lane, worker: Worker, random: Random) {
    this.id = id;
    this.lane = lane;
    this.worker = worker;
    this.isIdempotent = lane !== 1 && random.unit() < 0.8;
    this.hasKey = random.unit() < 0.3;
  }
}

/** An endpoint of the upstream and what is wrong with it, by time. */
interface Endpoint {
  freeAtMs: number[];
  faults: { fromMs: number; toMs: number; kind: "refuse" | "silent" | "slow" | "errors" | "cut" }[];
}

interface Worker {
  readonly index: number;
  isDead: boolean;
  readonly gate: LaneGate<Request>;
  readonly breaker: Breaker;
  readonly health: UpstreamHealth;
  readonly limiter: RateLimiter;
  readonly budget: RetryBudget;
  readonly timers: TimerWheel<Request>;
  readonly clock: ClockGuard;
}

export interface WorldResult {
  readonly broken: readonly string[];
  readonly digest: number;
  readonly requests: number;
  readonly answered: number;
  readonly refused: number;
  /** How often the breaker opened. */
  readonly openings: number;
}

/** @param stepsWallClock whether the wall clock steps; nothing else may depend on it */
export function run(seed: number, stepsWallClock = true): WorldResult {
  return new World(seed, stepsWallClock).run();
}

class World {
  private readonly random: Random;
  private readonly arrivalRandom: Random;
  private readonly faultRandom: Random;
  private readonly events = new EventHeap<() => void>();
  private readonly workers: Worker[] = [];
  /** Those that were not killed. */
  private living: readonly Worker[] = this.workers;
  private readonly endpoints: Endpoint[] = [];
  private readonly requests: Request[] = [];
  private readonly broken: string[] = [];
  private readonly admittedMs: number[] = [];
  private readonly stepsWallClock: boolean;
  private readonly rate: number;
  private nowMs = 0;
  private wallOffsetMs = startWallMs;
  /** The most that small steps may have moved the trusted time. */
  private correctionsMs = 0;
  private digest = 0;
  private answered = 0;
  private refused = 0;
  private hasKilled = false;
  private probes = 0;
  /** The upstream can do twice what is asked, so that it must recover under any policy. */
  private isRoomy = false;
  /** Endpoints work off what nobody waits for any more; one may have more of it than the rest of the run can hold. */
  private isDrowned = false;
  /** Well after the last fault. */
  private answeredLate = 0;

  constructor(seed: number, stepsWallClock: boolean) {
    this.random = new Random(seed);
    this.arrivalRandom = new Random(seed ^ 0x27d4eb2f);
    this.faultRandom = new Random(seed ^ 0x5bd1e995);
    this.stepsWallClock = stepsWallClock;
    this.rate = 50 + this.random.below(400);
    this.makeEndpoints();
    this.makeWorkers();
    this.planArrivals();
    this.planFaults();
  }

  run(): WorldResult {
    while (this.events.nextAt <= endMs + 10_000) {
      this.nowMs = this.events.nextAt;
      this.events.pop()();
    }
    this.checkEnd();
    const { digest, answered, refused, broken } = this;
    const { openingsTotal: openings } = this.workers[0]!.breaker.snapshot(this.nowMs);
    return { broken, digest, requests: this.requests.length, answered, refused, openings };
  }

  private makeEndpoints(): void {
    const count = 1 + this.random.below(4);
    for (let index = 0; index < count; index++) {
      this.endpoints.push({ freeAtMs: new Array<number>(1 + this.random.below(4)).fill(0), faults: [] });
    }
  }

  private makeWorkers(): void {
    const cells = new Int32Array(32_768);
    const policy = admissionNames[this.random.below(admissionNames.length)]!;
    const count = 1 + this.random.below(4);
    for (let index = 0; index < count; index++) {
      const directory = new CellDirectory(cells);
      const random = new Random(this.random.uint32());
      const health = new UpstreamHealth(
        { ...healthDefaults, ejectionMs: 1_000, slowStartMs: 500, intervalMs: 300, fastIntervalMs: 100 },
        cells,
        directory.take("lease", healthLeaseCells),
        random,
      );
      health.setEndpoints(this.endpoints.map((_, at) => directory.take(`endpoint ${at}`, endpointHealthCells)));
      const worker: Worker = {
        index,
        isDead: false,
        gate: new LaneGate<Request>({
          admission: makeAdmission({ ...admissionDefaults, policy, initial: 1 + this.random.below(20), min: 1 }, 0),
          lanes: laneDefaults,
          burstWaitMs: burstWaitMsDefault,
          targetMs: admissionDefaults.targetMs,
          reserve: 0.05,
          pressure: null,
          start: (request) => this.startFromGate(request),
          refuse: (request) => this.end(request, "refused in lane"),
        }),
        breaker: new Breaker(
          { ...breakerDefaults, openMsMax: 1_000, probeTimeoutMs: 2_000 },
          cells,
          directory.take("breaker", breakerCells),
          random,
        ),
        health,
        limiter: new RateLimiter(new RateShape(this.rate, 1000, burst), cells, directory.take("limit", 1)),
        budget: new RetryBudget(0.2, 3, 0),
        timers: new TimerWheel<Request>(0, (request) => this.timeOut(request), tickMs, 64),
        clock: new ClockGuard({ sourcesCount: 0, warnMs: 100, fenceMs: 250 }, 0, this.wallOffsetMs),
      };
      this.workers.push(worker);
      this.tick(worker, index);
    }
  }

  private planArrivals(): void {
    const perSecond = 20 + this.random.below(300);
    const servers = this.endpoints.reduce((sum, { freeAtMs }) => sum + freeAtMs.length, 0);
    this.isRoomy = (servers * 1000) / meanWorkMs > 2 * perSecond;
    // Each plans the next, so that the heap holds only what is about to happen.
    const next = (): void => {
      const atMs = this.nowMs + this.arrivalRandom.exponential(1000 / perSecond);
      if (atMs < endMs) this.events.push(atMs, next);
      this.arrive();
    };
    this.events.push(10, next);
    this.events.push(endMs - 3_000, () => {
      this.isDrowned = this.endpoints.some(({ freeAtMs }) => Math.min(...freeAtMs) > this.nowMs + callTimeoutMs);
    });
  }

  private planFaults(): void {
    const random = this.faultRandom;
    const kinds = ["refuse", "silent", "slow", "errors", "cut"] as const;
    for (const endpoint of this.endpoints) {
      for (let count = random.below(4); count > 0; count--) {
        const fromMs = random.below(calmMs - 2_000);
        const toMs = fromMs + 100 + random.below(2_000);
        endpoint.faults.push({ fromMs, toMs, kind: kinds[random.below(kinds.length)]! });
      }
    }
    if (this.workers.length > 1 && random.unit() < 0.4) {
      const victim = this.workers[random.below(this.workers.length)]!;
      this.events.push(random.below(calmMs), () => this.kill(victim));
    }
    for (let count = random.below(3); count > 0; count--) {
      // One in four is so small that the guard must take it for a correction.
      const isSmall = random.unit() < 0.25;
      const [atMs, stepMs] = [random.below(endMs), (random.unit() - 0.5) * (isSmall ? 2 * clockStepMs : 1e6)];
      this.events.push(atMs, () => {
        if (!this.stepsWallClock) return;
        this.wallOffsetMs += stepMs;
        if (Math.abs(stepMs) <= clockStepMs) this.correctionsMs += Math.abs(stepMs);
      });
    }
  }

  private tick(worker: Worker, phase: number): void {
    const next = (): void => {
      if (worker.isDead) return;
      worker.timers.advance(this.nowMs);
      worker.gate.tick(this.nowMs * 1000);
      worker.clock.look(this.nowMs, this.wallOffsetMs + this.nowMs);
      this.checkWorker(worker);
      if (this.nowMs < endMs + 5_000) this.events.push(this.nowMs + tickMs, next);
    };
    this.events.push(phase, next);
  }

  private arrive(): void {
    const { random, living } = this;
    const worker = living[random.below(living.length)]!;
    const draw = random.unit();
    const lane = (draw < 0.1 ? 0 : draw < 0.3 ? 1 : draw < 0.6 ? 2 : 3) as Lane;
    const request = new Request(this.requests.length, lane, worker, random);
    this.requests.push(request);
    const hasDeadline = random.unit() < 0.2;
    const deadlineUs = hasDeadline ? (this.nowMs + random.below(300)) * 1000 : Number.POSITIVE_INFINITY;
    if (!worker.limiter.take(this.nowMs * 1e6)) {
      this.end(request, "limited");
      return;
    }
    this.admittedMs.push(this.nowMs);
    worker.budget.countRequest();
    const verdict = worker.gate.enter(request, lane, this.nowMs * 1000, deadlineUs);
    if (verdict === GateVerdict.started) this.startFromGate(request);
    else if (verdict !== GateVerdict.waiting) this.end(request, `verdict ${verdict}`);
    else if (random.unit() < 0.05) this.events.push(this.nowMs + random.below(200), () => this.clientLeaves(request));
  }

  /** A client whose request waits goes away. */
  private clientLeaves(request: Request): void {
    if (request.worker.isDead || !request.laneWaiting) return;
    request.worker.gate.forget(request);
    this.end(request, "left");
  }

  private startFromGate(request: Request): void {
    request.isInGate = true;
    if (this.nowMs * 1000 >= request.laneDeadlineUs) this.fault(`request ${request.id} started after its deadline`);
    this.attempt(request);
  }

  private attempt(request: Request): void {
    const { worker } = request;
    request.startedUs = this.nowMs * 1000;
    request.permit = worker.breaker.acquire(this.nowMs);
    if (request.permit === breakerRefused) {
      this.leaveGate(request, CallResult.ignored);
      this.end(request, "breaker");
      return;
    }
    if (worker.breaker.state === BreakerState.halfOpen) {
      request.isProbe = true;
      this.probes += 1;
      // A worker that was killed took its probes with it; what the cells count then is not what flies.
      if (this.probes > breakerDefaults.probes && !this.hasKilled) this.fault(`${this.probes} probes are in flight`);
    }
    request.attempts += 1;
    request.endpoint = this.pick(worker);
    worker.timers.schedule(request, this.nowMs + callTimeoutMs);
    const attempt = request.attempts;
    this.events.push(this.nowMs + this.random.unit() * 3, () => this.reach(request, attempt));
  }

  private pick(worker: Worker): number {
    const first = this.random.below(this.endpoints.length);
    for (let step = 0; step < this.endpoints.length; step++) {
      const index = (first + step) % this.endpoints.length;
      if (worker.health.weight(index, this.nowMs) >= this.random.unit()) return index;
    }
    return first;
  }

  /** The request's bytes are at the endpoint, if they get there. */
  private reach(request: Request, attempt: number): void {
    const endpoint = this.endpoints[request.endpoint]!;
    const fault = endpoint.faults.find(({ fromMs, toMs }) => this.nowMs >= fromMs && this.nowMs < toMs)?.kind;
    const isCurrent = (): boolean => request.attempts === attempt && request.permit !== breakerRefused;
    if (fault === "refuse") {
      if (isCurrent()) this.fail(request, CallResult.connectFailed, false);
      return;
    }
    if (fault === "silent") return;
    request.executions += 1;
    if (request.executions > 1 && !request.isIdempotent && !request.hasKey) {
      this.fault(`request ${request.id} was executed ${request.executions} times`);
    }
    let slot = 0;
    for (let other = 1; other < endpoint.freeAtMs.length; other++) {
      if (endpoint.freeAtMs[other]! < endpoint.freeAtMs[slot]!) slot = other;
    }
    const workMs = (2 + this.random.exponential(meanWorkMs - 2)) * (fault === "slow" ? 10 : 1);
    const doneMs = Math.max(this.nowMs, endpoint.freeAtMs[slot]!) + workMs;
    endpoint.freeAtMs[slot] = doneMs;
    this.events.push(doneMs + this.random.unit() * 3, () => {
      if (request.worker.isDead || !isCurrent()) return;
      if (fault === "cut") this.fail(request, CallResult.failed, true);
      else this.succeed(request, fault === "errors" ? CallResult.failed : CallResult.succeeded);
    });
  }

  private succeed(request: Request, result: number): void {
    if (result === CallResult.succeeded && this.nowMs > endMs - 2_000) this.answeredLate += 1;
    this.report(request, result);
    this.leaveGate(request, result);
    this.answered += 1;
    this.end(request, "answered");
    request.worker.gate.pump(this.nowMs * 1000);
  }

  private timeOut(request: Request): void {
    if (request.permit !== breakerRefused) this.fail(request, CallResult.failed, true, false);
  }

  private fail(request: Request, result: number, wasSent: boolean, isRetryable = true): void {
    const { worker } = request;
    if (worker.isDead) return;
    this.report(request, result);
    const verdict = decideRetry({
      isRetryable,
      isUnsent: !wasSent,
      isMethodIdempotent: request.isIdempotent,
      isKeyHonoured: request.hasKey,
      hasAnswerBegun: false,
      isBodyHeld: true,
      attempts: request.attempts,
      attemptsMax: 2,
      leftMs: request.laneDeadlineUs / 1000 - this.nowMs,
      backoffMs: 0,
      isBreakerClosed: true,
      hasBudget: worker.budget.hasOne(this.nowMs),
    });
    if (verdict === RetryVerdict.retry) {
      worker.budget.spend();
      this.attempt(request);
      return;
    }
    this.leaveGate(request, result);
    this.end(request, "failed");
    worker.gate.pump(this.nowMs * 1000);
  }

  private report(request: Request, result: number): void {
    const { worker } = request;
    if (request.isProbe) this.probes -= 1;
    request.isProbe = false;
    worker.timers.cancel(request);
    worker.breaker.release(request.permit, result, false, this.nowMs);
    request.permit = breakerRefused;
    worker.health.recordCall(request.endpoint, result !== CallResult.succeeded, this.nowMs);
  }

  private leaveGate(request: Request, result: number): void {
    if (!request.isInGate) return;
    request.isInGate = false;
    const { gate } = request.worker;
    const nowUs = this.nowMs * 1000;
    if (result === CallResult.ignored) gate.abort(request);
    else gate.finish(request, nowUs, nowUs - request.startedUs, result !== CallResult.succeeded);
  }

  private end(request: Request, how: string): void {
    request.ends += 1;
    if (how !== "answered") this.refused += 1;
    if (request.ends > 1) this.fault(`request ${request.id} ended twice, the second time ${how}`);
    this.note(request.id * 31 + how.length);
    this.note(Math.round(this.nowMs * 1000));
  }

  /** What was in flight in the worker is gone with it; nobody tells the others. */
  private kill(worker: Worker): void {
    worker.isDead = true;
    this.living = this.workers.filter(({ isDead }) => !isDead);
    this.hasKilled = true;
  }

  private note(value: number): void {
    this.digest = (Math.imul(this.digest ^ value, 0x01000193) + 0x9e3779b9) | 0;
  }

  private fault(what: string): void {
    if (this.broken.length < 5) this.broken.push(`${what} at ${this.nowMs.toFixed(1)} ms`);
  }

  private checkWorker(worker: Worker): void {
    const movedMs = Math.abs(worker.clock.trustedMs(this.nowMs) - this.nowMs - startWallMs);
    if (movedMs > this.correctionsMs + 0.01) this.fault(`the trusted time moved by ${movedMs} ms`);
    const usable = worker.health.usableCount(this.nowMs);
    if (usable * 2 < this.endpoints.length) this.fault(`${usable} of ${this.endpoints.length} endpoints are left`);
  }

  private checkEnd(): void {
    for (const request of this.requests) {
      if (request.ends === 0 && !request.worker.isDead) this.fault(`request ${request.id} never ended`);
    }
    for (const worker of this.workers.filter(({ isDead }) => !isDead)) {
      const { gate, timers } = worker;
      if (gate.inFlight !== 0 || gate.queues.waiting !== 0)
        this.fault(`${gate.inFlight} requests are still in the gate`);
      if (timers.count !== 0) this.fault(`${timers.count} timers are left`);
    }
    if (this.isRoomy && !this.isDrowned && this.answeredLate === 0)
      this.fault("nothing was answered long after the last fault");
    this.checkRate();
  }

  /** In no stretch of time more than the rate and one burst. */
  private checkRate(): void {
    const { admittedMs, rate } = this;
    let least = Number.POSITIVE_INFINITY;
    for (const [index, atMs] of admittedMs.entries()) {
      // admitted(i..j) <= rate * (tj - ti) + burst, by the running minimum of i - rate * ti.
      least = Math.min(least, index - (rate * atMs) / 1000);
      const excess = index + 1 - (rate * atMs) / 1000 - least - burst;
      if (excess > 1.01) {
        this.fault(`${excess.toFixed(2)} requests more than the limit allows`);
        return;
      }
    }
  }
}
