/**
 * Field lines of heads and trailers: `name ":" OWS value OWS CRLF`, up to the empty line (RFC 9112 section 5). @hot
 *
 * Nothing is repaired: no space before the colon, no folded line, no bare CR or LF, no control byte.
 */
import { Outcome } from "../../base/mod.ts";
import { CR, isToken, LF, SP, TAB, valueEndFrom } from "./bytes.ts";
import { fieldIdOf, isConnectionField } from "./fields.ts";
import type { MessageHead } from "./head.ts";

/**
 * Reads field lines into `head` from `at`, looking at no byte from `limit` on; returns the offset behind the empty line, 0 when
 * that is not within the limit, or the negated outcome.
 */
export function parseFieldLines(
  head: MessageHead,
  bytes: Uint8Array,
  from: number,
  limit: number,
  fieldsMax: number,
): number {
  const { nameStart, nameEnd, valueStart, valueEnd, fieldId, isHopByHop, isCanonical, firstIndex } = head;
  let at = from;
  let count = 0;
  let repeatedMask = 0;
  while (at < limit) {
    const lineStart = at;
    while (at < limit && isToken[bytes[at]!] === 1) at++;
    if (at === limit) return 0;
    const colon = at;
    if (bytes[at] !== 0x3a || colon === lineStart) {
      if (at !== lineStart || bytes[at] !== CR) return -Outcome.malformedRequest;
      if (at + 1 === limit) return 0;
      if (bytes[at + 1] !== LF) return -Outcome.malformedRequest;
      head.fieldCount = count;
      head.repeatedMask = repeatedMask;
      return at + 2;
    }
    if (count === fieldsMax) return -Outcome.headTooLarge;
    at++;
    while (at < limit && (bytes[at] === SP || bytes[at] === TAB)) at++;
    const start = at;
    at = valueEndFrom(bytes, at, limit);
    if (at === limit) return 0;
    if (bytes[at] !== CR) return -Outcome.malformedRequest;
    if (at + 1 === limit) return 0;
    if (bytes[at + 1] !== LF) return -Outcome.malformedRequest;
    let end = at;
    while (end > start && (bytes[end - 1] === SP || bytes[end - 1] === TAB)) end--;
    const id = fieldIdOf(bytes, lineStart, colon);
    nameStart[count] = lineStart;
    nameEnd[count] = colon;
    valueStart[count] = start;
    valueEnd[count] = end;
    fieldId[count] = id;
    isHopByHop[count] = isConnectionField[id]!;
    isCanonical[count] = start === colon + 2 && bytes[colon + 1] === SP && end === at && end > start ? 1 : 0;
    if (id !== 0) {
      const first = firstIndex[id]!;
      if (first >= count || fieldId[first] !== id) firstIndex[id] = count;
      else if (id < 32) repeatedMask |= 1 << id;
    }
    count++;
    at += 2;
  }
  return 0;
}
