/**
 * Request heads (RFC 9112 sections 2 to 6). @hot
 *
 * A head that is complete at the first look is parsed in one pass. One that arrives in pieces is looked through for its end,
 * or for a byte that can stand in no head, each byte once, and parsed anew only then and whenever its size passes a power of
 * two: the work is linear in its size however small the pieces, and nothing but a number is kept between them.
 */
import { Outcome } from "../../base/mod.ts";
import { CR, isWord, LF, SP, TAB } from "./bytes.ts";
import { ConnectionOption, listHolds, readConnectionOptions } from "./connection.ts";
import { parseFieldLines } from "./field-lines.ts";
import { FieldId } from "./fields.ts";
import { readFraming } from "./framing.ts";
import { BodyKind, type Http1Limits, type MessageHead, TargetForm } from "./head.ts";
import { noteAuthority, parseRequestLine } from "./request-line.ts";

/** Empty lines before a request that are skipped (RFC 9112 section 2.2 asks for at least one). */
const EMPTY_LINES_MAX = 4;
const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/**
 * Parses a request head from `bytes[from, to)`.
 *
 * @param seenBytes how many bytes from `from` on an earlier call that returned 0 has had (`to - from` of then); 0 at first
 * @returns the offset one past the head; 0 when more bytes are needed; else a negated `Outcome`, after which the connection
 *   has to be closed
 */
export function parseRequestHead(
  head: MessageHead,
  bytes: Uint8Array,
  from: number,
  to: number,
  limits: Http1Limits,
  seenBytes = 0,
): number {
  if (seenBytes > 0 && !isWorthParsing(bytes, from, to, limits.headBytesMax, seenBytes)) return 0;
  const limit = Math.min(to, from + limits.headBytesMax);
  const result = parseWithin(head, bytes, from, limit, limits);
  if (result !== 0) return result;
  return to - from >= limits.headBytesMax ? -Outcome.headTooLarge : 0;
}

/** Whether the bytes that are new can change the answer "more bytes are needed". */
export function isWorthParsing(
  bytes: Uint8Array,
  from: number,
  to: number,
  headBytesMax: number,
  seenBytes: number,
): boolean {
  const size = to - from;
  if (size >= headBytesMax || Math.clz32(size) !== Math.clz32(seenBytes)) return true;
  for (let at = from + seenBytes; at < to; at++) {
    const byte = bytes[at]!;
    const before = bytes[at - 1]!;
    if (byte === LF) {
      if (before !== CR || at < from + 3 || bytes[at - 2] === LF) return true;
    } else if (before === CR) return true;
    else if (byte < SP || byte === 0x7f) {
      if (byte !== CR && byte !== TAB) return true;
    }
  }
  return false;
}

/** Whether the bytes could be, or begin as, the connection preface of HTTP/2 with prior knowledge (RFC 9113 section 3.4). */
export function looksLikeHttp2Preface(bytes: Uint8Array, from: number, to: number): boolean {
  const length = Math.min(to - from, PREFACE.length);
  for (let index = 0; index < length; index++) {
    if (bytes[from + index] !== PREFACE.charCodeAt(index)) return false;
  }
  return length > 0;
}

function parseWithin(head: MessageHead, bytes: Uint8Array, from: number, limit: number, limits: Http1Limits): number {
  let start = from;
  for (let lines = 0; start < limit && bytes[start] === CR; lines++) {
    if (start + 1 === limit) return 0;
    if (bytes[start + 1] !== LF || lines === EMPTY_LINES_MAX) return -Outcome.malformedRequest;
    start += 2;
  }
  const fieldsStart = parseRequestLine(head, bytes, start, limit, limits);
  if (fieldsStart <= 0) return fieldsStart;
  const end = parseFieldLines(head, bytes, fieldsStart, limit, Math.min(limits.fieldsMax, head.fieldsMax));
  if (end <= 0) return end;
  head.bytes = bytes;
  head.start = start;
  head.end = end;
  const outcome = judgeRequest(head, bytes);
  return outcome === 0 ? end : -outcome;
}

/** Everything that needs all fields; 0 or the outcome. */
function judgeRequest(head: MessageHead, bytes: Uint8Array): number {
  const framing = readFraming(head, bytes);
  if (framing !== 0) return framing;
  if (!isHostValid(head, bytes)) return Outcome.badHost;
  head.status = 0;
  head.hasUpgrade = false;
  head.isWebSocketUpgrade = false;
  head.expectsContinue = false;
  head.acceptsTrailers = false;
  const options = readConnectionOptions(head, bytes);
  if ((options & ConnectionOption.malformed) !== 0) return Outcome.malformedRequest;
  const isModern = head.versionMinor === 1;
  head.isKeepAlive =
    (options & ConnectionOption.close) === 0 && (isModern || (options & ConnectionOption.keepAlive) !== 0);
  if (isModern && (options & ConnectionOption.upgrade) !== 0) readUpgrade(head, bytes);
  if (head.indexOf(FieldId.te) >= 0) head.acceptsTrailers = isModern && listHolds(head, bytes, FieldId.te, "trailers");
  return head.indexOf(FieldId.expect) < 0 ? 0 : readExpect(head, bytes);
}

/**
 * Exactly one valid Host, or none in HTTP/1.0 (RFC 9112 section 3.2). The authority of an absolute target replaces its value,
 * and the field is then marked not to be passed on, so that nobody downstream can prefer it (section 3.2.2).
 */
function isHostValid(head: MessageHead, bytes: Uint8Array): boolean {
  const index = head.indexOf(FieldId.host);
  if (index < 0) {
    if (head.versionMinor === 1) return false;
    if (head.targetForm === TargetForm.origin || head.targetForm === TargetForm.asterisk) {
      noteAuthority(head, bytes, head.targetStart, head.targetStart);
    }
    return true;
  }
  if (head.isRepeated(FieldId.host)) return false;
  if (head.targetForm === TargetForm.origin || head.targetForm === TargetForm.asterisk) {
    return noteAuthority(head, bytes, head.valueStart[index]!, head.valueEnd[index]!);
  }
  const { authorityStart, authorityEnd, authorityHostEnd } = head;
  const isValid = noteAuthority(head, bytes, head.valueStart[index]!, head.valueEnd[index]!);
  head.authorityStart = authorityStart;
  head.authorityEnd = authorityEnd;
  head.authorityHostEnd = authorityHostEnd;
  head.isHopByHop[index] = 1;
  return isValid;
}

/** Sets the two flags; the version and the Connection option have been seen. */
export function readUpgrade(head: MessageHead, bytes: Uint8Array): void {
  const index = head.indexOf(FieldId.upgrade);
  if (index < 0) return;
  head.hasUpgrade = true;
  head.isWebSocketUpgrade =
    !head.isRepeated(FieldId.upgrade) && isWord(bytes, head.valueStart[index]!, head.valueEnd[index]!, "websocket");
}

/** 100-continue counts in HTTP/1.1 and with a body; nothing else is defined (RFC 9110 section 10.1.1). */
function readExpect(head: MessageHead, bytes: Uint8Array): number {
  const index = head.indexOf(FieldId.expect);
  if (head.isRepeated(FieldId.expect)) return Outcome.expectationFailed;
  if (!isWord(bytes, head.valueStart[index]!, head.valueEnd[index]!, "100-continue")) return Outcome.expectationFailed;
  head.expectsContinue = head.versionMinor === 1 && head.bodyKind !== BodyKind.none;
  return 0;
}
