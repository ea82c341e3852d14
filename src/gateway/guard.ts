/** @hot
 * What stands between requests and one upstream: the gate with its lanes, the breaker, the retry budget, and what each call
 * teaches them. One for each upstream and worker; breakers, budgets and health that must be common lie in shared cells.
 *
 *     dispatch ─► enter: gate ─► start: breaker ─► acquire ... answered, retried ... ─► settle ─► pump the next
 *                    └─ waits in its lane ─┘   └─ refused: fallback
 */
import { Outcome, outcomeCodesCount } from "../base/mod.ts";
import { GateVerdict, type LaneGate } from "../lanes/mod.ts";
import {
  type Breaker,
  breakerRefused,
  CallResult,
  type RetryBudget,
  type SlowThreshold,
  type UpstreamHealth,
} from "../resilience/mod.ts";
import type { HealthChecker, Upstream } from "../upstream/mod.ts";
import type { Exchange } from "./exchange.ts";
import { fallBack } from "./fallback.ts";
import type { GateStanding } from "./standings.ts";

/** How a call ended for the breaker, by the outcome it failed with. */
const resultOfOutcome: Uint8Array = new Uint8Array(outcomeCodesCount).fill(CallResult.ignored);
resultOfOutcome[Outcome.upstreamConnectFailed] = CallResult.connectFailed;
resultOfOutcome[Outcome.upstreamConnectTimeout] = CallResult.connectFailed;
for (const outcome of [
  Outcome.upstreamClosed,
  Outcome.upstreamMalformed,
  Outcome.upstreamFirstByteTimeout,
  Outcome.upstreamIdleTimeout,
  Outcome.upstreamHeadTooLarge,
  Outcome.requestTimeout,
]) {
  resultOfOutcome[outcome] = CallResult.failed;
}

const outcomeOfVerdict: readonly number[] = [
  Outcome.internal,
  Outcome.internal,
  Outcome.admissionRate,
  Outcome.admissionLimit,
  Outcome.laneQueueFull,
  Outcome.laneWaitTooLong,
  Outcome.deadlinePassed,
  Outcome.laneShed,
];

const updateMs = 1000;
/** When a client may ask again that found no endpoint. */
const endpointWaitMs = 1000;

export interface GuardParts {
  readonly upstream: Upstream;
  readonly makeGate: ((guard: UpstreamGuard) => LaneGate<Exchange>) | null;
  readonly slow: SlowThreshold | null;
  readonly budget: RetryBudget;
  readonly standing: GateStanding | null;
  readonly health: UpstreamHealth | null;
  readonly makeChecker: ((guard: UpstreamGuard) => HealthChecker) | null;
  /** 1 for each status that counts as a failure. */
  readonly failingStatuses: Uint8Array;
}

export class UpstreamGuard {
  readonly upstream: Upstream;
  readonly gate: LaneGate<Exchange> | null;
  readonly budget: RetryBudget;
  readonly health: UpstreamHealth | null;
  private readonly checker: HealthChecker | null;
  /** All breakers of routes to this upstream, for health checks that end their open time. */
  private readonly breakers: Breaker[] = [];
  private readonly slow: SlowThreshold | null;
  private readonly standing: GateStanding | null;
  private readonly failingStatuses: Uint8Array;
  private updatedMs = 0;

  constructor(parts: GuardParts) {
    this.upstream = parts.upstream;
    this.slow = parts.slow;
    this.budget = parts.budget;
    this.standing = parts.standing;
    this.health = parts.health;
    this.failingStatuses = parts.failingStatuses;
    this.gate = parts.makeGate === null ? null : parts.makeGate(this);
    this.checker = parts.makeChecker === null ? null : parts.makeChecker(this);
    if (this.gate !== null) parts.upstream.onSettled = () => this.pump();
  }

  /** A request wants to go to the upstream: now, later, or not at all. */
  enter(exchange: Exchange): void {
    this.budget.countRequest();
    const gate = this.gate;
    if (gate === null) {
      this.start(exchange);
      return;
    }
    const nowUs = this.upstream.loop.nowMs * 1000;
    const verdict = gate.enter(exchange, exchange.lane, nowUs, exchange.laneDeadlineUs);
    if (verdict === GateVerdict.started) {
      exchange.isInGate = true;
      this.start(exchange);
    } else if (verdict === GateVerdict.waiting) exchange.waitInLane();
    else exchange.fail(outcomeOfVerdict[verdict]!);
  }

  /** A request that waited in its lane may go. */
  startWaiting(exchange: Exchange): void {
    exchange.isInGate = true;
    this.start(exchange);
  }

  /** A request that waited in its lane is refused after all. */
  refuseWaiting(exchange: Exchange, verdict: number): void {
    exchange.fail(outcomeOfVerdict[verdict]!);
  }

  /** Asks the breaker; the first attempt and every further one. */
  start(exchange: Exchange): void {
    const breaker = exchange.breaker;
    const nowMs = this.upstream.loop.nowMs;
    exchange.attemptAtMs = nowMs;
    exchange.answeredAtMs = 0;
    if (breaker !== null) {
      const permit = breaker.acquire(nowMs);
      if (permit === breakerRefused) {
        this.leaveGate(exchange, CallResult.ignored, nowMs);
        fallBack(exchange, Outcome.breakerOpen, breaker.waitMs(nowMs));
        return;
      }
      exchange.permit = permit;
    }
    exchange.acquire();
  }

  /** An attempt has failed before an answer came; what the breaker should know of it. */
  attemptFailed(exchange: Exchange, outcome: number): void {
    this.report(exchange, resultOfOutcome[outcome]!, this.upstream.loop.nowMs);
  }

  /** No endpoint can be asked: its fallback, if the route has one. */
  noEndpoint(exchange: Exchange): void {
    this.settle(exchange, Outcome.noEndpoint);
    fallBack(exchange, Outcome.noEndpoint, endpointWaitMs);
    this.pump();
  }

  /** The upstream's part is over: with an answer, or for the reason `outcome`. The gate is pumped after it. */
  settle(exchange: Exchange, outcome: number): void {
    const nowMs = this.upstream.loop.nowMs;
    let result = resultOfOutcome[outcome]!;
    if (outcome === Outcome.ok) {
      result = this.failingStatuses[exchange.status] === 1 ? CallResult.failed : CallResult.succeeded;
    } else if (outcome === Outcome.requestTimeout && exchange.sentAtMs === 0) result = CallResult.ignored;
    this.report(exchange, result, nowMs);
    this.leaveGate(exchange, result, nowMs);
  }

  /** Tells how the gate stands. @cold */
  tellStanding(): void {
    if (this.gate !== null) this.standing?.tell(this.gate, this.upstream.loop.nowMs);
  }

  pump(): void {
    this.gate?.pump(this.upstream.loop.nowMs * 1000);
  }

  /** A breaker of a route to this upstream, by the configuration in force. @cold */
  addBreaker(breaker: Breaker): void {
    this.breakers.push(breaker);
  }

  /** A new configuration names its breakers anew. @cold */
  forgetBreakers(): void {
    this.breakers.length = 0;
  }

  /** A health check has passed: open breakers may try now. */
  checkPassed(): void {
    for (let index = 0; index < this.breakers.length; index++) this.breakers[index]!.probeNow(this.upstream.loop.nowMs);
  }

  /** The upstream is no longer in the configuration. @cold */
  retire(): void {
    this.checker?.stop();
  }

  /** Every tick of the worker. */
  tick(nowMs: number): void {
    this.gate?.tick(nowMs * 1000);
    this.checker?.tick(nowMs);
    if (nowMs - this.updatedMs < updateMs) return;
    this.updatedMs = nowMs;
    this.slow?.update(nowMs);
  }

  private report(exchange: Exchange, result: number, nowMs: number): void {
    const { permit, breaker, endpointIndex } = exchange;
    const answeredMs = exchange.answeredAtMs === 0 ? nowMs : exchange.answeredAtMs;
    const answerUs = (answeredMs - exchange.attemptAtMs) * 1000;
    if (permit !== breakerRefused) {
      exchange.permit = breakerRefused;
      const slow = this.slow;
      breaker!.release(permit, result, slow !== null && answerUs > slow.thresholdUs, nowMs);
      if (slow !== null && result === CallResult.succeeded) slow.record(answerUs);
    }
    if (endpointIndex >= 0 && result !== CallResult.ignored) {
      exchange.endpointIndex = -1;
      this.health?.recordCall(endpointIndex, result !== CallResult.succeeded, nowMs);
    }
  }

  private leaveGate(exchange: Exchange, result: number, nowMs: number): void {
    const gate = this.gate;
    if (gate === null) return;
    if (exchange.laneWaiting) gate.forget(exchange);
    if (!exchange.isInGate) return;
    exchange.isInGate = false;
    if (result === CallResult.ignored) {
      gate.abort(exchange);
      return;
    }
    const answeredMs = exchange.answeredAtMs === 0 ? nowMs : exchange.answeredAtMs;
    gate.finish(exchange, nowMs * 1000, (answeredMs - exchange.attemptAtMs) * 1000, result !== CallResult.succeeded);
  }
}
