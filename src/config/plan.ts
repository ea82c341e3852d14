/**
 * What a configuration can use at most: descriptors and memory, by the figures measured for one connection. It is what
 * `weir check` prints, so that a limit that the machine cannot keep is seen before the first client comes.
 */
import type { Config } from "./normalise.ts";

/** Resident bytes of an idle client connection (bench/memory measures it). */
const idleConnectionBytes = 1300;
/** Resident bytes of a worker before its first connection. */
const workerBytes = 60 * 1024 * 1024;
/** Descriptors a worker needs beside connections: listeners, the channel to the supervisor, files, the event loop. */
const otherDescriptors = 64;
/**
 * Share of a worker's clients for which an upstream connection is kept possible when all of them are connected. Idle clients
 * need none; a worker that has fewer descriptors left than it wants connections lets requests wait for those it has.
 */
const upstreamShare = 0.08;
const upstreamConnectionsMin = 256;

export interface ResourcePlan {
  readonly workers: number;
  /** Client connections one worker may hold when they are spread evenly. */
  readonly clientConnectionsPerWorker: number;
  /** Upstream connections one worker can hold even when every client is connected. */
  readonly upstreamConnectionsPerWorker: number;
  readonly descriptorsPerWorker: number;
  /** All workers, every client connected and idle. */
  readonly idleBytes: number;
}

export function resourcePlan(config: Config): ResourcePlan {
  const { workers, limits, upstreams, listeners } = config;
  const clients = Math.ceil(limits.connectionsMax / workers);
  const endpoints = upstreams.map(({ endpoints, connections }) => {
    if (connections.mode === "multiplexed") return endpoints.length * connections.multiplexedConnectionsPerEndpoint;
    const pipelined = connections.mode === "pipelined" ? connections.pipelinedConnectionsPerEndpoint : 0;
    return endpoints.length * (Math.ceil(connections.maxPerEndpoint / workers) + pipelined);
  });
  const wanted = endpoints.reduce((sum, count) => sum + count, 0);
  const share = Math.max(upstreamConnectionsMin, Math.ceil(clients * upstreamShare));
  const mostUsed = Math.min(wanted, share, clients);
  return {
    workers,
    clientConnectionsPerWorker: clients,
    upstreamConnectionsPerWorker: mostUsed,
    descriptorsPerWorker: clients + mostUsed + listeners.length + otherDescriptors,
    idleBytes: workers * workerBytes + limits.connectionsMax * idleConnectionBytes,
  };
}
