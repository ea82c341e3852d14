/**
 * What each flood of HTTP/2 costs everybody else: memory of the gateway, and P99 of an honest client at a fixed rate, beside the
 * same without a flood, in turn.
 *
 *     bun bench/macro/http2/floods.ts [--rounds 3] [--duration 3] [--rate 2000]
 *
 * The bars, for each: the worker stays below 200 MB, and P99 within twice what it is without. The gateway has one core. The
 * honest client, the backend and the flood share the other one, where the flood gives way (nice 19): what is measured is the
 * gateway, not the generator's wait for its processor. Every flood comes on four connections at once, which are opened again as
 * soon as they are ended; ended connections are counted to show that it came. `chrt --rr 1` before the command keeps other
 * programs of the machine from being measured.
 */
import { parseArgs } from "node:util";
import { measureAtRate, type RateRound } from "../../peers/measure.ts";
import {
  describe,
  Fleet,
  machine,
  otherCore,
  type Peer,
  type Program,
  residentMemory,
  root,
  servingCore,
  showSpread,
  spreadOf,
  startBackend,
  startPeer,
  table,
} from "../../rig/mod.ts";
import { floods } from "./flood-client.ts";

const BAR_BYTES = 200e6;
const BAR_RATIO = 2;
const FLOOD_CONNECTIONS = 4;
const SAMPLE_MS = 100;
/** A hundredth of a short run is a few hiccups of the generator's start. */
const WARMUP_SECONDS = 1;
const nothing = "no flood";

export interface FloodRound {
  readonly p99Us: number;
  readonly errors: number;
  readonly rssBytesMax: number;
  readonly endedPerSecond: number;
}

export interface FloodOptions {
  readonly rounds: number;
  readonly seconds: number;
  readonly perSecond: number;
  readonly kinds: readonly string[];
}

export type FloodFindings = ReadonlyMap<string, readonly FloodRound[]>;

export async function measureFloods(options: FloodOptions, progress: (what: string) => void): Promise<FloodFindings> {
  const fleet = new Fleet();
  try {
    const backendPort = await startBackend(fleet);
    const where = { fleet, backendPort, core: servingCore, workers: 1, connectionsMax: 100 };
    const weir = await startPeer("weir-exclusive", where);
    const names = [nothing, ...options.kinds];
    const findings = new Map<string, FloodRound[]>(names.map((name) => [name, []]));
    // The first requests are the compiler's.
    await measureRound(fleet, weir, nothing, options);
    for (let round = 1; round <= options.rounds; round++) {
      for (const name of names) {
        progress(`round ${round}: ${name}`);
        findings.get(name)!.push(await measureRound(fleet, weir, name, options));
      }
    }
    return findings;
  } finally {
    await fleet.close();
  }
}

async function measureRound(fleet: Fleet, weir: Peer, name: string, options: FloodOptions): Promise<FloodRound> {
  const { seconds, perSecond } = options;
  const flood = name === nothing ? null : startFlood(fleet, weir, name);
  let rssBytesMax = 0;
  const sampling = setInterval(() => {
    rssBytesMax = Math.max(rssBytesMax, residentMemory(weir.serving).rssBytes);
  }, SAMPLE_MS);
  try {
    const plan = { rounds: 1, seconds, connections: 20, seed: 1, warmupSeconds: WARMUP_SECONDS };
    const honest: RateRound = await measureAtRate(fleet, weir, plan, perSecond);
    return {
      p99Us: honest.p99Us,
      errors: honest.errors,
      rssBytesMax,
      endedPerSecond: flood === null ? 0 : endedPerSecond(flood),
    };
  } finally {
    clearInterval(sampling);
    if (flood !== null) await fleet.stop(flood);
  }
}

function startFlood(fleet: Fleet, { url }: Peer, kind: string): Program {
  const program = `${root}/bench/macro/http2/flood-client.ts`;
  const words = [program, new URL(url).port, kind, String(FLOOD_CONNECTIONS)];
  // Ordinary priority, however urgent the benchmark itself was made, and the lowest of that.
  return fleet.start(otherCore, ["chrt", "--other", "0", "nice", "-n", "19", process.execPath, ...words]);
}

/** By what the flood has printed once a second. */
function endedPerSecond(flood: Program): number {
  const counts = flood.printed().trim().split("\n").map(Number);
  return counts.length === 0 ? 0 : counts.at(-1)! / counts.length;
}

export function renderFloods(findings: FloodFindings): string {
  const baseline = spreadOf(findings.get(nothing)!.map((round) => round.p99Us)).median;
  const rows = [...findings].map(([name, rounds]) => {
    const p99 = spreadOf(rounds.map((round) => round.p99Us));
    const rss = Math.max(...rounds.map((round) => round.rssBytesMax));
    const ratio = p99.median / baseline;
    const isMet = ratio <= BAR_RATIO && rss < BAR_BYTES;
    return [
      name,
      showSpread(p99, 0),
      ratio.toFixed(2),
      (rss / 1e6).toFixed(0),
      spreadOf(rounds.map((round) => round.endedPerSecond)).median.toFixed(0),
      String(rounds.reduce((sum, round) => sum + round.errors, 0)),
      name === nothing ? "-" : isMet ? "met" : "MISSED",
    ];
  });
  const heading = ["flood", "P99 us of others", "of none", "MB", "ended/s", "errors", `${BAR_RATIO}x, 200 MB`];
  return table([heading, ...rows]);
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      rounds: { type: "string", default: "3" },
      duration: { type: "string", default: "3" },
      rate: { type: "string", default: "2000" },
      kinds: { type: "string", default: Object.keys(floods).join() },
    },
  });
  const options: FloodOptions = {
    rounds: Number(values.rounds),
    seconds: Number(values.duration),
    perSecond: Number(values.rate),
    kinds: values.kinds.split(","),
  };
  console.log(describe(machine()));
  console.log(renderFloods(await measureFloods(options, (what) => console.error(what))));
}
