import { afterEach, expect, test } from "bun:test";
import { appendFileSync, existsSync, renameSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { GatewayProcess, plainConfig } from "./gateway-process.ts";
import { Traffic } from "./traffic.ts";

const lossless = { refused: 0, cut: 0, otherStatus: 0, timedOut: 0 };
let gateway: GatewayProcess;
afterEach(() => gateway.close());

const withRoute = (number: number): string =>
  plainConfig.replace("routes: [", `routes: [{ match: { path: /version }, respond: { body: "${number}" } }, `);

async function version(port: number): Promise<string> {
  const answer = await fetch(`http://127.0.0.1:${port}/version`, { keepalive: false });
  return answer.status === 200 ? answer.text() : `${answer.status}`;
}

test("a reload under load is in force in every worker at once and loses nothing", async () => {
  gateway = await GatewayProcess.start();
  const port = await gateway.port();
  const { workers: before } = await gateway.status();
  const traffic = new Traffic({ port, newPerSecond: 200, keepAlive: 30 });
  for (let number = 1; number <= 4; number++) {
    gateway.writeConfig(withRoute(number));
    expect(await gateway.operate("/reload")).toMatchObject({ ok: true, changed: true, revision: number + 1 });
    const answers = await Promise.all(Array.from({ length: 20 }, () => version(port)));
    expect(new Set(answers)).toEqual(new Set([`${number}`]));
  }
  expect(await gateway.operate("/reload")).toMatchObject({ ok: true, changed: false, revision: 5 });
  const { workers, isReady } = await gateway.status();
  expect(workers.map(({ pid, revision }) => [pid, revision])).toEqual(before.map(({ pid }) => [pid, 5]));
  expect(isReady).toBe(true);
  expect(await traffic.stop()).toMatchObject({ ...lossless, reconnected: 0 });
});

test("a wrong configuration is refused with every problem, and the old one stays in force", async () => {
  gateway = await GatewayProcess.start({ config: withRoute(1) });
  const port = await gateway.port();
  gateway.writeConfig(`${withRoute(2)}nonsense: 1\nlimits: { headMax: 10 }\n`);
  const refused = await gateway.operate("/reload");
  expect(refused.problems.map(({ code, line }) => [code, line])).toEqual([
    ["config.unknown-key", 7],
    ["config.value", 8],
  ]);
  expect([refused.ok, refused.revision, await version(port)]).toEqual([false, 1, "1"]);
  expect(await (await fetch(`http://${(await gateway.status()).metrics}/metrics`)).text()).toContain(
    'weir_configuration_reloads_total{result="refused"} 1\n',
  );
});

test("a large configuration is loaded beside the supervisor, which goes on replacing workers", async () => {
  gateway = await GatewayProcess.start();
  const port = await gateway.port();
  const routes = Array.from({ length: 2000 }, (_, index) => `{ match: { path: /r${index} }, upstream: core }`);
  gateway.writeConfig(withRoute(9).replace("routes: [", `routes: [\n  ${routes.join(",\n  ")},\n  `));
  const reloading = gateway.operate("/reload");
  process.kill((await gateway.status()).workers[0]!.pid, "SIGKILL");
  await gateway.logged("worker.replaced");
  expect(await reloading).toMatchObject({ ok: true, changed: true, revision: 2 });
  await gateway.until(({ isReady }) => isReady);
  expect(new Set(await Promise.all(Array.from({ length: 20 }, () => version(port))))).toEqual(new Set(["9"]));
  gateway.writeConfig(withRoute(9).replace("routes: [", `nonsense: 1\nroutes: [\n  ${routes.join(",\n  ")},\n  `));
  expect(await gateway.operate("/reload")).toMatchObject({ ok: false, problems: [{ code: "config.unknown-key" }] });
});

test("the access log is opened again after it was renamed, by a signal or a reload", async () => {
  gateway = await GatewayProcess.start({ config: `${plainConfig}accessLog: { to: access.log, flushInterval: 5ms }\n` });
  const port = await gateway.port();
  const log = join(gateway.folder, "access.log");
  const reopen = [() => gateway.signal("SIGUSR1"), () => gateway.operate("/reload")];
  for (const [number, act] of reopen.entries()) {
    await fetch(`http://127.0.0.1:${port}/quotes/A`);
    while (!existsSync(log) || statSync(log).size === 0) await Bun.sleep(5);
    renameSync(log, `${log}.${number}`);
    await act();
    while (!existsSync(log)) await Bun.sleep(5);
  }
  expect((await gateway.status()).isReady).toBe(true);
});

test("a file that is still being written is waited for", async () => {
  gateway = await GatewayProcess.start();
  const port = await gateway.port();
  const whole = gateway.configText(withRoute(7));
  // Half of it is a valid configuration without routes.
  const half = whole.indexOf("routes:");
  writeFileSync(gateway.configFile, whole.slice(0, half));
  const beganMs = performance.now();
  const reloading = gateway.operate("/reload");
  while (performance.now() - beganMs < 100) await Bun.sleep(10);
  appendFileSync(gateway.configFile, whole.slice(half));
  expect(await reloading).toMatchObject({ ok: true, changed: true });
  expect(await version(port)).toBe("7");
});

test("listeners come and go by a reload, without a loss on those that stay", async () => {
  gateway = await GatewayProcess.start();
  const port = await gateway.port();
  const path = join(gateway.folder, "public.sock");
  const traffic = new Traffic({ port, newPerSecond: 200, keepAlive: 30 });
  gateway.writeConfig(plainConfig, `{ public: { address: "127.0.0.1:0" }, local: { address: "unix:${path}" } }`);
  expect(await gateway.operate("/reload")).toMatchObject({ ok: true, generation: 2, revision: 2 });
  expect(await gateway.port()).toBe(port);
  const local = await fetch("http://weir/quotes/A", { unix: path, keepalive: false });
  expect(local.status).toBe(200);
  gateway.writeConfig(plainConfig);
  expect(await gateway.operate("/reload")).toMatchObject({ ok: true, generation: 3, revision: 3 });
  expect(await traffic.stop()).toMatchObject(lossless);
  expect((await gateway.status()).listeners.map(({ name }) => name)).toEqual(["public"]);
});

test("workers become fewer and more without a loss", async () => {
  gateway = await GatewayProcess.start();
  const traffic = new Traffic({ port: await gateway.port(), newPerSecond: 300, keepAlive: 30 });
  for (const count of [1, 2, 1]) {
    gateway.writeConfig(plainConfig.replace("workers: 2", `workers: ${count}`));
    expect(await gateway.operate("/reload")).toMatchObject({ ok: true });
    const { workers } = await gateway.until((status) => !status.isOldGenerationDraining);
    expect(workers.length).toBe(count);
  }
  expect(await traffic.stop()).toMatchObject(lossless);
});

test("metrics and admin move to new addresses", async () => {
  gateway = await GatewayProcess.start();
  const text = gateway.configText(plainConfig);
  const token = "0123456789abcdef0123456789abcdef";
  writeFileSync(join(gateway.folder, "token"), token);
  const moved = text.replace(
    /admin:.*\nmetrics:.*\n/,
    `admin: { address: "127.0.0.1:0", token: { file: "${gateway.folder}/token" } }\nmetrics: off\n`,
  );
  const { metrics } = await gateway.status();
  expect((await fetch(`http://${metrics}/ready`)).status).toBe(200);
  writeFileSync(gateway.configFile, moved);
  const from = gateway.log.length;
  expect(await gateway.operate("/reload")).toMatchObject({ ok: true });
  await expect(fetch(`http://${metrics}/ready`)).rejects.toThrow();
  const moving = await gateway.logged("admin.listening", from);
  const url = `http://${moving["address"]}/status`;
  const asked = (headers: Record<string, string>): Promise<number> =>
    fetch(url, { headers }).then(({ status }) => status);
  expect([
    await asked({}),
    await asked({ authorization: "Bearer wrong" }),
    await asked({ authorization: `Bearer ${token}` }),
  ]).toEqual([401, 401, 200]);
});
