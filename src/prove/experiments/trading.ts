/** The trading mix: market data, orders and cancels as 7 : 2 : 1, each class with its own results. */
import type { ClassInput } from "../../load/mod.ts";
import { noChecks } from "../../load/mod.ts";

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
