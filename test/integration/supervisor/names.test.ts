/** Upstreams that are named, with a file of hosts of the gateway's own, in a mount namespace. */
import { afterEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { GatewayProcess } from "./gateway-process.ts";
import { Traffic } from "./traffic.ts";

const folder = mkdtempSync(join(tmpdir(), "weir-names-"));
const hosts = join(folder, "hosts");
const namespace = ["unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"', hosts];
const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});

async function startNamed(port: number, workers = 2): Promise<GatewayProcess> {
  const config = `workers: ${workers}
upstreams:
  core: { endpoints: ["exchange.test:${port}"], timeouts: { connect: 30s }, queue: { timeout: 30s }, breaker: off, resolveInterval: 1s }
routes: [{ match: { path: "/*" }, upstream: core }]
timeouts: { drain: 20s }
lanes: { loopDelayMax: 10s }
`;
  const gateway = await GatewayProcess.start({ config, wrapper: namespace });
  open.push(gateway);
  return gateway;
}

function serve(hostname: string, port: number): Bun.Server<undefined> {
  const server = Bun.serve({ hostname, port, fetch: () => new Response(hostname) });
  open.push({ close: () => server.stop(true) });
  return server;
}

test("a restart loses no request to an upstream whose name was not looked up yet", async () => {
  const { port } = serve("127.0.0.1", 0);
  writeFileSync(hosts, "127.0.0.1 localhost exchange.test\n");
  const gateway = await startNamed(port!);
  const traffic = new Traffic({ port: await gateway.port(), newPerSecond: 300, keepAlive: 50 });
  for (let round = 0; round < 4; round++) expect(await gateway.operate("/restart")).toMatchObject({ ok: true });
  await gateway.until((now) => !now.isOldGenerationDraining);
  const counts = await traffic.stop();
  expect(counts).toMatchObject({ refused: 0, cut: 0, otherStatus: 0, timedOut: 0 });
  expect(counts.answered).toBeGreaterThan(300);
});

test("names are looked up again on a schedule; one that cannot be found keeps its addresses and is counted", async () => {
  const { port } = serve("127.0.0.1", 0);
  serve("127.0.0.2", port!);
  writeFileSync(hosts, "127.0.0.1 localhost exchange.test\n");
  const gateway = await startNamed(port!, 1);
  const url = `http://127.0.0.1:${await gateway.port()}/`;
  const answer = async (): Promise<string> => (await fetch(url, { keepalive: false })).text();
  const becomes = async (wanted: string): Promise<void> => {
    while ((await answer()) !== wanted) await Bun.sleep(20);
  };
  await becomes("127.0.0.1");
  writeFileSync(hosts, "127.0.0.1 localhost\n127.0.0.2 exchange.test\n");
  await becomes("127.0.0.2");
  writeFileSync(hosts, "127.0.0.1 localhost\n");
  const { metrics } = await gateway.status();
  const failed = async (): Promise<number> =>
    Number(/^weir_name_lookups_failed_total (\d+)/m.exec(await (await fetch(`http://${metrics}/metrics`)).text())?.[1]);
  while ((await failed()) === 0) await Bun.sleep(20);
  expect(await answer()).toBe("127.0.0.2");
});

test("a reload that names an upstream anew is in force when the name is known", async () => {
  const { port } = serve("127.0.0.1", 0);
  writeFileSync(hosts, "127.0.0.1 localhost exchange.test other.test\n");
  const gateway = await startNamed(port!);
  const traffic = new Traffic({ port: await gateway.port(), newPerSecond: 300, keepAlive: 50 });
  for (const name of ["other.test", "exchange.test", "other.test"]) {
    gateway.writeConfig((await Bun.file(gateway.configFile).text()).split("listeners:")[0]!.replace(/\w+\.test/, name));
    expect(await gateway.operate("/reload")).toMatchObject({ ok: true, changed: true });
  }
  expect(await traffic.stop()).toMatchObject({ refused: 0, cut: 0, otherStatus: 0, timedOut: 0 });
});

process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
