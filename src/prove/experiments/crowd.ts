/**
 * Very many connections: how many processes each side needs for them under the descriptors of this machine, and the runs over
 * them. The generator uses its connections in turn, so all of them are in use and none is only held.
 */
import { planDefaults } from "../../load/mod.ts";
import type { Context, RunOptions } from "../context.ts";
import type { Measured } from "../measure.ts";
import type { Target, WeirOptions } from "../target/mod.ts";
import { type Text, textOf } from "../text.ts";
import { common } from "./messages.ts";

export interface CrowdSize {
  readonly count: number;
  /** What Weir is started with. */
  readonly options: Partial<WeirOptions> & { readonly workersCount: number };
  readonly processesCount: number;
  readonly sourceAddresses: readonly string[];
}

/** More processes than this on either side measure the scheduler. */
const processesMax = 16;
/** Descriptors that a process has beside its connections. */
const otherDescriptors = 400;
/** A worker keeps some for upstreams, and the kernel does not spread connections evenly. */
const spareRatio = 1.12;
/** Slow enough that no accept queue fills while the gateway's workers share their cores with the generator. */
export const connectPerSecond = 15_000;
/**
 * A socket bound to an address looks for a port among the odd ones of the lower half of the local range first, 7,058 by
 * default: at random, and in vain where all are taken, TIME_WAIT included. 7,500 from each address were opened at 400 a
 * second, 4,000 at 15,000.
 */
const connectionsPerAddress = 4000;
/**
 * Clients that share cores look for what is due every quarter of a millisecond times their number. A few such steps late is no fault
 * of theirs: every rung is as late, latencies hold it, and the A/A row says what it is worth.
 */
const clientStepUs = 250;
const stepsLateMax = 4;
/** Without a bound address the kernel chooses ports when it connects, and quickly so far. */
const unboundMax = 12_000;

export function crowdSize(context: Context, count: number): CrowdSize | Text {
  const limit = (context.machine.descriptorsMax ?? 1_048_576) - otherDescriptors;
  const workersNeeded = Math.ceil((count * spareRatio) / limit);
  const processesCount = Math.ceil(count / limit);
  const { unknown, workersCount } = context.options;
  if (Math.max(workersNeeded, processesCount) > processesMax) {
    const values = { limit: limit + otherDescriptors, count, workers: workersNeeded, max: processesMax };
    return textOf(common.fewDescriptors, values);
  }
  const addresses = count > unboundMax ? Math.ceil(count / connectionsPerAddress) : 0;
  if (addresses > 0 && unknown !== null && !unknown.isLocal) return textOf(common.remote, { count });
  return {
    count,
    options: { workersCount: Math.max(workersCount, workersNeeded), connectionsMax: Math.ceil(count * 1.05) },
    processesCount: Math.max(processesCount, Math.floor(context.machine.cores / 2), 1),
    sourceAddresses: context.freshAddresses(addresses),
  };
}

const closedCount = 10_000;
/** Of 10,000 callers at once most wait in a queue; here they do so for longer than a gateway's callers would by default. */
const callersWait = "4s";
/** So many connections cost more a request than the few of the knee: what they get at most is the measure of what they are asked for. */
const crowdShare = 1 / 3;
const shortMs = 2000;

/** As fast as 10,000 callers get their answers, or why there cannot be so many. */
export async function closedCrowd(context: Context, durationMs: number): Promise<Measured | Text> {
  const size = crowdSize(context, closedCount);
  if (!("count" in size)) return size;
  const options = { ...size.options, workersCount: context.options.workersCount, queueTimeout: callersWait };
  const measured = await context.withTarget(options, async (target) => {
    await context.warm(target);
    return await context.run(target, {
      durationMs: durationMs + 2000,
      warmupMs: 2000,
      connectionsCount: closedCount,
      connectTimeoutMs: 20_000,
      connectPerSecond,
    });
  });
  context.crowdPerSecond = measured.load.summary.requestsPerSecond;
  return measured;
}

/** The rate of runs over very many connections: a third of what 10,000 callers get. */
export async function crowdRate(context: Context): Promise<number> {
  if (context.crowdPerSecond === null) await closedCrowd(context, shortMs);
  return context.rateToHold("crowd", (context.crowdPerSecond ?? (await context.capacity())) * crowdShare);
}

/** Requests at a constant rate that go round all the connections. */
export async function runCrowd(
  context: Context,
  target: Target,
  size: CrowdSize,
  perSecond: number,
  durationMs: number,
  options: RunOptions = {},
  warmupMs = 2000,
): Promise<Measured> {
  const { count, processesCount, sourceAddresses } = size;
  return await context.run(
    target,
    {
      ratePerSecond: Math.max(1, Math.round(perSecond)),
      durationMs: durationMs + warmupMs,
      warmupMs,
      connectionsCount: count,
      processesCount: Math.min(processesCount, count),
      sourceAddresses,
      connectTimeoutMs: 20_000,
      connectPerSecond,
      pacing: context.pacingAt(target, perSecond, processesCount),
      health: { sendLagUsP99Max: Math.max(planDefaults.sendLagUsP99Max, stepsLateMax * clientStepUs * processesCount) },
    },
    options,
  );
}

/** Whether all connections were open; else why not. */
export function missingConnections({ load }: Measured, asked: number): Text | null {
  const open = load.generator.setup.connections;
  return open >= asked ? null : textOf(common.opened, { open, asked });
}
