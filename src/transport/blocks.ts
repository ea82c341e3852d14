/**
 * Memory for bytes that wait for a socket: blocks of 16 KiB from a bounded free list, larger ones made for the occasion and
 * left to the collector. A connection holds a block only while something waits, so an idle one costs nothing here. @hot
 */

/** Size of a pooled block in bytes: one loopback segment, four pages. */
export const BLOCK_BYTES = 16 * 1024;

/** Blocks kept for reuse: 4 MiB in all, enough for 256 connections blocked at once; more are made and let go. */
const FREE_BLOCKS_MAX = 256;

const free: Uint8Array[] = [];

/** A block of at least `bytes` bytes with undefined content. @cold */
export function acquireBlock(bytes: number): Uint8Array {
  if (bytes > BLOCK_BYTES) return Buffer.allocUnsafeSlow(roundUp(bytes));
  return free.pop() ?? Buffer.allocUnsafeSlow(BLOCK_BYTES);
}

/** Gives a block back; oversize blocks are left to the collector. */
export function releaseBlock(block: Uint8Array): void {
  if (block.length === BLOCK_BYTES && free.length < FREE_BLOCKS_MAX) free.push(block);
}

// Powers of two, so that a block which grows is copied a logarithmic number of times.
function roundUp(bytes: number): number {
  let size = BLOCK_BYTES;
  while (size < bytes) size *= 2;
  return size;
}
