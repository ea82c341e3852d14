/** @hot
 * Request ids and W3C trace context, level 2 (https://www.w3.org/TR/trace-context-2/), as functions over bytes.
 *
 *     traceparent   00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01
 *                   |  trace id                         parent id         flags
 *     offset        0  3                                36                53          55 bytes in all
 *
 * Only the two known flags (1 sampled, 2 random trace id) are passed on, as the standard asks. Ids are unique, not secret.
 */
import { copyBytes, latin1, type Random } from "../base/mod.ts";

export const traceparentLength = 55;
export const requestIdLength = 20;
/** Longer request ids from outside are replaced by our own. */
export const requestIdLengthMax = 128;

const traceIdAt = 3;
const parentIdAt = 36;
const flagsAt = 53;
const dash = 0x2d;
const zero = 0x30;
const hex = Uint8Array.from("0123456789abcdef", (character) => character.charCodeAt(0));
const base32 = Uint8Array.from("0123456789abcdefghjkmnpqrstvwxyz", (character) => character.charCodeAt(0));

/** 1 for the bytes an id from outside may have: letters, digits and `-._~+/=:@`. */
const idBytes = new Uint8Array(256);
for (const character of "-._~+/=:@0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") {
  idBytes[character.charCodeAt(0)] = 1;
}

/** Values of lowercase hexadecimal digits, 16 for other bytes. */
const hexValues = new Uint8Array(256).fill(16);
for (let value = 0; value < 16; value++) hexValues[hex[value]!] = value;

/** Whether `bytes[from, to)` is a traceparent that may be continued; a later version's is when its start is like ours. */
export function isTraceparent(bytes: Uint8Array, from: number, to: number): boolean {
  const length = to - from;
  if (length < traceparentLength) return false;
  if (bytes[from + 2] !== dash || bytes[from + 35] !== dash || bytes[from + 52] !== dash) return false;
  const version = hexValues[bytes[from]!]! * 16 + hexValues[bytes[from + 1]!]!;
  if (version >= 255 || hexValues[bytes[from]!] === 16 || hexValues[bytes[from + 1]!] === 16) return false;
  if (length > traceparentLength && (version === 0 || bytes[from + traceparentLength] !== dash)) return false;
  return (
    isId(bytes, from + traceIdAt, from + 35) &&
    isId(bytes, from + parentIdAt, from + 52) &&
    hexValues[bytes[from + flagsAt]!] !== 16 &&
    hexValues[bytes[from + flagsAt + 1]!] !== 16
  );
}

/** Whether the sampled flag of a valid traceparent at `from` is set. */
export function isSampled(bytes: Uint8Array, from: number): boolean {
  return (hexValues[bytes[from + flagsAt + 1]!]! & 1) === 1;
}

/** Writes the traceparent of a new trace; returns the offset after it. */
export function writeTraceparent(out: Uint8Array, at: number, random: Random, sampled: boolean): number {
  writeVersion(out, at);
  writeId(out, at + traceIdAt, 4, random);
  out[at + 35] = dash;
  writeId(out, at + parentIdAt, 2, random);
  writeFlags(out, at, sampled ? 3 : 2);
  return at + traceparentLength;
}

/** Writes the traceparent that continues the valid one at `bytes[from]` with a parent id of our own; returns the end. */
export function continueTraceparent(
  bytes: Uint8Array,
  from: number,
  out: Uint8Array,
  at: number,
  random: Random,
): number {
  const flags = hexValues[bytes[from + flagsAt + 1]!]! & 3;
  writeVersion(out, at);
  copyBytes(bytes, from + traceIdAt, from + 36, out, at + traceIdAt);
  writeId(out, at + parentIdAt, 2, random);
  writeFlags(out, at, flags);
  return at + traceparentLength;
}

/** Writes a new request id of 20 characters (100 random bits); returns the offset after it. */
export function writeRequestId(out: Uint8Array, at: number, random: Random): number {
  for (let word = 0; word < 4; word++) {
    let rest = random.uint32();
    for (let index = 0; index < 5; index++) {
      out[at++] = base32[rest & 31]!;
      rest >>>= 5;
    }
  }
  return at;
}

/** Requests that share the first part of their ids. */
const sharedRequests = 64;

/** Odd, so that its multiples differ for 2^32 steps; 2^32 over the golden ratio, so that they spread. */
const idStep = 0x9e3779b1;

/**
 * The lines of a new request id and a new trace, prepared as one block that is copied in one piece. Every 64th request
 * renews all bits of the ids by chance; the others step the last 32 bits of each on, so that ids of a group never repeat,
 * and those of different groups share a beginning of 65 random bits and more with a chance of 2^-65.
 */
export class IdLines {
  private readonly block: Uint8Array;
  private readonly random: Random;
  private readonly traceAt: number;
  private uses = 0;
  private requestBase = 0;
  private traceBase = 0;
  private parentBase = 0;
  /** Where the request id begins in the block; -1 without one. */
  readonly requestIdAt: number;
  /** Where the traceparent begins in the block; -1 without one. */
  readonly traceparentAt: number;

  /** @param requestIdField the field's name, or null for no request id */
  constructor(requestIdField: string | null, hasTraceparent: boolean, random: Random) {
    const idLine = requestIdField === null ? "" : `${requestIdField}: ${"0".repeat(requestIdLength)}\r\n`;
    const traceLine = hasTraceparent ? `traceparent: ${"0".repeat(traceparentLength)}\r\n` : "";
    this.block = latin1(idLine + traceLine);
    this.random = random;
    this.requestIdAt = requestIdField === null ? -1 : requestIdField.length + 2;
    this.traceparentAt = hasTraceparent ? idLine.length + "traceparent: ".length : -1;
    this.traceAt = this.traceparentAt;
  }

  /** Writes the lines with new ids; returns the offset after them. */
  write(out: Uint8Array, at: number): number {
    const { block, requestIdAt, traceAt } = this;
    const position = this.uses % sharedRequests;
    if (position === 0) this.renewAll();
    this.uses++;
    const step = Math.imul(position, idStep);
    if (requestIdAt >= 0) {
      let rest = (this.requestBase + step) >>> 0;
      for (let index = 13; index < requestIdLength; index++) {
        block[requestIdAt + index] = base32[rest & 31]!;
        rest >>>= 5;
      }
    }
    if (traceAt >= 0) {
      writeWord(block, traceAt + parentIdAt - 9, (this.traceBase + step) >>> 0);
      writeWord(block, traceAt + flagsAt - 9, (this.parentBase + step) >>> 0);
    }
    return copyBytes(block, 0, block.length, out, at);
  }

  private renewAll(): void {
    if (this.requestIdAt >= 0) writeRequestId(this.block, this.requestIdAt, this.random);
    if (this.traceAt >= 0) writeTraceparent(this.block, this.traceAt, this.random, false);
    this.requestBase = this.random.uint32() | 0;
    this.traceBase = this.random.uint32() | 0;
    this.parentBase = this.random.uint32() | 0;
  }
}

/** Whether an id from outside can be taken over as it is: 1 to 128 letters, digits and a few marks. */
export function isRequestId(bytes: Uint8Array, from: number, to: number): boolean {
  if (to <= from || to - from > requestIdLengthMax) return false;
  for (let offset = from; offset < to; offset++) if (idBytes[bytes[offset]!] === 0) return false;
  return true;
}

/** Lowercase hexadecimal digits that are not all zero. */
function isId(bytes: Uint8Array, from: number, to: number): boolean {
  let bits = 0;
  for (let offset = from; offset < to; offset++) {
    const value = hexValues[bytes[offset]!]!;
    if (value === 16) return false;
    bits |= value;
  }
  return bits !== 0;
}

function writeVersion(out: Uint8Array, at: number): void {
  out[at] = zero;
  out[at + 1] = zero;
  out[at + 2] = dash;
}

function writeFlags(out: Uint8Array, at: number, flags: number): void {
  out[at + 52] = dash;
  out[at + flagsAt] = zero;
  out[at + flagsAt + 1] = zero + flags;
}

/** Writes eight digits per word; the last word is never zero, so neither is the id. */
function writeId(out: Uint8Array, at: number, words: number, random: Random): void {
  for (let word = 1; word < words; word++) writeWord(out, at + (word - 1) * 8, random.uint32());
  const last = random.uint32();
  writeWord(out, at + (words - 1) * 8, last === 0 ? 1 : last);
}

function writeWord(out: Uint8Array, at: number, word: number): void {
  let rest = word;
  for (let index = 0; index < 8; index++) {
    out[at + index] = hex[rest & 15]!;
    rest >>>= 4;
  }
}
