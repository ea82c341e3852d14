/** What shared cells say of breakers and endpoints, read by the supervisor for `weir status` and metrics. */
import { Random } from "../base/mod.ts";
import type { Config, UpstreamConfig } from "../config/mod.ts";
import { Breaker, breakerCells } from "./breaker.ts";
import { type BreakerSettings, type BreakerSnapshot, breakerDefaults } from "./breaker-settings.ts";
import { CellDirectory, directoryCellsMin } from "./cell-directory.ts";
import {
  type EndpointSnapshot,
  endpointHealthCells,
  healthDefaults,
  healthLeaseCells,
  UpstreamHealth,
} from "./health.ts";

export interface BreakerReport extends BreakerSnapshot {
  readonly upstream: string;
  /** Empty for a breaker of the whole upstream. */
  readonly route: string;
}

export interface EndpointReport extends EndpointSnapshot {
  readonly upstream: string;
  readonly endpoint: string;
}

export interface ProtectionReport {
  readonly breakers: readonly BreakerReport[];
  /** Endpoints with an address of their own; those found by name are known to workers alone. */
  readonly endpoints: readonly EndpointReport[];
}

/** Names of shared cells. */
export function breakerName(upstream: string, route: string): string {
  return route === "" ? `breaker ${upstream}` : `breaker ${upstream} ${route}`;
}

export function healthName(upstream: string, endpoint: string): string {
  return `health ${upstream} ${endpoint}`;
}

export function healthLeaseName(upstream: string): string {
  return `health lease ${upstream}`;
}

/** The breaker that the configuration of an upstream describes. */
export function breakerSettingsOf(config: NonNullable<UpstreamConfig["breaker"]>): BreakerSettings {
  const { windowMs, callsMin, failureRatio, slowRatio, connectFailures, openMs, openMaxMs } = config;
  const { jitterRatio, probes, probeTimeoutMs, rampStepMs } = config;
  return {
    windowMs,
    callsMin,
    failureRatio,
    slowRatio,
    connectFailures,
    openMs,
    openMsMax: openMaxMs,
    jitterRatio,
    probes,
    probeTimeoutMs,
    rampStepMs,
  };
}

/** Reads everything that workers have made cells for. @param nowMs machine time */
export function readProtection(config: Config, cells: Int32Array, nowMs: number): ProtectionReport {
  if (cells.length < directoryCellsMin) return { breakers: [], endpoints: [] };
  const directory = new CellDirectory(cells);
  const random = new Random(1);
  const breakers: BreakerReport[] = [];
  const endpoints: EndpointReport[] = [];
  for (const upstream of config.upstreams) {
    for (const route of breakerRoutes(config, upstream)) {
      const at = directory.find(breakerName(upstream.name, route), breakerCells);
      if (at < 0) continue;
      const settings = upstream.breaker === null ? breakerDefaults : breakerSettingsOf(upstream.breaker);
      const snapshot = new Breaker(settings, cells, at, random).snapshot(nowMs);
      breakers.push({ upstream: upstream.name, route, ...snapshot });
    }
    for (const { address } of upstream.endpoints) {
      if (address.kind === "name") continue;
      const endpoint = endpointName(address);
      const at = directory.find(healthName(upstream.name, endpoint), endpointHealthCells);
      if (at < 0) continue;
      const settings = { ...healthDefaults, slowStartMs: upstream.health.slowStartMs };
      const leaseAt = directory.find(healthLeaseName(upstream.name), healthLeaseCells);
      const health = new UpstreamHealth(settings, cells, Math.max(0, leaseAt), random);
      health.setEndpoints([at]);
      endpoints.push({ upstream: upstream.name, endpoint, ...health.snapshot(0, nowMs) });
    }
  }
  return { breakers, endpoints };
}

function breakerRoutes(config: Config, upstream: UpstreamConfig): string[] {
  if (upstream.breaker === null) return [];
  if (upstream.breaker.scope === "upstream") return [""];
  return config.routes
    .filter(({ action }) => action.kind === "upstream" && action.upstream === upstream.name)
    .map(({ name }) => name);
}

/** As workers name it. */
function endpointName(address: { kind: "ip"; host: string; port: number } | { kind: "unix"; path: string }): string {
  if (address.kind === "unix") return `unix:${address.path}`;
  return address.host.includes(":") ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}
