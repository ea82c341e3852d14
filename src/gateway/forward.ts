/**
 * The request as the upstream gets it: written anew from what was parsed, so that nothing ambiguous is ever passed on. @hot
 *
 *     request line | Host | the client's fields, less hop-by-hop and claims nobody vouches for | what the gateway adds | framing
 *
 * What is added: X-Forwarded-* or Forwarded (RFC 7239), Via, a request id, W3C traceparent. From trusted networks they are
 * continued, from others begun.
 */
import { copyBytes, equalBytes, writeDecimal, writeLatin1 } from "../base/mod.ts";
import {
  continueTraceparent,
  isRequestId,
  isTraceparent,
  requestIdLength,
  writeRequestId,
  writeTraceparent,
} from "../observe/mod.ts";
import {
  BodyKind,
  FieldId,
  type MessageHead,
  Method,
  writeBytes,
  writeChunkSize,
  writeField,
  writeFields,
  writeLineEnd,
  writeTarget,
} from "../protocols/mod.ts";
import { hashBytes } from "../upstream/mod.ts";
import type { Exchange } from "./exchange.ts";
import type { CompiledChanges, CompiledRoute, ForwardSettings } from "./settings.ts";
import { upgradeLines } from "./upgrade.ts";

const bytesOf = (text: string): Uint8Array => Buffer.from(text, "latin1");
const VERSION_END = bytesOf(" HTTP/1.1\r\n");
const HOST = bytesOf("Host: ");
const X_FORWARDED_FOR = bytesOf("X-Forwarded-For: ");
const X_FORWARDED_PROTO = bytesOf("X-Forwarded-Proto: ");
const X_FORWARDED_HOST = bytesOf("X-Forwarded-Host: ");
const FORWARDED = bytesOf("Forwarded: ");
const TRACEPARENT = bytesOf("traceparent: ");
const CONTENT_LENGTH = bytesOf("Content-Length: ");
const CHUNKED = bytesOf("Transfer-Encoding: chunked\r\n");
const EXPECT = bytesOf("Expect: 100-continue\r\n");
const LAST_CHUNK = bytesOf("0\r\n");
const SP = 0x20;
const COMMA = 0x2c;
const SLASH = 0x2f;
/** Everything written that is not the client's: field names, the address, ids, framing. */
const ADDED_BYTES_MAX = 1024;

/** Methods that may be repeated without changing more (RFC 9110 section 9.2.2). */
export function isIdempotent(methodId: number): boolean {
  return methodId >= Method.get && methodId !== Method.post && methodId !== Method.patch && methodId !== Method.connect;
}

/** Writes the forwarded head into `exchange.out` and notes what balancing goes by. */
export function writeForwardedHead(exchange: Exchange, head: MessageHead): void {
  const route = exchange.route!;
  const forward = exchange.settings.forward;
  const isTrusted = exchange.client!.isTrusted;
  const changes = route.requestChanges;
  const authorityBytes = head.authorityEnd - head.authorityStart;
  const out = exchange.reserve(
    head.writtenBytesMax +
      3 * authorityBytes +
      ADDED_BYTES_MAX +
      (changes?.added.length ?? 0) +
      (route.pathPrefix?.length ?? 0),
  );
  let at = copyBytes(head.bytes, head.methodStart, head.methodEnd, out, 0);
  out[at++] = SP;
  exchange.targetFrom = at;
  at = route.pathPrefix === null ? writeTarget(head, out, at) : writeRewrittenTarget(route, head, out, at);
  exchange.targetTo = at;
  at = writeBytes(VERSION_END, out, at);
  at = writeHost(exchange, route, head, out, at);
  const skip = isTrusted ? forward.skipTrusted : forward.skipUntrusted;
  if (changes === null) at = writeFields(head, skip, out, at);
  else at = writeChangedFields(head, skip, changes, out, at);
  at = isTrusted ? writeOrigin(exchange, forward, head, out, at) : writeKnownOrigin(exchange, forward, head, out, at);
  at = writeIds(exchange, forward, head, out, at);
  exchange.outTo = writeFraming(head, out, at);
  if (route.hashOn !== "none") exchange.balanceHash = balanceHash(exchange, route, head);
}

function writeHost(exchange: Exchange, route: CompiledRoute, head: MessageHead, out: Uint8Array, at: number): number {
  exchange.hostFrom = at;
  if (route.hostLine !== null) at = writeBytes(route.hostLine, out, at);
  else {
    at = writeBytes(HOST, out, at);
    at = copyBytes(head.bytes, head.authorityStart, head.authorityEnd, out, at);
    at = writeLineEnd(out, at);
  }
  exchange.hostTo = at;
  return at;
}

/** Replaces `[from, to)` of the forwarded head, before the ids in it, by `line`. */
export function replaceInHead(exchange: Exchange, from: number, to: number, line: Uint8Array): number {
  const out = exchange.reserve(exchange.outTo + line.length);
  const grownBytes = line.length - (to - from);
  out.copyWithin(to + grownBytes, to, exchange.outTo);
  exchange.outTo += grownBytes;
  exchange.requestIdFrom += grownBytes;
  exchange.requestIdTo += grownBytes;
  if (exchange.traceFrom >= 0) exchange.traceFrom += grownBytes;
  return copyBytes(line, 0, line.length, out, from);
}

/** The path with its first segments replaced; the rest and the query byte by byte as they came. */
function writeRewrittenTarget(route: CompiledRoute, head: MessageHead, out: Uint8Array, at: number): number {
  const { bytes, pathStart, pathEnd, queryEnd } = head;
  let rest = pathStart;
  for (let segment = 0; segment < route.prefixSegments && rest < pathEnd; segment++) {
    rest++;
    while (rest < pathEnd && bytes[rest] !== SLASH) rest++;
  }
  const from = at;
  at = writeBytes(route.pathPrefix!, out, at);
  at = copyBytes(bytes, rest, pathEnd, out, at);
  if (at === from) out[at++] = SLASH;
  return copyBytes(bytes, pathEnd, queryEnd, out, at);
}

/** Fields but those a route drops, and then those it adds. */
export function writeChangedFields(
  head: MessageHead,
  skip: Uint8Array,
  changes: CompiledChanges,
  out: Uint8Array,
  at: number,
): number {
  for (let index = 0; index < head.fieldCount; index++) {
    if (head.isHopByHop[index] === 1 || skip[head.fieldId[index]!] === 1) continue;
    if (isDropped(head, index, changes.dropped)) continue;
    at = writeField(head, index, out, at);
  }
  return writeBytes(changes.added, out, at);
}

function isDropped(head: MessageHead, index: number, names: readonly Uint8Array[]): boolean {
  for (let at = 0; at < names.length; at++) if (isNamed(head, index, names[at]!)) return true;
  return false;
}

/** Whether a field has a name, given in lower case. */
export function isNamed(head: MessageHead, index: number, name: Uint8Array): boolean {
  const from = head.nameStart[index]!;
  if (head.nameEnd[index]! - from !== name.length) return false;
  for (let offset = 0; offset < name.length; offset++) {
    const byte = head.bytes[from + offset]!;
    const lower = byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte;
    if (lower !== name[offset]) return false;
  }
  return true;
}

/** Entries of the memory of origins: a power of two, above the connections that are usually busy at once. */
const ORIGINS_COUNT = 1024;
/** Bytes of an entry; longer origins are written anew each time. */
const ORIGIN_BYTES = 512;

/**
 * What an untrusted client's requests are told to come from is the same as long as it asks for the same host: the lines of
 * the last request of each connection are remembered, in memory of a fixed size, one place for many connections.
 */
export class OriginMemory {
  readonly lines = Buffer.allocUnsafeSlow(ORIGINS_COUNT * ORIGIN_BYTES);
  readonly lengths = new Int32Array(ORIGINS_COUNT);
  /** The host an entry was made for stands in its lines here. */
  readonly hostFrom = new Int32Array(ORIGINS_COUNT);
  readonly hostTo = new Int32Array(ORIGINS_COUNT);
  /** Serial of the connection an entry belongs to; no reference, so that nothing is kept alive. */
  readonly owners = new Int32Array(ORIGINS_COUNT);
}

function writeKnownOrigin(
  exchange: Exchange,
  forward: ForwardSettings,
  head: MessageHead,
  out: Uint8Array,
  at: number,
): number {
  const client = exchange.client!;
  const memory = forward.origins;
  const place = client.serial & (ORIGINS_COUNT - 1);
  const from = place * ORIGIN_BYTES;
  const { bytes, authorityStart, authorityEnd } = head;
  if (memory.owners[place] === client.serial) {
    const hostFrom = memory.hostFrom[place]!;
    const isSame = memory.hostTo[place]! - hostFrom === authorityEnd - authorityStart;
    if (isSame && equalBytes(bytes, authorityStart, authorityEnd, memory.lines, hostFrom)) {
      return copyBytes(memory.lines, from, from + memory.lengths[place]!, out, at);
    }
  }
  const end = writeOrigin(exchange, forward, head, out, at);
  const hostBytes = authorityEnd - authorityStart;
  if (end - at + hostBytes > ORIGIN_BYTES) return end;
  memory.owners[place] = client.serial;
  memory.lengths[place] = end - at;
  const lineEnd = copyBytes(out, at, end, memory.lines, from);
  memory.hostFrom[place] = lineEnd;
  memory.hostTo[place] = copyBytes(bytes, authorityStart, authorityEnd, memory.lines, lineEnd);
  return end;
}

/** Who the client is, as far as we and those we trust know, and that we passed the request on. */
function writeOrigin(
  exchange: Exchange,
  forward: ForwardSettings,
  head: MessageHead,
  out: Uint8Array,
  at: number,
): number {
  const client = exchange.client!;
  if (forward.xForwarded) {
    at = writeBytes(X_FORWARDED_FOR, out, at);
    if (client.isTrusted) at = writeValues(head, FieldId.forwardedFor, out, at);
    at = writeLatin1(client.clientAddress === "" ? "unknown" : client.clientAddress, out, at);
    at = writeLineEnd(out, at);
    if (!client.isTrusted || head.indexOf(FieldId.forwardedProto) < 0) {
      at = writeBytes(X_FORWARDED_PROTO, out, at);
      at = writeLatin1(client.scheme, out, at);
      at = writeLineEnd(out, at);
    }
    if (!client.isTrusted || head.indexOf(FieldId.forwardedHost) < 0) {
      at = writeBytes(X_FORWARDED_HOST, out, at);
      at = copyBytes(head.bytes, head.authorityStart, head.authorityEnd, out, at);
      at = writeLineEnd(out, at);
    }
  } else if (client.isTrusted) at = writeAll(head, FieldId.forwardedFor, out, at);
  if (forward.forwarded) at = writeForwarded(exchange, head, out, at);
  else if (client.isTrusted) at = writeAll(head, FieldId.forwarded, out, at);
  return writeBytes(forward.viaLine, out, at);
}

/** RFC 7239: our element after those of trusted predecessors. */
function writeForwarded(exchange: Exchange, head: MessageHead, out: Uint8Array, at: number): number {
  const client = exchange.client!;
  const address = client.clientAddress;
  at = writeBytes(FORWARDED, out, at);
  if (client.isTrusted) at = writeValues(head, FieldId.forwarded, out, at);
  at = writeLatin1("for=", out, at);
  if (address === "") at = writeLatin1("unknown", out, at);
  else if (address.includes(":")) {
    at = writeLatin1('"[', out, at);
    at = writeLatin1(address, out, at);
    at = writeLatin1(']"', out, at);
  } else at = writeLatin1(address, out, at);
  at = writeLatin1(";proto=", out, at);
  at = writeLatin1(client.scheme, out, at);
  if (head.authorityEnd > head.authorityStart) {
    at = writeLatin1(';host="', out, at);
    at = copyBytes(head.bytes, head.authorityStart, head.authorityEnd, out, at);
    at = writeLatin1('"', out, at);
  }
  return writeLineEnd(out, at);
}

/** The values of every field of an id, each followed by a comma. */
function writeValues(head: MessageHead, id: number, out: Uint8Array, at: number): number {
  for (let index = 0; index < head.fieldCount; index++) {
    if (head.fieldId[index] !== id || head.isHopByHop[index] === 1) continue;
    at = copyBytes(head.bytes, head.valueStart[index]!, head.valueEnd[index]!, out, at);
    out[at++] = COMMA;
    out[at++] = SP;
  }
  return at;
}

function writeAll(head: MessageHead, id: number, out: Uint8Array, at: number): number {
  for (let index = 0; index < head.fieldCount; index++) {
    if (head.fieldId[index] === id && head.isHopByHop[index] === 0) at = writeField(head, index, out, at);
  }
  return at;
}

/** The request's id and its place in a trace: new ones, or those of a predecessor we trust. */
function writeIds(
  exchange: Exchange,
  forward: ForwardSettings,
  head: MessageHead,
  out: Uint8Array,
  at: number,
): number {
  const ids = forward.idLines;
  exchange.traceFrom = -1;
  if (!exchange.client!.isTrusted) {
    if (ids.requestIdAt >= 0) {
      exchange.requestIdFrom = at + ids.requestIdAt;
      exchange.requestIdTo = exchange.requestIdFrom + requestIdLength;
    }
    if (ids.traceparentAt >= 0) exchange.traceFrom = at + ids.traceparentAt;
    return ids.write(out, at);
  }
  return writeTrustedIds(exchange, forward, head, out, at);
}

function writeTrustedIds(
  exchange: Exchange,
  forward: ForwardSettings,
  head: MessageHead,
  out: Uint8Array,
  at: number,
): number {
  const random = exchange.context.random;
  if (forward.requestIdPrefix !== null) {
    at = writeBytes(forward.requestIdPrefix, out, at);
    const given = head.indexOf(FieldId.requestId);
    exchange.requestIdFrom = at;
    if (given >= 0 && isRequestId(head.bytes, head.valueStart[given]!, head.valueEnd[given]!)) {
      at = copyBytes(head.bytes, head.valueStart[given]!, head.valueEnd[given]!, out, at);
    } else at = writeRequestId(out, at, random);
    exchange.requestIdTo = at;
    at = writeLineEnd(out, at);
  }
  if (forward.traceparent) {
    at = writeBytes(TRACEPARENT, out, at);
    const given = head.indexOf(FieldId.traceparent);
    exchange.traceFrom = at;
    if (given >= 0 && isTraceparent(head.bytes, head.valueStart[given]!, head.valueEnd[given]!)) {
      at = continueTraceparent(head.bytes, head.valueStart[given]!, out, at, random);
    } else at = writeTraceparent(out, at, random, false);
    at = writeLineEnd(out, at);
  }
  return at;
}

function writeFraming(head: MessageHead, out: Uint8Array, at: number): number {
  if (head.bodyKind === BodyKind.chunked) at = writeBytes(CHUNKED, out, at);
  else if (head.bodyKind === BodyKind.length || head.indexOf(FieldId.contentLength) >= 0) {
    at = writeBytes(CONTENT_LENGTH, out, at);
    at = writeDecimal(head.contentLength, out, at);
    at = writeLineEnd(out, at);
  }
  if (head.expectsContinue) at = writeBytes(EXPECT, out, at);
  if (head.isWebSocketUpgrade) at = writeBytes(upgradeLines, out, at);
  return writeLineEnd(out, at);
}

function balanceHash(exchange: Exchange, route: CompiledRoute, head: MessageHead): number {
  if (route.hashOn === "path") return hashBytes(head.bytes, head.pathStart, head.pathEnd);
  if (route.hashOn === "field") {
    for (let index = 0; index < head.fieldCount; index++) {
      if (isNamed(head, index, route.hashField!)) {
        return hashBytes(head.bytes, head.valueStart[index]!, head.valueEnd[index]!);
      }
    }
    return exchange.context.random.uint32();
  }
  const scratch = exchange.context.scratch;
  return hashBytes(scratch, 0, writeLatin1(exchange.client!.clientAddress, scratch, 0));
}

/** The line before a chunk's data; its data and `writeChunkEnd` follow. 16 bytes at most. */
export function writeChunkStart(out: Uint8Array, at: number, bytes: number): number {
  return writeChunkSize(bytes, out, at);
}

/** The line end after a chunk's data; 2 bytes. */
export function writeChunkEnd(out: Uint8Array, at: number): number {
  return writeLineEnd(out, at);
}

const NOTHING_SKIPPED = new Uint8Array(256);

/** The last chunk, trailer fields if there are any, and the empty line; 5 bytes and what the fields need. */
export function writeTrailers(out: Uint8Array, at: number, trailers: MessageHead | null): number {
  at = writeBytes(LAST_CHUNK, out, at);
  if (trailers !== null) at = writeFields(trailers, NOTHING_SKIPPED, out, at);
  return writeLineEnd(out, at);
}
