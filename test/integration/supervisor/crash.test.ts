import { afterEach, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { GatewayProcess, plainConfig } from "./gateway-process.ts";
import { Traffic } from "./traffic.ts";

let gateway: GatewayProcess;
afterEach(() => gateway.close());

test("a worker killed is replaced at once, and the other one's requests are unharmed", async () => {
  gateway = await GatewayProcess.start();
  const traffic = new Traffic({ port: await gateway.port(), newPerSecond: 0, keepAlive: 40, pauseMs: 5 });
  await gateway.until(({ connections }) => connections.client === 40);
  const { workers } = await gateway.status();
  const [killed, other] = workers;
  process.kill(killed!.pid, "SIGKILL");
  const replaced = await gateway.logged("worker.replaced");
  const { workers: now, crashes } = await gateway.until(({ connections }) => connections.client === 40);
  const counts = await traffic.stop();
  // The strict bar, 100 ms, is bench/macro/restart.ts's to measure: here other tests may have the processor.
  expect(replaced).toMatchObject({ worker: killed!.worker });
  expect(Number(replaced["tookMs"])).toBeLessThan(10_000);
  expect([crashes, now.some(({ pid }) => pid === other!.pid)]).toEqual([1, true]);
  expect(counts).toMatchObject({ refused: 0, otherStatus: 0, timedOut: 0 });
  expect(counts.cut + counts.closedIdle).toBe(killed!.connections);
});

test("connections that came while nobody accepted are served by the replacement", async () => {
  gateway = await GatewayProcess.start({ config: oneWorker });
  const port = await gateway.port();
  const { workers } = await gateway.status();
  process.kill(workers[0]!.pid, "SIGSTOP");
  const waiting = Array.from({ length: 50 }, () => fetch(`http://127.0.0.1:${port}/quotes/A`, { keepalive: false }));
  while (queuedConnections(port) < 50) await Bun.sleep(5);
  process.kill(workers[0]!.pid, "SIGKILL");
  const answers = await Promise.all(waiting);
  expect(answers.map((answer) => answer.status)).toEqual(Array.from({ length: 50 }, () => 200));
});

test("a worker that crashes again and again is replaced later and later", async () => {
  gateway = await GatewayProcess.start({ config: oneWorker });
  const delays: unknown[] = [];
  for (let crash = 0; crash < 4; crash++) {
    const from = gateway.log.length;
    const { workers } = await gateway.until((status) => status.workers[0]?.state === "ready");
    process.kill(workers[0]!.pid, "SIGKILL");
    delays.push((await gateway.logged("worker.ended", from))["delayMs"]);
  }
  expect(delays).toEqual([0, 100, 200, 400]);
  expect((await gateway.until(({ isReady }) => isReady)).crashes).toBe(4);
});

test("a spare that has loaded its program takes the place of a worker, and is replaced itself", async () => {
  gateway = await GatewayProcess.start();
  const { workers, sparePids } = await gateway.until((status) => status.sparePids.length === 2);
  process.kill(workers[0]!.pid, "SIGKILL");
  const { pid } = await gateway.logged("worker.replaced");
  expect(sparePids).toContain(Number(pid));
  const later = await gateway.until((status) => status.sparePids.length === 2 && status.isReady);
  expect(new Set([...later.sparePids, ...sparePids, workers[1]!.pid]).size).toBe(4);
  const from = gateway.log.length;
  process.kill(later.sparePids[0]!, "SIGKILL");
  await gateway.until((status) => status.sparePids.length === 2 && !status.sparePids.includes(later.sparePids[0]!));
  expect(gateway.log.slice(from)).toEqual([]);
});

test("a restart takes spares, and spares hold no port open that is not to be served", async () => {
  gateway = await GatewayProcess.start({ config: plainConfig, listeners: twoListeners });
  const [port, other] = [await gateway.port(), await gateway.port("other")];
  const { sparePids } = await gateway.until((status) => status.sparePids.length === 2);
  await gateway.operate("/restart");
  expect((await gateway.status()).workers.map(({ pid }) => pid)).toEqual(expect.arrayContaining([...sparePids]));
  await gateway.until((status) => status.sparePids.length === 2 && !status.isOldGenerationDraining);
  gateway.writeConfig(plainConfig, '{ public: { address: "127.0.0.1:0" } }');
  expect(await gateway.operate("/reload")).toMatchObject({ ok: true, changed: true });
  await gateway.until((status) => !status.isOldGenerationDraining);
  expect(await isRefused(other)).toBe(true);
  await gateway.until((status) => status.sparePids.length === 2);
  const traffic = new Traffic({ port, newPerSecond: 0, keepAlive: 1, pauseMs: 5 });
  await gateway.until(({ connections }) => connections.client === 1);
  await traffic.stop();
  gateway.signal("SIGTERM");
  await gateway.exited;
  expect(await isRefused(port)).toBe(true);
});

test("the thread that serves is bound to a processor and no other is, also in a worker that was a spare", async () => {
  const config = `cpuPinning: on\n${plainConfig}`;
  gateway = await GatewayProcess.start({ config });
  const { workers } = await gateway.until((status) => status.sparePids.length === 2);
  process.kill(workers[1]!.pid, "SIGKILL");
  await gateway.logged("worker.replaced");
  const now = await gateway.until(({ isReady }) => isReady);
  const own = allowed(process.pid, String(process.pid));
  const bound = now.workers.map(({ worker, pid }) => [worker, allowed(pid, String(pid))]);
  const processors = own.split(",").flatMap((part) => {
    const [from = 0, to = from] = part.split("-").map(Number);
    return Array.from({ length: to - from + 1 }, (_, index) => String(from + index));
  });
  const wanted = [0, 1].map((worker) => [worker, processors[worker % processors.length]!]);
  expect(bound.toSorted()).toEqual(wanted);
  // Compilers come and go; once a second those that have come are set free.
  const helpers = (): string[] =>
    now.workers.flatMap(({ pid }) =>
      readdirSync(`/proc/${pid}/task`).flatMap((id) => (Number(id) === pid ? [] : allowed(pid, id))),
    );
  await gateway.until(() => helpers().every((cpus) => cpus === own));
  expect(helpers().length).toBeGreaterThan(0);
});

test("workers whose supervisor is killed finish and end, and spares with them", async () => {
  gateway = await GatewayProcess.start();
  const { workers: serving, sparePids } = await gateway.until((status) => status.sparePids.length === 2);
  const workers = [...serving, ...sparePids.map((pid) => ({ pid }))];
  gateway.signal("SIGKILL");
  await gateway.exited;
  const isAlive = (pid: number): boolean => {
    try {
      return process.kill(pid, 0);
    } catch {
      return false;
    }
  };
  const beganMs = performance.now();
  while (workers.some(({ pid }) => isAlive(pid)) && performance.now() - beganMs < 10_000) await Bun.sleep(10);
  expect(workers.filter(({ pid }) => isAlive(pid))).toEqual([]);
});

const twoListeners = '{ public: { address: "127.0.0.1:0" }, other: { address: "127.0.0.1:0" } }';

function allowed(pid: number, thread: string): string {
  return /^Cpus_allowed_list:\s*(\S+)$/m.exec(readFileSync(`/proc/${pid}/task/${thread}/status`, "utf8"))![1]!;
}

async function isRefused(port: number): Promise<boolean> {
  try {
    await fetch(`http://127.0.0.1:${port}/quotes/A`, { keepalive: false, signal: AbortSignal.timeout(2000) });
    return false;
  } catch (error) {
    return (error as { code?: string }).code === "ECONNREFUSED";
  }
}

const oneWorker = plainConfig.replace("workers: 2", "workers: 1");

/** Connections that the kernel has completed and nobody has accepted: the receive queue of the listening socket. */
function queuedConnections(port: number): number {
  const local = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const rows = readFileSync("/proc/net/tcp", "utf8").split("\n");
  const listening = rows
    .map((row) => row.trim().split(/\s+/))
    .filter((row) => row[1]?.endsWith(local) && row[3] === "0A");
  return listening.reduce((sum, row) => sum + Number.parseInt(row[4]!.split(":")[1]!, 16), 0);
}
