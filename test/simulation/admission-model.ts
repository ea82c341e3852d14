/**
 * Admission policies under the same arrivals, in a model: a gate with lanes in front of an upstream of `servers` servers
 * that take requests in their order, service times lognormal, arrivals Poisson, 7:2:1 queries, orders and cancels. The
 * gate and the policies are the ones of the gateway. A model predicts; the macro benchmarks measure.
 */
import { Random } from "../../src/base/mod.ts";
import { burstWaitMsDefault, Lane, LaneGate, type LaneNode, laneDefaults } from "../../src/lanes/mod.ts";
import { type AdmissionSettings, admissionDefaults, makeAdmission } from "../../src/resilience/mod.ts";
import { EventHeap } from "./event-heap.ts";

/** One part of a scenario, seconds long, with a steady offered rate and pace of the upstream. */
export interface Phase {
  readonly seconds: number;
  readonly perSecond: number;
  /** Service times are multiplied by this; Infinity: the upstream stands still. */
  readonly slowness?: number;
  /** The gateway stands still; what happens meanwhile it sees in its order, all of it at the end. */
  readonly isGatewayStill?: boolean;
}

export interface Scenario {
  readonly name: string;
  readonly servers: number;
  readonly serviceMs: number;
  readonly sigma: number;
  /** An answer later than this is worth nothing. */
  readonly sloMs: number;
  readonly timeoutMs: number;
  readonly phases: readonly Phase[];
}

/** What happened to the requests that arrived in one second of the run. */
export interface Second {
  readonly offered: number[];
  readonly good: number[];
  readonly refused: number[];
  /** Latencies of answered requests by lane, milliseconds. */
  readonly latencies: number[][];
}

class Call implements LaneNode<Call> {
  laneNext: Call | null = null;
  lanePrevious: Call | null = null;
  laneWaiting = false;
  lane: Lane;
  laneArrivedUs: number;
  laneDeadlineUs = Number.POSITIVE_INFINITY;
  /** When it was sent; the gateway may see it later. */
  readonly dueUs: number;
  readonly work: number;
  startedUs = 0;
  isDrop = false;

  constructor(lane: Lane, dueUs: number, work: number) {
    this.lane = lane;
    this.dueUs = dueUs;
    this.laneArrivedUs = dueUs;
    this.work = work;
  }
}

const tickUs = 10_000;

/** What the gateway has by default. */
const gateDefaults = {
  lanes: laneDefaults,
  burstWaitMs: burstWaitMsDefault,
  targetMs: admissionDefaults.targetMs,
  reserve: 0.05,
  pressure: null,
};

/** Runs a scenario under a policy; the same seed gives the same arrivals and work to every policy. */
export function runAdmission(scenario: Scenario, change: Partial<AdmissionSettings>, seed: number): Second[] {
  const random = new Random(seed);
  const gaussian = (): number => Math.sqrt(-2 * Math.log(1 - random.unit())) * Math.cos(2 * Math.PI * random.unit());
  const seconds: Second[] = [];
  const free = new Float64Array(scenario.servers);
  const ends = new EventHeap<Call>();
  const secondOf = (atUs: number): Second => {
    const index = Math.floor(atUs / 1e6);
    while (seconds.length <= index) seconds.push(emptySecond());
    return seconds[index]!;
  };
  const pace = paceOf(scenario.phases);
  const seenAt = sightOf(scenario.phases);
  const start = (call: Call, nowUs: number): void => {
    let server = 0;
    for (let other = 1; other < free.length; other++) if (free[other]! < free[server]!) server = other;
    const beginUs = Math.max(nowUs, free[server]!);
    const endUs = pace(beginUs, call.work);
    free[server] = endUs;
    call.startedUs = nowUs;
    call.isDrop = endUs - nowUs > scenario.timeoutMs * 1000;
    ends.push(call.isDrop ? nowUs + scenario.timeoutMs * 1000 : endUs, call);
  };
  const refuse = (call: Call): void => {
    secondOf(call.dueUs).refused[call.lane]! += 1;
  };
  const admission = makeAdmission({ ...admissionDefaults, ...change }, 0);
  const gate = new LaneGate<Call>({ admission, ...gateDefaults, start, refuse });
  let nextTickUs = tickUs;
  const advance = (untilUs: number): void => {
    while (Math.min(ends.nextAt, nextTickUs) <= untilUs) {
      if (nextTickUs < ends.nextAt) {
        const atUs = seenAt(nextTickUs);
        gate.tick(atUs);
        nextTickUs = atUs + tickUs;
        continue;
      }
      const nowUs = seenAt(ends.nextAt);
      const call = ends.pop();
      const second = secondOf(call.dueUs);
      const latencyMs = (nowUs - call.dueUs) / 1000;
      second.latencies[call.lane]!.push(latencyMs);
      if (!call.isDrop && latencyMs <= scenario.sloMs) second.good[call.lane]! += 1;
      gate.leave(call, nowUs, nowUs - call.startedUs, call.isDrop);
    }
  };
  const location = Math.log(scenario.serviceMs * 1000) - scenario.sigma ** 2 / 2;
  let nowUs = 0;
  let endUs = 0;
  for (const phase of scenario.phases) {
    endUs += phase.seconds * 1e6;
    for (nowUs += random.exponential(1e6 / phase.perSecond); nowUs < endUs; ) {
      advance(nowUs);
      const draw = random.unit();
      const lane = draw < 0.1 ? Lane.cancel : draw < 0.3 ? Lane.order : Lane.query;
      const call = new Call(lane, nowUs, Math.exp(location + scenario.sigma * gaussian()));
      secondOf(nowUs).offered[lane]! += 1;
      const atUs = seenAt(nowUs);
      const verdict = gate.enter(call, lane, atUs, call.laneDeadlineUs);
      if (verdict === 0) start(call, atUs);
      else if (verdict > 1) refuse(call);
      nowUs += random.exponential(1e6 / phase.perSecond);
    }
    nowUs = endUs;
  }
  advance(endUs + 60e6);
  return seconds.slice(0, Math.ceil(endUs / 1e6));
}

/** When work begun at a moment is done, with the upstream's pace changing and standing still by phases. */
function paceOf(phases: readonly Phase[]): (beginUs: number, workUs: number) => number {
  let at = 0;
  const parts = phases.map((phase) => {
    at += phase.seconds * 1e6;
    return { endUs: at, slowness: phase.slowness ?? 1 };
  });
  return (beginUs, workUs) => {
    let nowUs = beginUs;
    let left = workUs;
    for (const part of parts) {
      if (part.endUs <= nowUs) continue;
      const needed = left * part.slowness;
      if (nowUs + needed <= part.endUs) return nowUs + needed;
      left -= (part.endUs - nowUs) / part.slowness;
      nowUs = part.endUs;
    }
    return nowUs + left;
  };
}

/** When the gateway sees what happens at a moment. */
function sightOf(phases: readonly Phase[]): (atUs: number) => number {
  let at = 0;
  const blind = phases.flatMap(({ seconds, isGatewayStill = false }) => {
    const fromUs = at;
    at += seconds * 1e6;
    return isGatewayStill ? [{ fromUs, toUs: at }] : [];
  });
  return (atUs) => blind.find(({ fromUs, toUs }) => atUs >= fromUs && atUs < toUs)?.toUs ?? atUs;
}

function emptySecond(): Second {
  const zeros = (): number[] => [0, 0, 0, 0];
  return { offered: zeros(), good: zeros(), refused: zeros(), latencies: [[], [], [], []] };
}
