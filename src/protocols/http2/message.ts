/**
 * @hot From a decoded field block to the `MessageHead` that the gateway knows from HTTP/1.1, by the rules of RFC 9113 §8.
 *
 * Everything downstream - routing, admission, the writers of both versions - is then the same for both protocols, and what
 * HTTP/1.1 could read in another way is refused here: names that are no tokens, control bytes, blanks around values,
 * fields that frame or belong to a connection, an authority that disagrees with Host. The lines are already in the form
 * of HTTP/1.1, so that its writer copies neighbours in one piece; Host stands first, made in place out of `:authority`.
 * Cookies that came apart are joined (§8.2.3).
 */
import { assert, copyBytes, latin1 } from "../../base/mod.ts";
import {
  authorityHostEnd,
  BodyKind,
  FieldId,
  isConnectionField,
  isForbiddenInTrailer,
  isToken,
  isWord,
  lowerCase,
  type MessageHead,
  Method,
  methodIdOf,
  parsePathAndQuery,
  readFraming,
  TargetForm,
} from "../http1/mod.ts";
import { Pseudo, pseudoOf, violationOf } from "./field-kind.ts";
import type { FieldList } from "./field-list.ts";
import { Violation } from "./violations.ts";

const cookieName = latin1("cookie: ");
/** Where `host` stands once it is written over the end of `:authority`. */
const hostOffset = 6;
const hostLength = 4;
/** Fields that §8.2.2 forbids; the other connection fields of HTTP/1.1 are let in and not passed on. */
const isForbidden = new Uint8Array(256);
for (const id of [
  FieldId.connection,
  FieldId.keepAlive,
  FieldId.proxyConnection,
  FieldId.transferEncoding,
  FieldId.upgrade,
]) {
  isForbidden[id] = 1;
}

/** Index in the list by pseudo-field, and which of them are there. One block is read at a time. */
const pseudoIndex = new Int32Array(8);
let pseudoMask = 0;
const has = (pseudo: number): boolean => (pseudoMask & (1 << pseudo)) !== 0;

/**
 * Makes `head` the request in `list`. Returns 0 or the violation; `head` is then not to be used.
 *
 * @param isConnectAllowed whether SETTINGS_ENABLE_CONNECT_PROTOCOL was sent (RFC 8441)
 */
export function readRequest(list: FieldList, head: MessageHead, isEnd: boolean, isConnectAllowed: boolean): number {
  reset(head, list);
  const pseudo = readPseudoFields(list);
  if (pseudo < 0) return -pseudo;
  if (has(Pseudo.status)) return Violation.pseudoUnknown;
  if (!has(Pseudo.method)) return Violation.pseudoMissing;
  if (has(Pseudo.authority)) takeAuthority(list, head);
  const failed = readFields(list, head, pseudo) || joinCookies(list, head) || readTarget(list, head, isConnectAllowed);
  if (failed !== 0) return failed;
  return readAuthority(list, head) || readRequestBody(head, isEnd);
}

/** Makes `head` the answer in `list` to a request with `methodId`. Returns 0 or the violation. */
export function readResponse(list: FieldList, head: MessageHead, isEnd: boolean, methodId: number): number {
  reset(head, list);
  const pseudo = readPseudoFields(list);
  if (pseudo < 0) return -pseudo;
  if (!has(Pseudo.status)) return Violation.pseudoMissing;
  if (pseudoMask !== 1 << Pseudo.status) return Violation.pseudoUnknown;
  const at = pseudoIndex[Pseudo.status]!;
  head.status = statusOf(list.bytes, list.valueStart[at]!, list.valueEnd[at]!);
  if (head.status < 0) return Violation.statusInvalid;
  if (head.status === 101) return Violation.switchingProtocols;
  if (head.status < 200 && isEnd) return Violation.informationalEnd;
  head.methodId = methodId;
  return readFields(list, head, pseudo) || readResponseBody(head, isEnd, methodId);
}

/** Makes `head` the trailers in `list`: no line before the fields. Returns 0 or the violation. */
export function readTrailers(list: FieldList, head: MessageHead): number {
  reset(head, list);
  for (let i = 0; i < list.count; i++) if (pseudoOf(list.kind[i]!) !== 0) return Violation.pseudoTrailers;
  const failed = readFields(list, head, 0);
  if (failed !== 0) return failed;
  for (let i = 0; i < head.fieldCount; i++) {
    if (isForbiddenInTrailer[head.fieldId[i]!] === 1) head.isHopByHop[i] = 1;
  }
  return 0;
}

function reset(head: MessageHead, list: FieldList): void {
  assert(list.fieldsMax <= head.fieldsMax, "a head has room for every field of a list");
  assert(!list.isOver, "a list that did not fit is not read");
  pseudoMask = 0;
  head.bytes = list.bytes;
  head.start = 0;
  head.end = list.end;
  head.methodId = Method.other;
  head.status = 0;
  head.versionMinor = 1;
  head.fieldCount = 0;
  head.repeatedMask = 0;
  head.isKeepAlive = true;
  head.expectsContinue = false;
  head.hasUpgrade = false;
  head.isWebSocketUpgrade = false;
  head.acceptsTrailers = false;
  head.reasonStart = 0;
  head.reasonEnd = 0;
}

/** Notes the pseudo-fields, which come first (§8.3). Returns the index behind them, or a negated violation. */
function readPseudoFields(list: FieldList): number {
  let index = 0;
  for (; index < list.count; index++) {
    const kind = list.kind[index]!;
    const violation = violationOf(kind);
    if (violation !== 0) return -violation;
    const pseudo = pseudoOf(kind);
    if (pseudo === 0) break;
    if (has(pseudo)) return -Violation.pseudoDuplicate;
    pseudoMask |= 1 << pseudo;
    pseudoIndex[pseudo] = index;
  }
  return index;
}

/** `:authority: value` becomes the field `host: value`, the first of the head, where it stands. */
function takeAuthority(list: FieldList, head: MessageHead): void {
  const index = pseudoIndex[Pseudo.authority]!;
  const at = list.nameStart[index]! + hostOffset;
  const { bytes } = list;
  bytes[at] = 0x68;
  bytes[at + 1] = 0x6f;
  bytes[at + 2] = 0x73;
  bytes[at + 3] = 0x74;
  head.nameStart[0] = at;
  head.nameEnd[0] = at + hostLength;
  head.valueStart[0] = list.valueStart[index]!;
  head.valueEnd[0] = list.valueEnd[index]!;
  head.fieldId[0] = FieldId.host;
  head.isHopByHop[0] = 0;
  head.isCanonical[0] = 1;
  head.isSensitive[0] = list.isSensitive[index]!;
  head.firstIndex[FieldId.host] = 0;
  head.fieldCount = 1;
}

/** Takes the regular fields from `from` on. A second Host is compared with the first one and dropped. */
function readFields(list: FieldList, head: MessageHead, from: number): number {
  const { nameStart, nameEnd, valueStart, valueEnd, fieldId, isHopByHop, isCanonical, isSensitive, firstIndex } = head;
  let count = head.fieldCount;
  let repeated = 0;
  let previousEnd = count === 0 ? -1 : valueEnd[0]! + 2;
  for (let i = from; i < list.count; i++) {
    const kind = list.kind[i]!;
    if (kind >> 8 !== 0) return violationOf(kind) || Violation.pseudoOrder;
    if (isForbidden[kind] === 1) return Violation.connectionField;
    const start = list.nameStart[i]!;
    const value = list.valueStart[i]!;
    const end = list.valueEnd[i]!;
    if (kind === FieldId.host && has(Pseudo.authority)) {
      if (head.isRepeated(FieldId.host) || !isSameText(list.bytes, value, end, valueStart[0]!, valueEnd[0]!)) {
        return Violation.authorityMismatch;
      }
      // A third one differs from nothing, and is one too many all the same.
      head.repeatedMask |= 1 << FieldId.host;
      continue;
    }
    if (kind === FieldId.te) {
      if (!isWord(list.bytes, value, end, "trailers")) return Violation.teField;
      head.acceptsTrailers = true;
    }
    nameStart[count] = start;
    nameEnd[count] = list.nameEnd[i]!;
    valueStart[count] = value;
    valueEnd[count] = end;
    fieldId[count] = kind;
    isHopByHop[count] = isConnectionField[kind]!;
    // A line may be copied together with the one before it only where nothing was left out between them.
    isCanonical[count] = end > value && (start === previousEnd || count === 0) ? 1 : 0;
    isSensitive[count] = list.isSensitive[i]!;
    if (kind !== 0) {
      const first = firstIndex[kind]!;
      if (first >= count || fieldId[first] !== kind) firstIndex[kind] = count;
      else if (kind < 32) repeated |= 1 << kind;
    }
    previousEnd = end + 2;
    count++;
  }
  head.fieldCount = count;
  head.repeatedMask = repeated;
  return 0;
}

/** Several cookie fields become one, joined by "; " (§8.2.3). */
function joinCookies(list: FieldList, head: MessageHead): number {
  if (!head.isRepeated(FieldId.cookie)) return 0;
  const { bytes, nameStart, valueStart, valueEnd, fieldId } = head;
  const start = list.end;
  let at = copyBytes(cookieName, 0, cookieName.length, bytes, start);
  let kept = 0;
  let joined = -1;
  let isAny = 0;
  for (let i = 0; i < head.fieldCount; i++) {
    if (fieldId[i] === FieldId.cookie) {
      isAny |= head.isSensitive[i]!;
      if (joined >= 0) {
        bytes[at] = 0x3b;
        bytes[at + 1] = 0x20;
        at += 2;
      }
      at = copyBytes(bytes, valueStart[i]!, valueEnd[i]!, bytes, at);
      if (joined >= 0) continue;
      joined = kept;
    }
    moveField(head, i, kept);
    kept++;
  }
  bytes[at] = 0x0d;
  bytes[at + 1] = 0x0a;
  nameStart[joined] = start;
  head.nameEnd[joined] = start + cookieName.length - 2;
  valueStart[joined] = start + cookieName.length;
  valueEnd[joined] = at;
  head.isSensitive[joined] = isAny;
  head.fieldCount = kept;
  head.repeatedMask &= ~(1 << FieldId.cookie);
  head.end = at + 2;
  // What stood beside a cookie no longer does: no line is copied together with its neighbour.
  for (let i = 0; i < kept; i++) head.isCanonical[i] = 0;
  for (let i = kept - 1; i >= 0; i--) head.firstIndex[fieldId[i]!] = i;
  return 0;
}

function moveField(head: MessageHead, from: number, to: number): void {
  head.nameStart[to] = head.nameStart[from]!;
  head.nameEnd[to] = head.nameEnd[from]!;
  head.valueStart[to] = head.valueStart[from]!;
  head.valueEnd[to] = head.valueEnd[from]!;
  head.fieldId[to] = head.fieldId[from]!;
  head.isHopByHop[to] = head.isHopByHop[from]!;
  head.isSensitive[to] = head.isSensitive[from]!;
}

/** Method, scheme and path, in the combinations of §8.3.1, §8.5 and RFC 8441 §4. */
function readTarget(list: FieldList, head: MessageHead, isConnectAllowed: boolean): number {
  const { bytes } = list;
  const method = pseudoIndex[Pseudo.method]!;
  head.methodStart = list.valueStart[method]!;
  head.methodEnd = list.valueEnd[method]!;
  head.methodId = methodIdOf(bytes, head.methodStart, head.methodEnd);
  if (head.methodId === Method.other && !isTokenText(bytes, head.methodStart, head.methodEnd)) {
    return Violation.methodInvalid;
  }
  const isConnect = head.methodId === Method.connect;
  if (has(Pseudo.protocol)) {
    if (!isConnectAllowed || !isConnect) return Violation.protocolInvalid;
    const protocol = pseudoIndex[Pseudo.protocol]!;
    head.hasUpgrade = true;
    head.isWebSocketUpgrade = isWord(bytes, list.valueStart[protocol]!, list.valueEnd[protocol]!, "websocket");
  } else if (isConnect) return readConnect(head);
  if (!has(Pseudo.scheme) || !has(Pseudo.path)) return Violation.pseudoMissing;
  const scheme = pseudoIndex[Pseudo.scheme]!;
  head.schemeStart = list.valueStart[scheme]!;
  head.schemeEnd = list.valueEnd[scheme]!;
  if (!isHttpScheme(bytes, head.schemeStart, head.schemeEnd)) return Violation.schemeInvalid;
  const path = pseudoIndex[Pseudo.path]!;
  return readPath(head, bytes, list.valueStart[path]!, list.valueEnd[path]!);
}

/** CONNECT names a host and a port and nothing else (§8.5). */
function readConnect(head: MessageHead): number {
  if (has(Pseudo.scheme) || has(Pseudo.path) || !has(Pseudo.authority)) return Violation.connectForm;
  const from = head.valueStart[0]!;
  const to = head.valueEnd[0]!;
  head.targetForm = TargetForm.authority;
  head.targetStart = from;
  head.targetEnd = to;
  head.schemeStart = from;
  head.schemeEnd = from;
  head.pathStart = from;
  head.pathEnd = from;
  head.queryEnd = from;
  const hostEnd = authorityHostEnd(head.bytes, from, to);
  return hostEnd > from && hostEnd + 1 < to ? 0 : Violation.connectForm;
}

/** Origin form, or an asterisk for OPTIONS (§8.3.1). */
function readPath(head: MessageHead, bytes: Uint8Array, from: number, to: number): number {
  head.targetStart = from;
  head.targetEnd = to;
  head.pathStart = from;
  head.pathEnd = from;
  head.queryEnd = from;
  if (from === to) return Violation.pathInvalid;
  if (bytes[from] === 0x2a && to - from === 1) {
    head.targetForm = TargetForm.asterisk;
    return head.methodId === Method.options ? 0 : Violation.pathInvalid;
  }
  head.targetForm = TargetForm.origin;
  if (bytes[from] !== 0x2f) return Violation.pathInvalid;
  // The line's CR is no part of any path, so the reader stops there at the latest.
  return parsePathAndQuery(head, bytes, from, to + 1) === to ? 0 : Violation.pathInvalid;
}

/** One authority without userinfo, out of `:authority` or Host (§8.3.1). */
function readAuthority(list: FieldList, head: MessageHead): number {
  const index = head.indexOf(FieldId.host);
  if (index < 0) return Violation.authorityInvalid;
  if (head.isRepeated(FieldId.host)) return Violation.authorityMismatch;
  head.authorityStart = head.valueStart[index]!;
  head.authorityEnd = head.valueEnd[index]!;
  head.authorityHostEnd = authorityHostEnd(list.bytes, head.authorityStart, head.authorityEnd);
  return head.authorityHostEnd > head.authorityStart ? 0 : Violation.authorityInvalid;
}

function readRequestBody(head: MessageHead, isEnd: boolean): number {
  if (readFraming(head, head.bytes) !== 0) return Violation.contentLengthInvalid;
  const hasLength = head.indexOf(FieldId.contentLength) >= 0;
  if (head.methodId === Method.connect) {
    if (hasLength) return Violation.contentLengthInvalid;
    head.bodyKind = isEnd ? BodyKind.none : BodyKind.untilClose;
    return 0;
  }
  if (isEnd) return head.bodyKind === BodyKind.none ? 0 : Violation.contentLengthMismatch;
  head.bodyKind = hasLength ? BodyKind.length : BodyKind.chunked;
  const expect = head.indexOf(FieldId.expect);
  if (expect >= 0) {
    head.expectsContinue = isWord(head.bytes, head.valueStart[expect]!, head.valueEnd[expect]!, "100-continue");
  }
  return 0;
}

/** The cases of RFC 9110 §6.4.1 in which an answer has no body, whatever its Content-Length says. */
function readResponseBody(head: MessageHead, isEnd: boolean, methodId: number): number {
  if (readFraming(head, head.bytes) !== 0) return Violation.contentLengthInvalid;
  const { status } = head;
  const length = head.indexOf(FieldId.contentLength);
  const isTunnel = methodId === Method.connect && status >= 200 && status < 300;
  if (status < 200 || status === 204 || isTunnel) {
    if (head.bodyKind !== BodyKind.none) return Violation.contentLengthInvalid;
    if (length >= 0) head.isHopByHop[length] = 1;
    if (isTunnel && !isEnd) head.bodyKind = BodyKind.untilClose;
  } else if (methodId === Method.head || status === 304) head.bodyKind = BodyKind.none;
  else if (isEnd) return head.bodyKind === BodyKind.none ? 0 : Violation.contentLengthMismatch;
  else head.bodyKind = length >= 0 ? BodyKind.length : BodyKind.chunked;
  return 0;
}

/** Three digits, 100 to 599, or -1. */
function statusOf(bytes: Uint8Array, from: number, to: number): number {
  if (to - from !== 3) return -1;
  const hundreds = bytes[from]! - 48;
  const tens = bytes[from + 1]! - 48;
  const ones = bytes[from + 2]! - 48;
  if (hundreds < 1 || hundreds > 5 || tens < 0 || tens > 9 || ones < 0 || ones > 9) return -1;
  return hundreds * 100 + tens * 10 + ones;
}

function isTokenText(bytes: Uint8Array, from: number, to: number): boolean {
  for (let at = from; at < to; at++) if (isToken[bytes[at]!] === 0) return false;
  return to > from;
}

function isHttpScheme(bytes: Uint8Array, from: number, to: number): boolean {
  const isHttp =
    bytes[from] === 0x68 && bytes[from + 1] === 0x74 && bytes[from + 2] === 0x74 && bytes[from + 3] === 0x70;
  return isHttp && (to - from === 4 || (to - from === 5 && bytes[from + 4] === 0x73));
}

function isSameText(bytes: Uint8Array, from: number, to: number, other: number, otherEnd: number): boolean {
  if (to - from !== otherEnd - other) return false;
  for (let i = 0; i < to - from; i++) if (lowerCase[bytes[from + i]!] !== lowerCase[bytes[other + i]!]) return false;
  return true;
}
