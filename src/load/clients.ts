/** Chooses the protocol client of a plan: the one place to name a new one. */
import type { Clock } from "../base/mod.ts";
import { Http1Client } from "./http1-client.ts";
import type { LoadPlan, ProcessShare } from "./plan.ts";
import type { ClientEvents, ProtocolClient } from "./protocol-client.ts";

export function createClient(plan: LoadPlan, share: ProcessShare, events: ClientEvents, clock: Clock): ProtocolClient {
  const { processesCount } = share;
  return new Http1Client(
    {
      host: plan.target.host,
      port: plan.target.port,
      connectionsCount: share.connectionsCount,
      sourceAddresses: plan.sourceAddresses,
      connectPerSecond: plan.connectPerSecond / processesCount,
      connectTimeoutMs: plan.connectTimeoutMs,
      reusesConnections: plan.reusesConnections,
    },
    events,
    clock,
  );
}
