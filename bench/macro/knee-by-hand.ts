/**
 * The knee of `weir prove` beside the one that wrk and h2load find by hand, in turns on one gateway, some rounds of all three. By
 * hand means: raise the load step by step and take the best step whose P99 is within 10 ms; wrk raises connections (it is a
 * closed loop, so its knee is the most it gets), h2load a rate. A step is the median of all rounds, for the best of many noisy
 * ones is noise. The bar: within 10 % of either.
 *
 *     bun bench/macro/knee-by-hand.ts [--rounds=5] [--seconds=2] [--small]
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { median, type ReportDocument, startWeir } from "../../src/prove/mod.ts";
import { isSmall, option, runOn } from "./load-tools.ts";

const main = join(import.meta.dir, "../../src/cli/main.ts");
const seconds = option("seconds", 2, 1);
const rounds = option("rounds", 5, 1);
const goalUs = 10_000;
const connections = 256;
/** Steps of h2load's rate, as shares of what wrk got. */
const shares = isSmall() ? [0.5, 1] : [0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1, 1.05];

interface Step {
  readonly load: number;
  readonly perSecond: number;
  readonly p99Us: number;
}

const folder = mkdtempSync(join(tmpdir(), "weir-knee-"));
// All three are held to the same core, beside the gateway's.
const weir = await startWeir({ workersCount: 1, hasOwnCores: true });
const core = weir.clientCores?.[0] ?? -1;
try {
  const url = weir.url + weir.path;
  const byHand: { wrk: Step[]; h2load: Step[] } = { wrk: [], h2load: [] };
  const proved: number[] = [];
  let most: number | null = null;
  for (let round = 1; round <= rounds; round++) {
    const wrk = await byWrk(url);
    most ??= Math.max(...wrk.map(({ perSecond }) => perSecond));
    byHand.wrk.push(...wrk);
    if (!isSmall()) proved.push(await byProve(url, await weir.workerIds()));
    byHand.h2load.push(...(await byH2load(url, most)));
  }
  const own = proved.length === 0 ? null : median(proved);
  if (own !== null) show("weir prove", own, own);
  show("wrk", knee(byHand.wrk), own);
  show("h2load", knee(byHand.h2load), own);
} finally {
  await weir.stop();
  rmSync(folder, { recursive: true, force: true });
}

/** Closed loop over ever more connections: the most requests per second with P99 within the goal. */
async function byWrk(url: string): Promise<Step[]> {
  const steps: Step[] = [];
  for (const load of isSmall() ? [16] : [16, 32, 64, 128, 256, 512]) {
    const { out } = await runOn(core, ["wrk", "-t1", `-c${load}`, `-d${seconds}s`, "--latency", url]);
    const perSecond = Number(/Requests\/sec:\s+([\d.]+)/.exec(out)![1]);
    steps.push({ load, perSecond, p99Us: microseconds(/99%\s+([\d.]+)(us|ms|s)/.exec(out)!) });
  }
  return told("wrk, connections", steps);
}

function microseconds([, value, unit]: RegExpExecArray): number {
  return Number(value) * { us: 1, ms: 1000, s: 1e6 }[unit as "us" | "ms" | "s"];
}

/** At ever higher rates, over as many clients as `weir prove` has connections. */
async function byH2load(url: string, most: number): Promise<Step[]> {
  const steps: Step[] = [];
  for (const load of shares.map((share) => Math.round(share * most))) {
    const log = join(folder, `h2load-${load}`);
    const words = [`-c${connections}`, `-D${seconds}`, `--rps=${(load / connections).toFixed(3)}`, `--log-file=${log}`];
    // It adds to a log that is there.
    rmSync(log, { force: true });
    await runOn(core, ["h2load", "--h1", ...words, url]);
    // Start in microseconds since 1970, status, and the time of the request in microseconds.
    const times = readFileSync(log, "utf8")
      .trimEnd()
      .split("\n")
      .map((line) => Number(line.split("\t")[2]));
    times.sort((a, b) => a - b);
    const isKept = times.length / seconds >= load * 0.97;
    const p99Us = isKept ? times[Math.floor(times.length * 0.99)]! : Number.POSITIVE_INFINITY;
    steps.push({ load, perSecond: times.length / seconds, p99Us });
  }
  return told("h2load, rate", steps);
}

async function byProve(url: string, ids: readonly number[]): Promise<number> {
  const words = ["prove", "knee", "--target", url, ...ids.flatMap((id) => ["--pid", String(id)]), "--out", folder];
  const child = Bun.spawn([process.execPath, main, ...words], { stdio: ["ignore", "ignore", "inherit"] });
  await child.exited;
  const document = JSON.parse(readFileSync(join(folder, "report.json"), "utf8")) as ReportDocument;
  const found = document.experiments[0]!.figures["knee_per_second"]?.value ?? 0;
  console.log(`weir prove: ${found.toFixed(0)} requests/s`);
  return found;
}

function told(name: string, steps: Step[]): Step[] {
  for (const { load, perSecond, p99Us } of steps) {
    console.log(`${name} ${load}: ${perSecond.toFixed(0)} requests/s, P99 ${(p99Us / 1000).toFixed(2)} ms`);
  }
  return steps;
}

/** The most that was answered within the goal, each step as the median of its rounds; null where no step was within. */
function knee(steps: readonly Step[]): number | null {
  const met = [...Map.groupBy(steps, ({ load }) => load).values()]
    .filter((same) => median(same.map(({ p99Us }) => p99Us)) <= goalUs)
    .map((same) => median(same.map(({ perSecond }) => perSecond)));
  return met.length === 0 ? null : Math.max(...met);
}

function show(name: string, rate: number | null, own: number | null): void {
  const ratio = rate === null || own === null ? "" : `, ${(rate / own).toFixed(3)} of weir prove's`;
  const shown = rate === null ? "no step within the goal" : `${rate.toFixed(0)} requests/s${ratio}`;
  console.log(`${name.padEnd(11)} ${shown}`);
}
