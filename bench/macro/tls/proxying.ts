/**
 * CPU per proxied request over TLS 1.3 with 256 connections, each gateway in turn, several rounds in one run.
 *
 *     bun bench/macro/tls/proxying.ts [seconds per round] [rounds]
 *
 * The bar: Weir with OpenSSL needs at most 0.80 of nginx's CPU. wrk makes the load; CPU time is the gateway's own, so that
 * it does not matter whether the load generator could have done more.
 */
import { cpuUs, Gateways, type Target } from "./gateways.ts";

export interface ProxyingFigures {
  /** CPU per request in microseconds, by target, one for each round. */
  readonly cpuUs: ReadonlyMap<string, readonly number[]>;
}

export async function measureProxying(
  targets: readonly Target[],
  seconds: number,
  rounds: number,
  connections: number,
): Promise<ProxyingFigures> {
  const figures = new Map<string, number[]>(targets.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const target of targets) {
      const beforeUs = cpuUs(target.pid);
      const requests = await runWrk(target.port, seconds, connections);
      figures.get(target.name)!.push((cpuUs(target.pid) - beforeUs) / requests);
    }
  }
  return { cpuUs: figures };
}

async function runWrk(port: number, seconds: number, connections: number): Promise<number> {
  const command = ["wrk", "-t1", `-c${connections}`, `-d${seconds}s`, `https://127.0.0.1:${port}/quotes`];
  const child = Bun.spawn(command, { stdio: ["ignore", "pipe", "inherit"] });
  const text = await new Response(child.stdout).text();
  const requests = Number(/(\d+) requests in/.exec(text)?.[1] ?? 0);
  if (requests === 0 || /Non-2xx|(?:connect|read|write) [1-9]/.test(text))
    throw new Error(`wrk on port ${port}:\n${text}`);
  return requests;
}

/** The middle one. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((left, right) => left - right);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

if (import.meta.main) {
  const seconds = Number(process.argv[2] ?? 4);
  const rounds = Number(process.argv[3] ?? 5);
  const gateways = await Gateways.start();
  try {
    // The first seconds are the compiler's.
    await measureProxying(gateways.targets, 5, 1, 256);
    const { cpuUs: figures } = await measureProxying(gateways.targets, seconds, rounds, 256);
    const nginx = median(figures.get("nginx")!);
    for (const [name, values] of figures) {
      const all = values.map((value) => value.toFixed(2)).join(" ");
      console.log(
        `${name.padEnd(13)} ${median(values).toFixed(2)} us/request, ${(median(values) / nginx).toFixed(2)} of nginx (${all})`,
      );
    }
  } finally {
    await gateways.stop();
  }
}
