/**
 * How long a body is (RFC 9112 section 6), the field where two parsers that disagree let a second request be smuggled in. @hot
 *
 * So one Content-Length of digits, or one Transfer-Encoding that says `chunked` and nothing else, never both; whatever else a
 * lenient reader could make sense of is refused.
 */
import { Outcome } from "../../base/mod.ts";
import { isToken, isWord, SP, TAB } from "./bytes.ts";
import { FieldId } from "./fields.ts";
import { BodyKind, type MessageHead } from "./head.ts";

/** Fifteen digits stay exact in a double, and 999 TB is more than any body. */
const LENGTH_DIGITS_MAX = 15;

/**
 * Sets `bodyKind` and `contentLength` from the two framing fields as a request has them: no field, no body. Returns 0, or the
 * outcome.
 */
export function readFraming(head: MessageHead, bytes: Uint8Array): number {
  head.bodyKind = BodyKind.none;
  head.contentLength = 0;
  const lengthIndex = head.indexOf(FieldId.contentLength);
  const codingIndex = head.indexOf(FieldId.transferEncoding);
  if (lengthIndex < 0 && codingIndex < 0) return 0;
  if (codingIndex >= 0) {
    if (lengthIndex >= 0 || head.versionMinor === 0) return Outcome.ambiguousFraming;
    if (head.isRepeated(FieldId.transferEncoding)) return Outcome.ambiguousFraming;
    head.bodyKind = BodyKind.chunked;
    return codingOutcome(bytes, head.valueStart[codingIndex]!, head.valueEnd[codingIndex]!);
  }
  if (head.isRepeated(FieldId.contentLength)) return Outcome.ambiguousFraming;
  const from = head.valueStart[lengthIndex]!;
  const length = lengthOf(bytes, from, head.valueEnd[lengthIndex]!);
  if (length < 0) return Outcome.ambiguousFraming;
  // A reader that takes a leading zero for octal must not get to see one: `writeFields` writes such a line anew.
  if (bytes[from] === 48) head.isCanonical[lengthIndex] = 0;
  head.contentLength = length;
  head.bodyKind = length === 0 ? BodyKind.none : BodyKind.length;
  return 0;
}

function lengthOf(bytes: Uint8Array, from: number, to: number): number {
  if (to === from || to - from > LENGTH_DIGITS_MAX) return -1;
  let length = 0;
  for (let at = from; at < to; at++) {
    const digit = bytes[at]! - 48;
    if (digit < 0 || digit > 9) return -1;
    length = length * 10 + digit;
  }
  return length;
}

/**
 * `chunked` alone is read. A list of codings with `chunked` once and last is well framed but not understood: 501. Everything
 * else leaves the length open: 400 (RFC 9112 sections 6.1 and 6.3).
 */
function codingOutcome(bytes: Uint8Array, from: number, to: number): number {
  if (isWord(bytes, from, to, "chunked")) return 0;
  let isLastChunked = false;
  for (let at = from; at <= to; at++) {
    while (at < to && (bytes[at] === SP || bytes[at] === TAB)) at++;
    const start = at;
    while (at < to && isToken[bytes[at]!] === 1) at++;
    if (at === start || isLastChunked) return Outcome.ambiguousFraming;
    isLastChunked = isWord(bytes, start, at, "chunked");
    while (at < to && (bytes[at] === SP || bytes[at] === TAB)) at++;
    if (at < to && bytes[at] !== 0x2c) return Outcome.ambiguousFraming;
  }
  return isLastChunked ? Outcome.transferCodingNotSupported : Outcome.ambiguousFraming;
}
