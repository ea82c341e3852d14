/** The state of a running gateway as one JSON object: what `GET /status` answers and `weir status` prints. */
import type { Clock } from "../base/mod.ts";
import { readSnapshot } from "../observe/mod.ts";
import type { ProtectionReport } from "../resilience/mod.ts";
import type { OpenListener } from "./listening-sockets.ts";
import type { OperationResult } from "./operation.ts";
import type { PoliciesReport } from "./policies.ts";
import type { Supervisor, SupervisorState } from "./supervisor.ts";
import type { WorkerState } from "./worker-process.ts";

export interface WorkerStatus {
  readonly worker: number;
  readonly pid: number;
  /** Names of the listeners it accepts on. */
  readonly listeners: readonly string[];
  readonly generation: number;
  readonly state: WorkerState;
  /** Of the configuration it has applied. */
  readonly revision: number;
  readonly seat: number;
  readonly servedSeconds: number;
  readonly connections: number;
  readonly requests: number;
  readonly residentBytes: number;
}

export interface Status {
  readonly version: string;
  readonly pid: number;
  readonly state: SupervisorState;
  /** Every worker serves and has applied the configuration in force. */
  readonly isReady: boolean;
  readonly uptimeSeconds: number;
  /** Null for the built-in default. */
  readonly configFile: string | null;
  readonly revision: number;
  readonly generation: number;
  readonly isOldGenerationDraining: boolean;
  readonly crashes: number;
  readonly listeners: readonly OpenListener[];
  readonly metrics: string | null;
  readonly workers: readonly WorkerStatus[];
  /** Processes that have loaded their program and wait to take a worker's place. */
  readonly sparePids: readonly number[];
  readonly connections: { readonly client: number; readonly upstream: number; readonly upstreamIdle: number };
  readonly totals: { readonly requests: number; readonly connections: number; readonly retries: number };
  /** Breakers and endpoints that workers have used. */
  readonly protection: ProtectionReport;
  /** How admission, rate limits, the pressure on workers and their clocks stand. */
  readonly policies: PoliciesReport;
  /** Of the worker whose wall clock is furthest from the trusted time. */
  readonly clock: { readonly offsetSeconds: number; readonly errorSeconds: number; readonly steps: number };
  readonly lastOperation: OperationResult | null;
}

export interface StatusFacts {
  readonly version: string;
  readonly configFile: string | null;
  readonly metrics: string | null;
  readonly clock: Clock;
}

export function readStatus(
  supervisor: Supervisor,
  facts: StatusFacts,
  protection: ProtectionReport,
  policies: PoliciesReport,
): Status {
  const snapshot = readSnapshot(supervisor.metricsDirectory);
  const seats = new Map(snapshot.workers.map((seat) => [seat.seat, seat]));
  const processes = [supervisor.currentGeneration, supervisor.oldGeneration].flatMap((one) =>
    (one?.processes ?? []).toSorted((left, right) => left.worker - right.worker),
  );
  const workers = processes.map((process): WorkerStatus => {
    const counters = seats.get(process.seat)?.counters;
    return {
      worker: process.worker,
      pid: process.pid,
      listeners: process.listeners,
      generation: process.generation,
      state: process.state,
      revision: process.revision,
      seat: process.seat,
      servedSeconds: Math.round(process.servedMs) / 1000,
      connections: counters?.clientConnectionsOpen ?? 0,
      requests: counters?.requests ?? 0,
      residentBytes: counters?.residentBytes ?? 0,
    };
  });
  const { counters } = snapshot;
  const { revision } = supervisor;
  const current = supervisor.currentGeneration?.number ?? 0;
  const isUniform = workers.every((worker) => worker.generation !== current || worker.revision === revision);
  return {
    version: facts.version,
    pid: process.pid,
    state: supervisor.state,
    isReady: supervisor.isReady && isUniform,
    uptimeSeconds: Math.round(facts.clock.wallMs() - supervisor.startedWallMs) / 1000,
    configFile: facts.configFile,
    revision,
    generation: current,
    isOldGenerationDraining: supervisor.oldGeneration !== null,
    crashes: supervisor.crashesCount,
    listeners: supervisor.openListeners,
    metrics: facts.metrics,
    workers,
    sparePids: supervisor.sparePids,
    connections: {
      client: counters.clientConnectionsOpen,
      upstream: counters.upstreamConnectionsOpen,
      upstreamIdle: counters.upstreamConnectionsIdle,
    },
    totals: { requests: counters.requests, connections: counters.clientConnections, retries: counters.retries },
    protection,
    policies,
    clock: clockOf(snapshot.workers.map((seat) => seat.counters)),
    lastOperation: supervisor.lastOperation,
  };
}

function clockOf(
  workers: readonly Readonly<Record<"clockOffsetSeconds" | "clockErrorSeconds" | "clockSteps", number>>[],
) {
  const furthest = workers.reduce(
    (most, one) => (Math.abs(one.clockOffsetSeconds) > Math.abs(most.clockOffsetSeconds) ? one : most),
    workers[0] ?? { clockOffsetSeconds: 0, clockErrorSeconds: 0, clockSteps: 0 },
  );
  const { clockOffsetSeconds: offsetSeconds, clockErrorSeconds: errorSeconds } = furthest;
  return { offsetSeconds, errorSeconds, steps: Math.max(0, ...workers.map(({ clockSteps }) => clockSteps)) };
}
