/**
 * What an idle client's connection costs a gateway in resident memory: the difference of the serving processes before and
 * after thousands of keep-alive connections that each have had one answer, once the memory has settled.
 *
 *     bun bench/memory/memory.ts
 *     bun bench/memory/memory.ts --connections 100000 --workers 6 --peers weir-exclusive,nginx
 *
 * Before counting, the gateway serves a warm-up load with many connections that then close, so that its code is compiled and
 * its pools exist; what is told is what connections add. The kernel's socket memory is not in it: it is the same for all.
 * Clients are processes of their own with at most 15,000 connections and source addresses of their own. The bar is 1.3 KB for Weir.
 */
import { parseArgs } from "node:util";
import {
  anyCore,
  describe,
  Fleet,
  type Machine,
  machine,
  type Peer,
  type Program,
  residentMemory,
  root,
  runWrk,
  startBackend,
  startPeer,
  table,
  until,
} from "../rig/mod.ts";

const CLIENT_CONNECTIONS_MAX = 15_000;
/** What 20,000 descriptors leave for clients. */
const WORKER_CONNECTIONS_MAX = 18_400;
/** As idle-client.ts needs for its connections. */
const SOURCES_PER_CLIENT = 3;
const BAR_BYTES = 1_300;

export interface MemoryOptions {
  readonly connections: number;
  readonly workers: number;
  readonly peers: readonly string[];
  /** How long memory has to settle: collectors run in idle time. */
  readonly settleSeconds: number;
}

export interface MemoryFindings {
  readonly name: string;
  readonly version: string;
  readonly beforeBytes: number;
  readonly afterBytes: number;
  readonly bytesPerConnection: number;
  /** By the proportional share of each page instead of whole pages. */
  readonly pssBytesPerConnection: number;
  readonly secondsToOpen: number;
  /** Connections that still answer at the end, of a sample of all. */
  readonly isAliveAfter: boolean;
}

export async function measureMemory(options: MemoryOptions, tell: (line: string) => void): Promise<MemoryFindings[]> {
  const findings: MemoryFindings[] = [];
  for (const name of options.peers) {
    const fleet = new Fleet();
    try {
      const { workers, connections } = options;
      const backendPort = await startBackend(fleet);
      // The kernel spreads connections over workers by chance, so each needs some room above its share.
      const connectionsMax = Math.min(Math.ceil(connections * 1.1), WORKER_CONNECTIONS_MAX * workers);
      const extraWeir = `timeouts: { keepAliveIdle: 1h }\nlimits: { connectionsMax: ${connectionsMax} }\n`;
      const peer = await startPeer(name, { fleet, backendPort, core: anyCore, workers, connectionsMax, extraWeir });
      tell(`${name}: warming up`);
      findings.push(await measurePeer(fleet, peer, options, tell));
    } finally {
      await fleet.close();
    }
  }
  return findings;
}

async function measurePeer(
  fleet: Fleet,
  peer: Peer,
  options: MemoryOptions,
  tell: (line: string) => void,
): Promise<MemoryFindings> {
  const { connections, settleSeconds } = options;
  await runWrk(fleet, {
    url: peer.url,
    connections: Math.min(512, connections),
    seconds: settleSeconds,
    core: anyCore,
  });
  await Bun.sleep(settleSeconds * 1000);
  const before = residentMemory(peer.serving);
  tell(`${peer.name}: opening ${connections} connections`);
  const startMs = performance.now();
  await openConnections(fleet, peer, connections);
  const secondsToOpen = (performance.now() - startMs) / 1000;
  await Bun.sleep(settleSeconds * 1000);
  const after = residentMemory(peer.serving);
  const { status } = await fetch(peer.url);
  return {
    name: peer.name,
    version: peer.version,
    beforeBytes: before.rssBytes,
    afterBytes: after.rssBytes,
    bytesPerConnection: (after.rssBytes - before.rssBytes) / connections,
    pssBytesPerConnection: (after.pssBytes - before.pssBytes) / connections,
    secondsToOpen,
    isAliveAfter: status === 200 && !peer.program.hasEnded(),
  };
}

async function openConnections(fleet: Fleet, { url }: Peer, connections: number): Promise<void> {
  const { port } = new URL(url);
  const count = Math.ceil(connections / CLIENT_CONNECTIONS_MAX);
  const clients: Program[] = [];
  for (let index = 0, left = connections; index < count; index++) {
    const share = Math.ceil(left / (count - index));
    left -= share;
    const words = [`${root}/bench/memory/idle-client.ts`, port, String(share), String(1 + index * SOURCES_PER_CLIENT)];
    clients.push(fleet.start(anyCore, [process.execPath, ...words]));
  }
  const readyMsMax = 30_000 + connections * 5;
  await Promise.all(clients.map((client) => until(client, () => client.printed().includes("held "), readyMsMax)));
}

export function render(findings: readonly MemoryFindings[], where: Machine, options: MemoryOptions): string {
  const mib = (bytes: number): string => (bytes / 2 ** 20).toFixed(1);
  const rows = findings.map((one) => [
    one.name,
    one.version,
    mib(one.beforeBytes),
    mib(one.afterBytes),
    one.bytesPerConnection.toFixed(0),
    one.pssBytesPerConnection.toFixed(0),
    one.secondsToOpen.toFixed(1),
    one.name.startsWith("weir") ? (one.bytesPerConnection <= BAR_BYTES ? "met" : "MISSED") : "-",
  ]);
  const heading = [
    "peer",
    "version",
    "MiB before",
    "MiB after",
    "bytes each",
    "by PSS",
    "s to open",
    `bar ${BAR_BYTES}`,
  ];
  const what = `${options.connections} idle connections, ${options.workers} workers`;
  return [describe(where), what, table([heading, ...rows])].join("\n\n");
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      connections: { type: "string", default: "18000" },
      workers: { type: "string", default: "1" },
      peers: { type: "string", default: "weir-exclusive,nginx,haproxy" },
      settle: { type: "string", default: "5" },
      json: { type: "boolean", default: false },
    },
  });
  const options = {
    connections: Number(values.connections),
    workers: Number(values.workers),
    peers: values.peers.split(","),
    settleSeconds: Number(values.settle),
  };
  const where = machine();
  const findings = await measureMemory(options, (line) => console.error(line));
  const result = { schema: "weir-memory/1", machine: where, options, peers: findings };
  console.log(values.json ? JSON.stringify(result, null, 2) : render(findings, where, options));
}
