/**
 * What protection costs a request in a running gateway: processor time of one worker per request, from the kernel's own
 * accounting, without any of it, with what is on by default, and with everything (breaker, admission and lanes, two rate
 * limits, health, deadlines). wrk drives each in turn, in an order drawn anew for each round.
 *
 *     bun bench/macro/protection.ts [rounds] [seconds]
 *
 * The bar for everything together is 0.6 us more than without. The differences are small beside the noise of a shared
 * machine: look at the spread before believing a median.
 */
import { join } from "node:path";
import { Random } from "../../src/base/mod.ts";
import {
  childrenOf,
  errorsOf,
  Fleet,
  freePort,
  isServing,
  main,
  otherCore,
  type Program,
  processorTime,
  runWrk,
  servingCore,
  showSpread,
  spreadOf,
  until,
  usedBetween,
} from "../rig/mod.ts";

const none = { upstream: "breaker: off, health: { ejection: off }", route: "", rest: "" };
const everything = {
  upstream: "admission: { policy: weir, initial: 512, max: 2000 }",
  route: ", lane: order, rateLimits: [all, each]",
  rest: `rateLimits:
  all: { rate: 9000000/s, burst: 1000000 }
  each: { rate: 9000000/s, burst: 1000000, by: client }
lanes: { deadlineField: X-Patience-Ms }
`,
};
const cases = { none, "by default": { upstream: "", route: "", rest: "" }, everything };
export type CaseName = keyof typeof cases;

interface Running {
  readonly name: CaseName;
  readonly url: string;
  readonly workers: readonly number[];
  readonly usPerRequest: number[];
}

/** Microseconds of processor time per request of each case, by round. */
export async function measureProtection(rounds: number, seconds: number): Promise<Record<CaseName, readonly number[]>> {
  const fleet = new Fleet();
  const random = new Random(1);
  try {
    const backendPort = freePort();
    const backend = fleet.start(otherCore, [process.execPath, main, "example", "--listen", `127.0.0.1:${backendPort}`]);
    await isServing(backend, `http://127.0.0.1:${backendPort}/quotes/WEIR`);
    const running: Running[] = [];
    for (const name of Object.keys(cases) as CaseName[]) running.push(await start(fleet, name, backendPort));
    for (const one of running) await measure(fleet, one, seconds);
    for (const one of running) one.usPerRequest.length = 0;
    for (let round = 0; round < rounds; round++) {
      const order = running.map((one) => ({ one, key: random.unit() })).sort((left, right) => left.key - right.key);
      for (const { one } of order) await measure(fleet, one, seconds);
    }
    return Object.fromEntries(running.map((one) => [one.name, one.usPerRequest])) as Record<CaseName, number[]>;
  } finally {
    await fleet.close();
  }
}

async function start(fleet: Fleet, name: CaseName, backendPort: number): Promise<Running> {
  const { upstream, route, rest } = cases[name];
  const port = freePort();
  const file = fleet.write(
    `${port}.yaml`,
    `workers: 1
listeners: { public: { address: "127.0.0.1:${port}" } }
upstreams: { core: { endpoints: ["127.0.0.1:${backendPort}"], ${upstream} } }
routes: [{ match: { path: "/*" }, upstream: core${route} }]
metrics: { address: "127.0.0.1:0" }
admin: { address: "unix:${join(fleet.folder, `${port}.sock`)}" }
accessLog: off
${rest}`,
  );
  const program: Program = fleet.start(servingCore, [process.execPath, main, "serve", file]);
  const url = `http://127.0.0.1:${port}/quotes/WEIR`;
  await isServing(program, url);
  await until(program, () => childrenOf(program.pid).length === 1);
  return { name, url, workers: childrenOf(program.pid), usPerRequest: [] };
}

async function measure(fleet: Fleet, one: Running, seconds: number): Promise<void> {
  const before = processorTime(one.workers);
  const result = await runWrk(fleet, { url: one.url, connections: 64, seconds });
  if (errorsOf(result) > 0) throw new Error(`${one.name}: ${JSON.stringify(result.errors)}`);
  one.usPerRequest.push(usedBetween(before, processorTime(one.workers)).totalUs / result.requests);
}

if (import.meta.main) {
  const [rounds = 7, seconds = 2] = process.argv.slice(2).map(Number);
  const results = await measureProtection(rounds, seconds);
  const base = results.none;
  for (const [name, values] of Object.entries(results)) {
    const more = spreadOf(values.map((value, round) => value - base[round]!));
    console.log(`${name.padEnd(12)} ${showSpread(spreadOf(values), 2)} us, more than none: ${showSpread(more, 2)} us`);
  }
}
