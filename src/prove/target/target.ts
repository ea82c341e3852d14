/**
 * What is under test, seen from outside: an address, and as much more as it lets be seen. An experiment asks for what it
 * needs and says that it could not measure where the target does not give it.
 */
import type { MetricValues } from "./metrics.ts";

/** How the certificate of a target over TLS is judged. */
export interface TargetTls {
  readonly verifies: boolean;
  /** Authorities to trust instead of the system's, in PEM form. */
  readonly authorityFile: string | null;
}

export interface Target {
  readonly kind: "weir" | "unknown" | "peer";
  readonly name: string;
  /** Without a slash at its end. */
  readonly url: string;
  /** Path and query of a plain request. */
  readonly path: string;
  /** Where it is not the load generator's default, which verifies. */
  readonly tls?: TargetTls;
  readonly isLocal: boolean;
  /** Processes that carry requests; empty where they cannot be seen. */
  workerIds(): Promise<readonly number[]>;
  /** Cores for whoever sends to it, where it has cores of its own; null for all. */
  readonly clientCores: readonly number[] | null;
  /** Processes of the service behind it. */
  readonly upstreamIds: readonly number[];
  /** Null where it has no metrics that are understood here. */
  metrics(): Promise<MetricValues | null>;
  stop(): Promise<void>;
}

export interface CollectorPause {
  readonly processId: number;
  readonly ms: number;
}

/** A gateway that this program started, and may restart, kill and listen to. */
export interface OwnTarget extends Target {
  readonly kind: "weir";
  readonly workersCount: number;
  /** Replaces all workers; what the gateway says of it. */
  restart(): Promise<{ readonly ok: boolean; readonly tookMs: number }>;
  kill(processId: number): void;
  /** Pauses of the workers' garbage collectors so far, spare workers' too; empty unless started with `logsCollector`. */
  readonly collectorPauses: readonly CollectorPause[];
  readonly upstreamUrl: string;
}

/** The service behind a gateway as a target of its own: what the same load shows on this machine without the gateway. */
export function upstreamOf({ upstreamUrl: url, upstreamIds, clientCores, path }: OwnTarget): Target {
  return {
    kind: "unknown",
    name: url,
    url,
    path,
    isLocal: true,
    upstreamIds,
    clientCores,
    workerIds: async () => [],
    metrics: async () => null,
    stop: async () => {},
  };
}
