/** Several runs over the same client processes: nothing of one is left in the next, and what breaks is replaced. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import {
  buildPlan,
  ClientProcesses,
  type LoadResult,
  type NullServers,
  type PlanInput,
  runLoad,
  startNullServers,
} from "../../src/load/mod.ts";

let server: NullServers;
beforeAll(async () => {
  server = await startNullServers(1);
});
afterAll(() => server.stop());

async function run(
  clients: ClientProcesses,
  input: Partial<PlanInput>,
  onStart: (ids: readonly number[]) => void = () => {},
): Promise<{ result: LoadResult; ids: readonly number[] }> {
  const plan = buildPlan({
    url: `http://127.0.0.1:${server.port}/`,
    durationMs: 20_000,
    processesCount: 1,
    health: { isVoidable: false },
    ...input,
  });
  let ids: readonly number[] = [];
  const result = await runLoad(plan, {
    clients,
    onStart: (_setup, processIds) => {
      ids = processIds;
      onStart(processIds);
    },
  });
  return { result, ids };
}

const descriptorsOf = (id: number): number => readdirSync(`/proc/${id}/fd`).length;

test("a process works for one run after the other, closed and open loop, and keeps nothing of them", async () => {
  const clients = new ClientProcesses();
  const first = await run(clients, { requestsMax: 300, connectionsCount: 8 });
  const [id] = first.ids;
  const descriptors = descriptorsOf(id!);
  const second = await run(clients, { ratePerSecond: 500, durationMs: 1000, connectionsCount: 4, pacing: "frugal" });
  const third = await run(clients, { requestsMax: 200, connectionsCount: 2 });
  expect([second.ids, third.ids]).toEqual([[id!], [id!]]);
  expect([first, second, third].map(({ result }) => [result.summary.requests, result.summary.errors])).toEqual([
    [300, { total: 0 }],
    [500, { total: 0 }],
    [200, { total: 0 }],
  ]);
  expect(descriptorsOf(id!)).toBeLessThanOrEqual(descriptors);
  await clients.close();
  expect(() => process.kill(id!, 0)).toThrow();
});

test("more are started where more are needed, and one that was killed is replaced", async () => {
  const clients = new ClientProcesses();
  const alone = await run(clients, { requestsMax: 50, connectionsCount: 4 });
  const pair = await run(clients, { requestsMax: 50, connectionsCount: 4, processesCount: 2 });
  expect(pair.ids).toContain(alone.ids[0]!);
  const pairFor1s = { durationMs: 1000, connectionsCount: 4, processesCount: 2, health: {} };
  const killed = await run(clients, pairFor1s, ([id]) => process.kill(id!, "SIGKILL"));
  expect(killed.result.verdict.status).toBe("void");
  const after = await run(clients, { requestsMax: 50, connectionsCount: 4, processesCount: 2 });
  expect(after.ids).toContain(killed.ids[1]!);
  expect(after.ids).not.toContain(killed.ids[0]!);
  expect(after.result.summary.requests).toBe(50);
  await clients.close();
});
