/** The measurements of bench/peers: rounds of every peer in an order drawn anew, and latency at a fixed rate. */
import { Random } from "../../src/base/mod.ts";
import type { LoadResult } from "../../src/load/mod.ts";
import {
  errorsOf,
  type Fleet,
  main,
  otherCore,
  type Peer,
  processorTime,
  runWrk,
  usedBetween,
  type WrkResult,
} from "../rig/mod.ts";

export interface Latency {
  readonly p50Us: number;
  readonly p99Us: number;
  readonly p999Us: number;
}

export interface Round extends Latency {
  readonly requests: number;
  readonly requestsPerSecond: number;
  readonly errors: number;
  /** Processor time of the serving processes for each request, and its two parts. */
  readonly cpuUsPerRequest: number;
  readonly userUsPerRequest: number;
  readonly systemUsPerRequest: number;
  /** The same of the processes that only watch. */
  readonly supervisorUsPerRequest: number;
  /** How much of its core the peer used: below 1, something else was the limit. */
  readonly coreRatio: number;
}

export interface RateRound extends Latency {
  readonly perSecond: number;
  /** What was really sent; a generator that cannot keep the rate shows here. */
  readonly achievedPerSecond: number;
  readonly errors: number;
  readonly cpuUsPerRequest: number;
  /** What the generator says of its own run. */
  readonly warnings: readonly string[];
}

export interface Plan {
  readonly rounds: number;
  readonly seconds: number;
  readonly connections: number;
  readonly seed: number;
  /** Of runs at a fixed rate: how long the generator runs before what counts. */
  readonly warmupSeconds?: number;
}

export type Progress = (done: number, of: number, what: string) => void;

/** Runs `measure` for every peer once a round, in an order drawn anew for each. The first call for each warms it up. */
export async function interleave<T>(
  peers: readonly Peer[],
  { rounds, seed }: Plan,
  measure: (peer: Peer) => Promise<T>,
  progress: Progress,
): Promise<Map<string, T[]>> {
  const random = new Random(seed);
  const results = new Map<string, T[]>(peers.map(({ name }) => [name, []]));
  const of = (rounds + 1) * peers.length;
  let done = 0;
  for (let round = -1; round < rounds; round++) {
    for (const peer of shuffled(peers, random)) {
      progress(done, of, peer.name);
      const result = await measure(peer);
      if (round >= 0) results.get(peer.name)!.push(result);
      done++;
    }
  }
  progress(of, of, "");
  return results;
}

function shuffled<T>(list: readonly T[], random: Random): T[] {
  const drawn = [...list];
  for (let i = drawn.length - 1; i > 0; i--) {
    const other = random.uint32() % (i + 1);
    [drawn[i], drawn[other]] = [drawn[other]!, drawn[i]!];
  }
  return drawn;
}

/** One closed-loop run: as fast as the peer answers. */
export async function measureClosed(fleet: Fleet, peer: Peer, plan: Plan, retries = 3): Promise<Round> {
  const { connections, seconds } = plan;
  const before = processorTime(peer.serving);
  const supervisorBefore = processorTime(peer.supervising);
  const wrk = await runWrk(fleet, { url: peer.url, connections, seconds });
  if (wrk.requests === 0) return retry(peer, wrk, retries, (left) => measureClosed(fleet, peer, plan, left));
  const used = usedBetween(before, processorTime(peer.serving));
  const supervisor = usedBetween(supervisorBefore, processorTime(peer.supervising));
  const { requests, durationUs, p50Us, p99Us, p999Us } = wrk;
  return {
    requests,
    requestsPerSecond: (requests / durationUs) * 1e6,
    errors: errorsOf(wrk),
    p50Us,
    p99Us,
    p999Us,
    cpuUsPerRequest: used.totalUs / requests,
    userUsPerRequest: used.userUs / requests,
    systemUsPerRequest: used.systemUs / requests,
    supervisorUsPerRequest: supervisor.totalUs / requests,
    coreRatio: used.totalUs / durationUs,
  };
}

/** On a crowded machine a short run may end before its first answer: that measured nothing. */
async function retry(
  peer: Peer,
  wrk: WrkResult,
  retries: number,
  again: (retries: number) => Promise<Round>,
): Promise<Round> {
  if (retries > 0) return await again(retries - 1);
  throw new Error(
    `${peer.name} answered nothing: ${JSON.stringify(wrk)}; use a longer --duration, or a machine with less to do. ` +
      `It printed:\n${peer.program.printed().slice(-2000)}`,
  );
}

/** One open-loop run at a rate that does not wait for answers, by `weir load`. */
export async function measureAtRate(fleet: Fleet, peer: Peer, plan: Plan, perSecond: number): Promise<RateRound> {
  const before = processorTime(peer.serving);
  const { seconds, warmupSeconds = 0 } = plan;
  const words = [
    "--rate",
    perSecond.toFixed(0),
    "--duration",
    `${seconds + warmupSeconds}s`,
    "--warmup",
    `${warmupSeconds}s`,
    "--connections",
    `${plan.connections}`,
  ];
  const program = [
    process.execPath,
    main,
    "load",
    peer.url,
    ...words,
    "--processes",
    "1",
    // Waiting precisely would take the core that the backend shares.
    "--pacing",
    "timer",
    "--health",
    "warn",
    "--json",
  ];
  const printed = await fleet.run(otherCore, program);
  const { summary, verdict } = JSON.parse(printed.slice(printed.indexOf("{"))) as LoadResult;
  return {
    perSecond,
    achievedPerSecond: summary.requestsPerSecond,
    errors: summary.errors.total,
    p50Us: summary.latencyUs.p50,
    p99Us: summary.latencyUs.p99,
    p999Us: summary.latencyUs.p999,
    cpuUsPerRequest: usedBetween(before, processorTime(peer.serving)).totalUs / summary.requests,
    warnings: verdict.warnings,
  };
}
