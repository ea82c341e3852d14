/** Breakers and endpoints as the workers' shared cells have them, for `weir status` and for metrics. */
import { openMachineClock } from "../base/mod.ts";
import { type MetricSource, metricRows } from "../observe/mod.ts";
import {
  BreakerState,
  breakerStateNames,
  clockStates,
  type ProtectionReport,
  readProtection,
} from "../resilience/mod.ts";
import { emptyPolicies, type PoliciesReport, readPolicies } from "./policies.ts";
import type { Supervisor } from "./supervisor.ts";

const empty: ProtectionReport = { breakers: [], endpoints: [] };

export class ProtectionReader {
  private readonly supervisor: Supervisor;
  private readonly clock = openMachineClock();

  constructor(supervisor: Supervisor) {
    this.supervisor = supervisor;
  }

  read(): ProtectionReport {
    const { supervisor } = this;
    if (supervisor.currentGeneration === null) return empty;
    return readProtection(supervisor.config, supervisor.metricsDirectory.segment.cells, this.clock.monotonicMs());
  }

  /** How admission, limits, pressure and clocks stand. */
  policies(): PoliciesReport {
    const { supervisor } = this;
    if (supervisor.currentGeneration === null) return emptyPolicies;
    const { segment } = supervisor.metricsDirectory;
    const seats = supervisor.currentGeneration.workers.flatMap((worker) => (worker === null ? [] : [worker.seat]));
    return readPolicies(supervisor.config, segment.cells, seats, segment.sizes.seats, this.clock.monotonicMs());
  }

  sources(): MetricSource[] {
    const { breakerState, breakerOpenings, endpointUsable, endpointEjections, workerListens } = metricRows;
    const { admissionLimiting, rateLimitRefusals, clockState } = metricRows;
    return [
      {
        row: admissionLimiting,
        collect: (add) => {
          for (const { upstream, state } of this.policies().admission) add([upstream], state === "limiting" ? 1 : 0);
        },
      },
      {
        row: rateLimitRefusals,
        collect: (add) => {
          for (const { name, refusedTotal } of this.policies().rateLimits) add([name], refusedTotal);
        },
      },
      {
        row: clockState,
        collect: (add) => add([], clockStates.indexOf(this.policies().clock.state)),
      },
      {
        row: workerListens,
        collect: (add) => {
          for (const worker of this.supervisor.currentGeneration?.workers ?? [])
            for (const listener of worker?.listeners ?? []) add([listener, `${worker!.worker}`], 1);
        },
      },
      {
        row: breakerState,
        collect: (add) => {
          for (const { upstream, route, state } of this.read().breakers) add([upstream, route], stateNumber(state));
        },
      },
      {
        row: breakerOpenings,
        collect: (add) => {
          for (const { upstream, route, openingsTotal } of this.read().breakers) add([upstream, route], openingsTotal);
        },
      },
      {
        row: endpointUsable,
        collect: (add) => {
          for (const { upstream, endpoint, state } of this.read().endpoints)
            add([upstream, endpoint], state === "up" ? 1 : 0);
        },
      },
      {
        row: endpointEjections,
        collect: (add) => {
          for (const { upstream, endpoint, ejections } of this.read().endpoints) add([upstream, endpoint], ejections);
        },
      },
    ];
  }
}

function stateNumber(name: (typeof breakerStateNames)[number]): number {
  const index = breakerStateNames.indexOf(name);
  return index < 0 ? BreakerState.closed : index;
}
