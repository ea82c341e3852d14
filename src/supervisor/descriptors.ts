/**
 * Descriptors: raised to the hard limit at start and compared with the connections the configuration asks for, because the
 * alternative is to find out at the worst moment. The default number of connections is a wish, and lowered to what the
 * limit allows; a number that somebody wrote is a demand, and refused.
 */
import { say, WeirError } from "../base/mod.ts";
import { type Config, defaultConfig, resourcePlan } from "../config/mod.ts";
import { descriptorLimit, setDescriptorLimit } from "../transport/mod.ts";
import { messages } from "./messages.ts";

export interface DescriptorPlan {
  /** The configuration with as many connections as can be held. */
  readonly config: Config;
  /** What to tell the operator when that is fewer than the default. */
  readonly lowered: { readonly limit: number; readonly connections: number; readonly affordable: number } | null;
}

/** Raises the soft limit to the hard one, which workers inherit, and returns it. */
export function raiseDescriptorLimit(): number {
  const { soft, hard } = descriptorLimit();
  if (soft < hard) setDescriptorLimit({ soft: hard, hard });
  return hard;
}

/** Throws `WeirError` `process.too-few-descriptors` when a written number of connections cannot be held. */
export function planDescriptors(config: Config, limit: number): DescriptorPlan {
  const { connectionsMax: connections } = config.limits;
  const needed = descriptorsNeeded(config, connections);
  if (needed <= limit) return { config, lowered: null };
  const affordable = connectionsAffordable(config, limit);
  if (connections === defaultConfig().limits.connectionsMax && affordable > 0) {
    const limits = { ...config.limits, connectionsMax: affordable };
    return { config: { ...config, limits }, lowered: { limit, connections, affordable } };
  }
  const values = { limit, connections, workers: config.workers, needed };
  throw new WeirError("process.too-few-descriptors", say(messages.tooFewDescriptors, values), {
    hint: say(messages.tooFewDescriptorsHint, { affordable }),
  });
}

/** The most connections whose descriptors fit; 0 when not even one does. */
function connectionsAffordable(config: Config, limit: number): number {
  let low = 0;
  let high = config.limits.connectionsMax;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (descriptorsNeeded(config, middle) <= limit) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** Descriptors of one worker for so many connections of all. */
function descriptorsNeeded(config: Config, connectionsMax: number): number {
  return resourcePlan({ ...config, limits: { ...config.limits, connectionsMax } }).descriptorsPerWorker;
}
