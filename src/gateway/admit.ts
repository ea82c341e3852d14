/** @hot
 * Phase admit: decides with the head in hand whether a request may go on to its upstream, in which lane, and until when.
 * Cheap refusals come first: pressure, deadline, rate limits.
 */
import { Outcome } from "../base/mod.ts";
import { type Lane, laneNames } from "../lanes/mod.ts";
import type { MessageHead } from "../protocols/mod.ts";
import { answerOf, type LocalAnswer } from "./answers.ts";
import type { Exchange } from "./exchange.ts";
import { isNamed } from "./forward.ts";
import { Identified, type IdentityPlan } from "./identify.ts";
import { type RouteLimit, takeLimits } from "./rate-limits.ts";

/** What a route asks of its requests before they are forwarded. */
export interface AdmitPlan {
  readonly lane: Lane;
  readonly laneField: Uint8Array | null;
  readonly deadlineField: Uint8Array | null;
  /** Null where everybody may use the route. */
  readonly identity: IdentityPlan | null;
  readonly limits: readonly RouteLimit[];
}

const laneTexts = laneNames.map((name) => Buffer.from(name, "latin1"));
const digitsMax = 9;

/** The answer that refuses the request, or null. */
export function admit(exchange: Exchange, head: MessageHead, plan: AdmitPlan): LocalAnswer | null {
  exchange.lane = plan.laneField === null ? plan.lane : laneOfField(head, plan.laneField, plan.lane);
  if (plan.identity === null && isShutOut(exchange)) return answerOf(Outcome.laneShutOut);
  if (exchange.context.pressure.sheds(exchange.lane)) return answerOf(Outcome.laneShed);
  if (plan.deadlineField !== null) {
    const leftMs = millisecondsOf(head, plan.deadlineField);
    if (leftMs === 0) return answerOf(Outcome.deadlinePassed);
    if (leftMs > 0) exchange.limitTime(leftMs);
  }
  if (plan.limits.length > 0) {
    const refusal = takeLimits(exchange, plan.limits, head);
    if (refusal !== null) return refusal;
  }
  if (plan.identity === null) return null;
  const result = plan.identity.identify(exchange, head);
  if (result === Identified.pending) return null;
  return result === Identified.yes ? admitIdentified(exchange, plan) : plan.identity.answer(result);
}

/** What could only be asked when it was known who is asking: a claim may have named the lane. */
export function admitIdentified(exchange: Exchange, plan: AdmitPlan): LocalAnswer | null {
  if (isShutOut(exchange)) return answerOf(Outcome.laneShutOut);
  return plan.limits.length === 0 ? null : takeLimits(exchange, plan.limits, null);
}

/** Whether the listener keeps the request's lane out. What the gateway answers by itself disturbs no lane. */
function isShutOut(exchange: Exchange): boolean {
  return exchange.route!.local === null && !exchange.client!.letsIn(exchange.lane);
}

function laneOfField(head: MessageHead, name: Uint8Array, otherwise: Lane): Lane {
  const index = indexOfName(head, name);
  if (index < 0) return otherwise;
  for (let lane = 0; lane < laneTexts.length; lane++) if (isValue(head, index, laneTexts[lane]!)) return lane as Lane;
  return otherwise;
}

/** The whole number in a field; -1 where there is none. */
function millisecondsOf(head: MessageHead, name: Uint8Array): number {
  const index = indexOfName(head, name);
  if (index < 0) return -1;
  const from = head.valueStart[index]!;
  const to = head.valueEnd[index]!;
  if (to === from || to - from > digitsMax) return -1;
  let value = 0;
  for (let offset = from; offset < to; offset++) {
    const digit = head.bytes[offset]! - 0x30;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}

function indexOfName(head: MessageHead, name: Uint8Array): number {
  for (let index = 0; index < head.fieldCount; index++) if (isNamed(head, index, name)) return index;
  return -1;
}

function isValue(head: MessageHead, index: number, text: Uint8Array): boolean {
  const from = head.valueStart[index]!;
  if (head.valueEnd[index]! - from !== text.length) return false;
  for (let offset = 0; offset < text.length; offset++) if (head.bytes[from + offset] !== text[offset]) return false;
  return true;
}
