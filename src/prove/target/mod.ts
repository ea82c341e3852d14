/** What is under test: Weir as processes of its own, or any gateway by its URL. */
export { Child } from "./child.ts";
export { type MetricValues, parseMetrics, percentileBetween } from "./metrics.ts";
export { type PeerName, startPeer } from "./peers.ts";
export { type CollectorPause, type OwnTarget, type Target, type TargetTls, upstreamOf } from "./target.ts";
export { type UnknownOptions, useUnknown } from "./unknown-target.ts";
export { startWeir, type WeirOptions, weirConfiguration } from "./weir-target.ts";
