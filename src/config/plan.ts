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

export interface ResourcePlan {
  readonly workers: number;
  /** Client connections one worker may hold when they are spread evenly. */
  readonly clientConnectionsPerWorker: number;
  /** Upstream connections one worker may hold. */
  readonly upstreamConnectionsPerWorker: number;
  readonly descriptorsPerWorker: number;
  /** All workers, every client connected and idle. */
  readonly idleBytes: number;
  /** What one slow client can hold at most, both directions. */
  readonly bufferedBytesPerConnection: number;
}

export function resourcePlan(config: Config): ResourcePlan {
  const { workers, limits, upstreams, listeners } = config;
  const clients = Math.ceil(limits.connectionsMax / workers);
  const endpoints = upstreams.map(({ endpoints, connections }) => {
    const pipelined = connections.mode === "pipelined" ? connections.pipelinedConnectionsPerEndpoint : 0;
    return endpoints.length * (Math.ceil(connections.maxPerEndpoint / workers) + pipelined);
  });
  const mostUsed = Math.min(
    endpoints.reduce((sum, count) => sum + count, 0),
    clients,
  );
  return {
    workers,
    clientConnectionsPerWorker: clients,
    upstreamConnectionsPerWorker: mostUsed,
    descriptorsPerWorker: clients + mostUsed + listeners.length + otherDescriptors,
    idleBytes: workers * workerBytes + limits.connectionsMax * idleConnectionBytes,
    bufferedBytesPerConnection: 2 * limits.bufferedPerConnectionBytesMax,
  };
}
