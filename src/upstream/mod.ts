/** Connection pools, balancing and name resolution of the services behind Weir. */
export { type BalanceKind, hashBytes } from "./balance.ts";
export type { UpstreamConnection } from "./connection.ts";
export type { ConnectionSettings, Endpoint } from "./endpoint.ts";
export type { UpstreamExchange, UpstreamLink } from "./exchange.ts";
export { HealthChecker, type HealthCheckSettings } from "./health-check.ts";
export { Resolver } from "./resolve.ts";
export type { UpstreamSecurity } from "./security.ts";
export {
  addressName,
  Upstream,
  type UpstreamObserver,
  type UpstreamSettings,
  type WeightedAddress,
} from "./upstream.ts";
