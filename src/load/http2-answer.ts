/**
 * @hot
 * The head of an HTTP/2 answer: its status and its length, out of the decoded fields, by the rules of RFC 9113 section 8 that a
 * server can break.
 */
import type { FieldList } from "../protocols/mod.ts";

/** What an answer's head says. */
export class AnswerHead {
  /** 0 for trailers. */
  status = 0;
  /** -1 where it is not told. */
  contentLength = -1;
}

const statusName = Buffer.from(":status", "latin1") as Uint8Array;
const lengthName = Buffer.from("content-length", "latin1") as Uint8Array;
/** Fields of a connection, which HTTP/2 does not have (section 8.2.2). */
const forbiddenNames = ["connection", "transfer-encoding", "keep-alive", "proxy-connection", "upgrade"].map(
  (name) => Buffer.from(name, "latin1") as Uint8Array,
);
const colon = 58;

/** Reads a head, or trailers; false where it breaks a rule. */
export function readAnswerHead(list: FieldList, head: AnswerHead, isTrailer: boolean): boolean {
  head.status = 0;
  head.contentLength = -1;
  if (list.isOver) return false;
  const first = isTrailer ? 0 : 1;
  if (!isTrailer && !readStatus(list, head)) return false;
  for (let index = first; index < list.count; index++) {
    const start = list.nameStart[index]!;
    const end = list.nameEnd[index]!;
    if (!isFieldName(list.bytes, start, end) || isForbidden(list.bytes, start, end)) return false;
    if (isName(list.bytes, start, end, lengthName) && !isTrailer && !readLength(list, head, index)) return false;
  }
  return true;
}

/** `:status` comes first and has three digits; an answer has no other pseudo-field. */
function readStatus(list: FieldList, head: AnswerHead): boolean {
  if (list.count === 0 || !isName(list.bytes, list.nameStart[0]!, list.nameEnd[0]!, statusName)) return false;
  const start = list.valueStart[0]!;
  if (list.valueEnd[0]! - start !== 3) return false;
  for (let at = start; at < start + 3; at++) {
    const digit = list.bytes[at]! - 48;
    if (digit < 0 || digit > 9) return false;
    head.status = head.status * 10 + digit;
  }
  // Switching protocols does not exist here (section 8.6).
  return head.status >= 100 && head.status !== 101;
}

function readLength(list: FieldList, head: AnswerHead, index: number): boolean {
  let length = 0;
  const start = list.valueStart[index]!;
  const end = list.valueEnd[index]!;
  if (end === start || end - start > 15) return false;
  for (let at = start; at < end; at++) {
    const digit = list.bytes[at]! - 48;
    if (digit < 0 || digit > 9) return false;
    length = length * 10 + digit;
  }
  if (head.contentLength >= 0 && head.contentLength !== length) return false;
  head.contentLength = length;
  return true;
}

/** A name of a field: not empty, no pseudo-field, and without uppercase letters or what no name may hold. */
function isFieldName(bytes: Uint8Array, start: number, end: number): boolean {
  if (start === end) return false;
  for (let at = start; at < end; at++) {
    const byte = bytes[at]!;
    if (byte <= 32 || byte >= 127 || byte === colon || (byte >= 65 && byte <= 90)) return false;
  }
  return true;
}

function isForbidden(bytes: Uint8Array, start: number, end: number): boolean {
  for (let index = 0; index < forbiddenNames.length; index++) {
    if (isName(bytes, start, end, forbiddenNames[index]!)) return true;
  }
  return false;
}

function isName(bytes: Uint8Array, start: number, end: number, name: Uint8Array): boolean {
  if (end - start !== name.length) return false;
  for (let index = 0; index < name.length; index++) if (bytes[start + index] !== name[index]) return false;
  return true;
}
