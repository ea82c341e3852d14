/**
 * @hot Who a field is, and whether its text is allowed (RFC 9113 §8.2.1 and §8.3), as one integer.
 *
 * HPACK keeps the integer with the entry of its table, so that a field sent by index is never looked up or checked again.
 *
 *     bits 0-7 FieldId | 8-10 pseudo-field | 12-19 violation in the name | 20-27 violation in the value
 */
import { fieldIdOf, isToken, isValue } from "../http1/mod.ts";
import { Violation } from "./violations.ts";

export const Pseudo = { none: 0, method: 1, scheme: 2, authority: 3, path: 4, status: 5, protocol: 6 } as const;

const pseudoShift = 8;
const nameShift = 12;
const valueShift = 20;
/** The part of a kind that belongs to the name. */
export const nameKindMask = (1 << valueShift) - 1;

export function pseudoOf(kind: number): number {
  return (kind >> pseudoShift) & 7;
}

/** The violation a field's text is, or 0. */
export function violationOf(kind: number): number {
  return (kind >> nameShift) & 0xff || (kind >> valueShift) & 0xff;
}

const colon = 0x3a;
const isLowerToken = isToken.slice().fill(0, 0x41, 0x5b);

/** The name's part of a kind. */
export function nameKind(bytes: Uint8Array, from: number, to: number): number {
  if (from === to) return Violation.nameInvalid << nameShift;
  if (bytes[from] === colon) return pseudoKind(bytes, from, to);
  for (let at = from; at < to; at++) {
    if (isLowerToken[bytes[at]!] === 0) return wrongName(bytes[at]!) << nameShift;
  }
  return fieldIdOf(bytes, from, to);
}

/** The value's part of a kind: no control bytes, and no blanks around it. */
export function valueKind(bytes: Uint8Array, from: number, to: number): number {
  if (from === to) return 0;
  for (let at = from; at < to; at++) {
    if (isValue[bytes[at]!] === 0) return Violation.valueInvalid << valueShift;
  }
  return isBlank(bytes[from]!) || isBlank(bytes[to - 1]!) ? Violation.valueInvalid << valueShift : 0;
}

function wrongName(byte: number): number {
  return byte >= 0x41 && byte <= 0x5a ? Violation.nameUppercase : Violation.nameInvalid;
}

function isBlank(byte: number): boolean {
  return byte === 0x20 || byte === 0x09;
}

const pseudoNames = ["", ":method", ":scheme", ":authority", ":path", ":status", ":protocol"] as const;

function pseudoKind(bytes: Uint8Array, from: number, to: number): number {
  for (let pseudo = 1; pseudo < pseudoNames.length; pseudo++) {
    if (isText(bytes, from, to, pseudoNames[pseudo]!)) return pseudo << pseudoShift;
  }
  return Violation.pseudoUnknown << nameShift;
}

function isText(bytes: Uint8Array, from: number, to: number, text: string): boolean {
  if (to - from !== text.length) return false;
  for (let i = 0; i < text.length; i++) if (bytes[from + i] !== text.charCodeAt(i)) return false;
  return true;
}
