/**
 * @hot The Huffman code of HPACK (RFC 7541 §5.2 and appendix B).
 *
 * The code is canonical, so its 257 lengths are the whole table: codes of one length follow each other by rising symbol.
 * Decoding walks a state machine four bits at a time; every state is an inner node of the code tree and, the shortest
 * code having five bits, a step completes at most one symbol. 256 states of 16 steps fit the first-level cache (8 KB),
 * where a machine of whole bytes (256 KB) does not. Encoding packs 32-bit accumulators.
 */

/** Code lengths by symbol 0-255 and the end-of-string symbol 256 (RFC 7541 appendix B). */
const lengths = Uint8Array.from(
  (
    "13 23 28 28 28 28 28 28 28 24 30 28 28 30 28 28 28 28 28 28 28 28 30 28 28 28 28 28 28 28 28 28 6 10 10 12 13 6 8 11 " +
    "10 10 8 11 8 6 6 6 5 5 5 6 6 6 6 6 6 6 7 8 15 6 12 10 13 6 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 8 7 8 13 19 13 " +
    "14 6 15 5 6 5 6 5 6 6 6 5 7 7 6 6 6 5 6 7 6 5 5 6 7 7 7 7 7 15 11 14 13 28 20 22 20 20 22 22 22 23 22 23 23 23 23 23 " +
    "24 23 24 24 22 23 24 23 23 23 23 21 22 23 22 23 23 24 22 21 20 22 22 23 23 21 23 22 22 24 21 22 23 23 21 21 22 21 23 " +
    "22 23 23 20 22 22 22 23 22 22 23 26 26 20 19 22 23 22 25 26 26 26 27 27 26 24 25 19 21 26 27 27 26 27 24 21 21 26 26 " +
    "28 27 27 27 20 24 20 21 22 21 21 23 22 22 25 25 24 24 26 23 26 27 26 26 27 27 27 27 27 28 27 27 27 27 27 26 30"
  ).split(" "),
  Number,
);
const endOfString = 256;
const codes = new Int32Array(257);

/** A step of the decoder: bits 0-7 the symbol, bit 8 a symbol is complete, bit 9 forbidden, bits 16-23 the next state. */
const emits = 0x100;
const forbidden = 0x200;
const steps = new Int32Array(256 * 16);
/** 1 where a string may end: at the root, or after at most seven bits that are all ones (§5.2). */
const mayEnd = new Uint8Array(256);
/** The tables are made when the first string comes: at start they would be a third of what a worker evaluates. */
let isBuilt = false;

/**
 * Decodes `bytes[from, to)` into `target` at `offset`. Returns the end of the decoded text in `target`, or -1 when the
 * text is wrongly padded, holds the end-of-string symbol, or would pass `limit`.
 */
export function decodeHuffman(
  bytes: Uint8Array,
  from: number,
  to: number,
  target: Uint8Array,
  offset: number,
  limit: number,
): number {
  if (!isBuilt) buildTables();
  let state = 0;
  let end = offset;
  // Every byte completes at most two symbols, so one comparison guards both stores.
  for (let i = from; i < to; i++) {
    const byte = bytes[i]!;
    if (end + 2 > limit && !fits(state, byte, end, limit)) return -1;
    const high = steps[(state << 4) | (byte >> 4)]!;
    if ((high & emits) !== 0) target[end++] = high;
    const low = steps[((high >> 16) << 4) | (byte & 15)]!;
    if ((low & emits) !== 0) target[end++] = low;
    if (((high | low) & forbidden) !== 0) return -1;
    state = low >> 16;
  }
  return mayEnd[state] === 1 ? end : -1;
}

/** Whether the symbols that `byte` completes fit before `limit`: asked only close to it. */
function fits(state: number, byte: number, end: number, limit: number): boolean {
  const high = steps[(state << 4) | (byte >> 4)]!;
  const low = steps[((high >> 16) << 4) | (byte & 15)]!;
  return end + ((high & emits) >> 8) + ((low & emits) >> 8) <= limit;
}

/** The number of bytes `bytes[from, to)` takes when encoded. */
export function huffmanLength(bytes: Uint8Array, from: number, to: number): number {
  let bits = 0;
  for (let i = from; i < to; i++) bits += lengths[bytes[i]!]!;
  return (bits + 7) >>> 3;
}

/** Encodes `bytes[from, to)` into `target` at `offset`, which must have room; returns the end. */
export function encodeHuffman(bytes: Uint8Array, from: number, to: number, target: Uint8Array, offset: number): number {
  if (!isBuilt) buildTables();
  let pending = 0;
  let pendingBits = 0;
  let end = offset;
  for (let i = from; i < to; i++) {
    const symbol = bytes[i]!;
    let code = codes[symbol]!;
    let length = lengths[symbol]!;
    if (length > 24) {
      // At most seven bits wait, so that 24 more always fit; longer codes go in two parts.
      const rest = length - 24;
      pending = (pending << 24) | (code >>> rest);
      pendingBits += 24;
      while (pendingBits >= 8) {
        pendingBits -= 8;
        target[end++] = pending >>> pendingBits;
      }
      code &= (1 << rest) - 1;
      length = rest;
    }
    pending = (pending << length) | code;
    pendingBits += length;
    while (pendingBits >= 8) {
      pendingBits -= 8;
      target[end++] = pending >>> pendingBits;
    }
  }
  if (pendingBits > 0) target[end++] = (pending << (8 - pendingBits)) | (0xff >>> pendingBits);
  return end;
}

/** Runs once. @cold */
function buildTables(): void {
  isBuilt = true;
  fillCodes();
  buildDecoder();
}

function fillCodes(): void {
  let code = 0;
  for (let length = 5; length <= 30; length++) {
    for (let symbol = 0; symbol <= endOfString; symbol++) {
      if (lengths[symbol] === length) codes[symbol] = code++;
    }
    code <<= 1;
  }
}

/** The code tree as pairs of children, then each inner node's sixteen steps. */
function buildDecoder(): void {
  // children[2n + bit]: a positive number is an inner node, a negative one the symbol -(value + 1), 0 not yet there.
  const children = new Int32Array(2 * 257);
  let nodes = 1;
  for (let symbol = 0; symbol <= endOfString; symbol++) {
    let node = 0;
    for (let bit = lengths[symbol]! - 1; bit >= 0; bit--) {
      const edge = 2 * node + ((codes[symbol]! >>> bit) & 1);
      if (bit === 0) children[edge] = -(symbol + 1);
      else {
        if (children[edge] === 0) children[edge] = nodes++;
        node = children[edge]!;
      }
    }
  }
  for (let node = 0; node < nodes; node++) {
    for (let nibble = 0; nibble < 16; nibble++) steps[node * 16 + nibble] = walk(children, node, nibble);
  }
  for (let bits = 0, node = 0; bits < 8; bits++, node = children[2 * node + 1]!) mayEnd[node] = 1;
}

function walk(children: Int32Array, from: number, nibble: number): number {
  let node = from;
  let step = 0;
  for (let bit = 3; bit >= 0; bit--) {
    const child = children[2 * node + ((nibble >> bit) & 1)]!;
    if (child >= 0) node = child;
    else if (-child - 1 === endOfString) return forbidden;
    else {
      step = emits | (-child - 1);
      node = 0;
    }
  }
  return step | (node << 16);
}
