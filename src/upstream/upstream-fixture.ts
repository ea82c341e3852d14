/** An upstream as tests need it: its own timers, nobody who counts, every setting at hand. */
import { type Clock, LoopClock, Random } from "../base/mod.ts";
import { defaultHttp1Limits, defaultHttp2Limits } from "../protocols/mod.ts";
import { TimerWheel } from "../resilience/mod.ts";
import type { Wire } from "../transport/mod.ts";
import type { ConnectionSettings } from "./endpoint.ts";
import { Upstream } from "./upstream.ts";

const observer = {
  upstreamConnectionOpened: () => {},
  upstreamBroke: () => {},
  upstreamConnectionClosed: () => {},
  hasDescriptor: () => true,
  countDescriptor: () => {},
};

/** @param seed of its random choices */
export function upstreamFor(clock: Clock, seed: number, some: Partial<ConnectionSettings>): Upstream {
  const connections: ConnectionSettings = {
    mode: "exclusive",
    maxIdlePerEndpoint: 100,
    maxPerEndpoint: 100,
    idleTimeoutMs: 10_000,
    ageMaxMs: 0,
    ageJitterRatio: 0,
    pipelineDepthMax: 1,
    openingMax: 100,
    pipelinedConnectionsPerEndpoint: 1,
    multiplexedConnectionsPerEndpoint: 1,
    streamsPerConnectionMax: 1,
    connectTimeoutMs: 10_000,
    marks: null,
    headLimits: defaultHttp1Limits,
    http2Limits: defaultHttp2Limits,
    security: null,
    ...some,
  };
  const settings = { name: "core", balance: "round-robin", queueRequestsMax: 100, connections } as const;
  return new Upstream(settings, new LoopClock(clock), new TimerWheel<Wire>(0, () => {}), new Random(seed), observer);
}
