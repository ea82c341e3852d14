/**
 * What protection costs a request in a running gateway: processor time of the worker per request, from the kernel's own
 * accounting. One worker has a route for each case, and wrk drives them in turn for a second each, in an order drawn anew
 * for each round, so that neither the machine's moods nor one process's luck is taken for a cost.
 *
 *     bun bench/macro/protection.ts [rounds] [case...]
 *
 *     usual       what is on by default: breaker and ejection
 *     guarded     breaker, ejection, one rate limit, admission with lanes: what the bar of 0.6 us is about
 *     everything  with a second limit by client, limits' fields in answers, and a deadline field that each request is searched for
 *     token       a JWT that was verified before; the bar is 2 us
 *     signed      an HMAC signature with a fresh nonce; the bar is 6 us. Its own base is the same requests unverified
 *
 * Metrics cannot be turned off and are in the base: `bench/micro/observe/worker-metrics.bench.ts` says what they cost.
 */
import { createHmac } from "node:crypto";
import { join } from "node:path";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { Random } from "../../src/base/mod.ts";
import { signatureScheme, signedText } from "../../src/identity/mod.ts";
import {
  childrenOf,
  errorsOf,
  Fleet,
  freePort,
  isServing,
  main,
  otherCore,
  processorTime,
  runWrk,
  servingCore,
  showSpread,
  spreadOf,
  until,
  usedBetween,
} from "../rig/mod.ts";

const connections = 64;
/** More than one second of requests; all of them are used within the window. */
const signedCount = 60_000;
/** Seconds without a turn in a row. */
const starvedMax = 5;
const secret = "a-secret-of-the-benchmark";

interface Case {
  readonly path: string;
  /** The case whose cost is subtracted. */
  readonly base: string | null;
  readonly isSigned: boolean;
}

const cases = {
  none: { path: "/quotes/NONE", base: null, isSigned: false },
  usual: { path: "/quotes/USUAL", base: "none", isSigned: false },
  guarded: { path: "/quotes/GUARDED", base: "none", isSigned: false },
  everything: { path: "/quotes/ALL", base: "none", isSigned: false },
  token: { path: "/quotes/TOKEN", base: "none", isSigned: false },
  unverified: { path: "/quotes/NONE", base: null, isSigned: true },
  signed: { path: "/quotes/SIGNED", base: "unverified", isSigned: true },
} as const satisfies Record<string, Case>;
export type CaseName = keyof typeof cases;
export const caseNames = Object.keys(cases) as CaseName[];

/** Microseconds of processor time per request of each case, by round. */
export async function measureProtection(
  rounds: number,
  names: readonly CaseName[] = caseNames,
): Promise<Readonly<Record<CaseName, readonly number[]>>> {
  const fleet = new Fleet();
  const random = new Random(1);
  const costs = Object.fromEntries(caseNames.map((name) => [name, [] as number[]])) as Record<CaseName, number[]>;
  try {
    const { port, token, workers } = await start(fleet);
    const measure = async (name: CaseName): Promise<number> => {
      const url = `http://127.0.0.1:${port}${cases[name].path}`;
      const script = cases[name].isSigned ? signedScript(fleet, port, cases[name].path) : bearerScript(token);
      for (let attempt = 0; ; attempt++) {
        const before = processorTime(workers);
        const result = await runWrk(fleet, { url, connections, seconds: 1, script });
        const usedUs = usedBetween(before, processorTime(workers)).totalUs;
        if (errorsOf(result) === 0) return usedUs / result.requests;
        // A machine that gives wrk no turn for two seconds says nothing; anything else is a mistake.
        const isStarved = errorsOf(result) === result.errors.timeout && attempt < starvedMax;
        if (!isStarved) throw new Error(`${name}: ${JSON.stringify(result.errors)}`);
      }
    };
    for (const name of names) await measure(name);
    for (let round = 0; round < rounds; round++) {
      const order = names.map((name) => ({ name, key: random.unit() })).sort((left, right) => left.key - right.key);
      for (const { name } of order) costs[name].push(await measure(name));
    }
    return costs;
  } finally {
    await fleet.close();
  }
}

async function start(fleet: Fleet): Promise<{ port: number; token: string; workers: readonly number[] }> {
  const [port, backendPort] = [freePort(), freePort()];
  const backend = fleet.start(otherCore, [process.execPath, main, "example", "--listen", `127.0.0.1:${backendPort}`]);
  await isServing(backend, `http://127.0.0.1:${backendPort}/quotes/WEIR`);
  const { privateKey, publicKey } = await generateKeyPair("ES256");
  const key = { ...(await exportJWK(publicKey)), kid: "one", alg: "ES256" };
  const jwks = fleet.write("keys.jwks", JSON.stringify({ keys: [key] }));
  const secrets = fleet.write("secrets", `desk ${secret}\n`);
  const endpoints = `endpoints: ["127.0.0.1:${backendPort}"]`;
  const limit = "rate: 9000000/s, burst: 1000000";
  const file = fleet.write(
    "gateway.yaml",
    `workers: 1
listeners: { public: { address: "127.0.0.1:${port}" } }
upstreams:
  plain: { ${endpoints}, breaker: off, admission: off, health: { ejection: off } }
  usual: { ${endpoints}, admission: off }
  guarded: { ${endpoints}, admission: { policy: weir, initial: 512, max: 2000 } }
rateLimits:
  quiet: { ${limit}, fields: off }
  all: { ${limit} }
  each: { ${limit}, by: client }
identity:
  jwt: { staff: { keys: { file: ${jwks} } } }
  hmac: { desk: { keys: { file: ${secrets} }, window: 60s, noncesMax: 1000000 } }
routes:
  - { match: { path: /quotes/NONE }, upstream: plain }
  - { match: { path: /quotes/USUAL }, upstream: usual }
  - { match: { path: /quotes/GUARDED }, upstream: guarded, lane: order, rateLimits: [quiet] }
  - { match: { path: /quotes/ALL }, upstream: guarded, lane: order, rateLimits: [all, each] }
  - { match: { path: /quotes/TOKEN }, upstream: plain, identity: { accept: staff } }
  - { match: { path: /quotes/SIGNED }, upstream: plain, identity: { accept: desk } }
metrics: { address: "127.0.0.1:0" }
admin: { address: "unix:${join(fleet.folder, `${port}.sock`)}" }
accessLog: off
`,
  );
  const gateway = fleet.start(servingCore, [process.execPath, main, "serve", file]);
  await isServing(gateway, `http://127.0.0.1:${port}/quotes/NONE`);
  await until(gateway, () => childrenOf(gateway.pid).length === 1);
  const token = await new SignJWT({ sub: "desk" })
    .setProtectedHeader({ alg: "ES256", kid: "one" })
    .setExpirationTime("1h")
    .sign(privateKey);
  return { port, token, workers: childrenOf(gateway.pid) };
}

/** Every case carries the token, so that no case has a longer head than another. */
function bearerScript(token: string): string {
  return `wrk.headers["Authorization"] = "Bearer ${token}"\n`;
}

/** Requests signed beforehand, each with a nonce of its own, one after the other. */
function signedScript(fleet: Fleet, port: number, target: string): string {
  const host = `127.0.0.1:${port}`;
  const timestamp = `${Date.now()}`;
  const run = crypto.randomUUID();
  const requests = Array.from({ length: signedCount }, (_, index) => {
    const nonce = `${run}${index}`;
    const text = signedText({ method: "GET", target, host, contentDigest: "", hasBody: false }, timestamp, nonce);
    const signature = createHmac("sha256", secret).update(text).digest("base64url");
    return `GET ${target} HTTP/1.1\r\nHost: ${host}\r\nAuthorization: ${signatureScheme}desk:${timestamp}:${nonce}:${signature}\r\n\r\n`;
  });
  const file = fleet.write("signed.txt", requests.join("\0"));
  return `
local requests, next = {}, 0
init = function()
  for one in io.open("${file}", "rb"):read("*a"):gmatch("%Z+") do requests[#requests + 1] = one end
end
request = function()
  next = next + 1
  return requests[next]
end
`;
}

/** The mean without the tenth at either end, and twice its standard error. */
export function trimmedMean(values: readonly number[]): { readonly mean: number; readonly error: number } {
  const cut = Math.floor(values.length / 10);
  const kept = values.toSorted((left, right) => left - right).slice(cut, values.length - cut);
  const mean = kept.reduce((sum, value) => sum + value, 0) / kept.length;
  const variance = kept.reduce((sum, value) => sum + (value - mean) ** 2, 0) / Math.max(1, kept.length - 1);
  return { mean, error: 2 * Math.sqrt(variance / kept.length) };
}

if (import.meta.main) {
  const [rounds = "30", ...wanted] = process.argv.slice(2);
  const isWanted = (name: string): boolean => wanted.length === 0 || wanted.includes(name);
  const bases = new Set<string | null>(caseNames.filter(isWanted).map((name) => cases[name].base));
  const names = caseNames.filter((name) => isWanted(name) || bases.has(name));
  const results = await measureProtection(Number(rounds), names);
  for (const name of names) {
    const { base } = cases[name];
    const costs = results[name];
    const text = `${name.padEnd(12)} ${showSpread(spreadOf(costs), 2)} us`;
    if (base === null) {
      console.log(text);
      continue;
    }
    const { mean, error } = trimmedMean(costs.map((cost, round) => cost - results[base][round]!));
    console.log(`${text}, more than ${base}: ${mean.toFixed(2)} +- ${error.toFixed(2)} us`);
  }
}
