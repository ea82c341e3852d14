/** Chooses the protocol of a plan: the one place to name a new one. */
import { type Clock, say, WeirError } from "../base/mod.ts";
import { DirectSockets } from "./direct-sockets.ts";
import { Http1Client } from "./http1-client.ts";
import { Http2Client } from "./http2-client.ts";
import { http2Requests } from "./http2-request.ts";
import { messages } from "./messages.ts";
import { type LoadPlan, type ProcessShare, type ProtocolName, planDefaults } from "./plan.ts";
import type { ClientEvents, ConnectOptions, Protocol } from "./protocol-client.ts";
import type { SocketAccess } from "./socket-client.ts";
import { requestTemplates } from "./template.ts";
import { TlsClient } from "./tls-client.ts";
import { WebSocketClient } from "./websocket-client.ts";
import { webSocketMessages } from "./websocket-message.ts";

/** Names for ALPN; a WebSocket begins as HTTP/1.1. */
const alpnNames: Readonly<Record<ProtocolName, string>> = {
  "http/1.1": "http/1.1",
  "http/2": "h2",
  websocket: "http/1.1",
};

const protocols: Readonly<Record<ProtocolName, Protocol>> = {
  "http/1.1": {
    createRequests: requestTemplates,
    createClient: (plan, share, events, clock) =>
      new Http1Client(optionsOf(plan, share), accessOf(plan, events, clock)),
  },
  "http/2": {
    createRequests: http2Requests,
    createClient: (plan, share, events, clock) =>
      new Http2Client(optionsOf(plan, share), accessOf(plan, events, clock)),
  },
  websocket: {
    createRequests: webSocketMessages,
    createClient: (plan, share, events, clock) =>
      new WebSocketClient(plan, share, optionsOf(plan, share), accessOf(plan, events, clock)),
  },
};

export function protocolOf(plan: LoadPlan): Protocol {
  return protocols[plan.protocol];
}

/** The TLS of a plan, or null. Throws where a file or the library cannot be used, so that a run can be refused before it starts. */
export function createTls(plan: LoadPlan): TlsClient | null {
  return plan.tls === null ? null : new TlsClient(plan.tls, plan.target.host, alpnNames[plan.protocol]);
}

function optionsOf(plan: LoadPlan, share: ProcessShare): ConnectOptions {
  return {
    host: plan.target.host,
    port: plan.target.port,
    connectionsCount: share.connectionsCount,
    idleCount: share.idleCount,
    streamsPerConnection: plan.streamsPerConnection,
    answersPerPoll: plan.load.kind === "open" ? planDefaults.answersPerPollOpen : planDefaults.answersPerPoll,
    sourceAddresses: plan.sourceAddresses,
    connectPerSecond: plan.connectPerSecond / share.processesCount,
    connectTimeoutMs: plan.connectTimeoutMs,
    reusesConnections: plan.reusesConnections,
  };
}

function accessOf(plan: LoadPlan, events: ClientEvents, clock: Clock): SocketAccess {
  // The runtime's timers are too coarse to look for answers by.
  const direct = plan.pacing === "timer" ? null : DirectSockets.open();
  if (direct === null && plan.tls !== null) {
    throw new WeirError("load.tls-system", say(messages.tlsSystem), { hint: say(messages.tlsSystemHint) });
  }
  return { events, clock, direct, tls: createTls(plan) };
}
