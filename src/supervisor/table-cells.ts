/**
 * The shared cells that a configuration's large tables take: rate limits by key, and nonces. The segment is made for them at
 * start; a reload that asks for much larger ones is refused with `resilience.cells-full`, and a new start has them.
 */
import type { Config } from "../config/mod.ts";
import { nonceTableCells } from "../identity/mod.ts";
import { keyedLimiterCells } from "../resilience/mod.ts";

export function tableCellsOf({ rateLimits, identity }: Config): number {
  const keyed = rateLimits.filter(({ by }) => by.kind !== "all").map(({ keysMax }) => keyedLimiterCells(keysMax));
  const nonces = identity.hmac.map(({ noncesMax }) => nonceTableCells(noncesMax));
  return [...keyed, ...nonces].reduce((sum, cells) => sum + cells, 0);
}
