/**
 * What is answered while a breaker is open or every endpoint is down: another upstream, a fixed answer, the last good answer, or a refusal with
 * `Retry-After`. In the lanes of orders and cancels nothing but another upstream or the refusal: checked here again,
 * because a lane can also come from a field or a claim.
 */
import { Lane } from "../lanes/mod.ts";
import { answerOf, type LocalAnswer, prepareAnswer } from "./answers.ts";
import type { Exchange } from "./exchange.ts";

const retryAfterMaxSeconds = 60;
const refusals: (LocalAnswer | undefined)[] = [];

/** Gives the exchange its fallback, or refuses it with `outcome`. `waitMs`: when it is worth asking again. */
export function fallBack(exchange: Exchange, outcome: number, waitMs: number): void {
  const fallback = exchange.route!.fallback;
  if (fallback !== null) {
    if (fallback.guard !== null && !exchange.hasFallenBack) {
      exchange.goElsewhere(fallback.guard, fallback.breaker);
      return;
    }
    if (exchange.lane !== Lane.order && exchange.lane !== Lane.cancel) {
      const answer = fallback.respond ?? fallback.lastGood?.find(exchange) ?? null;
      if (answer !== null) {
        exchange.finishEarly(answer);
        return;
      }
    }
  }
  exchange.finishEarly(refusalAfter(outcome, waitMs));
}

/** The problem answer of an outcome with `Retry-After` in whole seconds; prepared once for each second. */
export function refusalAfter(outcome: number, waitMs: number): LocalAnswer {
  const seconds = Math.min(retryAfterMaxSeconds, Math.max(1, Math.ceil(waitMs / 1000)));
  const index = outcome * (retryAfterMaxSeconds + 1) + seconds;
  const known = refusals[index];
  if (known !== undefined) return known;
  const plain = answerOf(outcome);
  const fields = plain.fields.filter(([name]) => name !== "retry-after" && name !== "content-length");
  const answer = prepareAnswer(outcome, plain.status, [...fields, ["retry-after", String(seconds)]], plain.body);
  refusals[index] = answer;
  return answer;
}
