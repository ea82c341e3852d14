import { afterEach, expect, test } from "bun:test";
import { GatewayProcess, plainConfig } from "./gateway-process.ts";
import { Traffic } from "./traffic.ts";

const lossless = { refused: 0, cut: 0, otherStatus: 0, timedOut: 0 };
let gateway: GatewayProcess;
afterEach(() => gateway.close());

test("generations take over from each other under load without losing a request", async () => {
  gateway = await GatewayProcess.start();
  const traffic = new Traffic({ port: await gateway.port(), newPerSecond: 300, keepAlive: 50 });
  for (let round = 2; round <= 5; round++) {
    const result = await gateway.operate("/restart");
    expect(result).toMatchObject({ ok: true, generation: round, revision: 1 });
  }
  const status = await gateway.until((now) => !now.isOldGenerationDraining);
  const counts = await traffic.stop();
  expect(status.workers.map(({ generation, state }) => [generation, state])).toEqual([
    [5, "ready"],
    [5, "ready"],
  ]);
  expect(counts).toMatchObject(lossless);
  expect([counts.answered > 300, counts.reconnected >= 50]).toEqual([true, true]);
});

test("a second restart waits for the old generation, or ends it when forced", async () => {
  gateway = await GatewayProcess.start({ config: plainConfig.replace("drain: 20s", "drain: 60s") });
  const port = await gateway.port();
  const slow = fetch(`http://127.0.0.1:${port}/quotes/A?latency=60s`).then(
    () => "answered",
    () => "cut",
  );
  await gateway.until(() => gateway.exchange.requestsCount > 0);
  await gateway.operate("/restart");
  const waiting = gateway.operate("/restart");
  const { workers } = await gateway.status();
  expect(new Set(workers.map(({ generation }) => generation))).toEqual(new Set([1, 2]));
  const forced = gateway.operate("/restart?force=true");
  expect(await slow).toBe("cut");
  expect([(await waiting).generation, (await forced).generation]).toEqual([3, 4]);
});

test("the new generation does not start: the old one stays, and the reason is told", async () => {
  gateway = await GatewayProcess.start();
  const traffic = new Traffic({ port: await gateway.port(), newPerSecond: 100, keepAlive: 10 });
  gateway.writeConfig(`${plainConfig}nonsense: 1\n`);
  const refused = await gateway.operate("/restart");
  expect(refused).toMatchObject({ ok: false, generation: 1, problems: [{ code: "config.unknown-key", line: 7 }] });
  gateway.writeConfig(plainConfig, '{ public: { address: "127.0.0.1:0" }, other: { address: "192.0.2.1:80" } }');
  expect(await gateway.operate("/reload")).toMatchObject({
    ok: false,
    generation: 1,
    problems: [{ code: "listener.no-such-address" }],
  });
  expect(await traffic.stop()).toMatchObject(lossless);
  expect((await gateway.status()).lastOperation).toMatchObject({ ok: false, operation: "reload" });
});
