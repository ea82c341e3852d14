/**
 * Makes what protects upstreams and routes out of the configuration: guards, breakers, rate limits, plans for admission and
 * fallbacks. What all workers must agree on gets cells of the shared segment by name, so that every worker, also one that
 * starts later, finds the same.
 */
import { type Clock, Outcome, Random } from "../base/mod.ts";
import type { Config, RouteConfig, UpstreamConfig } from "../config/mod.ts";
import { LaneGate, type LaneSettings, laneOf } from "../lanes/mod.ts";
import {
  Breaker,
  breakerCells,
  breakerName,
  breakerSettingsOf,
  type CellDirectory,
  endpointHealthCells,
  healthDefaults,
  healthLeaseCells,
  healthLeaseName,
  healthName,
  KeyedRateLimiter,
  keyedLimiterCells,
  makeAdmission,
  RateLimiter,
  RateShape,
  RetryBudget,
  rateLimiterCells,
  refusalCells,
  refusalsName,
  SlowThreshold,
  UpstreamHealth,
} from "../resilience/mod.ts";
import { HealthChecker, type Upstream } from "../upstream/mod.ts";
import type { AdmitPlan } from "./admit.ts";
import { type LocalAnswer, prepareAnswer } from "./answers.ts";
import type { Exchange } from "./exchange.ts";
import { UpstreamGuard } from "./guard.ts";
import { LastGood } from "./last-good.ts";
import { limitLines } from "./limit-fields.ts";
import { Proofs } from "./proofs.ts";
import type { RouteLimit } from "./rate-limits.ts";
import { GateStanding } from "./standings.ts";

const statusesCount = 600;

/** What a route does while its breaker is open. */
export interface CompiledFallback {
  readonly guard: UpstreamGuard | null;
  readonly breaker: Breaker | null;
  readonly respond: LocalAnswer | null;
  readonly lastGood: LastGood | null;
}

/** The protection of one route, compiled. */
export interface RouteProtection {
  readonly guard: UpstreamGuard | null;
  readonly breaker: Breaker | null;
  readonly admit: AdmitPlan;
  readonly fallback: CompiledFallback | null;
  readonly lastGood: LastGood | null;
}

const bytesOf = (text: string | null): Uint8Array | null => (text === null ? null : Buffer.from(text, "latin1"));

export class Protection {
  private readonly directory: CellDirectory;
  private readonly random = Random.fromSystem();
  /** Tells this worker from all others in leases. */
  private readonly worker: number = process.pid;

  readonly proofs: Proofs;
  private readonly seat: number;
  private readonly seatsCount: number;
  /** The machine's time at this moment, for limits: a round's own may be older than what other workers have spent since. */
  private readonly readNs: () => number;

  constructor(directory: CellDirectory, seed: number, seat: number, seatsCount: number, clock: Clock) {
    this.directory = directory;
    this.seat = seat;
    this.seatsCount = seatsCount;
    this.readNs = () => clock.monotonicNs();
    this.proofs = new Proofs(directory, seed);
  }

  /** The guard of an upstream. */
  guardOf(config: UpstreamConfig, whole: Config, upstream: Upstream): UpstreamGuard {
    const { loop } = upstream;
    const failingStatuses = new Uint8Array(statusesCount);
    const health = this.healthOf(config, upstream);
    const { check } = config.health;
    for (const status of config.breaker?.statuses ?? []) failingStatuses[status] = 1;
    const makeGate = this.gateMaker(config, whole, loop.nowMs);
    return new UpstreamGuard({
      upstream,
      makeGate,
      standing: makeGate === null ? null : new GateStanding(this.directory, config.name, this.seat, this.seatsCount),
      slow:
        config.breaker === null
          ? null
          : new SlowThreshold(config.breaker.slowMs, config.breaker.slowFactor, loop.nowMs),
      budget: new RetryBudget(config.retryBudget.ratio, config.retryBudget.perSecond, loop.nowMs),
      health,
      makeChecker:
        health === null || check === null
          ? null
          : (guard) => new HealthChecker(upstream, health, check, this.worker, () => guard.checkPassed()),
      failingStatuses,
    });
  }

  /** Everything that protects a route. */
  routeOf(route: RouteConfig, whole: Config, guards: ReadonlyMap<string, UpstreamGuard>): RouteProtection {
    const upstream = route.action.kind === "upstream" ? route.action.upstream : null;
    const fallback = upstream === null ? null : this.fallbackOf(route, whole, guards);
    return {
      guard: upstream === null ? null : (guards.get(upstream) ?? null),
      breaker: upstream === null ? null : this.breakerOf(upstream, route, whole, guards),
      admit: this.planOf(route, whole),
      fallback,
      lastGood: fallback?.lastGood ?? null,
    };
  }

  private gateMaker(config: UpstreamConfig, whole: Config, nowMs: number) {
    const { cancel, order, market, query, reserveRatio, burstWaitMs } = whole.lanes;
    const lanes = [cancel, order, market, query].map((lane): LaneSettings => lane);
    const { admission } = config;
    if (admission === null && lanes.every((lane) => lane.concurrencyMax === 0)) return null;
    const settings = {
      policy: admission?.policy ?? "fixed",
      initial: admission?.initial ?? Number.MAX_SAFE_INTEGER,
      min: admission?.min ?? 1,
      max: Math.max(admission?.max ?? 1, admission?.initial ?? 1),
      targetMs: admission?.targetMs ?? 15,
      articleRate: admission?.articleRate ?? 1,
    };
    return (guard: UpstreamGuard) =>
      new LaneGate<Exchange>({
        admission: makeAdmission(settings, nowMs * 1000),
        lanes,
        burstWaitMs,
        targetMs: admission?.targetMs ?? 0,
        reserve: reserveRatio,
        pressure: null,
        start: (exchange) => guard.startWaiting(exchange),
        refuse: (exchange, verdict) => guard.refuseWaiting(exchange, verdict),
      });
  }

  private healthOf(config: UpstreamConfig, upstream: Upstream): UpstreamHealth | null {
    const { check, ejection, slowStartMs } = config.health;
    if (check === null && ejection === null) return null;
    const settings = {
      ...healthDefaults,
      slowStartMs,
      intervalMs: check?.intervalMs ?? 0,
      fastIntervalMs: check?.fastIntervalMs ?? 0,
      jitterRatio: check?.jitterRatio ?? 0,
      rise: check?.rise ?? 1,
      fall: check?.fall ?? 1,
      failuresInRow: ejection?.failuresInRow ?? 0,
      failureRatio: ejection?.failureRatio ?? 0,
      callsMin: ejection?.callsMin ?? 1,
      windowMs: ejection?.windowMs ?? 10_000,
      ejectionMs: ejection?.timeMs ?? 0,
      ejectionMsMax: ejection?.timeMaxMs ?? ejection?.timeMs ?? 0,
    };
    const { directory } = this;
    const leaseAt = directory.take(healthLeaseName(config.name), healthLeaseCells);
    const health = new UpstreamHealth(settings, directory.cells, leaseAt, this.random);
    upstream.watch(health, (endpoint) => directory.take(healthName(config.name, endpoint), endpointHealthCells));
    return health;
  }

  private breakerOf(
    upstream: string,
    route: RouteConfig,
    whole: Config,
    guards: ReadonlyMap<string, UpstreamGuard>,
  ): Breaker | null {
    const config = whole.upstreams.find(({ name }) => name === upstream)?.breaker ?? null;
    if (config === null) return null;
    const settings = breakerSettingsOf(config);
    const name = breakerName(upstream, config.scope === "route" ? route.name : "");
    const at = this.directory.take(name, breakerCells);
    const breaker = new Breaker(settings, this.directory.cells, at, this.random);
    guards.get(upstream)?.addBreaker(breaker);
    return breaker;
  }

  private planOf(route: RouteConfig, whole: Config): AdmitPlan {
    return {
      lane: laneOf(route.lane)!,
      laneField: bytesOf(route.laneField),
      deadlineField: bytesOf(whole.lanes.deadlineField),
      identity: this.proofs.planOf(route),
      limits: route.rateLimits.map((name) => this.limitOf(name, whole)),
    };
  }

  private limitOf(name: string, whole: Config): RouteLimit {
    const config = whole.rateLimits.find((limit) => limit.name === name)!;
    const { count, periodMs } = config.rate;
    const shape = new RateShape(count, periodMs, config.burst, this.readNs);
    const { directory } = this;
    const cellsName = `limit ${name} ${count}/${periodMs} ${config.burst} ${config.by.kind}`;
    const isShared = config.by.kind === "all";
    const windowSeconds = Math.ceil((config.burst * shape.intervalNs) / 1e9);
    const policy = config.fields ? `"${name}";q=${config.burst};w=${windowSeconds}` : null;
    const cellsCount = isShared ? rateLimiterCells : keyedLimiterCells(config.keysMax);
    const at = directory.take(cellsName, cellsCount);
    const refusalsAt = directory.take(refusalsName(name), refusalCells);
    return {
      name,
      shared: isShared ? new RateLimiter(shape, directory.cells, at) : null,
      keyed: isShared ? null : new KeyedRateLimiter(shape, directory.cells, at, config.keysMax),
      by: config.by.kind,
      field: config.by.kind === "field" ? bytesOf(config.by.field) : null,
      space: whole.rateLimits.indexOf(config) * 2,
      cells: directory.cells,
      refusalsAt,
      policy,
      lines: policy === null ? null : limitLines(name, policy),
    };
  }

  private fallbackOf(
    route: RouteConfig,
    whole: Config,
    guards: ReadonlyMap<string, UpstreamGuard>,
  ): CompiledFallback | null {
    const { fallback } = route;
    if (fallback === null) return null;
    const { respond, lastGood, upstream } = fallback;
    return {
      guard: upstream === null ? null : (guards.get(upstream) ?? null),
      breaker: upstream === null ? null : this.breakerOf(upstream, route, whole, guards),
      respond:
        respond === null
          ? null
          : prepareAnswer(Outcome.fallback, respond.status, respond.fields, Buffer.from(respond.body)),
      lastGood: lastGood === null ? null : new LastGood(lastGood.ageMaxMs, lastGood.entriesMax),
    };
  }
}
