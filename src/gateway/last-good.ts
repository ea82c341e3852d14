/**
 * The last good answers of a route, for the time its upstream is not called: whole answers to GET with status 200 and a
 * body of at most 64 KiB, by target, given with their `Age` (RFC 9111 section 5.1). Per worker, bounded, the oldest go first.
 *
 * It is no cache: answers are kept whatever they say about caching, and given only while the breaker is open. It is not for
 * answers that belong to one person: a request with credentials is neither kept nor answered.
 */
import { Outcome } from "../base/mod.ts";
import { FieldId, type MessageHead, Method } from "../protocols/mod.ts";
import { type LocalAnswer, prepareAnswer } from "./answers.ts";
import type { Exchange } from "./exchange.ts";

const bodyBytesMax = 64 * 1024;

interface Kept {
  readonly atMs: number;
  readonly type: string;
  readonly body: Uint8Array;
}

export class LastGood {
  private readonly ageMaxMs: number;
  private readonly entriesMax: number;
  private readonly kept = new Map<string, Kept>();
  private readonly collecting = new WeakMap<Exchange, { type: string; parts: Uint8Array[]; bytes: number }>();

  constructor(ageMaxMs: number, entriesMax: number) {
    this.ageMaxMs = ageMaxMs;
    this.entriesMax = entriesMax;
  }

  /** An answer begins. */
  begin(exchange: Exchange, head: MessageHead): void {
    this.collecting.delete(exchange);
    if (exchange.methodId !== Method.get || exchange.status !== 200 || exchange.hasCredentials) return;
    const index = head.indexOf(FieldId.contentType);
    const text = Buffer.from(head.bytes.buffer, head.bytes.byteOffset, head.bytes.byteLength);
    const type = index < 0 ? "" : text.toString("latin1", head.valueStart[index]!, head.valueEnd[index]!);
    this.collecting.set(exchange, { type, parts: [], bytes: 0 });
  }

  add(exchange: Exchange, bytes: Uint8Array, from: number, to: number): void {
    const answer = this.collecting.get(exchange);
    if (answer === undefined) return;
    answer.bytes += to - from;
    if (answer.bytes > bodyBytesMax) this.collecting.delete(exchange);
    else answer.parts.push(Uint8Array.prototype.slice.call(bytes, from, to));
  }

  /** The answer is complete. */
  end(exchange: Exchange): void {
    const answer = this.collecting.get(exchange);
    if (answer === undefined) return;
    this.collecting.delete(exchange);
    const target = targetOf(exchange);
    this.kept.delete(target);
    this.kept.set(target, { atMs: exchange.context.loop.nowMs, type: answer.type, body: Buffer.concat(answer.parts) });
    if (this.kept.size <= this.entriesMax) return;
    for (const oldest of this.kept.keys()) {
      this.kept.delete(oldest);
      return;
    }
  }

  find(exchange: Exchange): LocalAnswer | null {
    const isGet = exchange.methodId === Method.get && !exchange.hasCredentials;
    const kept = isGet ? this.kept.get(targetOf(exchange)) : undefined;
    if (kept === undefined) return null;
    const ageMs = exchange.context.loop.nowMs - kept.atMs;
    if (ageMs > this.ageMaxMs) return null;
    const fields: [string, string][] = [
      ["age", String(Math.floor(ageMs / 1000))],
      ["warning", '110 - "Response is Stale"'],
    ];
    if (kept.type !== "") fields.push(["content-type", kept.type]);
    return prepareAnswer(Outcome.fallback, 200, fields, kept.body);
  }
}

/** Host and target as they were forwarded. */
function targetOf(exchange: Exchange): string {
  const { out, targetFrom, targetTo, hostFrom, hostTo } = exchange;
  const text = Buffer.from(out.buffer, out.byteOffset, out.byteLength);
  return text.toString("latin1", hostFrom, hostTo) + text.toString("latin1", targetFrom, targetTo);
}
