/** Listeners with workers of their own: which process answers where, over crashes, reloads and restarts. */
import { afterEach, expect, test } from "bun:test";
import { GatewayProcess } from "../supervisor/gateway-process.ts";

let gateway: GatewayProcess;
afterEach(() => gateway.close());

/** Patient towards the upstream, which a busy machine holds up: these are about doors. */
const config = `workers: 3
upstreams:
  core: { endpoints: ["{upstream}"], timeouts: { connect: 30s }, queue: { timeout: 30s }, breaker: off }
lanes: { loopDelayMax: 10s }
routes:
  - { match: { path: /orders, methods: POST }, upstream: core, lane: order }
  - { match: { path: /quotes/* }, upstream: core, lane: market }
  - { match: { path: /alive }, respond: { body: yes } }
`;
const listeners = (workers: number): string => `
  orders: { address: "127.0.0.1:0", workers: ${workers}, lanes: [cancel, order] }
  public: { address: "127.0.0.1:0", lanes: [market, query] }`;

/** `status outcome` of one request on a connection of its own. */
async function ask(port: number, path: string, init: RequestInit = {}): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, { ...init, keepalive: false });
  const text = await response.text();
  const isProblem = response.headers.get("content-type") === "application/problem+json";
  return `${response.status} ${isProblem ? (JSON.parse(text) as { outcome: string }).outcome : "passed"}`;
}

const order = { method: "POST", body: "{}" };

/** Requests that each worker has counted, by the listeners it serves. */
async function countsBy(): Promise<[string, number][]> {
  const { workers, generation } = await gateway.status();
  return workers
    .filter((worker) => worker.generation === generation && worker.state === "ready")
    .map((worker): [string, number] => [worker.listeners.join(" "), worker.requests]);
}

async function untilCounted(isSo: (counts: [string, number][]) => boolean): Promise<[string, number][]> {
  for (const endMs = performance.now() + 10_000; ; ) {
    const counts = await countsBy();
    if (isSo(counts)) return counts;
    if (performance.now() > endMs) throw new Error(`counted ${JSON.stringify(counts)}`);
    await Bun.sleep(20);
  }
}

test("orders and market data never meet in a process, and what comes to the wrong door is turned away", async () => {
  gateway = await GatewayProcess.start({ config, listeners: listeners(1) });
  const [orders, open] = [await gateway.port("orders"), await gateway.port("public")];
  for (let index = 0; index < 20; index++) {
    expect(await ask(orders, "/orders", order)).toBe("201 passed");
    expect(await ask(open, "/quotes/A")).toBe("200 passed");
  }
  const [own, ...others] = await untilCounted((counts) => counts.reduce((sum, [, count]) => sum + count, 0) === 40);
  expect(own).toEqual(["orders", 20]);
  expect(others.map(([names]) => names)).toEqual(["public", "public"]);
  expect(await ask(orders, "/quotes/A")).toBe("421 lane-shut-out");
  expect(await ask(open, "/orders", order)).toBe("421 lane-shut-out");
  // What the gateway answers by itself, such as a balancer's check, is let in everywhere.
  expect([await ask(orders, "/alive"), await ask(open, "/alive")]).toEqual(["200 passed", "200 passed"]);
  const { metrics } = await gateway.status();
  const text = await (await fetch(`http://${metrics}/metrics`)).text();
  expect(text).toContain('weir_listener_served{listener="orders",worker="0"} 1');
  expect(text).not.toContain('weir_listener_served{listener="orders",worker="1"}');
}, 40_000);

test("while a market data process stands still, orders are answered", async () => {
  gateway = await GatewayProcess.start({ config: config.replace("workers: 3", "workers: 2"), listeners: listeners(1) });
  const [orders, open] = [await gateway.port("orders"), await gateway.port("public")];
  const { pid } = (await gateway.status()).workers.find((worker) => worker.listeners.includes("public"))!;
  process.kill(pid, "SIGSTOP");
  const quote = ask(open, "/quotes/A");
  for (let index = 0; index < 20; index++) expect(await ask(orders, "/orders", order)).toBe("201 passed");
  process.kill(pid, "SIGCONT");
  expect(await quote).toBe("200 passed");
}, 40_000);

test("a killed worker's place, a reload that moves workers and a restart keep every door open", async () => {
  gateway = await GatewayProcess.start({ config, listeners: listeners(1) });
  const [orders, open] = [await gateway.port("orders"), await gateway.port("public")];
  let isOver = false;
  const failed: string[] = [];
  const ends: Record<string, number> = {};
  const traffic = async (name: string, port: number, path: string, init: RequestInit): Promise<void> => {
    while (!isOver) {
      const result = await ask(port, path, init).catch((error: Error) => error.message);
      ends[name] = (ends[name] ?? 0) + 1;
      if (!result.startsWith("20")) failed.push(`${name} ${result}`);
    }
  };
  const clients = [traffic("order", orders, "/orders", order), traffic("quote", open, "/quotes/A", {})];
  gateway.writeConfig(config, listeners(2));
  expect(await gateway.operate("/reload")).toMatchObject({ ok: true, generation: 2 });
  expect((await countsBy()).map(([names]) => names)).toEqual(["orders", "orders", "public"]);
  expect(await gateway.operate("/restart")).toMatchObject({ ok: true, generation: 3 });
  gateway.writeConfig(config, listeners(1));
  expect(await gateway.operate("/reload")).toMatchObject({ ok: true, generation: 4 });
  isOver = true;
  await Promise.all(clients);
  expect(failed).toEqual([]);
  expect([ends["order"]! > 0, ends["quote"]! > 0]).toEqual([true, true]);
  const own = (await gateway.status()).workers.find((worker) => worker.listeners.includes("orders"))!;
  process.kill(own.pid, "SIGKILL");
  await gateway.until(({ crashes, isReady }) => crashes === 1 && isReady);
  expect((await countsBy()).map(([names]) => names)).toEqual(["orders", "public", "public"]);
  expect([await ask(orders, "/orders", order), await ask(open, "/quotes/A")]).toEqual(["201 passed", "200 passed"]);
}, 60_000);
