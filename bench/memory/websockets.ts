/**
 * What an idle WebSocket costs the gateway in resident memory, both of its sides: the difference of the worker before and after
 * thousands of them that have said one word each way, once the memory has settled.
 *
 *     bun bench/memory/websockets.ts [--connections 18000] [--clients http2] [--workers 1] [--settle 5]
 *
 * The bar: 2.5 KB each, 18,000 in one worker. A WebSocket takes two descriptors, one on each side; where a process may have no
 * more than 20,000, clients over HTTP/1.1 need two workers for 18,000 (`--clients http1 --workers 2`), and clients over HTTP/2,
 * whose WebSockets are streams, one. Clients are processes of their own.
 */
import { parseArgs } from "node:util";
import {
  anyCore,
  describe,
  Fleet,
  machine,
  type Peer,
  type Program,
  residentMemory,
  root,
  runWrk,
  startPeer,
  until,
} from "../rig/mod.ts";

const BAR_BYTES = 2_500;
const CLIENT_CONNECTIONS_MAX = 9_000;
/** As websocket-client.ts needs for its connections. */
const SOURCES_PER_CLIENT = 2;
const WARM_CONNECTIONS = 200;

export interface WebSocketOptions {
  readonly connections: number;
  readonly clients: "http1" | "http2";
  readonly workers: number;
  readonly settleSeconds: number;
}

export interface WebSocketFindings {
  readonly beforeBytes: number;
  readonly afterBytes: number;
  readonly bytesEach: number;
  readonly secondsToOpen: number;
}

export async function measureWebSockets(options: WebSocketOptions): Promise<WebSocketFindings> {
  const { connections, workers, clients, settleSeconds } = options;
  const fleet = new Fleet();
  try {
    const backend = fleet.start(anyCore, [process.execPath, `${root}/bench/memory/websocket-backend.ts`]);
    await until(backend, () => backend.printed().includes("\n"));
    // Streams need few connections; connections are not spread quite evenly over the workers.
    const connectionsMax = clients === "http2" ? 1_000 : Math.ceil(connections * 1.1) + 512;
    const extraWeir = `timeouts: { keepAliveIdle: 1h }
lanes: { loopDelayMax: 1m }
limits: { connectionsMax: ${connectionsMax}, http2: { streamsMax: 1000 } }
`;
    const backendPort = Number(backend.printed());
    const where = { fleet, backendPort, core: anyCore, workers, connectionsMax: connections, extraWeir };
    const weir = await startPeer("weir-exclusive", { ...where, readyPath: "/" });
    // What is allocated once, and the code of both directions; as much traffic as before other figures of memory.
    const warm = await open(fleet, weir, clients, Math.min(WARM_CONNECTIONS, connections), 250);
    await Promise.all(warm.map((client) => fleet.stop(client)));
    await runWrk(fleet, {
      url: weir.url,
      connections: Math.min(512, connections),
      seconds: settleSeconds,
      core: anyCore,
    });
    await Bun.sleep(settleSeconds * 1000);
    const before = residentMemory(weir.serving).rssBytes;
    const startMs = performance.now();
    await open(fleet, weir, clients, connections, 1);
    const secondsToOpen = (performance.now() - startMs) / 1000;
    await Bun.sleep(settleSeconds * 1000);
    const after = residentMemory(weir.serving).rssBytes;
    return {
      beforeBytes: before,
      afterBytes: after,
      bytesEach: (after - before) / connections,
      secondsToOpen,
    };
  } finally {
    await fleet.close();
  }
}

/** Opens WebSockets from as many processes as that takes, and waits until all are held. */
async function open(
  fleet: Fleet,
  { url }: Peer,
  clients: WebSocketOptions["clients"],
  connections: number,
  firstSource: number,
): Promise<Program[]> {
  const count = Math.ceil(connections / CLIENT_CONNECTIONS_MAX);
  const program = `${root}/bench/memory/websocket-client.ts`;
  const holders: Program[] = [];
  for (let index = 0, left = connections; index < count; index++) {
    const share = Math.ceil(left / (count - index));
    left -= share;
    const source = firstSource + index * SOURCES_PER_CLIENT;
    const words = [new URL(url).port, String(share), String(source), clients];
    holders.push(fleet.start(anyCore, [process.execPath, program, ...words]));
  }
  const readyMsMax = 30_000 + connections * 10;
  await Promise.all(holders.map((holder) => until(holder, () => holder.printed().includes("held "), readyMsMax)));
  return holders;
}

export function renderWebSockets(findings: WebSocketFindings, options: WebSocketOptions): string {
  const { beforeBytes, afterBytes, bytesEach, secondsToOpen } = findings;
  const mib = (bytes: number): string => (bytes / 2 ** 20).toFixed(1);
  const { connections, workers, clients } = options;
  return [
    `${connections} idle WebSockets over ${clients}, ${workers} workers, opened in ${secondsToOpen.toFixed(1)} s`,
    `${mib(beforeBytes)} MiB before, ${mib(afterBytes)} MiB after`,
    `${bytesEach.toFixed(0)} bytes each, bar ${BAR_BYTES}: ${bytesEach <= BAR_BYTES ? "met" : "MISSED"}`,
  ].join("\n");
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      connections: { type: "string", default: "18000" },
      clients: { type: "string", default: "http2" },
      workers: { type: "string", default: "1" },
      settle: { type: "string", default: "5" },
    },
  });
  const options: WebSocketOptions = {
    connections: Number(values.connections),
    clients: values.clients === "http1" ? "http1" : "http2",
    workers: Number(values.workers),
    settleSeconds: Number(values.settle),
  };
  console.log(describe(machine()));
  console.log(renderWebSockets(await measureWebSockets(options), options));
}
