/** What protects an upstream, seen from outside: a real gateway with two workers before the example exchange. */
import { afterEach, expect, test } from "bun:test";
import { GatewayProcess } from "../supervisor/gateway-process.ts";

let gateway: GatewayProcess;
let base = "";
afterEach(() => gateway.close());

async function start(config: string): Promise<void> {
  gateway = await GatewayProcess.start({ config });
  base = `http://127.0.0.1:${await gateway.port()}`;
}

async function behave(query: string): Promise<void> {
  await fetch(`http://127.0.0.1:${gateway.exchange.port}/behaviour`, { method: "PUT", body: query });
}

/** `status outcome` of a request; the outcome is that of the gateway's own answers. */
async function ask(path: string, init: RequestInit = {}): Promise<string> {
  const response = await fetch(base + path, { ...init, keepalive: false });
  const text = await response.text();
  const isProblem = response.headers.get("content-type") === "application/problem+json";
  return `${response.status} ${isProblem ? (JSON.parse(text) as { outcome: string }).outcome : "passed"}`;
}

async function untilAnswered(path: string, wanted: string, limitMs = 15_000): Promise<void> {
  const endMs = performance.now() + limitMs;
  for (let seen = ""; seen !== wanted; ) {
    seen = await ask(path);
    if (performance.now() > endMs) throw new Error(`${path} still answers ${seen}`);
    await Bun.sleep(20);
  }
}

const twoWorkers = `workers: 2
upstreams: { core: { endpoints: ["{upstream}"] } }
`;

test("a failing upstream is left alone, orders are refused, queries get the last good answer, and it recovers", async () => {
  // Open for long enough that a busy machine looks at it before it tries again.
  await start(`workers: 2
upstreams: { core: { endpoints: ["{upstream}"], breaker: { open: 5s } } }
routes:
  - { match: { path: /quotes/* }, upstream: core, lane: market, fallback: { lastGood: { ageMax: 1m } } }
  - { match: { path: /orders }, upstream: core, lane: order }
  - { match: { path: "/*" }, upstream: core, fallback: { respond: { status: 200, body: "closed for a moment" } } }
`);
  // Every worker has seen a good answer: connections are spread over them by the kernel.
  const beganMs = performance.now();
  for (let index = 0; index < 40; index++) expect(await ask("/quotes/A")).toBe("200 passed");
  await behave("status=503");
  for (let index = 0; index < 60; index++) await ask("/other");
  const before = gateway.exchange.requestsCount;
  const quote = await fetch(`${base}/quotes/A`, { keepalive: false });
  expect([quote.status, ((await quote.json()) as { symbol?: string }).symbol]).toEqual([200, "A"]);
  expect(quote.headers.get("age")).toMatch(/^\d+$/);
  expect(Number(quote.headers.get("age"))).toBeLessThanOrEqual((performance.now() - beganMs) / 1000);
  const order = await fetch(`${base}/orders`, { method: "POST", body: "{}", keepalive: false });
  expect([order.status, ((await order.json()) as { outcome: string }).outcome]).toEqual([503, "breaker-open"]);
  expect(Number(order.headers.get("retry-after"))).toBeGreaterThanOrEqual(1);
  expect(await (await fetch(`${base}/other`, { keepalive: false })).text()).toBe("closed for a moment");
  expect(gateway.exchange.requestsCount - before).toBeLessThanOrEqual(3);
  await behave("status=200&errors=0");
  await untilAnswered("/quotes/B", "200 passed");
});

test("a limit is exact over both workers, says how long to wait, and is each client's own", async () => {
  await start(`${twoWorkers}rateLimits:
  all: { rate: 20/m, burst: 20 }
  each: { rate: 5/m, burst: 5, by: { field: X-Account } }
routes:
  - { match: { path: /quotes/* }, upstream: core, rateLimits: all }
  - { match: { path: "/*" }, upstream: core, rateLimits: each }
`);
  const results = [];
  for (let index = 0; index < 40; index++) results.push(await ask("/quotes/A"));
  expect(results.filter((result) => result === "200 passed").length).toBe(20);
  const first = await fetch(`${base}/echo`, { headers: { "x-account": "c" }, keepalive: false });
  expect([first.headers.get("ratelimit"), first.headers.get("ratelimit-policy")]).toEqual([
    '"each";r=4;t=12',
    '"each";q=5;w=60',
  ]);
  const refused = await fetch(`${base}/quotes/A`, { keepalive: false });
  expect(refused.headers.get("ratelimit-policy")).toBe('"all";q=20;w=60');
  expect(refused.headers.get("ratelimit")).toMatch(/^"all";r=0;t=[123]$/);
  expect(Number(refused.headers.get("retry-after"))).toBeLessThanOrEqual(3);
  for (const account of ["a", "b"]) {
    const own = [];
    for (let index = 0; index < 8; index++) own.push(await ask("/echo", { headers: { "x-account": account } }));
    expect(own.filter((result) => result === "429 rate-limited").length).toBe(3);
  }
});

test("requests wait in their lanes for a place, the valuable first, and those that cannot are refused", async () => {
  await start(`workers: 1
upstreams: { core: { endpoints: ["{upstream}"], admission: { policy: fixed, initial: 2 } } }
lanes: { deadlineField: X-Patience, burstWait: off, order: { wait: 5s }, query: { wait: 1s } }
routes:
  - { match: { path: /orders/* }, upstream: core, lane: order }
  - { match: { path: "/*" }, upstream: core }
`);
  expect(await ask("/quotes/A?latency=5ms", { headers: { "x-patience": "0" } })).toBe("504 deadline-passed");
  // Two at once: the first at 0, the next after 700 ms, when a busy machine has 300 left; no more within the second.
  const queries = Array.from({ length: 8 }, () => ask("/quotes/A?latency=700ms"));
  const order = ask("/orders/1?latency=1ms");
  const results = await Promise.all(queries);
  expect((await order).split(" ")[1]).toBe("passed");
  expect(new Set(results)).toEqual(new Set(["200 passed", "503 lane-wait-too-long"]));
  expect(results.filter((result) => result === "200 passed").length).toBeGreaterThanOrEqual(4);
});

test("health checks take an endpoint out and bring it back, with requests going to the other meanwhile", async () => {
  const other = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response("other") });
  let isHealthy = true;
  const checked = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: (request) =>
      new Response("checked", { status: new URL(request.url).pathname === "/health" && !isHealthy ? 503 : 200 }),
  });
  other.reload({
    fetch: (request) => new Response("other", { status: new URL(request.url).pathname === "/none" ? 404 : 200 }),
  });
  try {
    await start(`workers: 2
upstreams:
  core:
    endpoints: ["127.0.0.1:${other.port}", "127.0.0.1:${checked.port}"]
    balance: round-robin
    health: { check: { interval: 100ms, fastInterval: 50ms }, slowStart: off }
routes: [{ match: { path: "/*" }, upstream: core }]
`);
    const names = async (): Promise<Set<string>> => {
      const seen = new Set<string>();
      for (let index = 0; index < 20; index++) seen.add(await (await fetch(`${base}/`, { keepalive: false })).text());
      return seen;
    };
    const until = async (wanted: number): Promise<void> => {
      const endMs = performance.now() + 10_000;
      while ((await names()).size !== wanted)
        if (performance.now() > endMs) throw new Error(`never ${wanted} endpoints`);
    };
    await until(2);
    isHealthy = false;
    await until(1);
    isHealthy = true;
    await until(2);
  } finally {
    other.stop(true);
    checked.stop(true);
  }
});

test("the status says how every policy stands, why, and since when", async () => {
  await start(`workers: 1
upstreams: { core: { endpoints: ["{upstream}"], admission: { policy: fixed, initial: 1 } } }
rateLimits: { few: { rate: 1/m, burst: 2 } }
lanes: { query: { wait: 2s } }
routes:
  - { match: { path: /few }, upstream: core, rateLimits: few }
  - { match: { path: "/*" }, upstream: core }
`);
  const policies = async () => (await gateway.status()).policies;
  const until = async (isSo: (one: Awaited<ReturnType<typeof policies>>) => boolean) => {
    for (const endMs = performance.now() + 10_000; ; ) {
      const seen = await policies();
      if (isSo(seen)) return seen;
      if (performance.now() > endMs) throw new Error(JSON.stringify(seen));
      await Bun.sleep(10);
    }
  };
  await until(({ admission }) => admission.length === 1);
  expect(await policies()).toMatchObject({
    admission: [{ upstream: "core", policy: "fixed", state: "free", cause: "none", limit: 1, refusedTotal: 0 }],
    rateLimits: [{ name: "few", state: "within", refusedTotal: 0, agoMs: null }],
    pressure: { state: "none" },
    clock: { state: "ok", cause: "none" },
  });
  for (let index = 0; index < 5; index++) await ask("/few");
  const slow = Array.from({ length: 4 }, () => ask("/quotes/A?latency=400ms"));
  const busy = await until(({ admission }) => admission[0]!.state === "limiting");
  expect(busy).toMatchObject({
    admission: [{ cause: "requests-wait", inFlight: 1 }],
    rateLimits: [{ name: "few", refusedTotal: 3 }],
  });
  expect(busy.admission[0]!.waiting.query).toBeGreaterThan(0);
  await Promise.all(slow);
  await until(({ admission }) => admission[0]!.state === "free");
  const metrics = await (await fetch(`http://${(await gateway.status()).metrics}/metrics`)).text();
  expect(metrics).toContain('weir_rate_limit_refusals_total{limit="few"} 3');
  expect(metrics).toContain('weir_admission_limiting{upstream="core"} 0');
  expect(metrics).toContain("weir_clock_state 0");
}, 30_000);
