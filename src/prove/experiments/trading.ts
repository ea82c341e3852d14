/** The trading mix: market data, orders and cancels as 7 : 2 : 1, each class with its own results, and what it can take. */
import type { ClassInput } from "../../load/mod.ts";
import { noChecks } from "../../load/mod.ts";
import type { Context, RateTrial } from "../context.ts";
import type { SearchResult } from "../statistics/mod.ts";
import type { Target } from "../target/mod.ts";
import { trialText } from "./trials.ts";

export const tradingClasses: readonly ClassInput[] = [
  { name: "market", weight: 7, path: "/quotes/{{random:600000:600999}}" },
  {
    name: "order",
    weight: 2,
    method: "POST",
    path: "/orders",
    headers: [["Content-Type", "application/json"]],
    body: '{"clientOrderId":{{counter}},"symbol":"{{random:600000:600999}}","side":"{{choice:BUY|SELL}}","quantity":{{random:1:100}}}',
  },
  {
    name: "cancel",
    weight: 1,
    method: "DELETE",
    path: "/orders/{{random:1:100000}}",
    // An order that was never placed cannot be cancelled: a right answer.
    checks: { ...noChecks, statuses: [200, 202, 204, 404, 409] },
  },
];

/** Of the knee of plain requests: orders cost more. */
const firstShare = 0.6;

/** A short search for the knee of the mix, all classes together, once for all experiments that need it. */
export async function tradingKnee(context: Context, target: Target): Promise<SearchResult> {
  if (context.tradingKnee !== null) return context.tradingKnee;
  const classes = tradingClasses;
  await context.run(target, { classes, durationMs: 2000, connectionsCount: 64, health: { isVoidable: false } });
  // One unlucky trial would halve the rate of everything that is held at a share of this knee.
  const limits = { widthRatio: 0.25, trialsPerRate: 3, trialMs: Math.min(1000, context.profile.kneeTrialMs) };
  const first = (context.kneePerSecond ?? 30_000) * firstShare;
  const note = (trial: RateTrial): void => context.step(trialText(trial));
  const found = await context.searchKnee(target, first, limits, note, { classes });
  context.tradingKnee = found;
  return found;
}
