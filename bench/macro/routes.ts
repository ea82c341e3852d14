/**
 * What 10,000 routes cost a running gateway against 10: processor time of the worker per request, from the kernel's own
 * accounting, with `wrk` asking for ten of the routes in turn, and for all of them. Rounds take turns; the ratio is of the
 * medians.
 *
 *     bun bench/macro/routes.ts [rounds] [seconds]
 *
 * To find a route costs the same. What grows when all are asked for is what belongs to each route, its counters and
 * histograms above all: they no longer fit into the processor's caches.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const main = join(import.meta.dir, "../../src/cli/main.ts");
const answer = Buffer.from("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");

interface RunningGateway {
  readonly routes: number;
  readonly port: number;
  readonly workerId: number;
  readonly process: Bun.Subprocess;
}

/** How many routes there are, and how many of them are asked for. */
export interface Case {
  readonly routes: number;
  readonly asked: number;
}

interface Run {
  readonly gateway: RunningGateway;
  readonly script: string;
  readonly usPerRequest: number[];
}

/** Median microseconds of the worker's processor time per request, for each case. */
export async function measureRoutes(cases: readonly Case[], rounds: number, seconds: number): Promise<number[]> {
  const folder = mkdtempSync(join(tmpdir(), "weir-routes-"));
  const backend = startBackend();
  const gateways: RunningGateway[] = [];
  try {
    for (const routes of new Set(cases.map((one) => one.routes))) {
      gateways.push(await startGateway(folder, routes, backend.port));
    }
    const runs = cases.map(({ routes, asked }): Run => {
      const gateway = gateways.find((one) => one.routes === routes)!;
      return { gateway, script: writeScript(folder, asked), usPerRequest: [] };
    });
    for (const run of runs) await load(run, 2 * seconds);
    for (let round = 0; round < rounds; round++) {
      for (const run of runs) run.usPerRequest.push(await load(run, seconds));
    }
    return runs.map(({ usPerRequest }) => usPerRequest.sort((a, b) => a - b)[usPerRequest.length >> 1]!);
  } finally {
    for (const gateway of gateways) gateway.process.kill();
    await Promise.all(gateways.map((gateway) => gateway.process.exited));
    backend.stop(true);
    rmSync(folder, { recursive: true });
  }
}

/** Answers every request with the same bytes; it is not what is measured. */
function startBackend(): Bun.TCPSocketListener {
  return Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      data(socket, data) {
        const requests = data.toString("latin1").split("\r\n\r\n").length - 1;
        socket.write(Buffer.concat(Array.from({ length: requests }, () => answer)));
      },
    },
  });
}

async function startGateway(folder: string, routes: number, backendPort: number): Promise<RunningGateway> {
  const port = await freePort();
  const file = join(folder, `${routes}.yaml`);
  const list = Array.from({ length: routes }, (_, index) => ({
    match: { path: `/api/v1/service-${index}/*` },
    upstream: "backend",
  }));
  const config = {
    workers: 1,
    listeners: { public: { address: `127.0.0.1:${port}` } },
    upstreams: { backend: { endpoints: `127.0.0.1:${backendPort}` } },
    routes: list,
    limits: { connectionsMax: 1000 },
    metrics: { address: `127.0.0.1:${await freePort()}` },
    admin: { address: `unix:${join(folder, `${routes}.sock`)}` },
  };
  writeFileSync(file, JSON.stringify(config));
  const process_ = Bun.spawn([process.execPath, main, "serve", file], { stdio: ["ignore", "ignore", "pipe"] });
  await isServing(process_.stderr, port);
  // Its other children are spares and, for a moment, the compiler of the workers' image.
  const status = await fetch("http://weir/status", { unix: join(folder, `${routes}.sock`) });
  const { workers } = (await status.json()) as { workers: { pid: number }[] };
  const workerId = workers[0]!.pid;
  return { routes, port, workerId, process: process_ };
}

/** Asks for the first routes in an order that no cache foresees. */
function writeScript(folder: string, asked: number): string {
  const file = join(folder, `${asked}.lua`);
  const path = `"/api/v1/service-" .. n .. "/quotes"`;
  writeFileSync(
    file,
    `local n = 0\nrequest = function()\n  n = (n + 7919) % ${asked}\n  return wrk.format(nil, ${path})\nend\n`,
  );
  return file;
}

async function isServing(stderr: ReadableStream<Uint8Array>, port: number): Promise<void> {
  const decoder = new TextDecoder();
  let text = "";
  const reader = stderr.getReader();
  while (!text.includes("serves with")) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`the gateway did not start on port ${port}: ${text}`);
    text += decoder.decode(value);
  }
  reader.releaseLock();
}

/** One run; microseconds of the worker's processor time per request. */
async function load({ gateway, script }: Run, seconds: number): Promise<number> {
  const beforeUs = processorUs(gateway.workerId);
  const url = `http://127.0.0.1:${gateway.port}/`;
  const child = Bun.spawn(["wrk", "-t1", "-c64", `-d${seconds}s`, "-s", script, url], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const text = await new Response(child.stdout).text();
  const requests = Number(/(\d+) requests in/.exec(text)?.[1] ?? 0);
  if (requests === 0 || text.includes("Non-2xx")) throw new Error(`the run failed:\n${text}`);
  return (processorUs(gateway.workerId) - beforeUs) / requests;
}

/** All threads of a process, from the scheduler's own count of nanoseconds. */
function processorUs(id: number): number {
  const threads = readdirSync(`/proc/${id}/task`);
  const ns = threads.map((thread) =>
    Number(readFileSync(`/proc/${id}/task/${thread}/schedstat`, "utf8").split(" ")[0]),
  );
  return ns.reduce((sum, one) => sum + one, 0) / 1000;
}

async function freePort(): Promise<number> {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const { port } = listener;
  listener.stop(true);
  return port;
}

if (import.meta.main) {
  const cases = [
    { routes: 10, asked: 10 },
    { routes: 10_000, asked: 10 },
    { routes: 10_000, asked: 10_000 },
  ];
  const figures = await measureRoutes(cases, Number(process.argv[2] ?? 15), Number(process.argv[3] ?? 1));
  for (const [index, us] of figures.entries()) {
    const { routes, asked } = cases[index]!;
    const ratio = (us / figures[0]!).toFixed(3);
    console.log(
      `${String(routes).padStart(6)} routes, ${String(asked).padStart(6)} asked for: ${us.toFixed(2)} us  ${ratio}`,
    );
  }
}
