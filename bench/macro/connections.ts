/**
 * Ten thousand clients at once: wrk keeps as many connections busy for half a minute. Bar: no error of any kind, neither by
 * wrk's count (connect, read, write, timeout, status) nor by the gateway's (requests answered by itself).
 *
 *     bun bench/macro/connections.ts [--connections 10000] [--seconds 30] [--peers weir-exclusive,weir-pipelined,nginx]
 */
import { parseArgs } from "node:util";
import {
  describe,
  errorsOf,
  Fleet,
  machine,
  residentMemory,
  runWrk,
  servingCore,
  startBackend,
  startPeer,
  table,
  type WrkResult,
} from "../rig/mod.ts";

export interface ConnectionsFindings {
  readonly name: string;
  readonly wrk: WrkResult;
  readonly errors: number;
  readonly rssBytes: number;
  /** What Weir itself counted, by outcome; empty for others. */
  readonly outcomes: Readonly<Record<string, number>>;
}

export async function measureConnections(
  names: readonly string[],
  connections: number,
  seconds: number,
): Promise<ConnectionsFindings[]> {
  const findings: ConnectionsFindings[] = [];
  const fleet = new Fleet();
  try {
    const backendPort = await startBackend(fleet);
    for (const name of names) {
      const connectionsMax = connections * 2 + 512;
      const peer = await startPeer(name, { fleet, backendPort, core: servingCore, workers: 1, connectionsMax });
      const wrk = await runWrk(fleet, { url: peer.url, connections, seconds });
      const { rssBytes } = residentMemory(peer.serving);
      const outcomes = await outcomesOf(peer.program.printed());
      findings.push({ name, wrk, errors: errorsOf(wrk), rssBytes, outcomes });
      await fleet.stop(peer.program);
    }
  } finally {
    await fleet.close();
  }
  return findings;
}

/** From the metrics whose address the gateway printed at its start. */
async function outcomesOf(printed: string): Promise<Record<string, number>> {
  const url = /http:\/\/\S+\/metrics/.exec(printed)?.[0];
  if (url === undefined) return {};
  const text = await (await fetch(url)).text();
  const lines = text.matchAll(/^weir_(?:requests|refusals)_total\{.*outcome="([^"]+)"\} (\d+)$/gm);
  return Object.fromEntries(
    [...lines].filter(([, , count]) => count !== "0").map(([, name, count]) => [name!, Number(count)]),
  );
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      connections: { type: "string", default: "10000" },
      seconds: { type: "string", default: "30" },
      peers: { type: "string", default: "weir-exclusive,weir-pipelined,nginx" },
    },
  });
  const { connections, seconds } = values;
  const where = machine();
  const findings = await measureConnections(values.peers.split(","), Number(connections), Number(seconds));
  const heading = ["peer", "requests", "requests/s", "P50 ms", "P99 ms", "max ms", "MiB", "errors", "bar 0"];
  const rows = findings.map(({ name, wrk, errors, rssBytes }) => [
    name,
    String(wrk.requests),
    ((wrk.requests / wrk.durationUs) * 1e6).toFixed(0),
    (wrk.p50Us / 1000).toFixed(1),
    (wrk.p99Us / 1000).toFixed(1),
    (wrk.maxUs / 1000).toFixed(1),
    (rssBytes / 2 ** 20).toFixed(1),
    errors === 0 ? "0" : JSON.stringify(wrk.errors),
    name.startsWith("weir") ? (errors === 0 && wrk.requests > 0 ? "met" : "MISSED") : "-",
  ]);
  console.log([describe(where), `${connections} connections, ${seconds} s`, table([heading, ...rows])].join("\n\n"));
  for (const { name, outcomes } of findings) {
    if (Object.keys(outcomes).length > 0) console.log(`${name} counted ${JSON.stringify(outcomes)}`);
  }
}
