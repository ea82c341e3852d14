/** Chooses the protocol of a plan: the one place to name a new one. */
import { DirectSockets } from "./direct-sockets.ts";
import { Http1Client } from "./http1-client.ts";
import type { LoadPlan } from "./plan.ts";
import type { Protocol } from "./protocol-client.ts";
import { requestTemplates } from "./template.ts";

const http1: Protocol = {
  createRequests: requestTemplates,
  createClient: (plan, share, events, clock) =>
    new Http1Client(
      {
        host: plan.target.host,
        port: plan.target.port,
        connectionsCount: share.connectionsCount,
        sourceAddresses: plan.sourceAddresses,
        connectPerSecond: plan.connectPerSecond / share.processesCount,
        connectTimeoutMs: plan.connectTimeoutMs,
        reusesConnections: plan.reusesConnections,
      },
      events,
      clock,
      // The runtime's timers are too coarse to look for answers by.
      plan.pacing === "timer" ? null : DirectSockets.open(),
    ),
};

export function protocolOf(_plan: LoadPlan): Protocol {
  return http1;
}
