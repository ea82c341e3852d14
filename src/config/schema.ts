/** The whole configuration, section by section. The first comment of `mod.ts` says how to add a section. */
import type { z } from "zod";
import { admin, health } from "./admin.ts";
import { collector } from "./collector.ts";
import { forwarding, trustedNetworks } from "./forwarding.ts";
import { clock, identity } from "./identity.ts";
import { lanes } from "./lanes.ts";
import { section } from "./leaf.ts";
import { limits } from "./limits.ts";
import { listeners } from "./listeners.ts";
import { accessLog, metrics } from "./observability.ts";
import { paths } from "./paths.ts";
import { cpuPinning, workers } from "./process.ts";
import { rateLimits } from "./resilience.ts";
import { routes } from "./routes.ts";
import { timeouts } from "./timeouts.ts";
import { upstreams } from "./upstreams.ts";

/** In the order of the reference. */
export const sections = {
  workers,
  cpuPinning,
  listeners,
  upstreams,
  routes,
  timeouts,
  limits,
  rateLimits,
  lanes,
  identity,
  clock,
  collector,
  paths,
  trustedNetworks,
  forwarding,
  health,
  metrics,
  accessLog,
  admin,
};

export const gatewaySchema = section(sections);

/** What the file says, with defaults filled in, before names are given and overrides resolved. */
export type Parsed = z.output<typeof gatewaySchema>;
export type ParsedListener = Parsed["listeners"][number];
export type ParsedUpstream = Parsed["upstreams"][number];
export type ParsedRoute = Parsed["routes"][number];
