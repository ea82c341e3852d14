import { afterEach, expect, test } from "bun:test";
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { GatewayProcess, plainConfig } from "./gateway-process.ts";

const main = join(import.meta.dir, "../../../src/cli/main.ts");
const gateways: GatewayProcess[] = [];
afterEach(() => Promise.all(gateways.splice(0).map((gateway) => gateway.close())));

async function start(options: Parameters<typeof GatewayProcess.start>[0] = {}): Promise<GatewayProcess> {
  const gateway = await GatewayProcess.start(options);
  gateways.push(gateway);
  return gateway;
}

/** Runs a command to its end. */
async function weir(command: readonly string[], wrapper: readonly string[] = []): Promise<[number, string, string]> {
  const child = Bun.spawn([...wrapper, process.execPath, main, ...command], { stdio: ["ignore", "pipe", "pipe"] });
  const out = await new Response(child.stdout).text();
  const err = await new Response(child.stderr).text();
  return [await child.exited, out, err];
}

test("requests in flight are finished by a drain, and new connections refused", async () => {
  const gateway = await start();
  const port = await gateway.port();
  const slow = fetch(`http://127.0.0.1:${port}/quotes/A?latency=700ms`).then((answer) => answer.text());
  await gateway.until(() => gateway.exchange.requestsCount > 0);
  gateway.signal("SIGTERM");
  await gateway.logged("supervisor.stopping");
  const refused = async (): Promise<boolean> =>
    fetch(`http://127.0.0.1:${port}/quotes/B`, { keepalive: false }).then(
      () => false,
      () => true,
    );
  while (!(await refused())) await Bun.sleep(5);
  expect(await slow).toContain('"symbol":"A"');
  expect(await gateway.exited).toBe(0);
  expect([existsSync(gateway.adminPath), gateway.log.some((line) => line.includes('"forced":0'))]).toEqual([
    false,
    true,
  ]);
});

test("a second signal ends a drain at once", async () => {
  const gateway = await start({ config: plainConfig.replace("drain: 20s", "drain: 600s") });
  const slow = fetch(`http://127.0.0.1:${await gateway.port()}/quotes/A?latency=600s`).catch(() => "cut");
  await gateway.until(() => gateway.exchange.requestsCount > 0);
  gateway.signal("SIGINT");
  await gateway.logged("supervisor.stopping");
  gateway.signal("SIGINT");
  expect([await gateway.exited, await slow]).toEqual([0, "cut"]);
});

test("signals reload and restart", async () => {
  const gateway = await start();
  gateway.writeConfig(plainConfig.replace("drain: 20s", "drain: 4s"));
  gateway.signal("SIGHUP");
  await gateway.logged("config.reloaded");
  const from = gateway.log.length;
  gateway.signal("SIGUSR2");
  await gateway.logged("generation.serving", from);
  expect(await gateway.status()).toMatchObject({ generation: 2, revision: 2 });
});

test("a port in use is told with the process that has it", async () => {
  const gateway = await start();
  const port = await gateway.port();
  const other = new GatewayProcess({ listeners: `{ public: { address: "127.0.0.1:${port}" } }` });
  gateways.push(other);
  const [code, , err] = await weir(["serve", other.configFile]);
  expect(code).toBe(2);
  expect(err).toContain(`127.0.0.1:${port} is already in use by process `);
  expect((await gateway.status()).isReady).toBe(true);
});

test("too few descriptors are refused where connections were asked for, with how many would fit", async () => {
  const gateway = new GatewayProcess({ config: `${plainConfig}limits: { connectionsMax: 5000 }\n` });
  gateways.push(gateway);
  const [code, , err] = await weir(["serve", gateway.configFile], ["prlimit", "--nofile=512:512"]);
  expect([code, /process\.too-few-descriptors/.test(err), /limits\.connectionsMax to \d+/.test(err)]).toEqual([
    2,
    true,
    true,
  ]);
});

test("a Unix listener is served by all workers, and a socket left by a killed gateway is no obstacle", async () => {
  const first = new GatewayProcess();
  gateways.push(first);
  const path = join(first.folder, "public.sock");
  const listeners = `{ public: { address: "unix:${path}" } }`;
  const killed = await start({ listeners });
  killed.signal("SIGKILL");
  await killed.exited;
  expect(statSync(path).isSocket()).toBe(true);
  await start({ listeners });
  const answers = await Promise.all(
    Array.from({ length: 40 }, () =>
      fetch("http://weir/quotes/A", { unix: path, keepalive: false }).then(({ status }) => status),
    ),
  );
  expect(new Set(answers)).toEqual(new Set([200]));
});

test("the commands find the gateway by its file or its socket, and speak JSON and Chinese", async () => {
  const gateway = await start();
  const [code, out] = await weir(["status", gateway.configFile, "--json"]);
  expect([code, JSON.parse(out)]).toMatchObject([
    0,
    { isReady: true, workers: [{ state: "ready" }, { state: "ready" }] },
  ]);
  expect((await weir(["reload", "--admin", gateway.adminPath]))[1]).toContain("nothing to do");
  expect((await weir(["--lang", "zh", "restart", "--admin", gateway.adminPath]))[1]).toContain("第 2 代");
  gateway.writeConfig("routes: [}\n");
  const [refusedCode, , problems] = await weir(["reload", "--admin", gateway.adminPath]);
  expect([refusedCode, problems.includes("weir.yaml:1:")]).toEqual([2, true]);
  expect((await weir(["drain", "--admin", gateway.adminPath]))[0]).toBe(0);
  expect(await gateway.exited).toBe(0);
  const [lostCode, , lost] = await weir(["status", "--admin", gateway.adminPath]);
  expect([lostCode, lost.includes("admin.not-found")]).toEqual([2, true]);
});
