/**
 * `method SP request-target SP HTTP-version CRLF` (RFC 9112 section 3), with the four forms of the target. @hot
 *
 * Every function looks at no byte from its limit on and returns the offset behind what it read, 0 when the limit was
 * reached first, or the negated outcome.
 */
import { Outcome } from "../../base/mod.ts";
import { authorityHostEnd } from "./authority.ts";
import { CR, hexValue, isPath, isQuery, isToken, isWord, LF, SP } from "./bytes.ts";
import { type Http1Limits, type MessageHead, Method, TargetForm } from "./head.ts";

/** Longer than any registered method; a longer one is answered with 501 (RFC 9112 section 3). */
const METHOD_BYTES_MAX = 32;
const VERSION = "HTTP/";
const QUESTION_MARK = 0x3f;

export function parseRequestLine(
  head: MessageHead,
  bytes: Uint8Array,
  from: number,
  limit: number,
  limits: Http1Limits,
): number {
  let at = from;
  const methodLimit = Math.min(limit, from + METHOD_BYTES_MAX + 1);
  while (at < methodLimit && isToken[bytes[at]!] === 1) at++;
  if (at - from > METHOD_BYTES_MAX) return -Outcome.methodNotSupported;
  if (at === limit) return 0;
  if (bytes[at] !== SP || at === from) return -Outcome.malformedRequest;
  head.methodStart = from;
  head.methodEnd = at;
  head.methodId = methodIdOf(bytes, from, at);

  const targetStart = at + 1;
  const targetLimit = Math.min(limit, targetStart + limits.targetBytesMax + 1);
  at = parseTarget(head, bytes, targetStart, targetLimit);
  if (at < 0) return at;
  if (at === 0 || at === targetLimit) {
    return targetLimit - targetStart > limits.targetBytesMax ? -Outcome.targetTooLong : 0;
  }
  if (bytes[at] !== SP || at === targetStart) return -Outcome.malformedRequest;
  head.targetEnd = at;
  return parseVersion(head, bytes, at + 1, limit);
}

/** Compares in case, as methods are (RFC 9110 section 9.1). */
export function methodIdOf(bytes: Uint8Array, from: number, to: number): number {
  const first = bytes[from];
  const second = bytes[from + 1];
  switch (to - from) {
    case 3:
      if (first === 0x47) return second === 0x45 && bytes[from + 2] === 0x54 ? Method.get : Method.other;
      return isExactly(bytes, from, "PUT") ? Method.put : Method.other;
    case 4:
      if (second === 0x4f) return isExactly(bytes, from, "POST") ? Method.post : Method.other;
      return isExactly(bytes, from, "HEAD") ? Method.head : Method.other;
    case 5:
      if (first === 0x50) return isExactly(bytes, from, "PATCH") ? Method.patch : Method.other;
      return isExactly(bytes, from, "TRACE") ? Method.trace : Method.other;
    case 6:
      return isExactly(bytes, from, "DELETE") ? Method.delete : Method.other;
    case 7:
      if (first === 0x4f) return isExactly(bytes, from, "OPTIONS") ? Method.options : Method.other;
      return isExactly(bytes, from, "CONNECT") ? Method.connect : Method.other;
    default:
      return Method.other;
  }
}

function isExactly(bytes: Uint8Array, from: number, text: string): boolean {
  for (let index = 0; index < text.length; index++) {
    if (bytes[from + index] !== text.charCodeAt(index)) return false;
  }
  return true;
}

function parseTarget(head: MessageHead, bytes: Uint8Array, from: number, limit: number): number {
  head.targetStart = from;
  head.schemeStart = from;
  head.schemeEnd = from;
  head.pathStart = from;
  head.pathEnd = from;
  head.queryEnd = from;
  if (from >= limit) return 0;
  if (head.methodId === Method.connect) return parseAuthorityForm(head, bytes, from, limit);
  if (bytes[from] === 0x2f) {
    head.targetForm = TargetForm.origin;
    return parsePathAndQuery(head, bytes, from, limit);
  }
  if (bytes[from] === 0x2a) {
    head.targetForm = TargetForm.asterisk;
    return head.methodId === Method.options ? from + 1 : -Outcome.malformedRequest;
  }
  return parseAbsoluteForm(head, bytes, from, limit);
}

/** Stops at the first byte that is neither path nor query; what that byte must be is the caller's business. */
export function parsePathAndQuery(head: MessageHead, bytes: Uint8Array, from: number, limit: number): number {
  head.pathStart = from;
  let at = from;
  for (;;) {
    while (at < limit && isPath[bytes[at]!] === 1) at++;
    if (at === limit) return limit;
    if (bytes[at] !== 0x25) break;
    if (at + 2 >= limit) return limit;
    if (hexValue[bytes[at + 1]!] === 255 || hexValue[bytes[at + 2]!] === 255) return -Outcome.malformedRequest;
    at += 3;
  }
  head.pathEnd = at;
  if (bytes[at] === QUESTION_MARK) {
    for (;;) {
      while (at < limit && isQuery[bytes[at]!] === 1) at++;
      if (at === limit) return limit;
      if (bytes[at] !== 0x25) break;
      if (at + 2 >= limit) return limit;
      if (hexValue[bytes[at + 1]!] === 255 || hexValue[bytes[at + 2]!] === 255) return -Outcome.malformedRequest;
      at += 3;
    }
  }
  head.queryEnd = at;
  return at;
}

/** `("http" / "https") "://" authority path-abempty ["?" query]`; other schemes mean nothing to a gateway. */
function parseAbsoluteForm(head: MessageHead, bytes: Uint8Array, from: number, limit: number): number {
  head.targetForm = TargetForm.absolute;
  let at = from;
  while (at < limit && at - from < 6 && bytes[at] !== 0x3a) at++;
  if (at === limit) return 0;
  if (!isWord(bytes, from, at, "http") && !isWord(bytes, from, at, "https")) return -Outcome.malformedRequest;
  head.schemeEnd = at;
  for (const last = at + 3; at < last; at++) {
    if (at === limit) return 0;
    if (bytes[at] !== (at === head.schemeEnd ? 0x3a : 0x2f)) return -Outcome.malformedRequest;
  }
  const authorityStart = at;
  while (at < limit && bytes[at] !== 0x2f && bytes[at] !== QUESTION_MARK && bytes[at]! > SP) at++;
  if (at === limit) return 0;
  if (at === authorityStart) return -Outcome.malformedRequest;
  if (!noteAuthority(head, bytes, authorityStart, at)) return -Outcome.malformedRequest;
  return parsePathAndQuery(head, bytes, at, limit);
}

/** `uri-host ":" port`, both needed (RFC 9112 section 3.2.3). */
function parseAuthorityForm(head: MessageHead, bytes: Uint8Array, from: number, limit: number): number {
  head.targetForm = TargetForm.authority;
  let at = from;
  while (at < limit && bytes[at]! > SP) at++;
  if (at === limit) return 0;
  if (!noteAuthority(head, bytes, from, at)) return -Outcome.malformedRequest;
  return head.authorityHostEnd + 1 < at ? at : -Outcome.malformedRequest;
}

/** Checks an authority and keeps its place; false when it breaks the grammar. */
export function noteAuthority(head: MessageHead, bytes: Uint8Array, from: number, to: number): boolean {
  const hostEnd = authorityHostEnd(bytes, from, to);
  head.authorityStart = from;
  head.authorityEnd = to;
  head.authorityHostEnd = hostEnd;
  return hostEnd >= 0;
}

/** `HTTP/1.0` or `HTTP/1.1` and the line's end; any other version with a digit on each side of the dot gets 505. */
function parseVersion(head: MessageHead, bytes: Uint8Array, from: number, limit: number): number {
  const available = Math.min(limit - from, VERSION.length);
  for (let index = 0; index < available; index++) {
    if (bytes[from + index] !== VERSION.charCodeAt(index)) return -Outcome.malformedRequest;
  }
  const at = from + VERSION.length;
  if (at >= limit) return 0;
  const major = bytes[at]! - 48;
  if (major < 0 || major > 9) return -Outcome.malformedRequest;
  if (at + 1 >= limit) return 0;
  if (bytes[at + 1] !== 0x2e) return -Outcome.malformedRequest;
  if (at + 2 >= limit) return 0;
  const minor = bytes[at + 2]! - 48;
  if (minor < 0 || minor > 9) return -Outcome.malformedRequest;
  if (at + 3 >= limit) return 0;
  if (bytes[at + 3] !== CR) return -Outcome.malformedRequest;
  if (at + 4 >= limit) return 0;
  if (bytes[at + 4] !== LF) return -Outcome.malformedRequest;
  if (major !== 1 || minor > 1) return -Outcome.versionNotSupported;
  head.versionMinor = minor;
  return at + 5;
}
