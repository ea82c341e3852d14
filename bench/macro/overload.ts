/**
 * What adaptive admission is worth, on real gateways before an upstream that can only do so much: every policy under the same
 * open loop of queries, orders and cancels as 7 : 2 : 1, one after the other in each round, in an order drawn anew.
 *
 *     bun bench/macro/overload.ts burst [--rounds=2] [--policies=weir,article,off]
 *     bun bench/macro/overload.ts stall | steps [--policies=weir,fixed16,fixed24,fixed48]
 *     bun bench/macro/overload.ts calm [--seconds=600] [--policies=weir]
 *
 * First the knee is measured, without admission: the highest rate whose P95 is at most 15 ms. Then
 *
 *     burst   half of the knee, three times that for 30 s, half again
 *     stall   three quarters of the knee; the upstream stands still for 10 s; good answers from the 5th second after
 *     steps   three quarters of the knee; the upstream takes three times as long for 15 s, then as long as before
 *     calm    half of the knee for ten minutes, with not one refusal
 *
 * The gateway has a core; the other is this program's, which is the upstream, too. `article` begins at the knee, which suits it best.
 */
import { Random } from "../../src/base/mod.ts";
import { Fleet, freePort, main, otherCore, type Program, servingCore, table, until } from "../rig/mod.ts";
import { type Fate, LaneLoad } from "./lane-load.ts";
import { LimitedUpstream } from "./limited-upstream.ts";
import { isSmall, option } from "./load-tools.ts";

const scenarios = ["burst", "stall", "steps", "calm"] as const;
type Scenario = (typeof scenarios)[number];
const scenario: Scenario = scenarios.find((name) => process.argv.includes(name)) ?? "burst";

const servers = 16;
const serviceMs = 5;
const sloMs = 15;
/** Good is what is answered within this while the upstream is three times as slow. */
const slowSloMs = 100;
const timeoutMs = 2_000;
const soundForMs = 2_000;
const calmSeconds = option("calm", 10, 1);
const burstSeconds = option("burst", 30, 1);
const stallSeconds = option("stall", 10, 1);
const slowSeconds = option("slow", 15, 2);
const afterSeconds = option("after", 10, 2);
const rounds = option("rounds", scenario === "calm" ? 1 : 2, 1);
const settleSeconds = isSmall() ? 1 : 5;
const policies = (process.argv.find((word) => word.startsWith("--policies="))?.slice(11) ?? defaultPolicies()).split(
  ",",
);

function defaultPolicies(): string {
  if (scenario === "burst") return "weir,article,off";
  return scenario === "calm" ? "weir" : "weir,fixed16,fixed24,fixed48";
}

const lanes = ["cancel", "order", "query"] as const;
const classes = [
  { weight: 1, bytes: "DELETE /orders/1 HTTP/1.1\r\nHost: a\r\n\r\n" },
  { weight: 2, bytes: "POST /orders HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}" },
  { weight: 7, bytes: "GET /quotes/A HTTP/1.1\r\nHost: a\r\n\r\n" },
];
const isGood = ({ status }: Fate): boolean => status >= 200 && status < 300;

interface Phase {
  readonly perSecond: number;
  readonly seconds: number;
  /** Of the upstream, from its beginning on. */
  readonly slowness?: number;
  readonly stallMs?: number;
}

class Rig {
  private readonly fleet = new Fleet();
  private readonly upstreamPort = freePort();
  private readonly upstream = new LimitedUpstream(this.upstreamPort, servers, serviceMs);
  private readonly gateways = new Map<string, number>();

  async start(names: readonly string[], knee: number): Promise<void> {
    for (const name of names) this.gateways.set(name, await this.startGateway(name, knee));
  }

  async close(): Promise<void> {
    await this.fleet.close();
    this.upstream.close();
  }

  /** Runs the phases against one gateway; the fates, and when each phase began. */
  async play(
    name: string,
    seed: number,
    phases: readonly Phase[],
  ): Promise<{ fates: readonly Fate[]; beganMs: readonly number[] }> {
    const load = new LaneLoad({
      port: this.gateways.get(name)!,
      classes,
      timeoutMs,
      seed,
      beside: () => this.upstream.step(),
    });
    await load.warm(64);
    const beganMs: number[] = [];
    for (const { perSecond, seconds, slowness, stallMs } of phases) {
      if (slowness !== undefined) this.upstream.slowness = slowness;
      if (stallMs !== undefined) this.upstream.stall(stallMs);
      beganMs.push(await load.offer(perSecond, seconds));
    }
    await load.finish();
    // The next one meets an upstream without anything left over.
    this.upstream.slowness = 1;
    while (this.upstream.pending > 0) await Bun.sleep(50);
    return { fates: load.fates, beganMs };
  }

  private async startGateway(name: string, knee: number): Promise<number> {
    const port = freePort();
    const file = this.fleet.write(
      `${name}.yaml`,
      `workers: 1
listeners: { public: { address: "127.0.0.1:${port}" } }
upstreams:
  core: { endpoints: ["127.0.0.1:${this.upstreamPort}"], ${admissionOf(name, knee)} }
routes:
  - { match: { path: /orders/:id, methods: DELETE }, upstream: core, lane: cancel }
  - { match: { path: /orders, methods: POST }, upstream: core, lane: order }
  - { match: { path: "/*" }, upstream: core }
metrics: { address: "127.0.0.1:0" }
admin: { address: "unix:${this.fleet.folder}/${port}.sock" }
accessLog: off
`,
    );
    const gateway: Program = this.fleet.start(servingCore, [process.execPath, main, "serve", file]);
    await until(gateway, async () => {
      const answer = await fetch(`http://127.0.0.1:${port}/quotes/A`, { keepalive: false }).catch(() => null);
      await answer?.arrayBuffer();
      return answer?.status === 200;
    });
    return port;
  }
}

function admissionOf(name: string, knee: number): string {
  if (name === "off") return "admission: off";
  if (name.startsWith("fixed")) return `admission: { policy: fixed, initial: ${name.slice(5)} }`;
  const rate = name === "article" ? `, articleRate: ${Math.round(knee)}` : "";
  return `admission: { policy: ${name}${rate} }`;
}

function percentile(values: number[], percent: number): number {
  values.sort((left, right) => left - right);
  return values[Math.min(values.length - 1, Math.ceil((percent / 100) * values.length) - 1)] ?? Number.NaN;
}

const between = (fates: readonly Fate[], fromMs: number, toMs: number): Fate[] =>
  fates.filter(({ dueMs }) => dueMs >= fromMs && dueMs < toMs);
const tookOf = (fates: readonly Fate[]): number[] => fates.filter(isGood).map(({ tookMs }) => tookMs);
const shareOf = (fates: readonly Fate[]): number => fates.filter(isGood).length / Math.max(1, fates.length);
const isValuable = ({ lane }: Fate): boolean => lane < 2;

/** The highest rate of a ladder at which nothing fails and the 95th percentile keeps to 15 ms. */
async function kneeOf(rig: Rig): Promise<number> {
  const capacity = (servers * 1000) / serviceMs;
  // Everybody's code is compiled by then.
  if (!isSmall()) await rig.play("off", 1, [{ perSecond: capacity / 2, seconds: 4 }]);
  let knee = 0;
  let missed = 0;
  for (const ratio of isSmall() ? [0.3] : [0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95]) {
    const perSecond = capacity * ratio;
    const { fates } = await rig.play("off", 1, [{ perSecond, seconds: isSmall() ? 1 : 3 }]);
    const p95Ms = percentile(tookOf(fates), 95);
    console.log(
      `${Math.round(perSecond)}/s: P95 ${p95Ms.toFixed(1)} ms, ${(100 * shareOf(fates)).toFixed(2)} % answered`,
    );
    const isKept = isSmall() || (p95Ms <= sloMs && shareOf(fates) === 1);
    if (isKept) knee = perSecond;
    missed = isKept ? 0 : missed + 1;
    // One may be the machine's; two in a row are the upstream's.
    if (missed === 2) break;
  }
  return knee;
}

interface Row {
  readonly policy: string;
  readonly figures: Readonly<Record<string, number>>;
}

async function burst(rig: Rig, policy: string, half: number, seed: number): Promise<Row> {
  const { fates, beganMs } = await rig.play(policy, seed, [
    { perSecond: half, seconds: calmSeconds },
    { perSecond: 3 * half, seconds: burstSeconds },
    { perSecond: half, seconds: afterSeconds },
  ]);
  const [calmMs, burstMs, afterMs] = beganMs as [number, number, number];
  const endMs = afterMs + afterSeconds * 1000;
  const inCalm = [...between(fates, calmMs + 1000, burstMs), ...between(fates, afterMs + 2000, endMs)];
  const inBurst = between(fates, burstMs, afterMs);
  const p99 = (list: readonly Fate[]): number => percentile(tookOf(list.filter(isValuable)), 99);
  const queriesBySecond = Array.from({ length: burstSeconds }, (_, second) => {
    const part = between(inBurst, burstMs + second * 1000, burstMs + (second + 1) * 1000);
    return part.filter((fate) => fate.lane === 2 && isGood(fate)).length;
  });
  const lanesAdmitted = lanes.map((name, lane) => [
    `${name} %`,
    100 * shareOf(inBurst.filter((one) => one.lane === lane)),
  ]);
  return {
    policy,
    figures: {
      "good/s": inBurst.filter((fate) => isGood(fate) && fate.tookMs <= sloMs).length / burstSeconds,
      "P95 ms": percentile(tookOf(inBurst), 95),
      ...Object.fromEntries(lanesAdmitted),
      "calm P99 ms": p99(inCalm),
      "burst P99 ms": p99(inBurst),
      "P99 to calm": p99(inBurst) / p99(inCalm),
      "queries/s least": Math.min(...queriesBySecond),
      "recovery s": recoverySeconds(fates, afterMs, endMs),
      "refused in calm": inCalm.filter((fate) => !isGood(fate)).length,
    },
  };
}

/** From the burst's end to the first of four half seconds in a row in which all is well: P95 kept, nothing refused. */
function recoverySeconds(fates: readonly Fate[], fromMs: number, toMs: number): number {
  let soundMs = fromMs;
  for (let atMs = fromMs; atMs < toMs && atMs < soundMs + soundForMs; atMs += 500) {
    const part = between(fates, atMs, atMs + 500);
    if (percentile(tookOf(part), 95) > sloMs || shareOf(part) < 0.995) soundMs = atMs + 500;
  }
  return (soundMs - fromMs) / 1000;
}

const goodPerSecond = (fates: readonly Fate[], fromMs: number, toMs: number): number =>
  (between(fates, fromMs, toMs).filter((fate) => isGood(fate) && fate.tookMs <= slowSloMs).length * 1000) /
  (toMs - fromMs);

async function stall(rig: Rig, policy: string, half: number, seed: number): Promise<Row> {
  const { fates, beganMs } = await rig.play(policy, seed, [
    { perSecond: half * 1.5, seconds: calmSeconds },
    { perSecond: half * 1.5, seconds: stallSeconds, stallMs: stallSeconds * 1000 },
    { perSecond: half * 1.5, seconds: afterSeconds },
  ]);
  const fromMs = beganMs[2]! + settleSeconds * 1000;
  return {
    policy,
    figures: { "good/s after the stall": goodPerSecond(fates, fromMs, beganMs[2]! + afterSeconds * 1000) },
  };
}

async function steps(rig: Rig, policy: string, half: number, seed: number): Promise<Row> {
  const { fates, beganMs } = await rig.play(policy, seed, [
    { perSecond: half * 1.5, seconds: calmSeconds },
    { perSecond: half * 1.5, seconds: slowSeconds, slowness: 3 },
    { perSecond: half * 1.5, seconds: afterSeconds, slowness: 1 },
  ]);
  const settleMs = settleSeconds * 1000;
  return {
    policy,
    figures: {
      "good/s while slow": goodPerSecond(fates, beganMs[1]! + settleMs, beganMs[2]!),
      "good/s fast again": goodPerSecond(fates, beganMs[2]! + settleMs, beganMs[2]! + afterSeconds * 1000),
    },
  };
}

async function calm(rig: Rig, policy: string, half: number, seed: number): Promise<Row> {
  const { fates } = await rig.play(policy, seed, [{ perSecond: half, seconds: option("seconds", 600, 2) }]);
  const byStatus = (status: number): number => fates.filter((fate) => fate.status === status).length;
  const good = fates.filter(isGood).length;
  return {
    policy,
    figures: {
      requests: fates.length,
      refused: byStatus(503),
      "no answer": byStatus(0),
      other: fates.length - good - byStatus(503) - byStatus(0),
      "P95 ms": percentile(tookOf(fates), 95),
      "P99 ms": percentile(tookOf(fates), 99),
    },
  };
}

// What this program begins before it is pinned, as its compiler's threads, is pinned with it.
Bun.spawnSync(["taskset", "-a", "-c", "-p", String(otherCore), String(process.pid)]);
const rig = new Rig();
try {
  await rig.start(["off"], 0);
  const given = option("knee", 0);
  const knee = given > 0 ? given : await kneeOf(rig);
  if (knee === 0) throw new Error("the machine keeps no P95 of 15 ms even at half of what the upstream can do");
  console.log(`the knee is at ${Math.round(knee)}/s`);
  await rig.start(
    policies.filter((name) => name !== "off"),
    knee,
  );
  const random = new Random(option("seed", 1));
  const all: Row[] = [];
  for (let round = 0; round < rounds; round++) {
    const order = policies.map((name) => ({ name, key: random.unit() })).sort((left, right) => left.key - right.key);
    for (const { name } of order) {
      const play = { burst, stall, steps, calm }[scenario];
      const row = await play(rig, name, knee / 2, round + 1);
      all.push(row);
      console.log(`round ${round + 1}, ${name}: ${JSON.stringify(row.figures)}`);
    }
  }
  report(all);
} finally {
  await rig.close();
}

/** The middle one of the rounds, with the least and the most. */
function report(all: readonly Row[]): void {
  const columns = Object.keys(all[0]!.figures);
  const rows = policies.map((policy) => {
    const own = all.filter((row) => row.policy === policy);
    return [
      policy,
      ...columns.map((column) => {
        const values = own.map(({ figures }) => figures[column]!).sort((left, right) => left - right);
        const digits = values.some((value) => value % 1 !== 0 && value < 1000) ? 2 : 0;
        const [low, middle, high] = [values[0]!, values[values.length >> 1]!, values.at(-1)!].map((value) =>
          value.toFixed(digits),
        );
        return low === high ? middle! : `${middle} (${low}-${high})`;
      }),
    ];
  });
  console.log(`\n${scenario}\n${table([["policy", ...columns], ...rows])}`);
}
