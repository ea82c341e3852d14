/** Breakers and endpoints as the workers' shared cells have them, for `weir status` and for metrics. */
import { openMachineClock } from "../base/mod.ts";
import { type MetricSource, metricRows } from "../observe/mod.ts";
import { BreakerState, breakerStateNames, type ProtectionReport, readProtection } from "../resilience/mod.ts";
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

  sources(): MetricSource[] {
    const { breakerState, breakerOpenings, endpointUsable, endpointEjections, workerListens } = metricRows;
    return [
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
