/** The pairs of route and upstream that a configuration counts: a slot of the shared segment each. */
import type { Config } from "../config/mod.ts";
import type { Series } from "../observe/mod.ts";

/** A route that answers by itself has the upstream `none`. */
export function seriesOf(config: Config): Series[] {
  return config.routes.map(({ name, action }) => ({
    route: name,
    upstream: action.kind === "upstream" ? action.upstream : "none",
  }));
}
