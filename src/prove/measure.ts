/**
 * One load run with the accounts of everybody who took part in it: who used how much processor time, and what ran out first.
 * A figure without its limiter is half a figure.
 */
import { systemClock } from "../base/mod.ts";
import { buildPlan, type LoadHooks, type LoadPlan, type LoadResult, type PlanInput, runLoad } from "../load/mod.ts";
import { formatNumber } from "./format.ts";
import {
  allowedCores,
  bindTo,
  giveTurn,
  readMachineUse,
  readUse,
  type Standstill,
  type StandstillWatch,
} from "./machine/mod.ts";
import { messages } from "./messages.ts";
import { checkLittle, type LittleCheck, mean } from "./statistics/mod.ts";
import type { Target } from "./target/mod.ts";
import { joinTexts, type Text, textOf } from "./text.ts";

export interface Accounts {
  readonly seconds: number;
  /** Processor time in cores; null where it cannot be seen. */
  readonly gatewayCores: number | null;
  readonly upstreamCores: number | null;
  readonly generatorCores: number;
  /** Of the busiest client process: the share of a core that its sending thread used. */
  readonly generatorRatioMax: number;
  readonly machineBusyRatio: number | null;
  /** What programs that have no part in the run used, in cores; null where one of those that have cannot be seen. */
  readonly othersCores: number | null;
  readonly gatewayBytes: number | null;
  readonly workersCount: number;
  /** How long processors stood still meanwhile; null where that is not watched. */
  readonly standstill: Standstill | null;
}

export interface Measured {
  readonly load: LoadResult;
  readonly accounts: Accounts;
  readonly limiter: Text;
  /** It proves nothing: the generator was the limit, and more than late. */
  readonly isVoid: boolean;
  /**
   * What made the run harder than it should have been, where it proves something all the same: a generator that was late but sent
   * nearly everything, or other programs on the machine. Figures are then worse than the truth, never better. Null for a clean run
   * and for a void one.
   */
  readonly hindrance: Text | null;
  /** Of a closed loop without thinking, where the requests in flight are known: as many as connections. */
  readonly little: LittleCheck | null;
}

export interface MeasureOptions {
  readonly hooks?: LoadHooks;
  readonly cores: number;
  /** True where the gateway times itself, so that clients which share its cores may be late. */
  readonly givesWay?: boolean;
  readonly watch?: StandstillWatch | null;
}

/** Share of a core, or of all, from which on it counts as used up. */
const fullRatio = 0.9;

export async function measure(target: Target, input: PlanInput, options: MeasureOptions): Promise<Measured> {
  const plan = buildPlan(input);
  const workerIds = await target.workerIds();
  const { hooks, watch = null } = options;
  let before = takeUse(target, workerIds, watch);
  const cores = allowedCores();
  const load = await runLoad(plan, {
    ...hooks,
    onStart: (setup, processIds) => {
      // Several that cannot be made to wait would take the cores from whoever is to answer them.
      const isAlone = plan.load.kind === "open" && processIds.length <= options.cores / 2;
      const turn = options.givesWay === true ? "last" : isAlone ? "at-once" : "first";
      for (const id of processIds) giveTurn(id, turn);
      for (const id of [...processIds, process.pid]) bindTo(id, target.clientCores ?? cores);
      before = takeUse(target, workerIds, watch);
      hooks?.onStart?.(setup, processIds);
    },
    // What is started from here inherits it.
  }).finally(() => bindTo(process.pid, cores));
  const after = takeUse(target, workerIds, watch);
  const standstill = watch?.since(before.watchMs) ?? null;
  const accounts = accountsOf(before, after, load, { workersCount: workerIds.length, standstill });
  const isSpoiled = load.verdict.status === "void" && plan.health.isVoidable;
  const isVoid = isSpoiled && !(load.verdict.isOnlyLate && isGiven(load));
  const hindrances = [
    isSpoiled ? latenessOf(load) : null,
    plan.health.isVoidable ? disturbanceOf(accounts, options.cores) : null,
  ];
  const found = hindrances.filter((text) => text !== null);
  return {
    load,
    accounts,
    limiter: limiterOf(load, accounts, options.cores),
    isVoid,
    hindrance: isVoid || found.length === 0 ? null : joinTexts(found),
    little: littleOf(load, plan),
  };
}

/** Fewer callers than this spend a share of their time in the client's own hands, between an answer and the next request. */
const littleConnectionsMin = 64;

function littleOf({ summary, generator }: LoadResult, { load, connectionsCount }: LoadPlan): LittleCheck | null {
  if (load.kind === "open" || load.thinkMs > 0 || connectionsCount < littleConnectionsMin) return null;
  // Requests that failed were in flight too, but have no latency.
  if (summary.errors.total > 0) return null;
  return checkLittle(
    summary.requestsPerSecond,
    summary.serviceUs.mean / 1e6,
    generator.setup.connections,
    summary.measuredSeconds,
  );
}

interface UseAt {
  readonly atMs: number;
  readonly watchMs: number;
  readonly gateway: ReturnType<typeof readUse>;
  readonly upstream: ReturnType<typeof readUse>;
  readonly machine: ReturnType<typeof readMachineUse>;
}

function takeUse(target: Target, workerIds: readonly number[], watch: StandstillWatch | null): UseAt {
  return {
    atMs: systemClock.monotonicMs(),
    watchMs: watch?.now() ?? 0,
    gateway: readUse(workerIds),
    upstream: readUse(target.upstreamIds),
    machine: readMachineUse(),
  };
}

function accountsOf(
  before: UseAt,
  after: UseAt,
  load: LoadResult,
  known: Pick<Accounts, "workersCount" | "standstill">,
): Accounts {
  const seconds = Math.max(0.001, (after.atMs - before.atMs) / 1000);
  const cores = (name: "gateway" | "upstream"): number | null => {
    const [first, last] = [before[name], after[name]];
    return first === null || last === null ? null : Math.max(0, last.cpuSeconds - first.cpuSeconds) / seconds;
  };
  const total = (after.machine?.totalSeconds ?? 0) - (before.machine?.totalSeconds ?? 0);
  const { processes } = load.generator;
  const [gatewayCores, upstreamCores] = [cores("gateway"), cores("upstream")];
  const generatorCores = processes.reduce((sum, each) => sum + each.cpuAllRatio, 0);
  const isWhole = gatewayCores !== null && upstreamCores !== null && before.machine !== null && after.machine !== null;
  const programs = isWhole ? (after.machine.programSeconds - before.machine.programSeconds) / seconds : 0;
  return {
    seconds,
    gatewayCores,
    upstreamCores,
    generatorCores,
    othersCores: isWhole ? Math.max(0, programs - gatewayCores - upstreamCores - generatorCores) : null,
    generatorRatioMax: Math.max(0, ...processes.map((each) => each.cpuRatio)),
    machineBusyRatio: total <= 0 ? null : (after.machine!.busySeconds - before.machine!.busySeconds) / total,
    gatewayBytes: after.gateway?.residentBytes ?? null,
    ...known,
  };
}

/** Share of the schedule that must be answered in time for a rate to count as given. */
export const achievedRatioGoal = 0.99;

/** A late generator that sent less than it was asked for would hide what the rest does to the target. */
function isGiven({ summary }: LoadResult): boolean {
  return (summary.achievedRatio ?? 1) >= achievedRatioGoal;
}

function latenessOf({ summary, generator }: LoadResult): Text {
  const { achievedRatio, sendLagUs } = summary;
  const stall = formatNumber(Math.max(0, ...generator.processes.map((each) => each.stallMsMax)));
  if (achievedRatio === null) {
    const used = Math.max(0, ...generator.processes.map((each) => each.cpuRatio));
    return textOf(messages.slowGenerator, { percent: formatNumber(used * 100), stall });
  }
  const achieved = formatNumber(achievedRatio * 100);
  return textOf(messages.lateGenerator, { lag: formatNumber(sendLagUs.p99 / 1000), stall, achieved });
}

/** Supervisor, coordinator and kernel threads use some percent; more than this share of the machine is somebody else's work. */
const othersRatioMax = 0.2;

export function disturbanceOf({ othersCores }: Accounts, cores: number): Text | null {
  if (othersCores === null || othersCores <= cores * othersRatioMax) return null;
  return textOf(messages.disturbed, { percent: formatNumber((othersCores / cores) * 100) });
}

/**
 * While a processor stands still requests wait, and those that came meanwhile after it too: at 60 % of all processors about three
 * times as many. More than a tenth of what lies above P99 is the machine's then.
 */
const standstillRatioMax = 0.001;

/** Whether processors ran as good as all of the time. */
export function isStill({ standstill }: Accounts): boolean {
  return standstill === null || standstill.ratio <= standstillRatioMax;
}

/** What a standstill did to latencies, in words; null where there was none to speak of. */
export function standstillOf(accounts: Accounts): Text | null {
  if (isStill(accounts)) return null;
  const { ratio, msMax } = accounts.standstill!;
  return textOf(messages.standstill, { percent: formatNumber(ratio * 100), max: formatNumber(msMax) });
}

/** What ran out first, in the order in which it would spoil the figure. */
export function limiterOf(load: LoadResult, accounts: Accounts, cores: number): Text {
  const percent = (ratio: number): string => (ratio * 100).toFixed(0);
  const { gatewayCores, upstreamCores, machineBusyRatio, workersCount, generatorCores, othersCores } = accounts;
  const isMachineFull = machineBusyRatio !== null && machineBusyRatio > fullRatio;
  // A generator that is late on a machine without a free core is late because of that.
  if (load.verdict.status === "void" && !(load.verdict.isOnlyLate && isMachineFull)) {
    return textOf(messages.generatorLimit, { reasons: joinTexts(load.verdict.texts) });
  }
  if (isMachineFull) {
    return textOf(messages.machineLimit, {
      cores,
      percent: percent(machineBusyRatio),
      generator: percent(generatorCores),
      gateway: gatewayCores === null ? "?" : percent(gatewayCores),
      upstream: upstreamCores === null ? "?" : percent(upstreamCores),
      others: othersCores === null ? "?" : percent(othersCores),
    });
  }
  if (gatewayCores !== null && workersCount > 0 && gatewayCores / workersCount > fullRatio) {
    return textOf(messages.gatewayLimit, { percent: percent(gatewayCores / workersCount), workers: workersCount });
  }
  if (upstreamCores !== null && upstreamCores > fullRatio) {
    return textOf(messages.upstreamLimit, { percent: percent(upstreamCores) });
  }
  if (gatewayCores === null) return textOf(messages.unknownLimit);
  return textOf(messages.latencyLimit, { percent: machineBusyRatio === null ? "?" : percent(machineBusyRatio) });
}

/** The raw data of a run that belongs into a report: everything but the histograms. */
export function brief({ load, accounts, little }: Measured): Record<string, unknown> {
  const { summary, verdict, generator } = load;
  const { latencyUs, errors, requests, requestsPerSecond, targetPerSecond, achievedRatio, errorRatio } = summary;
  return {
    name: load.name,
    requests,
    requestsPerSecond,
    targetPerSecond,
    achievedRatio,
    errors,
    errorRatio,
    latencyUs,
    sendLagUsP99: summary.sendLagUs.p99,
    verdict,
    accounts,
    ...(little !== null && { little }),
    burstMax: generator.burstMax,
    cpuWaitRatio: mean(generator.processes.map((each) => each.cpuWaitRatio ?? 0)),
  };
}
