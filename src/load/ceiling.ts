/**
 * What this generator can do at all: the same requests against a null server on this machine, closed loop, with the same
 * processes. A run that used most of it measured the generator as much as the target. The null server shares the machine
 * with the generator, so the ceiling is what both can do together, which is on the safe side.
 */
import { say, WeirError } from "../base/mod.ts";
import { combinationMessages } from "./combination-messages.ts";
import { runLoad } from "./coordinator.ts";
import { messages } from "./messages.ts";
import { startNullServers } from "./null-servers.ts";
import { type LoadPlan, noChecks } from "./plan.ts";
import type { LoadResult } from "./result.ts";

/** A second of warm-up and two of measurement. */
const ceilingMs = 3000;
const ceilingConnections = 256;

/** What to say before measuring, for it takes a while. */
export function ceilingNotice(): string {
  return say(messages.measuringCeiling, { seconds: ceilingMs / 1000 });
}

/** Measures the ceiling and notes it, and the share of it that the run used, in the result. */
export async function withCeiling(result: LoadResult, plan: LoadPlan, signal?: AbortSignal): Promise<LoadResult> {
  const requestsPerSecond = await measureCeiling(plan, signal);
  const usedRatio = requestsPerSecond === 0 ? 0 : result.summary.requestsPerSecond / requestsPerSecond;
  return { ...result, generator: { ...result.generator, ceiling: { requestsPerSecond, usedRatio } } };
}

/** Throws where there is no null server for the plan's protocol; to be asked before the run. */
export function checkCeiling(plan: LoadPlan): void {
  if (plan.protocol === "http/1.1" && plan.tls === null) return;
  throw new WeirError("load.combination", say(combinationMessages.ceiling), {
    hint: say(combinationMessages.ceilingHint),
  });
}

/** Requests per second against a null server with as many processes as the generator has. */
export async function measureCeiling(plan: LoadPlan, signal?: AbortSignal): Promise<number> {
  checkCeiling(plan);
  const server = await startNullServers(plan.processesCount);
  try {
    const result = await runLoad(
      {
        ...plan,
        name: "ceiling",
        idleConnectionsCount: 0,
        target: { host: "127.0.0.1", port: server.port, isSecure: false },
        // The null server knows no bodies and no other statuses.
        classes: plan.classes.map((each) => ({ ...each, method: "GET", body: null, checks: noChecks })),
        load: { kind: "closed", durationMs: ceilingMs, thinkMs: 0 },
        connectionsCount: Math.max(plan.processesCount, ceilingConnections),
        warmupMs: 1000,
        requestsMax: null,
        reusesConnections: true,
        sourceAddresses: [],
        health: { ...plan.health, isVoidable: false },
      },
      signal === undefined ? {} : { signal },
    );
    return result.summary.requestsPerSecond;
  } finally {
    await server.stop();
  }
}
