/**
 * Memory for bytes that wait for a socket: blocks of 16 KiB and of 64 KiB from bounded free lists, larger ones made for the
 * occasion and left to the collector. A connection holds a block only while something waits, so an idle one costs nothing
 * here. @hot
 */

/** Size of a small block in bytes: four pages, what a usual answer needs. */
export const BLOCK_BYTES = 16 * 1024;
/** Size of a large block in bytes: what one read brings, of which a slow reader takes nothing. */
const LARGE_BLOCK_BYTES = 64 * 1024;

/** Blocks kept for reuse: 4 MiB of each size, enough for 320 connections blocked at once; more are made and let go. */
const FREE_BLOCKS_MAX = 256;
const FREE_LARGE_BLOCKS_MAX = 64;

const free: Uint8Array[] = [];
const freeLarge: Uint8Array[] = [];

/** A block of at least `bytes` bytes with undefined content. @cold */
export function acquireBlock(bytes: number): Uint8Array {
  if (bytes <= BLOCK_BYTES) return free.pop() ?? Buffer.allocUnsafeSlow(BLOCK_BYTES);
  if (bytes <= LARGE_BLOCK_BYTES) return freeLarge.pop() ?? Buffer.allocUnsafeSlow(LARGE_BLOCK_BYTES);
  return Buffer.allocUnsafeSlow(roundUp(bytes));
}

/** Gives a block back; others than those of the two sizes are left to the collector. */
export function releaseBlock(block: Uint8Array): void {
  if (block.length === BLOCK_BYTES) {
    if (free.length < FREE_BLOCKS_MAX) free.push(block);
  } else if (block.length === LARGE_BLOCK_BYTES && freeLarge.length < FREE_LARGE_BLOCKS_MAX) freeLarge.push(block);
}

// Powers of two, so that a block which grows is copied a logarithmic number of times.
function roundUp(bytes: number): number {
  let size = 2 * LARGE_BLOCK_BYTES;
  while (size < bytes) size *= 2;
  return size;
}
