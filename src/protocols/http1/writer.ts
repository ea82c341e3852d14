/**
 * Writing heads and chunks into a buffer the caller has made large enough. @hot
 *
 * A forwarded head is written anew from what was parsed; neighbouring lines that already have the one form this writer would
 * give them are copied in one piece, which is most of a typical head.
 */
import { assert, copyBytes, latin1, writeDecimal } from "../../base/mod.ts";
import { CR, LF, SP } from "./bytes.ts";
import { FieldId } from "./fields.ts";
import { type MessageHead, Method, TargetForm } from "./head.ts";

const COLON = 0x3a;
const VERSION_LINE_END = latin1(" HTTP/1.1\r\n");
const HEX_DIGITS = latin1("0123456789abcdef");
const LAST_CHUNK = latin1("0\r\n\r\n");

/** Status lines by status; those without a registered reason have an empty one. */
const statusLines: Uint8Array[] = [];
const reasons: Readonly<Record<number, string>> = {
  100: "Continue",
  101: "Switching Protocols",
  103: "Early Hints",
  200: "OK",
  201: "Created",
  202: "Accepted",
  203: "Non-Authoritative Information",
  204: "No Content",
  205: "Reset Content",
  206: "Partial Content",
  300: "Multiple Choices",
  301: "Moved Permanently",
  302: "Found",
  303: "See Other",
  304: "Not Modified",
  305: "Use Proxy",
  307: "Temporary Redirect",
  308: "Permanent Redirect",
  400: "Bad Request",
  401: "Unauthorized",
  402: "Payment Required",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  406: "Not Acceptable",
  407: "Proxy Authentication Required",
  408: "Request Timeout",
  409: "Conflict",
  410: "Gone",
  411: "Length Required",
  412: "Precondition Failed",
  413: "Content Too Large",
  414: "URI Too Long",
  415: "Unsupported Media Type",
  416: "Range Not Satisfiable",
  417: "Expectation Failed",
  421: "Misdirected Request",
  422: "Unprocessable Content",
  425: "Too Early",
  426: "Upgrade Required",
  428: "Precondition Required",
  429: "Too Many Requests",
  431: "Request Header Fields Too Large",
  451: "Unavailable For Legal Reasons",
  500: "Internal Server Error",
  501: "Not Implemented",
  502: "Bad Gateway",
  503: "Service Unavailable",
  504: "Gateway Timeout",
  505: "HTTP Version Not Supported",
  511: "Network Authentication Required",
};
for (let status = 100; status < 600; status++) {
  statusLines[status] = latin1(`HTTP/1.1 ${status} ${reasons[status] ?? ""}\r\n`);
}

/** The registered reason phrase (RFC 9110 section 15), or "". */
export function reasonPhrase(status: number): string {
  return reasons[status] ?? "";
}

/** Copies prepared bytes; returns the offset after them. */
export function writeBytes(prepared: Uint8Array, out: Uint8Array, at: number): number {
  return copyBytes(prepared, 0, prepared.length, out, at);
}

/** `HTTP/1.1 status reason` CRLF with the registered reason; 47 bytes at most. */
export function writeStatusLine(status: number, out: Uint8Array, at: number): number {
  assert(status >= 100 && status < 600, "a status has three digits and one of five classes");
  return writeBytes(statusLines[status]!, out, at);
}

/**
 * The request line a server gets: method, target in origin form (asterisk for OPTIONS to a whole server), HTTP/1.1. Needs the
 * head's method and target and 14 bytes more. CONNECT keeps its authority.
 */
export function writeRequestLine(head: MessageHead, out: Uint8Array, at: number): number {
  const { bytes } = head;
  at = copyBytes(bytes, head.methodStart, head.methodEnd, out, at);
  out[at++] = SP;
  at = writeTarget(head, out, at);
  return copyBytes(VERSION_LINE_END, 0, VERSION_LINE_END.length, out, at);
}

/** The target in the form a server gets; see `writeRequestLine`. */
export function writeTarget(head: MessageHead, out: Uint8Array, at: number): number {
  const { bytes, targetForm } = head;
  if (targetForm !== TargetForm.absolute) return copyBytes(bytes, head.targetStart, head.targetEnd, out, at);
  if (head.pathStart === head.pathEnd) {
    const isWholeServer = head.methodId === Method.options && head.queryEnd === head.pathEnd;
    out[at++] = isWholeServer ? 0x2a : 0x2f;
  }
  return copyBytes(bytes, head.pathStart, head.queryEnd, out, at);
}

/** A skip mask for `writeFields` out of ids. */
export function fieldMask(ids: readonly number[]): Uint8Array {
  const mask = new Uint8Array(256);
  for (const id of ids) mask[id] = 1;
  return mask;
}

/**
 * Copies all fields in their order but those that are hop-by-hop and those whose id is 1 in `skipMask`. Needs up to
 * `head.writtenBytesMax` bytes. The empty line is not written.
 */
export function writeFields(head: MessageHead, skipMask: Uint8Array, out: Uint8Array, at: number): number {
  const { bytes, fieldCount, fieldId, isHopByHop, isCanonical, nameStart, valueEnd } = head;
  let index = 0;
  while (index < fieldCount) {
    if (isHopByHop[index] === 1 || skipMask[fieldId[index]!] === 1) {
      index++;
      continue;
    }
    if (isCanonical[index] === 0) {
      at = writeField(head, index, out, at);
      index++;
      continue;
    }
    const runStart = nameStart[index]!;
    let runEnd = index + 1;
    while (
      runEnd < fieldCount &&
      isCanonical[runEnd] === 1 &&
      isHopByHop[runEnd] === 0 &&
      skipMask[fieldId[runEnd]!] === 0
    ) {
      runEnd++;
    }
    at = copyBytes(bytes, runStart, valueEnd[runEnd - 1]! + 2, out, at);
    index = runEnd;
  }
  return at;
}

/** One field as `name: value` CRLF. */
export function writeField(head: MessageHead, index: number, out: Uint8Array, at: number): number {
  at = copyBytes(head.bytes, head.nameStart[index]!, head.nameEnd[index]!, out, at);
  out[at++] = COLON;
  const from = head.valueStart[index]!;
  const to = head.valueEnd[index]!;
  if (head.fieldId[index] === FieldId.contentLength) {
    out[at++] = SP;
    at = writeDecimal(head.contentLength, out, at);
  } else if (to > from) {
    out[at++] = SP;
    at = copyBytes(head.bytes, from, to, out, at);
  }
  return writeLineEnd(out, at);
}

export function writeLineEnd(out: Uint8Array, at: number): number {
  out[at] = CR;
  out[at + 1] = LF;
  return at + 2;
}

/** A non-negative safe integer in hexadecimal; returns the offset after it. */
export function writeHex(value: number, out: Uint8Array, at: number): number {
  let digits = 1;
  for (let bound = 16; bound <= value; bound *= 16) digits++;
  let rest = value;
  for (let offset = at + digits - 1; offset >= at; offset--) {
    const next = Math.floor(rest / 16);
    out[offset] = HEX_DIGITS[rest - next * 16]!;
    rest = next;
  }
  return at + digits;
}

/** The line before a chunk's data; the data and a line end follow. Needs 16 bytes. */
export function writeChunkSize(size: number, out: Uint8Array, at: number): number {
  return writeLineEnd(out, writeHex(size, out, at));
}

/** The end of a chunked body without trailers; 5 bytes. */
export function writeLastChunk(out: Uint8Array, at: number): number {
  return copyBytes(LAST_CHUNK, 0, LAST_CHUNK.length, out, at);
}
