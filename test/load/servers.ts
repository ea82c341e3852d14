/** What the tests of the load generator share: servers that do as they are told, and short runs against them. */

import type { AddressInfo } from "node:net";
import { createServer, type Server, type Socket } from "node:net";
import { buildPlan, type LoadResult, type PlanInput, runLoad } from "../../src/load/mod.ts";

const servers: Server[] = [];

export function closeServers(): void {
  for (const server of servers.splice(0)) server.close();
}

/** Listens with a connection handler; returns the port. */
export function listen(handle: (socket: Socket) => void): Promise<number> {
  const server = createServer((socket) => {
    // Clients reset connections on purpose here.
    socket.on("error", () => {});
    handle(socket);
  });
  servers.push(server);
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port)));
}

/** A short run over a few connections of one process, with limits of the machine left out of it. */
export function run(url: string, input: Partial<PlanInput> = {}, failIf: string[] = []): Promise<LoadResult> {
  const plan = buildPlan({
    url,
    durationMs: 300,
    connectionsCount: 4,
    processesCount: 1,
    health: { isVoidable: false },
    ...input,
  });
  return runLoad(plan, { failIf });
}

/** The kinds of error of a run, without how many. */
export function kinds(result: LoadResult): string[] {
  const { total: _total, ...rest } = result.summary.errors;
  return Object.keys(rest).sort();
}
