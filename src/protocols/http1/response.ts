/**
 * Response heads as a gateway reads them from its upstreams (RFC 9112 sections 4 and 6). @hot
 *
 * As strict as with requests: an answer whose end two readers could see in different places is an error of the upstream.
 */
import { Outcome } from "../../base/mod.ts";
import { CR, isValue, LF, SP } from "./bytes.ts";
import { ConnectionOption, readConnectionOptions } from "./connection.ts";
import { parseFieldLines } from "./field-lines.ts";
import { FieldId } from "./fields.ts";
import { readFraming } from "./framing.ts";
import { BodyKind, type Http1Limits, type MessageHead, Method } from "./head.ts";
import { isWorthParsing, readUpgrade } from "./request.ts";

const VERSION = "HTTP/1.";

/**
 * Parses the head of an answer to a request with the given method from `bytes[from, to)`. Interim answers (1xx) are heads of
 * their own: the caller goes on behind them.
 *
 * @param seenBytes as with `parseRequestHead`
 * @returns the offset one past the head; 0 when more bytes are needed; else the negated `Outcome.upstreamMalformed` or
 *   `Outcome.upstreamHeadTooLarge`, after which the connection has to be closed
 */
export function parseResponseHead(
  head: MessageHead,
  bytes: Uint8Array,
  from: number,
  to: number,
  limits: Http1Limits,
  requestMethodId: number,
  seenBytes = 0,
): number {
  if (seenBytes > 0 && !isWorthParsing(bytes, from, to, limits.headBytesMax, seenBytes)) return 0;
  const limit = Math.min(to, from + limits.headBytesMax);
  const fieldsStart = parseStatusLine(head, bytes, from, limit);
  const end =
    fieldsStart <= 0
      ? fieldsStart
      : parseFieldLines(head, bytes, fieldsStart, limit, Math.min(limits.fieldsMax, head.fieldsMax));
  if (end === 0) return to - from >= limits.headBytesMax ? -Outcome.upstreamHeadTooLarge : 0;
  if (end < 0) return end === -Outcome.headTooLarge ? -Outcome.upstreamHeadTooLarge : -Outcome.upstreamMalformed;
  head.bytes = bytes;
  head.start = from;
  head.end = end;
  return judgeResponse(head, bytes, requestMethodId) ? end : -Outcome.upstreamMalformed;
}

/** `HTTP-version SP status-code SP [reason-phrase] CRLF`; the second space may be missing where there is no reason. */
function parseStatusLine(head: MessageHead, bytes: Uint8Array, from: number, limit: number): number {
  const available = Math.min(limit - from, VERSION.length);
  for (let index = 0; index < available; index++) {
    if (bytes[from + index] !== VERSION.charCodeAt(index)) return -Outcome.malformedRequest;
  }
  let at = from + VERSION.length;
  if (at + 5 >= limit) return 0;
  const minor = bytes[at]! - 48;
  const hundreds = bytes[at + 2]! - 48;
  const tens = bytes[at + 3]! - 48;
  const ones = bytes[at + 4]! - 48;
  if ((minor !== 0 && minor !== 1) || bytes[at + 1] !== SP) return -Outcome.malformedRequest;
  if (hundreds < 1 || hundreds > 5 || tens < 0 || tens > 9 || ones < 0 || ones > 9) return -Outcome.malformedRequest;
  head.versionMinor = minor;
  head.status = hundreds * 100 + tens * 10 + ones;
  at += 5;
  if (bytes[at] === SP) at++;
  else if (bytes[at] !== CR) return -Outcome.malformedRequest;
  head.reasonStart = at;
  while (at < limit && isValue[bytes[at]!] === 1) at++;
  head.reasonEnd = at;
  if (at === limit) return 0;
  if (bytes[at] !== CR) return -Outcome.malformedRequest;
  if (at + 1 === limit) return 0;
  return bytes[at + 1] === LF ? at + 2 : -Outcome.malformedRequest;
}

function judgeResponse(head: MessageHead, bytes: Uint8Array, requestMethodId: number): boolean {
  const { status } = head;
  const isModern = head.versionMinor === 1;
  head.methodId = requestMethodId;
  head.hasUpgrade = false;
  head.isWebSocketUpgrade = false;
  head.expectsContinue = false;
  head.acceptsTrailers = false;
  if (!isFramingValid(head, bytes, requestMethodId)) return false;
  const options = readConnectionOptions(head, bytes);
  if ((options & ConnectionOption.malformed) !== 0) return false;
  head.isKeepAlive =
    head.bodyKind !== BodyKind.untilClose &&
    (options & ConnectionOption.close) === 0 &&
    (isModern || (options & ConnectionOption.keepAlive) !== 0);
  if (status === 101) {
    if (isModern && (options & ConnectionOption.upgrade) !== 0) readUpgrade(head, bytes);
    return head.hasUpgrade;
  }
  return true;
}

/** The cases of RFC 9112 section 6.3, in its order. */
function isFramingValid(head: MessageHead, bytes: Uint8Array, requestMethodId: number): boolean {
  const { status } = head;
  if (readFraming(head, bytes) !== 0) return false;
  if (status < 200 || status === 204) return hasNoFraming(head);
  if (requestMethodId === Method.connect && status < 300) return hasNoFraming(head);
  if (requestMethodId === Method.head || status === 304) {
    head.bodyKind = BodyKind.none;
    return true;
  }
  if (head.bodyKind === BodyKind.none && head.indexOf(FieldId.contentLength) < 0) head.bodyKind = BodyKind.untilClose;
  return true;
}

/**
 * Interim answers, 204 and tunnels have no body and must not name a length (RFC 9110 section 8.6). Many servers say zero with a
 * 204: that much is let through and struck out, since every reader agrees about it.
 */
function hasNoFraming(head: MessageHead): boolean {
  if (head.bodyKind !== BodyKind.none) return false;
  const index = head.indexOf(FieldId.contentLength);
  if (index >= 0) head.isHopByHop[index] = 1;
  return true;
}
