/**
 * Weir beside other gateways: nginx, HAProxy, Go's ReverseProxy, fasthttp, and the bare runtime as the floor. Each serves on
 * core 0; the backend and the generator share core 1. All run at once and are measured in turn, in an order drawn anew for
 * each round, so that what drifts in the machine drifts for all.
 *
 *     bun bench/peers/peers.ts
 *     bun bench/peers/peers.ts --rounds 3 --duration 2 --peers weir-exclusive,nginx --json > peers.json
 *
 * Processor time is the kernel's account of the serving processes (workers, threads); supervisors are shown apart. Ratios
 * are taken within a round, and told as their median with the extremes. Where `core` is below 100 % the generator's core was
 * the limit, so requests per second say nothing about the peer, and its processor time per request a little too much, for a
 * peer that waits gathers less per system call. The open-loop runs ask every peer for the same rate, a share of nginx's peak.
 *
 * Weir runs with metrics on, and adds what it always adds to a forwarded request (Via, Forwarded, an id, a trace); the
 * others add nothing, Go's one field.
 */
import { parseArgs } from "node:util";
import {
  describe,
  Fleet,
  type Machine,
  machine,
  type Peer,
  peerNames,
  ratiosOf,
  type Spread,
  servingCore,
  showSpread,
  spreadOf,
  startBackend,
  startPeer,
  table,
} from "../rig/mod.ts";
import { interleave, measureAtRate, measureClosed, type Plan, type RateRound, type Round } from "./measure.ts";

export interface PeersOptions extends Plan {
  readonly peers: readonly string[];
  /** Share of nginx's peak for the open-loop runs; 0 leaves them out. */
  readonly rateOfPeak: number;
  readonly rateRounds: number;
}

export interface PeerFindings {
  readonly name: string;
  readonly version: string;
  readonly rounds: readonly Round[];
  readonly atRate: readonly RateRound[];
  /** Over nginx's, round by round; null without nginx. */
  readonly cpuOverNginx: Spread | null;
  readonly p99AtRateOverNginx: Spread | null;
}

export interface Findings {
  readonly schema: "weir-peers/1";
  readonly machine: Machine;
  readonly options: PeersOptions;
  readonly peers: readonly PeerFindings[];
}

const reference = "nginx";

/** Starts everything, measures, ends everything. */
export async function comparePeers(options: PeersOptions, tell: (line: string) => void): Promise<Findings> {
  const described = machine();
  const fleet = new Fleet();
  try {
    const backendPort = await startBackend(fleet);
    const peers: Peer[] = [];
    for (const name of options.peers) {
      tell(`starting ${name}`);
      peers.push(await startPeer(name, { fleet, backendPort, core: servingCore, workers: 1, connectionsMax: 4096 }));
    }
    const progress = progressTeller(tell);
    const closed = await interleave(peers, options, (peer) => measureClosed(fleet, peer, options), progress);
    const peak = closed.get(reference);
    const perSecond =
      peak === undefined ? 0 : options.rateOfPeak * spreadOf(peak.map((round) => round.requestsPerSecond)).median;
    const ratePlan = { ...options, rounds: options.rateRounds };
    const measure = (peer: Peer): Promise<RateRound> => measureAtRate(fleet, peer, options, perSecond);
    const atRate = perSecond > 0 ? await interleave(peers, ratePlan, measure, progressTeller(tell)) : new Map();
    const findings = peers.map((peer) => findingsOf(peer, closed, atRate));
    return { schema: "weir-peers/1", machine: described, options, peers: findings };
  } finally {
    await fleet.close();
  }
}

function findingsOf(
  { name, version }: Peer,
  closed: ReadonlyMap<string, readonly Round[]>,
  atRate: ReadonlyMap<string, readonly RateRound[]>,
): PeerFindings {
  const rounds = closed.get(name)!;
  const rateRounds = atRate.get(name) ?? [];
  const cpu = (list: readonly Round[]): number[] => list.map((round) => round.cpuUsPerRequest);
  const p99 = (list: readonly RateRound[]): number[] => list.map((round) => round.p99Us);
  const nginx = closed.get(reference);
  const nginxAtRate = atRate.get(reference) ?? [];
  return {
    name,
    version,
    rounds,
    atRate: rateRounds,
    cpuOverNginx: nginx === undefined ? null : ratiosOf(cpu(rounds), cpu(nginx)),
    p99AtRateOverNginx: nginxAtRate.length === 0 ? null : ratiosOf(p99(rateRounds), p99(nginxAtRate)),
  };
}

/** Says where it stands and how long it will take, at most every two seconds. */
function progressTeller(tell: (line: string) => void): (done: number, of: number, what: string) => void {
  const startMs = performance.now();
  let lastMs = 0;
  return (done, of, what) => {
    const nowMs = performance.now();
    if (done === 0 || nowMs - lastMs < 2000) return;
    lastMs = nowMs;
    const leftSeconds = (((nowMs - startMs) / done) * (of - done)) / 1000;
    tell(`${done} of ${of} runs, ${leftSeconds.toFixed(0)} s left ${what}`);
  };
}

/** The tables for people. */
export function render({ machine: where, options, peers }: Findings): string {
  const { rounds, seconds, connections, seed } = options;
  const parts = [
    describe(where),
    `${rounds} rounds of ${seconds} s, ${connections} connections, seed ${seed}; medians, ratios with (least-most)`,
    table([closedHeading, ...peers.map(closedRow)]),
  ];
  const [first] = peers;
  if (first !== undefined && first.atRate.length > 0) {
    const rate = first.atRate[0]!.perSecond.toFixed(0);
    const share = (options.rateOfPeak * 100).toFixed(0);
    parts.push(`open loop at ${rate} requests/s, ${share} % of nginx's peak; ${options.rateRounds} rounds`);
    parts.push(table([rateHeading, ...peers.map(rateRow)]));
    const warnings = new Set(peers.flatMap(({ atRate }) => atRate.flatMap((round) => round.warnings)));
    if (warnings.size > 0) parts.push(`the generator said: ${[...warnings].slice(0, 3).join("; ")}`);
  }
  return parts.join("\n\n");
}

const closedHeading = [
  "peer",
  "version",
  "requests/s",
  "core",
  "CPU us/request",
  "user",
  "system",
  "supervisor",
  "P50 us",
  "P99 us",
  "P99.9 us",
  "CPU / nginx's",
  "errors",
];

function closedRow({ name, version, rounds, cpuOverNginx }: PeerFindings): string[] {
  const middle = (figure: keyof Round): number => spreadOf(rounds.map((round) => round[figure])).median;
  return [
    name,
    version,
    middle("requestsPerSecond").toFixed(0),
    `${(middle("coreRatio") * 100).toFixed(0)} %`,
    middle("cpuUsPerRequest").toFixed(2),
    middle("userUsPerRequest").toFixed(2),
    middle("systemUsPerRequest").toFixed(2),
    middle("supervisorUsPerRequest").toFixed(2),
    middle("p50Us").toFixed(0),
    middle("p99Us").toFixed(0),
    middle("p999Us").toFixed(0),
    cpuOverNginx === null ? "-" : showSpread(cpuOverNginx, 3),
    String(rounds.reduce((sum, { errors }) => sum + errors, 0)),
  ];
}

const rateHeading = ["peer", "achieved/s", "P50 us", "P99 us", "P99.9 us", "CPU us/request", "P99 / nginx's", "errors"];

function rateRow({ name, atRate, p99AtRateOverNginx }: PeerFindings): string[] {
  const middle = (figure: Exclude<keyof RateRound, "warnings">): number =>
    spreadOf(atRate.map((round) => round[figure])).median;
  return [
    name,
    middle("achievedPerSecond").toFixed(0),
    middle("p50Us").toFixed(0),
    middle("p99Us").toFixed(0),
    middle("p999Us").toFixed(0),
    middle("cpuUsPerRequest").toFixed(2),
    p99AtRateOverNginx === null ? "-" : showSpread(p99AtRateOverNginx, 3),
    String(atRate.reduce((sum, { errors }) => sum + errors, 0)),
  ];
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      rounds: { type: "string", default: "10" },
      duration: { type: "string", default: "3" },
      connections: { type: "string", default: "256" },
      peers: { type: "string", default: peerNames.join(",") },
      "rate-of-peak": { type: "string", default: "0.7" },
      "rate-rounds": { type: "string", default: "5" },
      seed: { type: "string", default: String(Math.floor(performance.now() * 1000) % 1_000_000) },
      json: { type: "boolean", default: false },
    },
  });
  const findings = await comparePeers(
    {
      rounds: Number(values.rounds),
      seconds: Number(values.duration),
      connections: Number(values.connections),
      peers: values.peers.split(","),
      rateOfPeak: Number(values["rate-of-peak"]),
      rateRounds: Number(values["rate-rounds"]),
      seed: Number(values.seed),
    },
    (line) => console.error(line),
  );
  console.log(values.json ? JSON.stringify(findings, null, 2) : render(findings));
}
