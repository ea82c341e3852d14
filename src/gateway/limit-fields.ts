/**
 * `RateLimit` and `RateLimit-Policy` in answers (draft-ietf-httpapi-ratelimit-headers): what is left of the limit that the
 * request came nearest to, and in how many seconds all of it is there again. Written into memory that each limit keeps, and
 * valid until the next answer of that limit.
 */
import { copyBytes, writeDecimal } from "../base/mod.ts";
import type { Exchange } from "./exchange.ts";
import type { CompiledChanges } from "./settings.ts";

const nothing: readonly Uint8Array[] = [];
const bytesOf = (text: string): Uint8Array => Buffer.from(text, "latin1");
const reset = bytesOf(";t=");
const lineEnd = bytesOf("\r\n");
const decimalsMax = 64;

/** The constant part of the two lines, and room for the numbers. */
export interface LimitLines {
  readonly memory: Uint8Array;
  readonly prefixBytes: number;
}

export function limitLines(name: string, policy: string): LimitLines {
  const prefix = bytesOf(`ratelimit-policy: ${policy}\r\nratelimit: "${name}";r=`);
  const memory = new Uint8Array(prefix.length + decimalsMax);
  memory.set(prefix);
  return { memory, prefixBytes: prefix.length };
}

/** The changes a route makes to its answers, and what is left of the limit. */
export function withLimitFields(
  exchange: Exchange,
  lines: LimitLines,
  changes: CompiledChanges | null,
): CompiledChanges {
  const { memory, prefixBytes } = lines;
  let at = writeDecimal(exchange.limitLeft, memory, prefixBytes);
  at = copyBytes(reset, 0, reset.length, memory, at);
  at = writeDecimal(exchange.limitSeconds, memory, at);
  at = copyBytes(lineEnd, 0, lineEnd.length, memory, at);
  const own = memory.subarray(0, at);
  if (changes === null) return { dropped: nothing, added: own };
  return { dropped: changes.dropped, added: Buffer.concat([changes.added, own]) };
}
