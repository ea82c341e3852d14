/** @hot
 * The rate limits of a route: which ones a request must pass, by what it is counted, and what its answer says about them.
 * A request that a later limit refuses gives back what earlier ones took.
 */
import { type KeyHash, Outcome } from "../base/mod.ts";
import type { MessageHead } from "../protocols/mod.ts";
import { countRefusal, type KeyedRateLimiter, type RateLimiter } from "../resilience/mod.ts";
import { answerOf, type LocalAnswer, prepareAnswer } from "./answers.ts";
import type { Exchange } from "./exchange.ts";
import { isNamed } from "./forward.ts";
import type { LimitLines } from "./limit-fields.ts";

export interface RouteLimit {
  readonly name: string;
  /** Exactly one of the two is there. */
  readonly shared: RateLimiter | null;
  readonly keyed: KeyedRateLimiter | null;
  readonly by: "all" | "client" | "identity" | "field";
  /** Lower case, for `field`. */
  readonly field: Uint8Array | null;
  /** Tells equal keys of different limits apart. */
  readonly space: number;
  /** Where its refusals are counted. */
  readonly cells: Int32Array;
  readonly refusalsAt: number;
  /** Value of `RateLimit-Policy`; null when answers say nothing. */
  readonly policy: string | null;
  readonly lines: LimitLines | null;
}

/** Takes one request from every limit; the answer when one refuses. `head` is null for limits by identity, taken later. */
export function takeLimits(
  exchange: Exchange,
  limits: readonly RouteLimit[],
  head: MessageHead | null,
): LocalAnswer | null {
  const nowNs = exchange.context.loop.nowMs * 1e6;
  const key = exchange.context.keyHash;
  for (let index = 0; index < limits.length; index++) {
    const limit = limits[index]!;
    if ((limit.by === "identity") !== (head === null)) continue;
    let isAdmitted = true;
    if (limit.shared !== null) isAdmitted = limit.shared.take(nowNs);
    else {
      hashKey(exchange, limit, head, key);
      isAdmitted = limit.keyed!.take(key, nowNs);
    }
    if (isAdmitted) {
      if (limit.lines !== null) noteLeft(exchange, limit, key, nowNs);
      continue;
    }
    const answer = refusal(limit, key, nowNs);
    giveBack(exchange, limits, index, head);
    return answer;
  }
  return null;
}

/** The limit that leaves the least is the one the answer tells of. */
function noteLeft(exchange: Exchange, limit: RouteLimit, key: KeyHash, nowNs: number): void {
  const left = limit.shared !== null ? limit.shared.remaining(nowNs) : limit.keyed!.remaining(key, nowNs);
  if (exchange.limitLines !== null && exchange.limitLeft <= left) return;
  const { burst, intervalNs } = limit.shared !== null ? limit.shared.shape : limit.keyed!.shape;
  exchange.limitLines = limit.lines;
  exchange.limitLeft = left;
  exchange.limitSeconds = Math.ceil(((burst - left) * intervalNs) / 1e9);
}

function giveBack(exchange: Exchange, limits: readonly RouteLimit[], count: number, head: MessageHead | null): void {
  const nowNs = exchange.context.loop.nowMs * 1e6;
  const key = exchange.context.keyHash;
  for (let index = 0; index < count; index++) {
    const limit = limits[index]!;
    if ((limit.by === "identity") !== (head === null)) continue;
    if (limit.shared !== null) limit.shared.refund();
    else {
      hashKey(exchange, limit, head, key);
      limit.keyed!.refund(key, nowNs);
    }
  }
}

function hashKey(exchange: Exchange, limit: RouteLimit, head: MessageHead | null, key: KeyHash): void {
  if (limit.by === "identity") {
    key.ofText(exchange.subject, limit.space);
    return;
  }
  if (limit.by === "field" && head !== null) {
    for (let index = 0; index < head.fieldCount; index++) {
      if (!isNamed(head, index, limit.field!)) continue;
      key.ofBytes(head.bytes, head.valueStart[index]!, head.valueEnd[index]!, limit.space);
      return;
    }
  }
  key.ofText(exchange.client!.clientAddress, limit.space + 1);
}

/** 429 with how long to wait and which limit it was. @cold */
function refusal(limit: RouteLimit, key: KeyHash, nowNs: number): LocalAnswer {
  const waitNs = limit.shared !== null ? limit.shared.waitNs(nowNs) : limit.keyed!.waitNs(key, nowNs);
  const seconds = Math.max(1, Math.ceil(waitNs / 1e9));
  countRefusal(limit.cells, limit.refusalsAt, nowNs / 1e6);
  const plain = answerOf(Outcome.rateLimited);
  const fields = plain.fields.filter(([name]) => name !== "content-length");
  const own: [string, string][] = [["retry-after", String(seconds)]];
  if (limit.policy !== null)
    own.push(["ratelimit-policy", limit.policy], ["ratelimit", `"${limit.name}";r=0;t=${seconds}`]);
  return prepareAnswer(Outcome.rateLimited, plain.status, [...fields, ...own], plain.body);
}
