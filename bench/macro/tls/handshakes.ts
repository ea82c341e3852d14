/**
 * Handshakes of TLS 1.3: full and resumed ones per second of one core beside nginx, and the time of a full handshake with 1, 3
 * and 5 names in the client's ALPN list. Each connection also makes one request, through to the upstream.
 *
 *     bun bench/macro/tls/handshakes.ts [connections per round] [rounds]
 *
 * Rates are computed from the CPU time of the gateway, so that the client's speed does not matter; targets take turns. The
 * bar: 0.9 of nginx's rate of full handshakes. Certificates are ECDSA on P-256.
 */
import { join } from "node:path";
import { cpuUs, Gateways, type Target } from "./gateways.ts";
import { median } from "./proxying.ts";

export type Kind = "full" | "resumed";

export interface HandshakeFigure {
  /** CPU of the gateway for one connection, in microseconds. */
  readonly cpuUs: number;
  readonly medianMs: number;
  readonly resumedRatio: number;
}

/** Names as a client may offer them; the one that the gateways speak comes last. */
export const alpnLists: Readonly<Record<number, string>> = {
  1: "http/1.1",
  3: "spdy/3,http/1.0,http/1.1",
  5: "spdy/3,spdy/3.1,stun.turn,http/1.0,http/1.1",
};

export async function measureHandshakes(
  target: Target,
  connections: number,
  lanes: number,
  kind: Kind,
  names: number,
): Promise<HandshakeFigure> {
  const program = join(import.meta.dir, "handshake-client.ts");
  const words = [target.port, connections, lanes, kind, alpnLists[names]!].map(String);
  const beforeUs = cpuUs(target.pid);
  const child = Bun.spawn([process.execPath, program, ...words], { stdio: ["ignore", "pipe", "inherit"] });
  const told = JSON.parse(await new Response(child.stdout).text()) as { medianMs: number; resumedCount: number };
  const usedUs = cpuUs(target.pid) - beforeUs;
  return { cpuUs: usedUs / connections, medianMs: told.medianMs, resumedRatio: told.resumedCount / connections };
}

if (import.meta.main) {
  const connections = Number(process.argv[2] ?? 1500);
  const rounds = Number(process.argv[3] ?? 5);
  const warmupConnections = Math.min(10_000, 10 * connections);
  const gateways = await Gateways.start();
  try {
    // A runtime that compiles what it runs often is done after some thousand handshakes: until then each costs half as much again.
    for (const target of gateways.targets) await measureHandshakes(target, warmupConnections, 8, "full", 1);
    for (const kind of ["full", "resumed"] as const) await printRates(gateways.targets, connections, rounds, kind);
    await printTimes(gateways.targets, Math.ceil(connections / 5), rounds);
  } finally {
    await gateways.stop();
  }
}

async function printRates(targets: readonly Target[], connections: number, rounds: number, kind: Kind): Promise<void> {
  const figures = new Map<string, HandshakeFigure[]>(targets.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const target of targets) {
      figures.get(target.name)!.push(await measureHandshakes(target, connections, 8, kind, 1));
    }
  }
  const rateOf = (name: string): number => 1e6 / median(figures.get(name)!.map((figure) => figure.cpuUs));
  for (const { name } of targets) {
    const all = figures.get(name)!;
    const resumed = Math.round(100 * median(all.map((figure) => figure.resumedRatio)));
    const spread = all.map((figure) => (1e6 / figure.cpuUs).toFixed(0)).join(" ");
    const ratio = (rateOf(name) / rateOf("nginx")).toFixed(2);
    console.log(
      `${kind.padEnd(8)} ${name.padEnd(13)} ${rateOf(name).toFixed(0).padStart(6)}/s per core, ${ratio} of nginx, ${resumed} % resumed (${spread})`,
    );
  }
}

async function printTimes(targets: readonly Target[], connections: number, rounds: number): Promise<void> {
  for (const target of targets) {
    const times: string[] = [];
    for (const names of [1, 3, 5]) {
      const all: number[] = [];
      for (let round = 0; round < rounds; round++) {
        all.push((await measureHandshakes(target, connections, 1, "full", names)).medianMs);
      }
      times.push(`${names} ${names === 1 ? "name" : "names"} ${median(all).toFixed(2)} ms`);
    }
    console.log(`ALPN     ${target.name.padEnd(13)} ${times.join(", ")}`);
  }
}
