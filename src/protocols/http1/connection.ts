/**
 * What the Connection, TE, Upgrade and Expect fields ask for (RFC 9110 sections 7.6.1, 7.8, 10.1). @hot
 */
import { isToken, isWord, SP, TAB } from "./bytes.ts";
import { FieldId, fieldIdOf, isConnectionField, isProtectedField } from "./fields.ts";
import type { MessageHead } from "./head.ts";

/** Names besides the well-known ones that one message may list; each costs a walk over its fields. */
const LISTED_NAMES_MAX = 16;

/** Bits of what the Connection fields say. */
export const ConnectionOption = { close: 1, keepAlive: 2, upgrade: 4, other: 8, malformed: 16 } as const;

/**
 * Reads every Connection field, marks the fields they list as hop-by-hop, and returns the options as bits. A message that
 * lists a protected field, too many names, or something that is no token is malformed.
 */
export function readConnectionOptions(head: MessageHead, bytes: Uint8Array): number {
  const first = head.indexOf(FieldId.connection);
  if (first < 0) return 0;
  if (!head.isRepeated(FieldId.connection)) {
    const options = optionsOf(bytes, head.valueStart[first]!, head.valueEnd[first]!);
    return (options & ConnectionOption.other) === 0 || markListed(head, bytes) ? options : ConnectionOption.malformed;
  }
  let options = 0;
  for (let index = first; index < head.fieldCount; index++) {
    if (head.fieldId[index] !== FieldId.connection) continue;
    options |= optionsOf(bytes, head.valueStart[index]!, head.valueEnd[index]!);
  }
  return (options & ConnectionOption.other) === 0 || markListed(head, bytes) ? options : ConnectionOption.malformed;
}

/** The element of a comma-separated list at or behind `at` ends here; elements are trimmed by the caller. */
function elementEnd(bytes: Uint8Array, at: number, to: number): number {
  while (at < to && bytes[at] !== 0x2c) at++;
  return at;
}

function trimmedStart(bytes: Uint8Array, from: number, to: number): number {
  while (from < to && (bytes[from] === SP || bytes[from] === TAB)) from++;
  return from;
}

function trimmedEnd(bytes: Uint8Array, from: number, to: number): number {
  while (to > from && (bytes[to - 1] === SP || bytes[to - 1] === TAB)) to--;
  return to;
}

function optionsOf(bytes: Uint8Array, from: number, to: number): number {
  let options = 0;
  for (let at = from; at <= to; at++) {
    const next = elementEnd(bytes, at, to);
    const start = trimmedStart(bytes, at, next);
    options |= optionOf(bytes, start, trimmedEnd(bytes, start, next));
    at = next;
  }
  return options;
}

function optionOf(bytes: Uint8Array, from: number, to: number): number {
  if (from === to) return 0;
  if (isWord(bytes, from, to, "close")) return ConnectionOption.close;
  if (isWord(bytes, from, to, "keep-alive")) return ConnectionOption.keepAlive;
  if (isWord(bytes, from, to, "upgrade")) return ConnectionOption.upgrade;
  for (let at = from; at < to; at++) if (isToken[bytes[at]!] === 0) return ConnectionOption.malformed;
  return ConnectionOption.other;
}

/** Marks what the Connection fields list; false when they list what they must not, or too much. */
function markListed(head: MessageHead, bytes: Uint8Array): boolean {
  let listed = 0;
  for (let index = 0; index < head.fieldCount; index++) {
    if (head.fieldId[index] !== FieldId.connection) continue;
    const to = head.valueEnd[index]!;
    for (let at = head.valueStart[index]!; at <= to; at++) {
      const next = elementEnd(bytes, at, to);
      const start = trimmedStart(bytes, at, next);
      const end = trimmedEnd(bytes, start, next);
      at = next;
      if (start === end) continue;
      const id = fieldIdOf(bytes, start, end);
      if (isProtectedField[id] === 1) return false;
      if (isConnectionField[id] === 1) continue;
      if (++listed > LISTED_NAMES_MAX) return false;
      markName(head, bytes, start, end);
    }
  }
  return true;
}

function markName(head: MessageHead, bytes: Uint8Array, from: number, to: number): void {
  for (let index = 0; index < head.fieldCount; index++) {
    if (head.fieldId[index] !== FieldId.other) continue;
    const start = head.nameStart[index]!;
    if (head.nameEnd[index]! - start !== to - from) continue;
    let offset = 0;
    while (offset < to - from && (bytes[start + offset]! | 0x20) === (bytes[from + offset]! | 0x20)) offset++;
    if (offset === to - from) head.isHopByHop[index] = 1;
  }
}

/** Whether any field with the id holds `word` as an element of its comma-separated list, without parameters. */
export function listHolds(head: MessageHead, bytes: Uint8Array, id: number, word: string): boolean {
  for (let index = Math.max(0, head.indexOf(id)); index < head.fieldCount; index++) {
    if (head.fieldId[index] !== id) continue;
    const to = head.valueEnd[index]!;
    for (let at = head.valueStart[index]!; at <= to; at++) {
      const next = elementEnd(bytes, at, to);
      const start = trimmedStart(bytes, at, next);
      if (isWord(bytes, start, trimmedEnd(bytes, start, next), word)) return true;
      at = next;
    }
  }
  return false;
}
