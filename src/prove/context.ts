/** What an experiment is given: the target, the profile, chance, and what earlier experiments found. */
import { Random, WeirError } from "../base/mod.ts";
import { ClientProcesses, type LoadHooks, type PlanInput } from "../load/mod.ts";
import { type Fingerprint, StandstillWatch } from "./machine/mod.ts";
import { achievedRatioGoal, type Measured, measure } from "./measure.ts";
import type { Profile } from "./profile.ts";
import { type SearchResult, searchRate, type TrialOutcome } from "./statistics/mod.ts";
import { type OwnTarget, startWeir, type Target, type WeirOptions } from "./target/mod.ts";
import type { Text } from "./text.ts";

/** The regulator's limit, and W-01's goal. */
export const latencyGoalUs = 10_000;
/** Of a trial: RFC 9411 calls a rate sustained with fewer failed transactions than this. */
export const errorRatioGoal = 1e-5;

export interface ContextOptions {
  readonly profile: Profile;
  readonly seed: number;
  readonly machine: Fingerprint;
  /** Null for Weir, which every experiment starts as it needs it. */
  readonly unknown: Target | null;
  readonly signal: AbortSignal;
  /** Rate that the soak holds and the rated load of W-01, per second. */
  readonly soakPerSecond: number;
  /** Worker processes of Weir; half the cores leaves the others to generator and upstream. */
  readonly workersCount: number;
  /** The knee as an earlier run found it, instead of a search; null to search where it is needed. */
  readonly kneePerSecond: number | null;
  /** Of a run that is repeated: the rates its experiments held, by name. */
  readonly heldBefore?: HeldRates;
  /** True turns runs in which the generator was the limit into warnings: for looking, never for a verdict to show. */
  readonly toleratesGenerator: boolean;
  readonly onStep: (text: Text) => void;
}

/** Requests per second, by what holds them. */
export type HeldRates = Readonly<Record<string, number>>;

export interface RunOptions extends LoadHooks {
  /** True where the gateway times itself, so that clients which share its cores may be late. */
  readonly givesWay?: boolean;
}

/** One trial of a search. */
export interface RateTrial {
  /** Asked for, per second. */
  readonly rate: number;
  readonly measured: Measured;
  readonly outcome: TrialOutcome;
}

export interface SearchLimits {
  readonly widthRatio: number;
  readonly trialsPerRate: number;
  readonly trialMs: number;
}

/** Connections of open-loop runs: many enough not to be the limit, few enough to stay warm. */
export const openConnectionsCount = 256;
/** Trials of a search that are held again at most, because the machine stood still. */
const repeatsMax = 6;
const warmupMs = 1000;
const warmMs = 1000;
const compileMs = 1000;
/** A client that waits precisely goes round for so long before each request. */
const spinSeconds = 80e-6;
/** Of all cores, by all clients together. */
const spinRatioMax = 0.125;
/** An answer that takes longer is a failure in any trading system; waiting longer only lengthens runs. */
const timeoutMs = 5000;

export class Context {
  readonly profile: Profile;
  readonly options: ContextOptions;
  readonly machine: Fingerprint;
  /** What the `knee` experiment found, or a short search if another needs it first. */
  kneePerSecond: number | null;
  /** What 10,000 callers get, when an experiment has asked. */
  crowdPerSecond: number | null = null;
  /** Of the trading mix, when an experiment has sought it. */
  tradingKnee: SearchResult | null = null;
  /** What experiments have held until now. */
  readonly held: Record<string, number> = {};
  private readonly started: OwnTarget[] = [];
  private trading: OwnTarget | null = null;
  /** Compiled and running from the first experiment on: a trial of a second should not measure how a client starts. */
  private readonly clients = new ClientProcesses();
  /** Undefined before the first run that it is for, null where it cannot be. */
  private watch: StandstillWatch | null | undefined;
  private addressesCount = 0;

  constructor(options: ContextOptions) {
    this.options = options;
    this.profile = options.profile;
    this.machine = options.machine;
    this.kneePerSecond = options.kneePerSecond;
  }

  /** A generator of its own for each use, so that experiments do not disturb each other's draws. */
  random(name: string): Random {
    return new Random(this.options.seed ^ Number(Bun.hash.crc32(name)));
  }

  /**
   * The rate for something to hold. Latencies at another rate are other latencies, so where a run is repeated it is the one of
   * then, whatever was found now.
   */
  rateToHold(name: string, found: number): number {
    const rate = this.options.heldBefore?.[name] ?? found;
    this.held[name] = rate;
    return rate;
  }

  /** Loopback addresses that no earlier run of this suite has used: theirs have ports in TIME_WAIT for a minute. */
  freshAddresses(count: number): string[] {
    return Array.from({ length: count }, () => {
      this.addressesCount += 1;
      return `127.1.${Math.floor(this.addressesCount / 250)}.${1 + (this.addressesCount % 250)}`;
    });
  }

  step(text: Text): void {
    this.options.signal.throwIfAborted();
    this.options.onStep(text);
  }

  /** Runs with a target: the one that was given, or a Weir started for this and ended after it. */
  async withTarget<T>(options: Partial<WeirOptions>, use: (target: Target) => Promise<T>): Promise<T> {
    const { unknown } = this.options;
    if (unknown !== null) return await use(unknown);
    return await this.withWeir(options, use);
  }

  /** As `withTarget`, for what only works on a gateway that we started. */
  async withWeir<T>(options: Partial<WeirOptions>, use: (target: OwnTarget) => Promise<T>): Promise<T> {
    if (this.trading !== null) await this.stop(this.trading);
    const target = await this.start(options);
    try {
      return await use(target);
    } finally {
      await this.stop(target);
    }
  }

  /**
   * Runs with the gateway of the trading mix, which stays for the next that asks until another is started: its knee is what it can
   * do when it is warm, and one that has just been started compiles its code for seconds of load.
   */
  async withTradingWeir<T>(use: (target: OwnTarget) => Promise<T>): Promise<T> {
    this.trading ??= await this.start({ admission: true, hasOwnCores: true });
    return await use(this.trading);
  }

  private async start(options: Partial<WeirOptions>): Promise<OwnTarget> {
    const target = await startWeir({ workersCount: this.options.workersCount, ...options });
    this.started.push(target);
    return target;
  }

  private async stop(target: OwnTarget): Promise<void> {
    this.started.splice(this.started.indexOf(target), 1);
    if (this.trading === target) this.trading = null;
    await target.stop();
  }

  get isWeir(): boolean {
    return this.options.unknown === null;
  }

  /** A run of load. An interrupt ends it and the experiment with it. */
  async run(target: Target, input: Partial<PlanInput>, options: RunOptions = {}): Promise<Measured> {
    const measured = await this.runToInterrupt(target, input, options);
    this.options.signal.throwIfAborted();
    return measured;
  }

  /** As `run`, but what was measured until an interrupt is the result; its verdict says that it was cut short. */
  async runToInterrupt(
    target: Target,
    input: Partial<PlanInput>,
    { givesWay = false, ...hooks }: RunOptions = {},
  ): Promise<Measured> {
    const { signal, seed, toleratesGenerator } = this.options;
    signal.throwIfAborted();
    const health = { ...(toleratesGenerator && { isVoidable: false }), ...input.health };
    const tls = target.tls !== undefined && target.url.startsWith("https:") ? { tls: target.tls } : {};
    const whole: PlanInput = { url: target.url + target.path, seed, timeoutMs, ...tls, ...input, health };
    // Elsewhere the target's processors are others.
    if (target.isLocal && this.watch === undefined) this.watch = StandstillWatch.start();
    return await measure(target, whole, {
      watch: target.isLocal ? (this.watch ?? null) : null,
      hooks: { signal, clients: this.clients, ...hooks },
      cores: this.machine.cores,
      givesWay,
    });
  }

  /** As `atRate`, without a warm-up: on a target that has been busy until now. */
  trial(target: Target, perSecond: number, durationMs: number, more: Partial<PlanInput> = {}): Promise<Measured> {
    return this.atRate(target, perSecond, durationMs, more, 0);
  }

  /** Requests at a constant rate for so long, after a warm-up that does not count. */
  atRate(
    target: Target,
    perSecond: number,
    durationMs: number,
    more: Partial<PlanInput> = {},
    leadMs = warmupMs,
  ): Promise<Measured> {
    return this.run(target, {
      ratePerSecond: Math.max(1, Math.round(perSecond)),
      durationMs: durationMs + leadMs,
      warmupMs: leadMs,
      connectionsCount: openConnectionsCount,
      pacing: this.pacingAt(target, perSecond),
      ...more,
    });
  }

  /**
   * How clients wait for the next request. Precisely means going round for the last 80 us, which above a few thousand
   * requests a second of a process is a large part of a processor: taken from a target on the same machine, it would measure
   * the waiting. There they sleep for short fixed times, and requests leave and answers are read in such steps.
   */
  pacingAt(target: Target, perSecond: number, processesCount = 1): "auto" | "frugal" {
    const { cores } = this.machine;
    const isCrowded = perSecond * spinSeconds > cores * spinRatioMax || processesCount > Math.max(1, cores / 2);
    return target.isLocal && isCrowded ? "frugal" : "auto";
  }

  /** Starts what is cold: pools, caches of the kernel, and code, which each worker compiles for about a second. */
  async warm(target: Target, load: Partial<PlanInput> = {}): Promise<Measured> {
    const durationMs = warmMs + compileMs * Math.max(1, (await target.workerIds()).length);
    return await this.run(target, { durationMs, connectionsCount: 64, health: { isVoidable: false }, ...load });
  }

  /** Finds the largest rate that meets the goal. */
  async searchKnee(
    target: Target,
    first: number,
    limits: SearchLimits,
    onTrial: (trial: RateTrial) => void,
    load: Partial<PlanInput> = {},
  ): Promise<SearchResult> {
    const settings = { first, min: 50, max: 2_000_000, trialsMax: 60, ...limits };
    let repeatsCount = 0;
    return await searchRate(settings, async (rate) => {
      const measured = await this.trial(target, rate, limits.trialMs, load);
      // A trial in which the generator gave out bounds the search like any miss; its caller says that the bound is not the target's.
      const found = trialOutcome(measured);
      const outcome = found === "again" && repeatsCount === repeatsMax ? "missed" : found;
      if (outcome === "again") repeatsCount += 1;
      onTrial({ rate, measured, outcome });
      return outcome;
    });
  }

  /** The knee, from the experiment where it ran, else from a short search. */
  async capacity(): Promise<number> {
    if (this.kneePerSecond !== null) return this.kneePerSecond;
    const found = await this.withTarget({ hasOwnCores: true }, async (target) => {
      const warm = await this.warm(target);
      const limits = { widthRatio: 0.25, trialsPerRate: 1, trialMs: Math.min(1500, this.profile.kneeTrialMs) };
      return await this.searchKnee(target, warm.load.summary.requestsPerSecond / 2, limits, () => {});
    });
    if (found.lower === null) {
      throw new WeirError("prove.no-capacity", "no rate was found that the target answers within the goal", {
        hint: "run 'weir prove knee' to see why",
        exitCode: 4,
      });
    }
    this.kneePerSecond = found.lower;
    return found.lower;
  }

  async close(): Promise<void> {
    await Promise.all([this.clients.close(), this.watch?.stop(), ...this.started.map((target) => target.stop())]);
  }
}

/**
 * What a trial says of its rate by W-01's goal: everything answered in time, without errors, P99 within the limit. No request waits
 * longer for a server that stops for some time than without the stop and that time (Lindley's recursion), so a miss by less than
 * processors stood still says nothing.
 */
export function trialOutcome({ load, accounts }: Pick<Measured, "load" | "accounts">): TrialOutcome {
  const { achievedRatio, errorRatio, latencyUs } = load.summary;
  if (errorRatio > errorRatioGoal) return "missed";
  const stoodRatio = accounts.standstill?.ratio ?? 0;
  const stoodUs = stoodRatio * accounts.seconds * 1e6;
  const isWithin = (ratio: number, p99Us: number): boolean => ratio >= achievedRatioGoal && p99Us <= latencyGoalUs;
  if (isWithin(achievedRatio ?? 1, latencyUs.p99)) return "met";
  return isWithin((achievedRatio ?? 1) + stoodRatio, latencyUs.p99 - stoodUs) ? "again" : "missed";
}
