/**
 * What the load generator's bench programs share: running `weir load` and wrk as programs on a core of their own, and
 * printing each figure beside its bar. Comparisons are interleaved in one run (A B B A ...) and told as ratios with their
 * spread, for the machine's own speed changes from minute to minute.
 */

import { type AddressInfo, createServer } from "node:net";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { Histogram, latencyNsShape } from "../../src/base/mod.ts";
import { addEncoded, type LoadResult } from "../../src/load/mod.ts";

const main = join(import.meta.dir, "../../src/cli/main.ts");

/** Core of the server under load, and of the generators that are compared; the same one where there is only one. */
export const serverCore = 0;
export const clientCore = Math.min(1, availableParallelism() - 1);

/** `--small` makes a bench short enough for the tests; `--name=value` sets one number. */
export function option(name: string, value: number, small = value): number {
  const given = process.argv.find((word) => word.startsWith(`--${name}=`));
  if (given !== undefined) return Number(given.slice(name.length + 3));
  return isSmall() ? small : value;
}

export function isSmall(): boolean {
  return process.argv.includes("--small");
}

export interface Measured {
  readonly requests: number;
  readonly requestsPerSecond: number;
  readonly p50Us: number;
  readonly p99Us: number;
  /** Processor time of what sends and receives, for each request: wrk, or the client processes of weir. */
  readonly cpuUsPerRequest: number;
}

interface Finished {
  readonly out: string;
  readonly cpuUs: number;
}

/** A port that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const { port } = probe.address() as AddressInfo;
      probe.close(() => resolve(port));
    });
  });
}

/** Waits for a server that was just started. */
export async function serving(url: string): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const isUp = await fetch(url).then(
      () => true,
      () => false,
    );
    if (isUp) return;
    await Bun.sleep(10);
  }
  throw new Error(`nothing answers at ${url}`);
}

/** Runs a program on one core, or anywhere with -1. */
export async function runOn(core: number, command: readonly string[]): Promise<Finished> {
  const words = core < 0 ? [...command] : ["taskset", "-c", String(core), ...command];
  const child = Bun.spawn(words, { stdio: ["ignore", "pipe", "pipe"] });
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  await child.exited;
  if (out === "") throw new Error(`${command.join(" ")} printed nothing: ${err}`);
  return { out, cpuUs: Number(child.resourceUsage()?.cpuTime.total ?? 0) };
}

/** Runs `weir load ... --json`. */
export async function runWeir(core: number, words: readonly string[]): Promise<LoadResult> {
  const { out } = await runOn(core, [process.execPath, main, "load", ...words, "--json", "--health", "warn"]);
  return JSON.parse(out) as LoadResult;
}

/** A closed-loop run over this many connections; latencies are corrected as wrk corrects its own. */
export async function measureWeir(core: number, words: readonly string[], connections: number): Promise<Measured> {
  const result = await runWeir(core, words);
  const { summary, generator } = result;
  const corrected = correctedLikeWrk(result, connections);
  const cpuRatio = generator.processes.reduce((sum, each) => sum + each.cpuAllRatio, 0);
  return {
    requests: summary.requests,
    requestsPerSecond: summary.requestsPerSecond,
    p50Us: corrected.percentile(50) / 1000,
    p99Us: corrected.percentile(99) / 1000,
    cpuUsPerRequest: (cpuRatio * summary.measuredSeconds * 1e6) / summary.requests,
  };
}

/**
 * wrk adds to what it measured: for each latency above twice the mean interval of a connection, those that would have been
 * seen had it gone on sending (stats_correct in its stats.c). `weir load` does not, for in a closed loop they are guesses; to
 * compare the two, the same is done to its histogram here.
 */
function correctedLikeWrk(result: LoadResult, connections: number): Histogram {
  const measured = new Histogram(latencyNsShape);
  for (const each of result.classes) addEncoded(each.histograms.response, measured);
  const corrected = new Histogram(latencyNsShape);
  const intervalNs = (result.summary.measuredSeconds * 1e9) / (measured.count / connections);
  measured.forEachBucket((lowest, _highest, count) => {
    corrected.recordMany(lowest, count);
    for (let ns = lowest - intervalNs; ns > intervalNs; ns -= intervalNs) corrected.recordMany(ns, count);
  });
  return corrected;
}

/** Runs wrk with one thread and reads its own report. */
export async function measureWrk(core: number, url: string, connections: number, seconds: number): Promise<Measured> {
  const { out, cpuUs } = await runOn(core, ["wrk", "-t1", `-c${connections}`, `-d${seconds}`, "--latency", url]);
  const number = (pattern: RegExp): number => Number(pattern.exec(out)?.[1] ?? Number.NaN);
  const latency = (percent: string): number => {
    const match = new RegExp(`${percent}%\\s+([\\d.]+)(us|ms|s)`).exec(out);
    const units: Record<string, number> = { us: 1, ms: 1000, s: 1e6 };
    return match === null ? Number.NaN : Number(match[1]) * units[match[2]!]!;
  };
  const requests = number(/(\d+) requests in/);
  return {
    requests,
    requestsPerSecond: number(/Requests\/sec:\s+([\d.]+)/),
    p50Us: latency("50"),
    p99Us: latency("99"),
    cpuUsPerRequest: cpuUs / requests,
  };
}

/** Runs two measurements in turn, A B B A, and returns each round's pair. */
export async function interleave(
  rounds: number,
  a: () => Promise<Measured>,
  b: () => Promise<Measured>,
): Promise<[Measured, Measured][]> {
  const pairs: [Measured, Measured][] = [];
  for (let round = 0; round < rounds; round++) {
    if (round % 2 === 0) {
      const first = await a();
      pairs.push([first, await b()]);
    } else {
      const second = await b();
      pairs.push([await a(), second]);
    }
  }
  return pairs;
}

export interface Ratio {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

/** The median of A over B of one figure, and the extremes. */
export function ratioOf(pairs: readonly [Measured, Measured][], figure: keyof Measured): Ratio {
  const ratios = pairs.map(([a, b]) => a[figure] / b[figure]).sort((x, y) => x - y);
  return { median: median(ratios), low: ratios[0]!, high: ratios.at(-1)! };
}

export function median(sorted: readonly number[]): number {
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

export function showRatio({ median: middle, low, high }: Ratio): string {
  return `${middle.toFixed(3)} (${low.toFixed(3)} to ${high.toFixed(3)})`;
}

/** One line of a bench's findings. */
export function tell(what: string, found: string, bar: string, isMet: boolean | null): void {
  const verdict = isMet === null ? "" : isMet ? "met" : "MISSED";
  console.log(`${what.padEnd(44)} ${found.padEnd(34)} ${bar.padEnd(22)} ${verdict}`);
}
