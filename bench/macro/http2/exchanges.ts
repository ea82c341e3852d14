/**
 * HTTP/2 in, HTTP/1.1 and HTTP/2 out: requests of a core of Weir beside nginx, which can only do the first.
 *
 *     bun bench/macro/http2/exchanges.ts [--rounds 7] [--duration 3] [--connections 32] [--streams 16]
 *
 * The bars: HTTP/2 in and HTTP/1.1 out, at least 1.7 times nginx; HTTP/2 out, at least the rate of HTTP/1.1 out. Everything is
 * in the clear and each gateway has one core, h2load and the backend the other one. The rate of a core is what its processor
 * time per request gives, so that it does not matter whether the generator could have done more; ratios are of the same round.
 */
import { parseArgs } from "node:util";
import { interleave, type Plan } from "../../peers/measure.ts";
import {
  describe,
  Fleet,
  type Machine,
  machine,
  type Peer,
  processorTime,
  ratiosOf,
  runH2load,
  servingCore,
  showSpread,
  spreadOf,
  startBackend,
  startPeer,
  table,
  usedBetween,
} from "../../rig/mod.ts";

export interface ExchangeRound {
  readonly requests: number;
  readonly errors: number;
  readonly requestsPerSecond: number;
  readonly cpuUsPerRequest: number;
  readonly userUsPerRequest: number;
  /** How much of its core the gateway used. */
  readonly coreRatio: number;
}

export interface ExchangeOptions extends Plan {
  readonly streams: number;
}

const names = ["nginx", "weir-exclusive", "weir-pipelined", "weir-multiplexed"] as const;
/** nginx speaks HTTP/1.1 to its upstreams: the first is the bar of those that do the same, the second of HTTP/2. */
const bars: Readonly<Record<string, readonly [to: string, ratio: number]>> = {
  "weir-exclusive": ["nginx", 1.7],
  "weir-multiplexed": ["weir-exclusive", 1],
};

export type Exchanges = ReadonlyMap<string, readonly ExchangeRound[]>;

export async function measureExchanges(
  options: ExchangeOptions,
  progress: (done: number, of: number, what: string) => void,
): Promise<Exchanges> {
  const fleet = new Fleet();
  try {
    const http1 = await startBackend(fleet);
    const http2 = await startBackend(fleet, "http2");
    const peers: Peer[] = [];
    for (const name of names) {
      const backendPort = name === "weir-multiplexed" ? http2 : http1;
      const connectionsMax = options.connections * (options.streams + 1);
      const where = { fleet, backendPort, core: servingCore, workers: 1, connectionsMax };
      // Shedding is not what is compared.
      const extraWeir = "lanes: { loopDelayMax: 1m }\n";
      peers.push(await startPeer(name, { ...where, clients: "http2", readyPath: null, extraWeir }));
    }
    return await interleave(peers, options, (peer) => measureRound(fleet, peer, options), progress);
  } finally {
    await fleet.close();
  }
}

async function measureRound(fleet: Fleet, peer: Peer, options: ExchangeOptions): Promise<ExchangeRound> {
  const before = processorTime(peer.serving);
  const { requests, errors, durationUs } = await runH2load(fleet, { ...options, url: peer.url });
  const used = usedBetween(before, processorTime(peer.serving));
  return {
    requests,
    errors,
    requestsPerSecond: (requests / durationUs) * 1e6,
    cpuUsPerRequest: used.totalUs / requests,
    userUsPerRequest: used.userUs / requests,
    coreRatio: used.totalUs / durationUs,
  };
}

export function renderExchanges(all: Exchanges, where: Machine, options: ExchangeOptions): string {
  const cpuOf = (name: string): number[] => all.get(name)!.map((round) => round.cpuUsPerRequest);
  const rows = [...all].map(([name, rounds]) => {
    const [to, least] = bars[name] ?? ["nginx", 0];
    const ratio = ratiosOf(cpuOf(to), cpuOf(name));
    return [
      name,
      showSpread(spreadOf(rounds.map((round) => round.requestsPerSecond)), 0),
      showSpread(spreadOf(cpuOf(name)), 2),
      spreadOf(rounds.map((round) => round.userUsPerRequest)).median.toFixed(2),
      spreadOf(rounds.map((round) => round.coreRatio)).median.toFixed(2),
      String(rounds.reduce((sum, round) => sum + round.errors, 0)),
      showSpread(ratiosOf(cpuOf("nginx"), cpuOf(name)), 2),
      least === 0 ? "-" : `${showSpread(ratio, 2)} of ${to}, bar ${least}: ${ratio.median >= least ? "met" : "MISSED"}`,
    ];
  });
  const heading = ["gateway", "requests/s", "us/request", "user", "core", "errors", "of nginx", "rate of a core"];
  const what = `${options.connections} connections x ${options.streams} streams, ${options.rounds} rounds of ${options.seconds} s`;
  return [describe(where), what, table([heading, ...rows])].join("\n\n");
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      rounds: { type: "string", default: "7" },
      duration: { type: "string", default: "3" },
      connections: { type: "string", default: "32" },
      streams: { type: "string", default: "16" },
      seed: { type: "string", default: "1" },
    },
  });
  const options: ExchangeOptions = {
    rounds: Number(values.rounds),
    seconds: Number(values.duration),
    connections: Number(values.connections),
    streams: Number(values.streams),
    seed: Number(values.seed),
  };
  const where = machine();
  const all = await measureExchanges(options, (done, of, what) => console.error(`${done}/${of} ${what}`));
  console.log(renderExchanges(all, where, options));
}
